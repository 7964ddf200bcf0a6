"""What openpyxl leaves out when it loads a workbook and saves it again, so that nothing is lost in silence.

Found in the zip's directory, in the drawings and in the ends of the worksheets' XML, and in openpyxl's own warnings.
A kind of part that is on neither of the lists here is named as well: the unknown counts as lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from zipfile import ZipFile

from openpyxl.workbook import Workbook

from batch.language import N_, _, ngettext, number

__all__ = ["losses", "lost_features", "lost_parts"]

_KEPT = re.compile(
    r"\[Content_Types\]\.xml|_rels/.*|docProps/(app|core|custom)\.xml|docProps/thumbnail\..*"
    r"|xl/(workbook|styles|sharedStrings|calcChain)\.xml|xl/_rels/.*|xl/theme/.*|xl/printerSettings/.*"
    r"|xl/(worksheets|chartsheets)/(_rels/)?sheet[^/]*|xl/(worksheets|chartsheets)/[^/]*\.xml"
    r"|xl/worksheets/_rels/.*|xl/chartsheets/_rels/.*|xl/drawings/.*|xl/charts/(_rels/)?(chart|style|colors)\d*\.xml(\.rels)?"
    r"|xl/comments[^/]*|xl/comments/.*|xl/tables/.*|xl/pivot(Tables|Cache)/.*|xl/externalLinks/.*|xl/media/.*|xl/vba.*"
    r"|.*/"
)
"""Kept, made anew, or of no meaning to a reader; pictures, shapes and charts are counted apart."""

_DROPPED = (
    (re.compile(r"xl/slicer(s|Caches)/.*"), N_("slicers")),
    (re.compile(r"xl/timeline(s|Caches)/.*"), N_("timelines")),
    (re.compile(r"xl/(ctrlProps|activeX)/.*"), N_("form controls")),
    (re.compile(r"xl/(threadedComments|persons)/.*"), N_("threads of comments")),
    (re.compile(r"xl/(connections\.xml|queryTables/.*)"), N_("data connections")),
    (re.compile(r"xl/model/.*"), N_("the data model")),
    (re.compile(r"customXml/.*"), N_("embedded data of other programs (such as Power Query)")),
    (re.compile(r"xl/embeddings/.*"), N_("embedded objects")),
    (re.compile(r"xl/diagrams/.*"), N_("SmartArt")),
    (re.compile(r"xl/charts/(_rels/)?chartEx.*"), N_("charts of the newer kinds")),
    (re.compile(r"xl/(richData/.*|metadata\.xml)"), N_("pictures in cells, linked data types or spilling formulas")),
    (re.compile(r"xl/webextensions/.*"), N_("add-ins")),
    (re.compile(r"xl/(macrosheets|dialogsheets)/.*"), N_("macro sheets of old Excel")),
    (re.compile(r"xl/revisions/.*"), N_("the change history")),
    (re.compile(r"_xmlsignatures/.*"), N_("the digital signature")),
    (re.compile(r"docMetadata/.*"), N_("the sensitivity label")),
    (re.compile(r"xl/xmlMaps\.xml"), N_("XML maps")),
    (re.compile(r"(userCustomization|customUI)/.*"), N_("changes to the ribbon")),
)

_EXTENSIONS = {
    "Conditional Formatting": N_("conditional formats of the newer kinds"),
    "Data Validation": N_("data validations that use another sheet"),
    "Sparkline Group": N_("sparklines"),
    "Slicer List": N_("slicers"),
    "Timeline Ref": N_("timelines"),
    "Protected Range": N_("protected ranges"),
    "Web Extension": N_("add-ins"),
    "Unknown": N_("features of the newer Excel"),
    "Ignored Error": None,
}
_WARNED = (
    (re.compile(r"header or footer"), N_("a header or footer")),
    (re.compile(r"marked as a date"), N_("dates that Excel cannot show")),
    (re.compile(r"conditional formatting rule"), N_("conditional formats")),
    (re.compile(r"Print area|Print titles", re.IGNORECASE), N_("a print area")),
    (re.compile(r"has a comment which will be removed"), N_("comments in merged cells")),
    (re.compile(r"Defined names"), N_("defined names")),
    (re.compile(r"Unknown type for"), N_("document properties")),
)
_TAIL = (
    (re.compile(rb"<(?:\w+:)?protectedRanges\b"), N_("protected ranges")),
    (re.compile(rb"<(?:\w+:)?picture\b"), N_("the picture behind a sheet")),
    (re.compile(rb"<(?:\w+:)?legacyDrawingHF\b"), N_("pictures in headers and footers")),
    (re.compile(rb"<(?:\w+:)?controls\b"), N_("form controls")),
)
_DRAWING = re.compile(r"xl/drawings/[^/]*\.xml")
_SHEET = re.compile(r"xl/worksheets/[^/]*\.xml")
_CHART = re.compile(r"xl/charts/chart\d*\.xml")
_PICTURE = re.compile(rb"<(?:\w+:)?pic[\s>]")
_SHAPE = re.compile(rb"<(?:\w+:)?(?:sp|cxnSp)[\s>]")


def losses(archive: ZipFile, book: Workbook, warnings: Iterable[str]) -> tuple[str, ...]:
    """What of the user's workbook (`archive`) will not be in a copy saved from `book`, as nouns; empty for nothing.

    `book` is as loaded, before anything was added to it; `warnings` are what openpyxl said while loading.
    """
    names = archive.namelist()
    found = [*lost_parts(names), *lost_features(warnings), *_lost_drawings(archive, book), *_lost_tails(archive)]
    return tuple(dict.fromkeys(found))


def lost_parts(names: Iterable[str]) -> list[str]:
    """The nouns for the parts of a zip's directory that a copy will not have."""
    found = []
    for name in names:
        if _KEPT.fullmatch(name):
            continue
        words = (_(words) for pattern, words in _DROPPED if pattern.fullmatch(name))
        found.append(next(words, None) or _("the part {part}").format(part=name.rpartition("/")[0] or name))
    return list(dict.fromkeys(found))


