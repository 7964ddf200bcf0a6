"""The summary sheet: lines of cells with their looks, and charts over them.

The first five seconds: the headline and the outcomes. The first minute: the reasons. Then all that is asked about a run
later, and how sending went on over time.
"""

import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from openpyxl.chart import BarChart
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.styles.cell_style import StyleArray
from openpyxl.workbook import Workbook
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from batch.formatting import format_exact_duration, format_moment, format_significant
from batch.i18n import N_, _
from batch.model.delivery import DeliveryCounts
from batch.model.outcomes import Outcome
from batch.model.phrases import Phrase
from batch.model.replies import describe_undecided
from batch.model.runs import Run, Tally
from batch.reporter.rows import ReportInputs
from batch.reporter.statistics import SENT_PER, Statistics
from batch.reporter.summary_view import (
    attempts_text,
    headline,
    is_course,
    price_sentences,
    rates_text,
    rehearsal,
    summarize_failures,
    summarize_outcomes,
    summarize_reasons,
    summarize_steps,
    verdict,
)
from batch.reporter.tones import TONES
from batch.reporter.xlsx.charts import outcome_chart, sent_chart
from batch.reporter.xlsx.theme import INK, MUTED, RULE, look, make_cell

MARK = "wegly-batch report"
"""The text of cell A1, in every language: by it an earlier summary sheet is known as ours."""
TITLE = N_("Summary")
"""Name of the worksheet, to be translated into the run's language."""

_LINE_LENGTH = 150
"""Characters of the widest line."""
_NUMBERS = (2, 3)
"""Columns of every table, from column B on, that hold numbers."""
_WIDTHS = {"A": 2.5, "B": 30, "C": 25, "D": 10, "E": 10, "F": 56, "G": 50, "H": 32}
_WRAPPED = {5: "F", 6: "G", 7: "H"}
_HEIGHTS = {"mark": 18.0, "title": 30.0, "lead": 20.0, "section": 24.0}
_LINE = 15.0
_AIR = 5.0
_CM_PER_CHARACTER = 0.196
_CM_PER_POINT = 2.54 / 72

_Cell = tuple[str | int | float | datetime | None, str]
"""A cell's value and the name of its look; an outcome is the name of its own."""


def free_title(wanted: str, taken: list[str]) -> str:
    """The title, or `Summary (2)` and so on when the workbook has a sheet of that name. Excel ignores case here."""
    used = {title.casefold() for title in taken}
    title, number = wanted, 1
    while title.casefold() in used:
        number += 1
        title = f"{wanted} ({number})"
    return title


def add_summary(
    book: Workbook,
    inputs: ReportInputs,
    *,
    notes: tuple[Phrase, ...] = (),
    remarks: tuple[str, ...] = (),
    taken: Iterable[str] = (),
) -> None:
    """Add the summary as the first sheet of `book`, under a title that is neither there nor `taken`.

    `notes` follow those of `inputs`; `remarks` are muted, and come before the sheet's own.
    """
    run, tally, statistics, info = inputs.run, inputs.tally, inputs.statistics, inputs.sheet.info
    sheet: Worksheet = book.create_sheet(free_title(_(TITLE), [*taken, *book.sheetnames]), 0)
    _set_up(sheet)
    page = _Page(sheet)
    page.add_line((MARK, "mark"))
    if mark := rehearsal(run.endpoint):
        page.add((mark, "note"))
    page.add((run.campaign, "title"))
    for each in headline(run, tally, last_sent=statistics.last_sent):
        page.add((each, "lead"))
    warnings = info.warnings if info else ()
    for name, sentences in (("note", (*inputs.notes, *map(str, notes))), ("remark", (*remarks, *warnings))):
        for each in sentences:
            for part in textwrap.wrap(_("Please note: {sentence}").format(sentence=each), _LINE_LENGTH):
                page.add((part, name))
    page.add()
    _add_headings(page, _("Outcome"), _("Code"), _("Rows"), _("Share"))
    top, height = page.row, (len(Outcome) + 2) * (_LINE + _AIR) * _CM_PER_POINT
    _add_outcomes(page, tally)
    page.add()
    if tally.delivery:
        _add_delivery(page, run, tally.delivery)
    _add_reasons(page, tally, statistics)
    page.add()
    page.add((_("About this run"), "section"))
    for label, value in _facts(run, tally):
        page.add((label, "label"), (value, "fact_number" if isinstance(value, int) else "fact"))
    _anchor(sheet, outcome_chart(sheet, first=top + 1, names=2, numbers=4), f"F{top}", _WIDTHS["F"], height)
    if is_course(statistics):
        page.add()
        heading = _add_steps(page, statistics)
        chart = sent_chart(sheet, step=statistics.step, heading=heading, last=page.row, columns=(2, 4, 5))
        _anchor(sheet, chart, f"G{top}", _WIDTHS["G"] + _WIDTHS["H"], height)


