"""What makes a campaign's messages the same as before. Pure."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Traits", "changes"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Traits:
    """What the messages of one campaign at one endpoint have in common."""

    unique_by: tuple[str, ...]
    region: str
    """Of phones that name no country."""
    phone_rule: int
    """Version of the rule that turns a cell into a person."""
    template: str
    """Name and language, as the campaign gives them."""


def changes(before: Traits, now: Traits, people: str) -> list[str]:
    """Sentences about what differs and what it would do; empty when nothing does. `people`: `9,812 people`."""
    found = []
    if before.unique_by != now.unique_by:
        found.append(
            f"unique_by was {_listed(before.unique_by)} and is now {_listed(now.unique_by)}: {people} who already "
            "have a message would count as new and get another one."
        )
    if before.region != now.region:
        found.append(
            f"[phone] region was {before.region} and is now {now.region}: numbers without a country become other "
            f"people, and {people} who already have a message may get another one."
        )
    if before.phone_rule != now.phone_rule:
        found.append(
            f"This version reads phones by rule {now.phone_rule}, the campaign was sent with rule "
            f"{before.phone_rule}: some of {people} who already have a message may count as new."
        )
    if before.template != now.template:
        found.append(
            f"The template was {before.template} and is now {now.template}: choose a new name for the campaign, since "
            f"in this one {people} already have a message and would get nothing."
        )
    return found


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) if names else "empty"
