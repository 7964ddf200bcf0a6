"""Output of `check`, the question of `run`, and the schedule in both."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from textwrap import indent
from zoneinfo import ZoneInfo

from batch.app.check import Check, Example, Forecast, PageWords
from batch.cli.output.layout import labelled_lines, outcome_table, row_label, section, sheet_line, step_lines
from batch.cli.terminal import bold
from batch.formatting import format_day, format_duration, format_messages, format_rate, quote_path
from batch.i18n import N_, _, decimal, ngettext, number
from batch.model.messages import has_origins
from batch.model.outcomes import Outcome
from batch.model.phone.cells import format_phone
from batch.model.reasons import Reason, explain, sentence
from batch.model.runs import NextStep, Result

_Words = Callable[[int], str]
_OTHERWISE: _Words = lambda n: ngettext("{n} by another rule", "{n} by other rules", n)  # noqa: E731 - as the table below
_OPTED_OUT: _Words = lambda n: ngettext("{n} opted out", "{n} opted out", n)  # noqa: E731
_NOT_CHOSEN: _Words = lambda n: ngettext("{n} not chosen", "{n} not chosen", n)  # noqa: E731
_ACCEPTED: _Words = lambda n: ngettext("{n} accepted before", "{n} accepted before", n)  # noqa: E731
_BELOW: _Words = lambda n: ngettext("{n} below the list", "{n} below the list", n)  # noqa: E731
_OF_OUTCOMES: Mapping[Outcome, _Words] = {
    Outcome.SUCCESS: _ACCEPTED,
    Outcome.REUSED: _ACCEPTED,
    Outcome.ERROR: lambda n: ngettext("{n} to fix", "{n} to fix", n),
    Outcome.UNKNOWN: lambda n: ngettext("{n} to decide", "{n} to decide", n),
    Outcome.PENDING: lambda n: ngettext("{n} for a later run", "{n} for a later run", n),
}
_OF_REASONS: Mapping[str, _Words] = {
    Reason.DUPLICATE: lambda n: ngettext("{n} repeated", "{n} repeated", n),
    Reason.HIDDEN_ROW: lambda n: ngettext("{n} hidden", "{n} hidden", n),
    Reason.NO_CONSENT: lambda n: ngettext("{n} without consent", "{n} without consent", n),
    Reason.RECENTLY_MESSAGED: lambda n: ngettext("{n} messaged lately", "{n} messaged lately", n),
    Reason.UNREACHABLE: lambda n: ngettext("{n} unreachable", "{n} unreachable", n),
    **dict.fromkeys((Reason.SUPPRESSED, Reason.OPTED_OUT, Reason.OPTOUT_UNUSED_COLUMN), _OPTED_OUT),
    **dict.fromkeys((Reason.NOT_SELECTED, Reason.NOT_ALLOWED, Reason.NOT_CHOSEN, Reason.NOT_PLANNED), _NOT_CHOSEN),
    **dict.fromkeys((Reason.FOOTER, Reason.TOTALS_ROW), _BELOW),
}
"""Short words for those who get nothing, by the reason of rows that a rule leaves out."""
_MAX_DAYS = 14
"""Days that are listed with their messages."""
_SOON = 3600.0
"""Seconds: a run that ends earlier needs no times."""
_WEEKDAYS = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))


def check_text(found: Check, expires: datetime | None = None, steps: Sequence[tuple[str, str]] = ()) -> str:
    """The check for people: what would be sent, the sheet, its errors, and when.

    `expires`: the token; `steps`: what to do next, each with its command.
    """
    about = [
        (_("Sheet"), sheet_line(found.info, sum(found.counts.values()))),
        (_("Campaign"), found.campaign.name),
        (_("Endpoint"), found.endpoint),
        (_("Ledger"), found.ledger),
        *_notified(found),
    ]
    sources = section(_("Where each field comes from"), labelled_lines(found.mapping))
    head = bold("\n".join(filter(None, [_verdict(found), found.rehearsal])))
    parts = [f"{head}\n{outcome_table(found.counts, found.reasons)}"]
    parts += ["\n".join(labelled_lines(about)), sources]
    if found.info.warnings:
        parts.append(section(_("How the sheet was read"), found.info.warnings))
    if found.chosen:
        parts.append(_preview(found, found.chosen))
    elif found.bad:
        parts.append(_bad_rows(found.bad, found.counts[Outcome.ERROR]))
    if found.warnings:
        parts.append(section(_("About the campaign"), found.warnings))
    if found.notes:
        parts.append(_notes(found))
    if found.examples:
        head = _("The messages of these rows") if found.chosen else _("The first messages")
        parts.append("\n".join([head, *(_example(each) for each in found.examples)]))
    if when := schedule_text(found.forecast, expires):
        parts.append(when)
    if steps:
        parts.append("\n".join(step_lines((), *steps)))
    return "\n\n".join(parts)


def check_steps(
    found: Check, sheet: Path, options: str, *, rows: bool = True, page: bool = True
) -> list[tuple[str, str]]:
    """Return what helps with wrong rows and what sends the others, each with its command.

    `options`: those that were typed, for the commands. `rows`, `page`: False for what is written now.
    """
    steps = _rows_step(found, sheet, options) if rows else []
    if found.counts[Outcome.ERROR] and page:
        command = f"wegly-batch check {quote_path(sheet)} --open{options}"
        steps.append((_("All rows and messages as a page, what to fix first"), command))
    if found.to_send and not found.chosen:
        steps.append((_("Send it"), _send_command(sheet, options)))
    return steps


def _send_command(sheet: Path, options: str) -> str:
    return f"wegly-batch run {quote_path(sheet)}{options}"


def _rows_step(found: Check, sheet: Path, options: str) -> list[tuple[str, str]]:
    """Return the step that takes the wrong rows out of the sheet; a sheet of wrong rows is corrected itself."""
    wrong = found.counts[Outcome.ERROR]
    if not wrong or has_origins(found.info.columns):
        return []
    as_sheet = ngettext("{n} wrong row as a sheet to correct", "{n} wrong rows as a sheet to correct", wrong)
    target = quote_path(sheet.with_name(_("{name}-fix.xlsx").format(name=sheet.stem)))
    command = f"wegly-batch check {quote_path(sheet)} --wrong-rows {target}{options}"
    return [(as_sheet.format(n=number(wrong)), command)]


def wrong_rows_text(files: Sequence[Path], problems: Sequence[str], options: str) -> str:
    """Say where the wrong rows are, and the command to type when they are corrected. `options`: as of `check_steps`."""
    if not files:
        return _("No row is wrong: no file was written.")
    run = _("The wrong rows are in {file}. Correct them there, save it, and run it like a sheet:")
    lines = [line for file in files for line in (run.format(file=file), f"  {_send_command(file, options)}")]
    return "\n".join([*lines, *problems])


def page_words(found: Check, expires: datetime | None, sheet: Path, options: str) -> PageWords:
    """Return what the page says besides the rows. `expires`: the token; `options`: as of `check_steps`."""
    wrong, steps = found.counts[Outcome.ERROR], list[NextStep]()
    rows, send = _rows_step(found, sheet, options), _send_command(sheet, options)
    if wrong:
        title = ngettext("{n} row to fix", "{n} rows to fix", wrong).format(n=number(wrong))
        about = _("Take them as a sheet of their own, correct them there, and run it; or correct your sheet.")
        if not rows:
            about = _("Correct them in this sheet, save it, and run it.")
        commands = ((rows[0][1] if rows else send, ""),)
        steps.append(NextStep(outcome=Outcome.ERROR, title=title, words=about, commands=commands))
    if found.to_send:
        title = ngettext("{n} message is ready", "{n} messages are ready", found.to_send)
        title = title.format(n=number(found.to_send))
        about = _("Look at some below. With --to and your own number the first one comes to you.")
        steps.append(NextStep(outcome=Outcome.PENDING, title=title, words=about, commands=((send, ""),)))
    messages = [(_("Messages"), f"{number(found.to_send)}, {_pace(found)}")] if found.to_send else []
    facts = [
        (_("Sheet"), sheet_line(found.info, sum(found.counts.values()))),
        (_("Endpoint"), found.endpoint),
        (_("Sender"), ", ".join(found.senders)),
        (_("Ledger"), found.ledger),
        *_notified(found),
    ]
    schedule = [*messages, *schedule_lines(found.forecast, expires)]
    return PageWords(headline=_verdict(found), steps=steps, schedule=schedule, facts=facts)


def _preview(found: Check, chosen: Sequence[tuple[int, int]]) -> str:
    rows = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in chosen)
    lines = (f"{row_label(each.row, 6)} {each.outcome.word}: {explain(each.findings)}" for each in found.kept)
    return section(_("Preview of the rows {rows}: nothing is sent").format(rows=rows), lines)


def send_question(plan: Check, expires: datetime | None = None) -> str:
    """The question of `run` before it sends. `expires`: the token."""
    about = [
        (_("Campaign"), plan.campaign.name),
        (_("Endpoint"), plan.endpoint),
        (_("Sender"), ", ".join(plan.senders)),
        (_("Ledger"), plan.ledger),
        *_notified(plan),
        (_("Messages"), f"{number(plan.to_send)} {_pace(plan)}"),
    ]
    if plan.examples:
        about.append((_("First"), _example(plan.examples[0]).lstrip()))
    if plan.plan_hash:
        about.append((_("Hash"), plan.plan_hash))
    lines = labelled_lines(about)
    lines += plan.list_warnings
    if when := schedule_text(plan.forecast, expires):
        lines.append(when)
    send = ngettext("Send {n} message now?", "Send {n} messages now?", plan.to_send)
    if plan.forecast.closed_until:
        send = ngettext("Send {n} message?", "Send {n} messages?", plan.to_send)
    marks = filter(None, [plan.rehearsal and bold(plan.rehearsal)])
    return "\n".join([*lines, *_kept_out(plan), *marks, send.format(n=number(plan.to_send))])


def _kept_out(plan: Check) -> Iterator[str]:
    """Say who gets nothing now, and why."""
    groups: Counter[_Words] = Counter({_OF_OUTCOMES[Outcome.PENDING]: -plan.to_send})
    for (outcome, reason), rows in plan.reasons.items():
        groups[_OF_OUTCOMES.get(outcome) or _OF_REASONS.get(reason, _OTHERWISE)] += rows
    shown = [words(rows).format(n=number(rows)) for words, rows in groups.most_common() if rows > 0]
    if shown:
        yield bold(_("Send {n}; left out: {who}.").format(n=number(plan.to_send), who=", ".join(shown)))


def _notified(found: Check) -> list[tuple[str, str]]:
    """Name the places that [notify] writes to: a campaign file may be another person's."""
    webhook, metrics = found.campaign.notify.webhook, found.campaign.notify.prometheus
    places = [(_("Webhook"), webhook.host)] if webhook else []
    return [*places, (_("Metrics file"), str(metrics))] if metrics else places


