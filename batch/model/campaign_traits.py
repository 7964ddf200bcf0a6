"""What makes a campaign's messages the same as before. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from batch.i18n import _

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
            _(
                "unique_by was {before} and is now {now}: {people} who already have a message would count as "
                "new and get another one."
            ).format(before=_listed(before.unique_by), now=_listed(now.unique_by), people=people)
        )
    if before.region != now.region:
        found.append(
            _(
                "[phone] region was {before} and is now {now}: numbers without a country become other "
                "people, and {people} who already have a message may get another one."
            ).format(before=before.region, now=now.region, people=people)
        )
    if before.phone_rule != now.phone_rule:
        found.append(
            _(
                "This version reads phones by rule {now}, the campaign was sent with rule {before}: some of "
                "{people} who already have a message may count as new."
            ).format(now=now.phone_rule, before=before.phone_rule, people=people)
        )
    if before.template != now.template:
        found.append(
            _(
                "The template was {before} and is now {now}: choose a new name for the campaign, since in "
                "this one {people} already have a message and would get nothing."
            ).format(before=before.template, now=now.template, people=people)
        )
    return found


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) if names else _("empty")
