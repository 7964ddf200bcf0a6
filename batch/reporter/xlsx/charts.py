"""The charts of the summary sheet: rows by outcome, and messages sent over time."""

from collections.abc import Sequence

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
from openpyxl.worksheet.worksheet import Worksheet

from batch.i18n import _
from batch.model.outcomes import Outcome
from batch.reporter.statistics import SENT_PER
from batch.reporter.tones import TONES
from batch.reporter.xlsx.theme import INK, MUTED, RULE

_FONT = "Calibri"


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
