"""Bars, chart, facts and next steps of the pages, as lengths and texts that the templates write down. Pure.

Lengths and places are hundredths of the bar or chart, as texts with two decimals.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from babel.dates import format_date, format_datetime, format_time

from batch.formatting import format_exact_duration, from_here, quote_path
from batch.i18n import _, current_language, decimal, ngettext, number
from batch.model.messages import command_options
from batch.model.outcomes import Outcome
from batch.model.runs import CAMPAIGN_FILE, CHOSEN_ENCODING, ONLY_ALLOWED, USUAL_REPORTS, NextStep, Run, Tally
from batch.reporter.html.text import local_moment, rate_text
from batch.reporter.rows import ReportInputs
from batch.reporter.rows_to_correct import is_to_correct
from batch.reporter.statistics import SentStep, Statistics
from batch.reporter.summary_view import (
    URGENCY,
    ReasonSummary,
    attempts_text,
    brief_delivery,
    is_course,
    price_sentences,
    summarize_failures,
    summarize_reasons,
    summarize_steps,
    verdict,
)

_THINNEST = 0.6
"""Hundredths of a bar: the least length of a part, so that one row in 100,000 can be seen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ChartColumn:
    """One step of time in the chart: new chats below, existing chats above them."""

    name: str
    sent: SentStep
    left: str
    width: str
    new: str
    existing: str
    top: str
    """Where the part of the existing chats begins, from above."""


def percentage(part: int, whole: int) -> float:
    """`part` in hundredths of `whole`; 0 for no whole."""
    return 100 * part / whole if whole else 0.0


def percentage_text(part: int, whole: int) -> str:
    """`12.5%`."""
    return f"{decimal(percentage(part, whole))}%"


def bar_segments(counts: Mapping[Outcome, int]) -> list[tuple[Outcome, str, str]]:
    """A bar of all rows: outcome, beginning and length of each part. The rarest outcome still has a visible part."""
    whole = sum(counts.values())
    lengths = {outcome: max(_THINNEST, percentage(rows, whole)) for outcome, rows in counts.items() if rows}
    unit = 100 / (sum(lengths.values()) or 1)
    at, parts = 0.0, []
    for outcome in Outcome:
        if outcome in lengths:
            parts.append((outcome, f"{at:.2f}", f"{lengths[outcome] * unit:.2f}"))
            at += lengths[outcome] * unit
    return parts


def reason_groups(tally: Tally, statistics: Statistics) -> list[tuple[Outcome, int, list[ReasonSummary]]]:
    """Return outcomes with their rows and reasons, the urgent ones first; none of those that need nothing."""
    reasons = summarize_reasons(tally, statistics)
    groups = ((outcome, [each for each in reasons if each.outcome is outcome]) for outcome in URGENCY)
    return [(outcome, sum(each.rows for each in found), found)
            for outcome, found in groups if found and not outcome.is_accepted]  # fmt: skip


def chart_columns(statistics: Statistics) -> list[ChartColumn]:
    """The messages sent, step by step; empty for a run of seconds, which is no course of time."""
    sent = statistics.sent
    if not is_course(statistics):
        return []
    most = max(each.new + each.existing for each in sent) or 1
    width = 100 / len(sent)
    name = _step_naming(sent)
    return [
        ChartColumn(
            name=name(each.start),
            sent=each,
            left=f"{index * width + width * 0.1:.2f}",
            width=f"{width * 0.8:.2f}",
            new=f"{100 * each.new / most:.2f}",
            existing=f"{100 * each.existing / most:.2f}",
            top=f"{100 - 100 * (each.new + each.existing) / most:.2f}",
        )
        for index, each in enumerate(sent)
    ]


def _step_naming(sent: tuple[SentStep, ...]) -> Callable[[datetime], str]:
    """Return how the beginning of a step is written: the day, the time, or both, whatever tells the steps apart."""
    first, second, last = sent[0].start, sent[1].start, sent[-1].start
    if second - first >= timedelta(days=1):
        return lambda start: format_date(start, "short", locale=current_language())
    if first.date() == last.date():
        return lambda start: format_time(start, "medium", locale=current_language())
    return lambda start: format_datetime(start, "short", locale=current_language())