def _bad_rows(bad: Sequence[Result], count: int) -> str:
    if count > len(bad):
        head = ngettext(
            "{n} row has errors and will not be sent, the first {first}:",
            "{n} rows have errors and will not be sent, the first {first}:",
            count,
        )
    else:
        head = ngettext("{n} row has errors and will not be sent:", "{n} rows have errors and will not be sent:", count)
    lines = (f"{row_label(each.row, 6)} {explain(each.findings)}" for each in bad)
    return section(head.format(n=number(count), first=number(len(bad))), lines)


def _notes(found: Check) -> str:
    lines = []
    for code, count in found.notes.items():
        examples = found.noted[code]
        lines += [f"{row_label(row)}: {sentence(note)}" for row, note in examples]
        if more := count - len(examples):
            lines.append(ngettext("and {n} more row", "and {n} more rows", more).format(n=number(more)))
    return section(_("Good to know"), lines)


def _example(example: Example) -> str:
    text = example.text if example.text is not None else "\n".join(example.values)
    head = _("row {row}, to {phone}").format(row=example.row, phone=format_phone(example.person))
    return f"  {head}\n{indent(text, '    ')}"


def _verdict(found: Check) -> str:
    if not found.to_send:
        return _("Nothing would be sent.")
    words = ngettext(
        "{n} message would be sent, {how}. Nothing was sent now.",
        "{n} messages would be sent, {how}. Nothing was sent now.",
        found.to_send,
    )
    return words.format(n=number(found.to_send), how=_pace(found))


