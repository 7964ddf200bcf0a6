"""Whom, when and how many: the rules of outreach of a world, and what others do meanwhile that bears on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from sqlalchemy import insert

from batch.ledger import Ledger
from batch.ledger.storage.schema import messages
from batch.ledger.storage.suppression import SuppressionEntry
from batch.model.contact_limits import ContactLimits
from batch.model.sending_hours import Hours, Window
from simulated.sheet import ENDPOINT

__all__ = ["OTHER_CAMPAIGN", "OTHER_SENDER", "Earlier", "Outreach", "draw_outreach", "suppress", "write_other"]

OTHER_CAMPAIGN = "another"
OTHER_SENDER = "sender-other"
_NONE = ContactLimits()


@dataclass(frozen=True, kw_only=True)
class Outreach:
    """What holds for a whole world. Without rules only the spacing is left, as for every campaign."""

    rules: ContactLimits = _NONE
    windows: tuple[Window, ...] = ()
    wait: bool = False
    """The run waits for the hours."""
    listed: int = 0
    """People who come onto the suppression list during each life."""
    earlier: int = 0
    """Messages of another campaign from before the first life."""
    others: int = 0
    """Messages that another campaign sends during each life."""
    gaps: tuple[float, ...] = (0.0,)
    """Hours between two lives."""

    @property
    def any(self) -> bool:
        """Whether something depends on the time of day, which must be right then."""
        return self != _WITHOUT

    @property
    def hours(self) -> Hours:
        return Hours(self.windows)

    def window_end(self, after: datetime) -> datetime | None:
        """When the hours end next for people of Sao Paulo; None when they do not."""
        if not self.windows:
            return None
        span = self.hours.state_at(after, ("America/Sao_Paulo",))
        if span.open or span.until is None:
            return span.until
        return self.hours.state_at(span.until, ("America/Sao_Paulo",)).until


_WITHOUT = Outreach()


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A message of another campaign."""

    person: str
    sender: str
    at: datetime


def draw_outreach(rng: Random, *, people: int) -> Outreach:
    """The rules of a world; half of the worlds have none."""
    if rng.random() < 0.5:
        return _WITHOUT
    cap = max(1, round(people * rng.choice((0.2, 0.5, 1.0)))) if rng.random() < 0.5 else None
    shared = rng.random() < 0.5
    within = rng.choice((None, timedelta(minutes=10), timedelta(hours=20), timedelta(days=7)))
    # What others send meanwhile changes a shared count, and on one shared connection nobody could see that.
    meanwhile = cap is None or not shared
    return Outreach(
        rules=ContactLimits(not_within=within, per_24h=cap, shared_cap=shared),
        windows=_windows(rng) if rng.random() < 0.5 else (),
        wait=rng.random() < 0.3,
        listed=rng.choice((0, 1, 4)),
        earlier=rng.choice((0, 0, 3, 10)),
        others=rng.choice((0, 3, 10)) if meanwhile else 0,
        gaps=rng.choice(((0.0,), (0.0, 0.0, 5.0), (0.0, 11.0, 23.9, 24.0, 30.0))),
    )


def _windows(rng: Random) -> tuple[Window, ...]:
    """One or two: of the day, past midnight, on some days of the week, in a zone or in everybody's own."""
    zone = rng.choice((None, "America/Sao_Paulo"))
    kinds = ((9 * 60, 20 * 60), (22 * 60, 26 * 60), (8 * 60, 12 * 60), (600, 605))
    days = rng.choice((frozenset(range(7)), frozenset(range(5))))
    return tuple(
        Window(days=days, begin=begin, end=end, zone=zone) for begin, end in rng.sample(kinds, rng.choice((1, 1, 2)))
    )


def suppress(ledger: Ledger, person: str, at: datetime) -> None:
    """Somebody puts a person on the list."""
    ledger.suppression.add([SuppressionEntry(person=person, reason="asked", source="simulated", added=at)])


def write_other(ledger: Ledger, message: Earlier, number: int) -> None:
    """Another campaign has sent its message of that number, and the ledger knows it."""
    values = {
        "key": f"another {number}",
        "person": message.person,
        "sender": message.sender,
        "endpoint": ENDPOINT,
        "campaign": OTHER_CAMPAIGN,
        "state": "success",
        "request_hash": "0",
        "attempts": 1,
        "sent_at": message.at.astimezone(UTC),
        "run": "another-run",
        "trial": False,
    }
    with ledger._engine.begin() as connection:
        connection.execute(insert(messages).values(values))