def arrived(inputs: ReportInputs) -> Mapping[str, object] | None:
    """Delivery as the page's section shows it; None when nothing was looked at."""
    counts = inputs.tally.delivery
    if counts is None or counts.looked_at is None:
        return None
    steps, others = summarize_steps(counts)
    most = max((n for _code, _words, n in summarize_failures(counts)), default=1)
    return {
        "steps": [(each, f"{percentage(each.messages, each.of):.2f}") for each in steps],
        "others": others,
        "choices": [each for each in (*steps, *others) if each.messages],
        "brief": brief_delivery(counts),
        "looked_at": local_moment(counts.looked_at, inputs.zone),
        "failures": [(*each, f"{max(1.0, percentage(each[2], most)):.2f}") for each in summarize_failures(counts)],
        "rates": counts.rates,
        "costs": price_sentences(counts),
    }


def run_facts(inputs: ReportInputs) -> Iterator[tuple[str, str, bool]]:
    """Yield label, value, and True for a value that is a code: what may be asked about the run later."""
    run, done, zone = inputs.run, inputs.tally.this_run, inputs.zone
    yield _("Run"), run.run, True
    yield _("Sheet"), run.sheet_path, True
    yield _("Started"), f"{local_moment(run.started, zone)} ({run.timezone})", False
    if run.finished:
        time = format_exact_duration(run.started, run.finished)
        yield _("Finished"), _("{at}, after {time}").format(at=local_moment(run.finished, zone), time=time), False
    yield _("Ended"), verdict(run.exit_code), False
    yield _("Attempts"), attempts_text(run, done), False
    yield _("Wanted rate"), rate_text(done.wanted_together) or _("none was set"), False
    yield _("Achieved rate"), rate_text(done.achieved_rate) or _("too few attempts to measure"), False
    yield _("Endpoint"), run.endpoint, True
    if run.ledger and not run.is_demo:
        yield _("Ledger"), run.ledger, True
    yield _("Version"), f"wegly-batch {run.version}", False
    yield _("SHA-256 of the sheet"), run.sheet_sha256, True


_MOST_NAMED = 1
"""Rows to decide that a command names: one that named several would settle them all alike."""


def next_steps(inputs: ReportInputs, files: Iterable[Path]) -> list[NextStep]:
    """Return what is to be done, the most urgent first. `files`: those of the report so far.

    None for a report that is passed on: whoever reads it has neither the ledger nor the sheet.
    """
    if inputs.redacted:
        return []
    counts, written = inputs.tally.counts, {file.stem: file for file in files if file.suffix != ".html"}
    steps = [*_fix(inputs, counts.get(Outcome.ERROR, 0), written.get("retry"), next(iter(written.values()), None)),
            *_decide(inputs, counts.get(Outcome.UNKNOWN, 0), written.get("report")),
            *_replies(inputs),
        *_send(inputs.run, counts.get(Outcome.PENDING, 0)),
            *_look(inputs)]  # fmt: skip
    if not inputs.run.is_demo:
        return steps
    # The ledger and the API of a demo are gone when its report is read: no command would find them.
    in_place = _("(the command to type, in a report of your own)")
    bare = [replace(each, commands=()) for each in steps if not each.is_slim]
    return [replace(each, words=f"{each.words} {in_place}") if each.words.endswith(":") else each for each in bare]


def _fix(inputs: ReportInputs, rows: int, retry: Path | None, book: Path | None) -> Iterator[NextStep]:
    if not rows:
        return
    title = ngettext("{n} row to fix", "{n} rows to fix", rows).format(n=number(rows))
    if retry is None:
        words = _("{file} says why, and what to do about each.").format(file=book.name if book else "report.xlsx")
        yield NextStep(outcome=Outcome.ERROR, title=title, words=words)
        return
    words = ngettext(
        "Nothing was sent to this one. Correct it in {file}, save it, and run it like a sheet.",
        "Nothing was sent to these. Correct them in {file}, save it, and run it like a sheet.",
        rows,
    )
    in_retry = sum(n for (outcome, reason), n in inputs.tally.reasons.items() if is_to_correct(outcome, reason))
    if in_retry < rows:
        words = _(
            "Nothing was sent to these. Correct {n} of them in {file}, save it, and run it like a sheet; {report} says "
            "what to do about the others."
        )
    run = inputs.run
    commands = ((f"wegly-batch {run.command} {_place(retry)}{_chosen(run)}{_options(run)}", ""),)
    yield NextStep(
        outcome=Outcome.ERROR,
        title=title,
        words=words.format(file=retry.name, n=number(in_retry), report=book.name if book else "report.xlsx"),
        file=retry.name,
        commands=commands,
    )


