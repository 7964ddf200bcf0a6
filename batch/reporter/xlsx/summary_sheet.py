"""The summary sheet: the page painted onto a worksheet, with its charts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from openpyxl.cell.cell import Cell, WriteOnlyCell
from openpyxl.chart import BarChart, Reference
from openpyxl.chart.axis import ChartLines
from openpyxl.chart.label import DataLabelList
from openpyxl.chart.marker import DataPoint
from openpyxl.chart.shapes import GraphicalProperties
from openpyxl.chart.text import RichText, Text
from openpyxl.chart.title import Title
from openpyxl.drawing.line import LineProperties
from openpyxl.drawing.text import CharacterProperties, Paragraph, ParagraphProperties, RegularTextRun
from openpyxl.drawing.text import Font as TextFont
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.styles.cell_style import StyleArray
from openpyxl.workbook import Workbook
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from batch.i18n import _
from batch.model.outcomes import Outcome
from batch.reporter.statistics import SENT_PER, Statistics
from batch.reporter.tones import TONES
from batch.reporter.xlsx.summary_page import MARK, TITLE, SummaryCell, SummaryPage
from batch.reporter.xlsx.theme import INK, MUTED, RULE, look, set_cell

_FONT = "Calibri"
_WIDTHS = {"A": 2.5, "B": 13, "C": 27, "D": 10, "E": 10, "F": 56, "G": 50, "H": 32}
_WRAPPED = {5: "F", 6: "G", 7: "H"}
_LINE = 15.0
_AIR = 5.0
_CM_PER_CHARACTER = 0.196
_CM_PER_POINT = 2.54 / 72


def outcome_chart(sheet: Worksheet, *, first: int, names: int, numbers: int) -> BarChart:
    """Bars of the six outcomes, each in its colour. The table's first row is `first`; columns count from 1."""
    outcomes = list(Outcome)
    last = first + len(outcomes) - 1
    chart = _bars(_("Rows by outcome"))
    chart.type = "bar"
    chart.add_data(Reference(sheet, min_col=numbers, min_row=first, max_row=last), titles_from_data=False)
    chart.set_categories(Reference(sheet, min_col=names, min_row=first, max_row=last))
    chart.x_axis.scaling.orientation = "maxMin"
    chart.y_axis.delete = True
    chart.y_axis.majorGridlines = None
    chart.legend = None
    bars = chart.series[0]
    bars.dPt = [_point(index, TONES[outcome].bar) for index, outcome in enumerate(outcomes)]
    bars.dLbls = DataLabelList(
        showVal=True, showSerName=False, showCatName=False, showLegendKey=False, showPercent=False
    )
    bars.dLbls.numFmt = "#,##0"
    bars.dLbls.txPr = _text(INK, 1000)
    return chart


def sent_chart(sheet: Worksheet, *, step: str, heading: int, last: int, columns: Sequence[int]) -> BarChart:
    """Columns of the messages sent in each step of time, new over existing. `columns`: time, new, existing."""
    time, *counts = columns
    chart = _bars(_(SENT_PER[step]))
    chart.type = "col"
    chart.grouping = "stacked"
    chart.overlap = 100
    for column, outcome in zip(counts, (Outcome.SUCCESS, Outcome.REUSED), strict=True):
        chart.add_data(Reference(sheet, min_col=column, min_row=heading, max_row=last), titles_from_data=True)
        chart.series[-1].graphicalProperties = _solid(TONES[outcome].bar)
    chart.set_categories(Reference(sheet, min_col=time, min_row=heading + 1, max_row=last))
    chart.y_axis.majorGridlines = ChartLines(spPr=GraphicalProperties(ln=LineProperties(solidFill=RULE, w=6350)))
    chart.y_axis.number_format = "#,##0"
    if chart.legend:
        chart.legend.position = "t"
        chart.legend.txPr = _text(MUTED, 900)
    return chart


def _bars(title: str) -> BarChart:
    chart = BarChart()
    chart.title = _title(title)
    chart.gapWidth = 45
    chart.roundedCorners = False
    chart.graphical_properties = GraphicalProperties(ln=LineProperties(noFill=True))
    for axis in (chart.x_axis, chart.y_axis):
        axis.delete = False
        axis.txPr = _text(MUTED, 900)
        axis.graphicalProperties = GraphicalProperties(ln=LineProperties(solidFill=RULE, w=6350))
    return chart


def _title(words: str) -> Title:
    bold = _characters(INK, 1100, bold=True)
    paragraph = Paragraph(pPr=ParagraphProperties(defRPr=bold), r=[RegularTextRun(rPr=bold, t=words)])
    return Title(tx=Text(rich=RichText(p=[paragraph])), overlay=False)


