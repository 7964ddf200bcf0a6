"""The summary worksheet as lines of cells; `summary_sheet` writes them and knows their looks. Pure."""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from batch.formatting import format_exact_duration, format_moment, format_significant
from batch.i18n import N_, _
from batch.model.outcomes import Outcome
from batch.model.runs import Run, Tally
from batch.reporter.rows import ReportInputs
from batch.reporter.statistics import SENT_PER, Statistics
from batch.reporter.summary_view import headline, summarize_outcomes, summarize_reasons, verdict

MARK = "wegly-batch report"
"""The text of cell A1, in every language: by it an earlier summary sheet is known as ours."""
TITLE = N_("Summary")
"""Name of the worksheet, to be translated into the run's language."""

_LINE_LENGTH = 150
"""Characters of the widest line."""
_NUMBERS = (2, 3)
"""Columns of every table, from column B on, that hold numbers."""


@dataclass(frozen=True, slots=True)
class SummaryCell:
    """One cell: its value, the name of its look, and the outcome whose colours it has."""

    value: str | int | float | datetime | None
    look: str = "text"
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class SummaryPage:
    """Lines of cells from row 1 and column A on, and where the tables are that the charts read."""

    lines: list[tuple[SummaryCell | None, ...]] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    """Rows by name, counted from 1."""

    def add(self, *cells: SummaryCell | None) -> None:
        """Add a line, from column B on: column A is the margin."""
        self.lines.append((None, *cells))

    def mark(self, place: str) -> None:
        """Name the row that comes next."""
        self.places[place] = len(self.lines) + 1


def lay_out_summary(inputs: ReportInputs, *, notes: tuple[str, ...] = (), remarks: tuple[str, ...] = ()) -> SummaryPage:
    """Return the whole page. `notes` follow those of `inputs`; `remarks` are muted, and come before the sheet's own."""
    run, tally, statistics, info = inputs.run, inputs.tally, inputs.statistics, inputs.sheet.info
    page = SummaryPage()
    page.lines.append((SummaryCell(MARK, "mark"),))
    page.add(SummaryCell(run.campaign, "title"))
    for each in headline(run, tally, last_sent=statistics.last_sent):
        page.add(SummaryCell(each, "lead"))
    warnings = info.warnings if info else ()
    for look, sentences in (("note", (*inputs.notes, *notes)), ("remark", (*remarks, *warnings))):
        for each in sentences:
            for part in textwrap.wrap(_("Please note: {sentence}").format(sentence=each), _LINE_LENGTH):
                page.add(SummaryCell(part, look))
    page.add()
    _add_outcomes(page, tally)
    page.add()
    _add_reasons(page, tally, statistics)
    page.add()
    page.add(SummaryCell(_("About this run"), "section"))
    for label, value in _facts(run, tally):
        page.add(SummaryCell(label, "label"), SummaryCell(value, "fact_number" if isinstance(value, int) else "fact"))
    if len(statistics.sent) > 1:
        page.add()
        _add_steps(page, statistics)
    return page


def _add_outcomes(page: SummaryPage, tally: Tally) -> None:
    _add_headings(page, _("Outcome"), _("What it means"), _("Rows"), _("Share"))
    page.mark("outcomes")
    for each in summarize_outcomes(tally.counts):
        page.add(
            SummaryCell(each.outcome.value, "badge", each.outcome),
            SummaryCell(each.meaning),
            SummaryCell(each.rows, "number"),
            SummaryCell(_share(each.rows, each.of), "share"),
        )
    page.add(
        SummaryCell(_("All rows"), "total"),
        SummaryCell(None, "total"),
        SummaryCell(tally.rows, "total_number"),
        SummaryCell(None, "total"),
    )


def _add_headings(page: SummaryPage, *names: str | None) -> None:
    page.add(*(SummaryCell(name, "heading_right" if at in _NUMBERS else "heading") for at, name in enumerate(names)))


def _share(rows: int, of: int) -> float:
    return rows / of if of else 0.0


def _add_reasons(page: SummaryPage, tally: Tally, statistics: Statistics) -> None:
    page.add(SummaryCell(_("Why, and what to do"), "section"))
    happened, action, where = _("What happened"), _("What to do"), _("In rows")
    _add_headings(page, _("Outcome"), _("Reason"), _("Rows"), _("Share"), happened, action, where)
    for each in summarize_reasons(tally, statistics):
        page.add(
            SummaryCell(each.outcome.value, "badge", each.outcome),
            SummaryCell(each.reason, "code"),
            SummaryCell(each.rows, "number"),
            SummaryCell(_share(each.rows, tally.rows), "share"),
            SummaryCell(each.happened, "wrapped"),
            SummaryCell(each.action or _("Nothing."), "wrapped"),
            SummaryCell(each.where, "wrapped"),
        )


def _facts(run: Run, tally: Tally) -> Iterator[tuple[str, str | int]]:
    yield _("Run"), run.run
    yield _("Sheet"), run.sheet_path
    yield "SHA-256", run.sheet_sha256
    yield _("Endpoint"), run.endpoint
    yield _("Started"), f"{format_moment(run.started, run.timezone, seconds=True)} ({run.timezone})"
    if run.finished:
        at = format_moment(run.finished, run.timezone, seconds=True)
        time = format_exact_duration(run.started, run.finished)
        yield _("Finished"), _("{at}, after {time}").format(at=at, time=time)
    yield _("Ended"), verdict(run.exit_code)
    yield _("Attempts"), tally.this_run.attempts
    yield _("Rate"), _rates(tally.this_run.wanted_rate, tally.this_run.achieved_rate)
    if run.ledger:
        yield _("Ledger"), run.ledger
    yield _("Version"), f"wegly-batch {run.version}"


def _rates(wanted: float | None, achieved: float | None) -> str:
    first, second = _("no rate was set"), _("too few attempts to measure")
    if wanted is not None:
        first = _("{rate} a second wanted").format(rate=format_significant(wanted))
    if achieved is not None:
        second = _("{rate} a second achieved").format(rate=format_significant(achieved))
    return f"{first}, {second}"


def _add_steps(page: SummaryPage, statistics: Statistics) -> None:
    """The messages sent in each step of time; the chart of them reads these cells."""
    page.add(SummaryCell(_(SENT_PER[statistics.step]), "section"))
    page.mark("sent")
    _add_headings(page, _("From"), None, _("New"), _("Existing"))
    first, last = statistics.sent[0].start, statistics.sent[-1].start
    # The day alone, the time alone, or both: whatever tells the steps apart.
    if statistics.step.endswith(("day", "days", "week")):
        look = "day"
    else:
        look = "time" if first.date() == last.date() else "day_and_time"
    for each in statistics.sent:
        page.add(
            SummaryCell(each.start, look),
            SummaryCell(None),
            SummaryCell(each.new, "number"),
            SummaryCell(each.existing, "number"),
        )
    page.places["sent_last"] = len(page.lines)
