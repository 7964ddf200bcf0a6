"""What `check` prints, and what `run` asks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from textwrap import indent
from zoneinfo import ZoneInfo

from batch.app.check import Check, Example, Forecast
from batch.cli.output.layout import labelled_lines, outcome_table, row_label, sheet_line
from batch.formatting import format_day, format_duration, format_messages, format_rate
from batch.i18n import N_, _, decimal, ngettext, number
from batch.json_output import to_json
from batch.model.outcomes import Outcome
from batch.model.phone.cells import format_phone
from batch.model.reasons import advice, sentence
from batch.model.runs import Result

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
    cost = None if found.cost is None else {"amount": found.cost, "currency": found.currency}
    return {
        "first": schedule.first and schedule.first.astimezone(zone),
        "last": schedule.last and schedule.last.astimezone(zone),
        "days": [{"date": day, "messages": count} for day, count in schedule.days],
        "never": schedule.never,
        "cost": cost,
        "token_expires": expires and expires.astimezone(zone),
        "token_expires_before_end": _too_soon(found, expires),
    }


def _times(found: Forecast) -> list[tuple[str, str]]:
    first, last = found.schedule.first, found.schedule.last
    if first is None or last is None:
        never = found.schedule.never
        none = _("{messages}: no hour of the campaign suits them")
        return [(_("never"), none.format(messages=format_messages(never)))] if never else []
    bounded = found.has_windows or found.per_24h is not None
    if not bounded and (last - found.now).total_seconds() < _SOON:
        return []
    told = [(_("first message"), _moment(first, found)), (_("last message"), _moment(last, found))]
    if found.schedule.never:
        none = _("{messages}: no moment within two years")
        told.append((_("never"), none.format(messages=format_messages(found.schedule.never))))
    return told


def _days(found: Forecast) -> list[tuple[str, str]]:
    days = found.schedule.days
    if len(days) < 2:  # noqa: PLR2004 - one day needs no list
        return []
    shown = [(_day(day), format_messages(count)) for day, count in days[:DAYS_TOLD]]
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
    return f"{_(_WEEKDAYS[day.weekday()])} {format_day(day)}"


def check_text(found: Check, expires: datetime | None = None) -> str:
    """`check` for people: what was read, what is wrong, what would be sent, and when. `expires`: of the token."""
    parts = [_read_as(found), _columns(found.mapping)]
    if found.info.warnings:
        parts.append("\n".join([_("How the sheet was read"), *(f"  {warning}" for warning in found.info.warnings)]))
    if found.bad:
        parts.append(_bad_rows(found.bad, found.counts[Outcome.ERROR]))
    if found.warnings:
        parts.append("\n".join([_("About the campaign"), *(f"  {warning}" for warning in found.warnings)]))
    if found.notes:
        parts.append(_notes(found))
    if found.examples:
        parts.append("\n".join([_("The first messages"), *(_example(each) for each in found.examples)]))
    parts.append(outcome_table(found.counts, found.reasons))
    if when := schedule_text(found.forecast, expires):
        parts.append(when)
    parts.append(_verdict(found))
    return "\n\n".join(parts)


def check_json(found: Check, expires: datetime | None = None) -> str:
    """`check --json`."""
    return to_json(
        {
            "campaign": found.campaign,
            "endpoint": found.endpoint,
            "ledger": found.ledger,
            "sheet": found.info.file,
            "columns": dict(found.mapping),
            "warnings": [*found.info.warnings, *found.warnings],
            "notes": [{"reason": code, "rows": count} for code, count in found.notes.items()],
            "counts": found.counts,
            "to_send": found.to_send,
            "rate": found.rate,
            "seconds": round(found.seconds, 1),
            "schedule": schedule_json(found.forecast, expires),
            "errors": [{"row": each.row, "reason": each.reason, "message": _message(each)} for each in found.bad],
            "examples": [
                {
                    "row": each.row,
                    "phone": format_phone(each.person),
                    "body": json.loads(each.payload),
                    "text": each.text,
                }
                for each in found.examples
            ],
            "exit_code": found.exit_code,
        }
    )


def question(plan: Check, expires: datetime | None = None) -> str:
    """What `run` asks before it sends. `expires`: of the token."""
    about = [
        (_("Campaign"), plan.campaign),
        (_("Endpoint"), plan.endpoint),
        (_("Sender"), ", ".join(plan.senders)),
        (_("Ledger"), plan.ledger),
        (_("Messages"), f"{number(plan.to_send)} {_at(plan)}"),
    ]
    if plan.examples:
        about.append((_("First"), _example(plan.examples[0]).lstrip()))
    lines = labelled_lines(about)
    lines += plan.list_warnings
    if when := schedule_text(plan.forecast, expires):
        lines.append(when)
    send = ngettext("Send {n} message now?", "Send {n} messages now?", plan.to_send)
    return "\n".join([*lines, send.format(n=number(plan.to_send))])


def _read_as(found: Check) -> str:
    return "\n".join(
        labelled_lines(
            [
                (_("Sheet"), sheet_line(found.info, sum(found.counts.values()))),
                (_("Campaign"), found.campaign),
                (_("Endpoint"), found.endpoint),
                (_("Ledger"), found.ledger),
            ]
        )
    )


def _columns(mapping: Iterable[tuple[str, str]]) -> str:
    pairs = list(mapping)
    width = max((len(field) for field, _source in pairs), default=0)
    return "\n".join([_("Where each field comes from"), *(f"  {field:<{width}}  {source}" for field, source in pairs)])


def _bad_rows(bad: Sequence[Result], count: int) -> str:
    if count > len(bad):
        head = ngettext(
            "{n} row has errors and will not be sent, the first {first}:",
            "{n} rows have errors and will not be sent, the first {first}:",
            count,
        )
    else:
        head = ngettext("{n} row has errors and will not be sent:", "{n} rows have errors and will not be sent:", count)
    lines = [f"  {row_label(each.row, 6)} {_message(each)}" for each in bad]
    return "\n".join([head.format(n=number(count), first=number(len(bad))), *lines])


def _message(result: Result) -> str:
    said = dict.fromkeys(part for each in result.findings for part in (sentence(each), advice(each)) if part)
    return " ".join(said)


def _notes(found: Check) -> str:
    lines = [_("Good to know")]
    for code, count in found.notes.items():
        shown_rows = found.noted[code]
        lines += [f"  {row_label(row)}: {sentence(note)}" for row, note in shown_rows]
        if more := count - len(shown_rows):
            lines.append("  " + ngettext("and {n} more row", "and {n} more rows", more).format(n=number(more)))
    return "\n".join(lines)


def _example(example: Example) -> str:
    text = example.text if example.text is not None else "\n".join(example.values)
    head = _("row {row}, to {phone}").format(row=example.row, phone=format_phone(example.person))
    return f"  {head}\n{indent(text, '    ')}"


def _verdict(found: Check) -> str:
    if not found.to_send:
        return _("Nothing would be sent.")
    said = ngettext(
        "{n} message would be sent, {how}. Nothing was sent now.",
        "{n} messages would be sent, {how}. Nothing was sent now.",
        found.to_send,
    )
    return said.format(n=number(found.to_send), how=_at(found))


def _at(found: Check) -> str:
    """How fast, and how long it takes where nothing but the rate decides that."""
    bounded = found.forecast.has_windows or found.forecast.per_24h is not None
    if bounded:
        return _("at {rate}").format(rate=format_rate(found.rate))
    return _("at {rate} in about {time}").format(rate=format_rate(found.rate), time=format_duration(found.seconds))
