"""The forecast for people and programs: when, how many a day, at what cost, and whether the token lasts."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from batch.app.scheduling import Forecast
from batch.cli import phrases

__all__ = ["schedule_json", "schedule_text"]

DAYS_TOLD = 14
_SOON = 3600.0
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def schedule_text(found: Forecast, expires: datetime | None) -> str:
    """The lines below "When"; empty when all that is to say is that it takes a while. `expires`: of the token."""
    told = [*_times(found), *_days(found), *_limits(found), *_cost(found), *_token(found, expires)]
    width = max((len(name) for name, _ in told), default=0)
    return "\n".join(["When", *(f"  {name:<{width}}  {text}" for name, text in told)]) if told else ""


def schedule_json(found: Forecast, expires: datetime | None) -> dict[str, object]:
    """`schedule` in `check --json`."""
    schedule, zone = found.schedule, ZoneInfo(found.timezone)
    cost = None if found.cost is None else {"amount": str(found.cost), "currency": found.currency}
    return {
        "first": schedule.first and schedule.first.astimezone(zone).isoformat(timespec="seconds"),
        "last": schedule.last and schedule.last.astimezone(zone).isoformat(timespec="seconds"),
        "days": [{"date": day.isoformat(), "messages": count} for day, count in schedule.days],
        "never": schedule.never,
        "cost": cost,
        "token_expires": expires and expires.astimezone(zone).isoformat(timespec="seconds"),
        "token_expires_before_end": _too_soon(found, expires),
    }


def _times(found: Forecast) -> list[tuple[str, str]]:
    first, last = found.schedule.first, found.schedule.last
    if first is None or last is None:
        never = found.schedule.never
        return [("never", f"{phrases.messages(never)}: no hour of the campaign suits them")] if never else []
    bounded = found.has_windows or found.per_24h is not None
    if not bounded and (last - found.now).total_seconds() < _SOON:
        return []
    told = [("first message", _moment(first, found)), ("last message", _moment(last, found))]
    if found.schedule.never:
        told.append(("never", f"{phrases.messages(found.schedule.never)}: no moment within two years"))
    return told


def _days(found: Forecast) -> list[tuple[str, str]]:
    days = found.schedule.days
    if len(days) < 2:  # noqa: PLR2004 - one day needs no list
        return []
    shown = [(_day(day), phrases.messages(count)) for day, count in days[:DAYS_TOLD]]
    more = len(days) - DAYS_TOLD
    return [*shown, *([("", f"and {more:,} more days")] if more > 0 else [])]


def _limits(found: Forecast) -> list[tuple[str, str]]:
    told = []
    if found.per_24h is not None:
        whose = "of all senders together" if found.shared_cap else "per sender"
        several = ": run it again each day, or by cron" if len(found.schedule.days) > 1 else ""
        told.append(("limit", f"{found.per_24h:,} people in 24 hours {whose} ([throttle] per_24h){several}"))
    messages = sum(count for _, count in found.schedule.days)
    if found.per_run is not None and messages > found.per_run:
        runs = -(-messages // found.per_run)
        told.append(("limit", f"{found.per_run:,} messages a run ([throttle] per_run): {runs:,} runs at least"))
    return told


def _cost(found: Forecast) -> list[tuple[str, str]]:
    return [] if found.cost is None else [("cost", f"about {found.currency} {found.cost:,.2f}")]


def _token(found: Forecast, expires: datetime | None) -> list[tuple[str, str]]:
    if expires is None or not _too_soon(found, expires):
        return []
    if expires <= found.now:
        return [("token", f"expired {_moment(expires, found)}: get a new one")]
    return [("token", f"expires {_moment(expires, found)}, before the last message: get a new one before then")]


def _too_soon(found: Forecast, expires: datetime | None) -> bool:
    last = found.schedule.last
    return expires is not None and (expires <= found.now or (last is not None and expires <= last))


def _moment(at: datetime, found: Forecast) -> str:
    local = at.astimezone(ZoneInfo(found.timezone))
    days = (local.date() - found.now.astimezone(ZoneInfo(found.timezone)).date()).days
    near = {0: "today", 1: "tomorrow"}.get(days, f"in {days} days" if days > 0 else "")
    return f"{_day(local.date())} {local:%H:%M}" + (f", {near}" if near else "")


def _day(day: date) -> str:
    return f"{_WEEKDAYS[day.weekday()]} {day:%d/%m/%Y}"