def _point(index: int, colour: str) -> DataPoint:
    return DataPoint(idx=index, invertIfNegative=False, spPr=_solid(colour))


def _solid(colour: str) -> GraphicalProperties:
    return GraphicalProperties(solidFill=colour, ln=LineProperties(noFill=True))


def _characters(colour: str, size: int, *, bold: bool = False) -> CharacterProperties:
    return CharacterProperties(sz=size, b=bold, solidFill=colour, latin=TextFont(typeface=_FONT))


def _text(colour: str, size: int) -> RichText:
    properties = ParagraphProperties(defRPr=_characters(colour, size))
    return RichText(p=[Paragraph(pPr=properties, endParaRPr=_characters(colour, size))])


def is_ours(first_cell: object) -> bool:
    """True for the first cell of a summary sheet that this program wrote, in any language."""
    return first_cell == MARK


def free_title(wanted: str, taken: list[str]) -> str:
    """The title, or `Summary (2)` and so on when the workbook has a sheet of that name. Excel ignores case here."""
    used = {title.casefold() for title in taken}
    title, number = wanted, 1
    while title.casefold() in used:
        number += 1
        title = f"{wanted} ({number})"
    return title


def add_summary(book: Workbook, page: SummaryPage, statistics: Statistics, *, taken: Iterable[str] = ()) -> None:
    """Add the summary as the first sheet of `book`, under a title that is neither there nor `taken`."""
    sheet: Worksheet = book.create_sheet(free_title(_(TITLE), [*taken, *book.sheetnames]), 0)
    for column, width in _WIDTHS.items():
        sheet.column_dimensions[column].width = width
    sheet.sheet_view.showGridLines = False
    sheet.sheet_properties.tabColor = INK
    _for_print(sheet)
    looks = _Looks(sheet)
    for number, line in enumerate(page.lines, start=1):
        sheet.row_dimensions[number].height = _height(line)
        sheet.append([_cell(sheet, spot, looks) for spot in line])
    _charts(sheet, page, statistics)


def _for_print(sheet: Worksheet) -> None:
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = 9
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_margins.left = sheet.page_margins.right = 0.4


def _cell(sheet: Worksheet, spot: SummaryCell | None, looks: _Looks) -> Cell | None:
    if spot is None:
        return None
    cell = WriteOnlyCell(sheet)
    set_cell(cell, spot.value, looks.of(spot))
    return cell


def _height(line: tuple[SummaryCell | None, ...]) -> float:
    """Points: Excel does not fit the height of a wrapped row by itself when a file is made by another program."""
    heights = {"mark": 18.0, "title": 30.0, "lead": 20.0, "section": 24.0}
    known = [heights[spot.look] for spot in line if spot and spot.look in heights]
    wraps = [
        math.ceil(len(str(spot.value)) * 1.05 / _WIDTHS[_WRAPPED[index]])
        for index, spot in enumerate(line)
        if spot and spot.look == "wrapped" and index in _WRAPPED
    ]
    return max([*known, max(wraps, default=1) * _LINE + _AIR])


def _charts(sheet: Worksheet, page: SummaryPage, statistics: Statistics) -> None:
    top = page.places["outcomes"] - 1
    height = (len(Outcome) + 2) * (_LINE + _AIR) * _CM_PER_POINT
    _anchor(sheet, outcome_chart(sheet, first=top + 1, names=2, numbers=4), f"F{top}", _WIDTHS["F"], height)
    if "sent" in page.places:
        heading, last = page.places["sent"], page.places["sent_last"]
        chart = sent_chart(sheet, step=statistics.step, heading=heading, last=last, columns=(2, 4, 5))
        _anchor(sheet, chart, f"G{top}", _WIDTHS["G"] + _WIDTHS["H"], height)


def _anchor(sheet: Worksheet, chart: BarChart, corner: str, characters: float, height: float) -> None:
    """Put a chart over cells as wide as `characters`; `height` is in centimetres."""
    chart.width = characters * _CM_PER_CHARACTER  # type: ignore[assignment]  # the stubs say int, centimetres are not
    chart.height = height
    sheet.add_chart(chart, corner)


class _Looks:
    """The looks that the page names, made for one workbook."""

    def __init__(self, sheet: Worksheet) -> None:
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
        self._looks: Mapping[str, StyleArray] = {
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
        self._badges = {
            outcome: look(
                sheet, font=Font("Calibri", 11, bold=True, color=tone.ink), fill=tone.tint, align=badge, border=rule
            )
            for outcome, tone in TONES.items()
        }

    def of(self, spot: SummaryCell) -> StyleArray:
        return self._badges[spot.outcome] if spot.outcome else self._looks[spot.look]