def _pace(found: Check) -> str:
    """The rate, with the duration where nothing but the rate decides it."""
    rate, several = format_rate(found.rate), len(found.senders) > 1
    rate = _("{rate} per sender").format(rate=rate) if several else rate
    words = _("at {rate}") if found.forecast.is_bounded else _("at {rate} in about {time}")
    return words.format(rate=rate, time=format_duration(found.seconds))


def schedule_lines(found: Forecast, expires: datetime | None) -> list[tuple[str, str]]:
    """Label and value of when it would go, and at what cost; none for a short while. `expires`: the token."""
    return [*_times(found), *_days(found), *_limits(found), *_cost(found), *_token(found, expires)]


def schedule_text(found: Forecast, expires: datetime | None) -> str:
    """The section "When"; empty when there is no more to it than a short while. `expires`: the token."""
    lines = schedule_lines(found, expires)
    return section(_("When"), labelled_lines(lines)) if lines else ""


def _times(found: Forecast) -> Iterator[tuple[str, str]]:
    first, last = found.schedule.first, found.schedule.last
    if first is None or last is None:
        none = _("{messages}: no hour of the campaign suits them")
    elif not found.is_bounded and (last - found.now).total_seconds() < _SOON:
        return
    else:
        yield _("first message"), _moment(first, found)
        yield _("last message"), _moment(last, found)
        none = _("{messages}: no moment within two years")
    if never := found.schedule.never:
        yield _("never"), none.format(messages=format_messages(never))