def lost_features(warnings: Iterable[str]) -> list[str]:
    """The nouns for openpyxl's warnings; a warning of no meaning to a reader gives none."""
    found: list[str | None] = []
    for message in warnings:
        extension, is_one, _rest = message.partition(" extension is not supported")
        if is_one:
            found.append(_EXTENSIONS.get(extension, _EXTENSIONS["Unknown"]))
        else:
            found.extend(words for pattern, words in _WARNED if pattern.search(message))
    return list(dict.fromkeys(_(words) for words in found if words))


def _lost_drawings(archive: ZipFile, book: Workbook) -> list[str]:
    drawings = [archive.read(name) for name in archive.namelist() if _DRAWING.fullmatch(name)]
    pictures = sum(len(_PICTURE.findall(each)) for each in drawings) - _held(book, "_images")
    charts = sum(1 for name in archive.namelist() if _CHART.fullmatch(name)) - _held(book, "_charts")
    found = [
        ngettext("{count} picture", "{count} pictures", pictures).format(count=number(pictures))
        if pictures > 0
        else "",
        ngettext("{count} chart", "{count} charts", charts).format(count=number(charts)) if charts > 0 else "",
    ]
    if any(_SHAPE.search(each) for each in drawings):
        found.append(_("drawn shapes and text boxes"))
    return [each for each in found if each]


def _held(book: Workbook, kind: str) -> int:
    return sum(len(getattr(sheet, kind, ())) for sheet in [*book.worksheets, *book.chartsheets])


def _lost_tails(archive: ZipFile) -> list[str]:
    found: list[str] = []
    for name in archive.namelist():
        if _SHEET.fullmatch(name):
            _head, _mark, tail = archive.read(name).rpartition(b"sheetData")
            found.extend(_(words) for pattern, words in _TAIL if pattern.search(tail))
    return found
