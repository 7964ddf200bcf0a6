"""The other parts of the user's workbook: earlier summaries, selected sheets, and parts that a change invalidates."""

import re
from collections.abc import Iterator
from itertools import chain
from zipfile import ZipFile

from batch.i18n import N_
from batch.model.phrases import Phrase
from batch.ooxml.package import Package, Relation, WorkbookTab
from batch.ooxml.xml import UnsupportedMarkup, simplify_xml
from batch.reporter.xlsx.sheet_rows import Cell, SheetXml, cell_texts
from batch.reporter.xlsx.summary_sheet import MARK
from batch.reporter.xlsx.workbook_part import WorkbookPart

_SELECTED = re.compile(rb"""\stabSelected\s*=\s*["'](?:1|true)["']""")
_ROWS = re.compile(rb"<(?:[\w.-]+:)?sheetData[\s/>]")
_MACROS = "xl/vbaProject.bin"
_KINDS_OF_MACROS = frozenset({"vbaProject", "xlMacrosheet", "xlIntlMacrosheet"})
_MOST_HEAD_BYTES = 16 * 1024 * 1024
_NO_SIGNATURE = N_("This copy of {name} lacks the digital signature; your own file has it still.")
_NO_HISTORY = N_("This copy of {name} lacks the change history; your own file has it still.")
_LISTS_OF_SHEETS = frozenset({"HeadingPairs", "TitlesOfParts"})


def first_cell(package: Package, part: str) -> Cell | None:
    """Cell A1 of a worksheet; None when there is none, or the sheet is of a kind that is not understood here."""
    try:
        sheet = SheetXml(package.chunks(part))
        row = next(sheet.rows(), None)
    except UnsupportedMarkup:
        return None
    if row is None or row.number != 1 or row.content is None:
        return None
    cell = sheet.patterns.first_cell(row.content)
    return cell if cell and cell.column == 1 else None


def _head(pieces: Iterator[bytes]) -> tuple[bytes, bytes]:
    """All before the rows, and what was read beyond; all of a chart sheet."""
    held = b""
    for piece in pieces:
        held += piece
        rows = _ROWS.search(held)
        if rows or len(held) > _MOST_HEAD_BYTES:
            at = rows.start() if rows else len(held)
            return held[:at], held[at:]
    return held, b""


def has_macros(package: Package, workbook: WorkbookPart) -> bool:
    """True when the workbook has a part for macros, or macro sheets of the old kind, which need none."""
    kinds = {each.kind for each in package.relations(workbook.part)}
    return _MACROS in package or not kinds.isdisjoint(_KINDS_OF_MACROS)


def withdraw(package: Package, workbook: WorkbookPart, name: str, *, takes_macros: bool) -> tuple[Phrase, ...]:
    """Take away what would be wrong in a changed copy. Returns sentences about it; `name` is the user's file.

    A signature is broken by any change; the history of a workbook that is shared in the old way knows its sheets.
    Macros in a workbook that is not declared as one with macros (`takes_macros`) do not run there, and must not here.
    """
    if not takes_macros:
        drop_parts(package, workbook.part, "vbaProject")
        if _MACROS in package:
            package.remove_all(_MACROS)
    lost = [
        *((_NO_SIGNATURE,) if drop_parts(package, "", "origin") else ()),
        *((_NO_HISTORY,) if drop_parts(package, workbook.part, "revisionHeaders") else ()),
    ]
    _forget_titles(package)
    return tuple(Phrase(each, {"name": name}) for each in lost)


def drop_old_summaries(package: Package, workbook: WorkbookPart, *, but: WorkbookTab) -> list[WorkbookTab]:
    """Take away the summaries of earlier reports, all but the sheet `but`. Returns the removed sheets."""
    others = [tab for tab in workbook.tabs if tab.kind == "worksheet" and tab != but and tab.part in package]
    firsts = [(tab, cell) for tab in others if (cell := first_cell(package, tab.part))]
    texts = cell_texts(package, workbook.only("sharedStrings"), [cell for __, cell in firsts])
    gone = [tab for (tab, __), text in zip(firsts, texts, strict=True) if text == MARK]
    for tab in gone:
        package.unrelate(workbook.part, tab.relation)
        package.remove_all(tab.part)
    return gone


def close_others(package: Package, copy: ZipFile, tabs: list[WorkbookTab]) -> None:
    """Let none of these sheets be selected: those selected together would all be edited together."""
    for part in (tab.part for tab in tabs if tab.part in package):
        pieces = simplify_xml(package.chunks(part))
        head, rest = _head(pieces)
        if _SELECTED.search(head):
            package.stream(copy, part, chain((_SELECTED.sub(b"", head), rest), pieces), most=package.size(part))


def drop_parts(package: Package, source: str, kind: str) -> list[Relation]:
    """Take away what a part refers to by this kind, and what only that refers to."""
    found = [each for each in package.relations(source) if each.kind == kind and not each.outside]
    for each in found:
        package.unrelate(source, each.id)
        package.remove_all(each.target)
    return found


def _forget_titles(package: Package) -> None:
    """The document's properties list the sheets by name; without the list they are right again."""
    for relation in package.relations(""):
        if relation.kind != "extended-properties" or relation.target not in package:
            continue
        with package.edit(relation.target) as properties:
            for each in properties.root.children:
                if each.local in _LISTS_OF_SHEETS:
                    properties.remove(each)