def _days(found: Forecast) -> list[tuple[str, str]]:
    days = found.schedule.days
    if len(days) < 2:  # noqa: PLR2004 - one day needs no list
        return []
    shown = [(_day(day), format_messages(count)) for day, count in days[:_MAX_DAYS]]
    if (more := len(days) - _MAX_DAYS) > 0:
        shown.append(("", ngettext("and {n} more day", "and {n} more days", more).format(n=number(more))))
    return shown


def _limits(found: Forecast) -> Iterator[tuple[str, str]]:
    per_run = found.campaign.throttle.per_run
    if found.campaign.throttle.per_24h is not None:
        cap = _cap(found.campaign.throttle.per_24h, shared=found.campaign.contact_limits.shared_cap)
        if len(found.schedule.days) > 1:
            cap = _("{cap}: run it again each day, or by cron").format(cap=cap)
        yield _("limit"), cap
    messages = sum(count for _day, count in found.schedule.days)
    if per_run is not None and messages > per_run:
        limit = ngettext(
            "{n} message a run ([throttle] per_run): {runs} runs at least",
            "{n} messages a run ([throttle] per_run): {runs} runs at least",
            per_run,
        )
        yield _("limit"), limit.format(n=number(per_run), runs=number(-(-messages // per_run)))


def _cap(people: int, *, shared: bool) -> str:
    if shared:
        words = ngettext(
            "{n} person in 24 hours of all senders together ([throttle] per_24h)",
            "{n} people in 24 hours of all senders together ([throttle] per_24h)",
            people,
        )
    else:
        words = ngettext(
            "{n} person in 24 hours per sender ([throttle] per_24h)",
            "{n} people in 24 hours per sender ([throttle] per_24h)",
            people,
        )
    return words.format(n=number(people))


def _cost(found: Forecast) -> list[tuple[str, str]]:
    prices = found.campaign.prices
    if found.cost is None or prices is None:
        return []
    about = _("about {currency} {amount}")
    return [(_("cost"), about.format(currency=prices.currency, amount=decimal(float(found.cost), 2)))]


def _token(found: Forecast, expires: datetime | None) -> list[tuple[str, str]]:
    if expires is None or not found.outlasts(expires):
        return []
    if expires <= found.now:
        words = _("expired {when}: get a new one")
    else:
        words = _("expires {when}, before the last message: get a new one before then")
    return [(_("token"), words.format(when=_moment(expires, found)))]


def _moment(at: datetime, found: Forecast) -> str:
    local = at.astimezone(ZoneInfo(found.campaign.timezone))
    days = (local.date() - found.now.astimezone(ZoneInfo(found.campaign.timezone)).date()).days
    moment = f"{_day(local.date())} {local:%H:%M}"
    if days < 0:
        return moment
    later = ngettext("in {n} day", "in {n} days", days).format(n=number(days))
    distance = {0: _("today"), 1: _("tomorrow")}.get(days, later)
    return f"{moment}, {distance}"


def _day(day: date) -> str:
    return f"{_(_WEEKDAYS[day.weekday()])} {format_day(day)}"
