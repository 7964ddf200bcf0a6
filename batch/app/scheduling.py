"""When what waits would go, what it costs, and whether the token lasts: the forecast that `check` shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice

from batch.campaign import Campaign
from batch.ledger import Staging
from batch.model.contact_limits import DAY
from batch.model.forecast import Cap, Load, Schedule, plan_schedule
from batch.model.phone.timezones import zones_of

__all__ = ["Forecast", "forecast"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What is to be expected of sending what waits."""

    schedule: Schedule
    now: datetime
    timezone: str
    """In which days and times are told."""
    per_24h: int | None
    shared_cap: bool
    per_run: int | None
    has_windows: bool
    cost: Decimal | None
    """None when the campaign gives no price."""
    currency: str | None


def forecast(
    campaign: Campaign,
    staging: Staging,
    waiting: Mapping[str, int],
    *,
    endpoint: str,
    rate: float,
    limit: int | None,
    now: datetime,
) -> Forecast:
    """The forecast of a judged sheet, of at most `limit` messages.

    `waiting`: how many messages each sender has. `rate`: starts a second of each sender.
    """
    rules, prices = campaign.outreach, campaign.prices
    loads = _loads(campaign, staging, waiting, limit)
    cap = Cap(people=rules.per_24h, shared=rules.shared_cap) if rules.per_24h else None
    used: dict[str, list[datetime]] = {}
    if cap is not None:
        scopes = {""} if cap.shared else {load.sender for load in loads}
        used = {
            scope: staging.reached(endpoint=endpoint, sender=scope or None, since=now - DAY) for scope in sorted(scopes)
        }
    schedule = plan_schedule(
        loads, rate=rate, cap=cap, used=used, hours=campaign.hours, now=now, timezone=campaign.timezone
    )
    return Forecast(
        schedule=schedule,
        now=now,
        timezone=campaign.timezone,
        per_24h=rules.per_24h,
        shared_cap=rules.shared_cap,
        per_run=campaign.throttle.per_run,
        has_windows=bool(campaign.hours.windows),
        cost=sum(load.messages for load in loads) * prices.per_message if prices else None,
        currency=prices.currency if prices else None,
    )


def _loads(campaign: Campaign, staging: Staging, by_sender: Mapping[str, int], limit: int | None) -> list[Load]:
    """What waits, by sender and, where it matters, by time zones."""
    several, zoned = bool(campaign.unique_by), bool(campaign.hours.windows)
    if not several and not zoned and limit is None:
        return [
            Load(sender=sender, zones=(campaign.timezone,), messages=count, people=count)
            for sender, count in by_sender.items()
        ]
    messages: Counter[tuple[str, tuple[str, ...]]] = Counter()
    people: dict[tuple[str, tuple[str, ...]], Counter[str]] = {}
    with closing(staging.waiting()) as waiting:
        for sender, person in islice(waiting, limit):
            group = (sender, zones_of(person, campaign.timezone) if zoned else (campaign.timezone,))
            messages[group] += 1
            if several:
                people.setdefault(group, Counter())[person] += 1
    return [
        Load(
            sender=sender,
            zones=zones,
            messages=count,
            people=len(people[sender, zones]) if several else count,
            most_to_one=max(people[sender, zones].values()) if several else 1,
        )
        for (sender, zones), count in messages.items()
    ]