def _set_up(sheet: Worksheet) -> None:
    for column, width in _WIDTHS.items():
        sheet.column_dimensions[column].width = width
    sheet.sheet_view.showGridLines = False
    sheet.sheet_properties.tabColor = INK
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_margins.left = sheet.page_margins.right = 0.4


class _Page:
    """The lines of the sheet, written one below the other."""

    def __init__(self, sheet: Worksheet) -> None:
        self._sheet, self._looks = sheet, _make_looks(sheet)
        self.row = 0
        """Number of the last line."""

    def add(self, *cells: _Cell | None) -> None:
        """Add a line, from column B on: column A is the margin."""
        self.add_line(None, *cells)

    def add_line(self, *cells: _Cell | None) -> None:
        """Add a line from column A on."""
        self.row += 1
        self._sheet.row_dimensions[self.row].height = _height(cells)
        self._sheet.append([each and make_cell(self._sheet, each[0], self._looks[each[1]]) for each in cells])


def _height(line: tuple[_Cell | None, ...]) -> float:
    """Points: Excel does not fit the height of a wrapped row by itself when a file is made by another program."""
    known = [_HEIGHTS[cell[1]] for cell in line if cell and cell[1] in _HEIGHTS]
    wraps = [
        math.ceil(len(str(cell[0])) * 1.05 / _WIDTHS[_WRAPPED[index]])
        for index, cell in enumerate(line)
        if cell and cell[1] == "wrapped" and index in _WRAPPED
    ]
    return max([*known, max(wraps, default=1) * _LINE + _AIR])


def _add_headings(page: _Page, *names: str | None) -> None:
    page.add(*((name, "heading_right" if at in _NUMBERS else "heading") for at, name in enumerate(names)))


def _add_outcomes(page: _Page, tally: Tally) -> None:
    for each in summarize_outcomes(tally.counts):
        share = _share(each.rows, each.of)
        page.add(
            (each.outcome.word, each.outcome), (each.outcome.value, "code"), (each.rows, "number"), (share, "share")
        )
    page.add((_("All rows"), "total"), (None, "total"), (tally.rows, "total_number"), (None, "total"))


def _share(rows: int, of: int) -> float:
    return rows / of if of else 0.0


def _add_reasons(page: _Page, tally: Tally, statistics: Statistics) -> None:
    page.add((_("Why, and what to do"), "section"))
    happened, action, where = _("What happened"), _("What to do"), _("In rows")
    _add_headings(page, _("Outcome"), _("Reason"), _("Rows"), _("Share"), happened, action, where)
    for each in summarize_reasons(tally, statistics):
        page.add(
            (each.outcome.word, each.outcome),
            (each.reason, "code"),
            (each.rows, "number"),
            (_share(each.rows, tally.rows), "share"),
            (each.happened, "wrapped"),
            (each.action or _("Nothing."), "wrapped"),
            (each.where, "wrapped"),
        )


def _add_delivery(page: _Page, run: Run, counts: DeliveryCounts) -> None:
    """Add what arrived: the steps, reasons of failures, rates, costs, and what a person has to decide."""
    page.add((_("What arrived"), "section"))
    _add_headings(page, _("Step"), None, _("Messages"), _("Share"))
    steps, others = summarize_steps(counts)
    for step in (*steps, *others):
        share = _share(step.messages, step.of)
        page.add((step.name, "text"), (None, "text"), (step.messages, "number"), (share, "share"))
    for sentence in price_sentences(counts):
        page.add((sentence, "fact"))
    decide, commands = describe_undecided(counts.undecided, run.endpoint, run.ledger_option)
    if decide:
        page.add()
        page.add((_("Replies to decide"), "section"))
        page.add((decide, "note"))
        for command, when in commands:
            page.add((when, "label"), (command, "fact"))
    if failures := summarize_failures(counts):
        page.add()
        page.add((_("Reasons of failures"), "section"))
        _add_headings(page, _("WhatsApp's code"), None, _("Messages"), _("Share"), _("Words of the API"))
        for code, words, messages in failures:
            share = _share(messages, counts.failed)
            cells: tuple[_Cell, ...] = ((code or None, "code"), (None, "text"), (messages, "number"), (share, "share"))
            page.add(*cells, (words, "wrapped"))
    if counts.rates:
        page.add()
        page.add((_("Rates a day after sending"), "section"))
        _add_headings(page, _("Template or sender"), None, _("Messages"), None, _("Rates"))
        for rates in counts.rates:
            by, name = _("Template") if rates.by == "template" else _("Sender"), rates.name or _("not recorded")
            cells = ((f"{by} {name}", "text"), (None, "text"), (rates.messages, "number"), (None, "text"))
            page.add(*cells, (rates_text(rates), "wrapped"))
    page.add()


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
    yield _("Attempts"), tally.this_run.attempts if run.finished else attempts_text(run, tally.this_run)
    yield _("Rate"), _rates(tally.this_run.wanted_together, tally.this_run.achieved_rate)
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