def _decide(inputs: ReportInputs, rows: int, report: Path | None) -> Iterator[NextStep]:
    if not rows:
        return
    title = ngettext("{n} row to decide", "{n} rows to decide", rows).format(n=number(rows))
    words = ngettext(
        "This one may have been sent, and is not sent again by itself. Look into the chat in WhatsApp, then:",
        "These may have been sent, and are not sent again by themselves. Look into the chats in WhatsApp, then:",
        rows,
    )
    reasons = [each for each in inputs.statistics.reasons if each.outcome is Outcome.UNKNOWN]
    named = ",".join(map(str, sorted(row for each in reasons for row in each.first)))
    settle = f"wegly-batch settle {inputs.run.run}"
    of_ledger = _options(inputs.run, "ledger")
    commands: tuple[tuple[str, str], ...] = (
        (f"{settle} --sent {named}{of_ledger}", _("the message is in the chat")),
        (f"{settle} --not-sent {named}{of_ledger}", _("it is not: the next run sends it")),
    )
    if rows > _MOST_NAMED:
        words = _(
            "These may have been sent, and are not sent again by themselves. Look into the chats in WhatsApp, and "
            "write sent or not sent into a column wegly_settle of {file}; then:"
        ).format(file=report.name if report else "report.xlsx")
        commands = ((f"wegly-batch settle {_place(report) if report else inputs.run.run}{of_ledger}", ""),)
    yield NextStep(outcome=Outcome.UNKNOWN, title=title, words=words, commands=commands)


def _replies(inputs: ReportInputs) -> Iterator[NextStep]:
    if inputs.tally.delivery is None or not inputs.tally.delivery.undecided:
        return
    from batch.model.replies import describe_undecided  # noqa: PLC0415 - needed only where people replied

    words, commands = describe_undecided(inputs.tally.delivery.undecided, inputs.run.endpoint, inputs.run.ledger_option)
    yield NextStep(
        outcome=Outcome.UNKNOWN, title=_("Replies to decide"), words=words, commands=tuple(commands), is_reply=True
    )


def _send(run: Run, rows: int) -> Iterator[NextStep]:
    if rows:
        title = ngettext("{n} row waits", "{n} rows wait", rows).format(n=number(rows))
        words = _("The same command sends what is left; no person gets a second one.")
        commands = ((command_again(run), ""),)
        yield NextStep(outcome=Outcome.PENDING, title=title, words=words, commands=commands, is_slim=True)


def command_again(run: Run, verb: str = "") -> str:
    """Return the command that sends what is left of a run's sheet, or another one (`verb`) about the same."""
    campaign, sheet = run.sheet_options.get(CAMPAIGN_FILE), Path(run.sheet_path)
    named = f" -c {_place(Path(campaign))}" if campaign and Path(campaign) != sheet.with_suffix(".toml") else ""
    return f"wegly-batch {verb or run.command} {_place(sheet)}{named}{_chosen(run)}{_options(run)}"


def _look(inputs: ReportInputs) -> Iterator[NextStep]:
    if not inputs.followed and any(inputs.tally.counts.get(each) for each in Outcome if each.is_accepted):
        words = _("Some minutes after sending: who got it, who answered, who opted out.")
        command = f"wegly-batch follow {inputs.run.run}{_options(inputs.run)}"
        yield NextStep(
            outcome=Outcome.SUCCESS, title=_("See what arrived"), words=words, commands=((command, ""),), is_slim=True
        )


def _chosen(run: Run) -> str:
    """Return the options of a run without which the next one would send to others, or put its report elsewhere."""
    only, encoding = run.sheet_options.get(ONLY_ALLOWED), run.sheet_options.get(CHOSEN_ENCODING)
    reports = _place(Path(run.report_dir).parent) if run.report_dir else USUAL_REPORTS
    values = {
        "only-allowed": _place(Path(only)) if only else None,
        "encoding": encoding and quote_path(encoding),
        "reports": reports if reports != USUAL_REPORTS else None,
    }
    return "".join(f" --{name} {value}" for name, value in values.items() if value)


def _options(run: Run, *only: str) -> str:
    return command_options(run.endpoint, run.ledger_option, *(only or ("base-url", "ledger")))


def _place(file: Path) -> str:
    """Return a file for a command line: from the current folder where it is in it."""
    return quote_path(from_here(file))
