"""The forecast for people and programs: when, how many a day, at what cost, and whether the token lasts."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from batch.app.scheduling import Forecast
from batch.cli.output import formatting as phrases
from batch.i18n import N_, _, decimal, ngettext, number

__all__ = ["schedule_json", "schedule_text"]

DAYS_TOLD = 14
_SOON = 3600.0
_WEEKDAYS = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))


def schedule_text(found: Forecast, expires: datetime | None) -> str:
    """The lines below "When"; empty when all that is to say is that it takes a while. `expires`: of the token."""
    told = [*_times(found), *_days(found), *_limits(found), *_cost(found), *_token(found, expires)]
    width = max((len(name) for name, _text in told), default=0)
    return "\n".join([_("When"), *(f"  {name:<{width}}  {text}" for name, text in told)]) if told else ""


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
        none = _("{messages}: no hour of the campaign suits them")
        return [(_("never"), none.format(messages=phrases.messages(never)))] if never else []
    bounded = found.has_windows or found.per_24h is not None
    if not bounded and (last - found.now).total_seconds() < _SOON:
        return []
    told = [(_("first message"), _moment(first, found)), (_("last message"), _moment(last, found))]
    if found.schedule.never:
        none = _("{messages}: no moment within two years")
        told.append((_("never"), none.format(messages=phrases.messages(found.schedule.never))))
    return told


def _days(found: Forecast) -> list[tuple[str, str]]:
    days = found.schedule.days
    if len(days) < 2:  # noqa: PLR2004 - one day needs no list
        return []
    shown = [(_day(day), phrases.messages(count)) for day, count in days[:DAYS_TOLD]]
    more = len(days) - DAYS_TOLD
    if more > 0:
        shown.append(("", ngettext("and {n} more day", "and {n} more days", more).format(n=number(more))))
    return shown


def _limits(found: Forecast) -> list[tuple[str, str]]:
    told = []
    if found.per_24h is not None:
        cap = _cap(found.per_24h, shared=found.shared_cap)
        if len(found.schedule.days) > 1:
            cap = _("{cap}: run it again each day, or by cron").format(cap=cap)
        told.append((_("limit"), cap))
    messages = sum(count for _day, count in found.schedule.days)
    if found.per_run is not None and messages > found.per_run:
        runs = -(-messages // found.per_run)
        limit = ngettext(
            "{n} message a run ([throttle] per_run): {runs} runs at least",
            "{n} messages a run ([throttle] per_run): {runs} runs at least",
            found.per_run,
        )
        told.append((_("limit"), limit.format(n=number(found.per_run), runs=number(runs))))
    return told


def _cap(people: int, *, shared: bool) -> str:
    if shared:
        said = ngettext(
            "{n} person in 24 hours of all senders together ([throttle] per_24h)",
            "{n} people in 24 hours of all senders together ([throttle] per_24h)",
            people,
        )
    else:
        said = ngettext(
            "{n} person in 24 hours per sender ([throttle] per_24h)",
            "{n} people in 24 hours per sender ([throttle] per_24h)",
            people,
        )
    return said.format(n=number(people))


def _cost(found: Forecast) -> list[tuple[str, str]]:
    if found.cost is None:
        return []
    about = _("about {currency} {amount}")
    return [(_("cost"), about.format(currency=found.currency, amount=decimal(float(found.cost), 2)))]


def _token(found: Forecast, expires: datetime | None) -> list[tuple[str, str]]:
    if expires is None or not _too_soon(found, expires):
        return []
    if expires <= found.now:
        said = _("expired {when}: get a new one")
    else:
        said = _("expires {when}, before the last message: get a new one before then")
    return [(_("token"), said.format(when=_moment(expires, found)))]


def _too_soon(found: Forecast, expires: datetime | None) -> bool:
    last = found.schedule.last
    return expires is not None and (expires <= found.now or (last is not None and expires <= last))


def _moment(at: datetime, found: Forecast) -> str:
    local = at.astimezone(ZoneInfo(found.timezone))
    days = (local.date() - found.now.astimezone(ZoneInfo(found.timezone)).date()).days
    moment = f"{_day(local.date())} {local:%H:%M}"
    if days < 0:
        return moment
    later = ngettext("in {n} day", "in {n} days", days).format(n=number(days))
    near = {0: _("today"), 1: _("tomorrow")}.get(days, later)
    return f"{moment}, {near}"


def _day(day: date) -> str:
    return f"{_(_WEEKDAYS[day.weekday()])} {day:%d/%m/%Y}"