def _add_steps(page: _Page, statistics: Statistics) -> int:
    """Add the messages sent in each step of time, which a chart reads; return the row of their headings."""
    page.add((_(SENT_PER[statistics.step]), "section"))
    _add_headings(page, _("From"), None, _("New"), _("Existing"))
    heading = page.row
    first, last = statistics.sent[0].start, statistics.sent[-1].start
    # The day alone, the time alone, or both: whatever tells the steps apart.
    if statistics.step.endswith(("day", "days", "week")):
        name = "day"
    else:
        name = "time" if first.date() == last.date() else "day_and_time"
    for each in statistics.sent:
        page.add((each.start, name), (None, "text"), (each.new, "number"), (each.existing, "number"))
    return heading


def _anchor(sheet: Worksheet, chart: BarChart, corner: str, characters: float, height: float) -> None:
    """Put a chart over cells as wide as `characters`; `height` is in centimetres."""
    chart.width = characters * _CM_PER_CHARACTER  # type: ignore[assignment]  # the stubs say int, centimetres are not
    chart.height = height
    sheet.add_chart(chart, corner)


def _make_looks(sheet: Worksheet) -> Mapping[str, StyleArray]:
    """Return the looks that the lines name, and those of the outcomes."""
    rule = Border(bottom=Side("thin", color=RULE))
    strong = Border(bottom=Side("medium", color=MUTED))
    total = Border(top=Side("thin", color=MUTED))
    middle, left = Alignment(vertical="center"), Alignment(horizontal="left", vertical="center")
    right = Alignment(horizontal="right", vertical="center", indent=1)
    wrapped = Alignment(horizontal="left", vertical="center", wrap_text=True)
    text, bold, muted = (
        Font("Calibri", 11, color=INK),
        Font("Calibri", 11, bold=True, color=INK),
        Font("Calibri", 10, color=MUTED),
    )
    looks = {
        "mark": look(sheet, font=muted, align=middle),
        "title": look(sheet, font=Font("Calibri", 20, bold=True, color=INK), align=middle),
        "lead": look(sheet, font=Font("Calibri", 12, color=INK), align=middle),
        "note": look(sheet, font=Font("Calibri", 11, bold=True, color=TONES[Outcome.ERROR].ink), align=middle),
        "remark": look(sheet, font=muted, align=middle),
        "section": look(sheet, font=Font("Calibri", 13, bold=True, color=INK), align=middle),
        "heading": look(sheet, font=Font("Calibri", 10, bold=True, color=MUTED), align=middle, border=strong),
        "heading_right": look(sheet, font=Font("Calibri", 10, bold=True, color=MUTED), align=right, border=strong),
        "text": look(sheet, font=text, align=middle, border=rule),
        "wrapped": look(sheet, font=text, align=wrapped, border=rule),
        "code": look(sheet, font=muted, align=middle, border=rule),
        "number": look(sheet, font=text, align=right, border=rule, number_format="#,##0"),
        "share": look(sheet, font=muted, align=right, border=rule, number_format="0.0%"),
        "total": look(sheet, font=bold, align=middle, border=total),
        "total_number": look(sheet, font=bold, align=right, border=total, number_format="#,##0"),
        "label": look(sheet, font=muted, align=middle),
        "fact": look(sheet, font=text, align=middle),
        "fact_number": look(sheet, font=text, align=left, number_format="#,##0"),
        "day": look(sheet, font=text, align=left, border=rule, number_format="dd/mm/yyyy"),
        "time": look(sheet, font=text, align=left, border=rule, number_format="hh:mm:ss"),
        "day_and_time": look(sheet, font=text, align=left, border=rule, number_format="dd/mm hh:mm"),
    }
    badge = Alignment(horizontal="left", vertical="center", indent=1)
    for outcome, tone in TONES.items():
        font = Font("Calibri", 11, bold=True, color=tone.ink)
        looks[outcome] = look(sheet, font=font, fill=tone.tint, align=badge, border=rule)
    return looks
