"""report.xlsx as the user's own workbook: result columns at the right of the contact sheet, the summary in front.

Only the parts that must change are changed, and only in the places that must; all others are copied byte for byte, so
that no library can lose what it does not know. The contact sheet streams through `sheet_splice`; styles, tables and
the list of sheets are edited (`styles`, `sheet_parts`, `workbook_part`); the summary comes from a small workbook made
by openpyxl, whose sheet is copied over (`styles.transplant_sheet`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipFile

from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.workbook import Workbook

from batch.i18n import N_, _
from batch.model.phrases import Phrase
from batch.model.sheets import SheetInfo
from batch.ooxml.archive import BROKEN_ZIP, new_zip
from batch.ooxml.package import Package
from batch.ooxml.references import Area
from batch.ooxml.schema import check_part
from batch.ooxml.xml import UnsupportedMarkup
from batch.reporter.columns import Value, columns_for
from batch.reporter.printable_text import cut_sentence
from batch.reporter.rows import ReportInputs, ReportRow
from batch.reporter.xlsx.cells import CellWriter, ResultCells
from batch.reporter.xlsx.new_workbook import save_package
from batch.reporter.xlsx.other_sheets import close_others, drop_old_summaries, drop_parts, has_macros, withdraw
from batch.reporter.xlsx.placement import NoRoom, ResultColumns
from batch.reporter.xlsx.sheet_rows import SheetXml, cell_texts
from batch.reporter.xlsx.sheet_scan import scan_sheet
from batch.reporter.xlsx.sheet_splice import Splice
from batch.reporter.xlsx.styles import BARE_STYLES, StylesPart, transplant_sheet, use_strict_names
from batch.reporter.xlsx.summary_sheet import add_summary
from batch.reporter.xlsx.theme import Palette
from batch.reporter.xlsx.verification import check_opening
from batch.reporter.xlsx.workbook_part import WorkbookPart

_DECLARATION = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_RESULT_BYTES = 1500
"""Of one row's result cells, unzipped; few rows have more."""
_MAIN = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"
_MAIN_WITH_MACROS = "application/vnd.ms-excel.sheet.macroEnabled.main+xml"
_STYLES_PART = "xl/styles.xml"
"""Some programs look for it under no other name."""
_STYLES = "application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"


class CannotKeep(Exception):
    """The workbook cannot be written back."""

    def __init__(self, why: str, **values: str) -> None:
        """`why`: a marked sentence with its values."""
        super().__init__(why)
        self.why = Phrase(why, values)


def keeps_macros(path: Path, info: SheetInfo) -> bool:
    """True when the workbook has macros and is declared as such, so that a copy must be named .xlsm."""
    if info.format != "xlsm":
        return False
    with ZipFile(path) as archive:
        return has_macros(package := Package(archive), WorkbookPart(package))


def write_in_place(file: BinaryIO, inputs: ReportInputs, path: Path, info: SheetInfo) -> tuple[Phrase, ...]:
    """Write the workbook at `path` with the results of its sheet into `file`. Memory does not grow with the rows.

    Returns sentences about what could not be kept; they are on the summary as well.

    Raises:
        CannotKeep: the workbook cannot be written back; `file` may be half written.
    """
    name = inputs.sheet.name
    try:
        with ZipFile(path) as archive, new_zip(file) as copy:
            return _write_parts(Package(archive), copy, inputs, info)
    except (UnsupportedMarkup, *BROKEN_ZIP) as error:
        raise CannotKeep(N_("{name} cannot be written back with its own formatting."), name=name) from error
    except NoRoom as error:
        raise CannotKeep(N_("{file} has no room for the result columns at its right."), file=name) from error


def _write_parts(package: Package, copy: ZipFile, inputs: ReportInputs, info: SheetInfo) -> tuple[Phrase, ...]:
    name = inputs.sheet.name
    workbook = WorkbookPart(package)
    tab = next((each for each in workbook.tabs if each.title == info.sheet and each.kind == "worksheet"), None)
    if tab is None:
        raise CannotKeep(N_("The worksheet {title} was not found again in {file}."), title=repr(info.sheet), file=name)
    lost = withdraw(package, workbook, name, takes_macros=info.format == "xlsm")
    if info.format != "xlsm" and has_macros(package, workbook):
        raise CannotKeep(N_("{name} has macro sheets, but is not of the kind that may have any."), name=name)
    package.write_first(copy)
    styles_part, styles = _find_styles(package, workbook)
    filled = _write_contact_sheet(
        package, copy, inputs, workbook=workbook, part=tab.part, styles=styles, header_row=info.header_row
    )
    problems = (*lost, *cut_sentence(filled.cut))
    gone = drop_old_summaries(package, workbook, but=tab)
    left = [each for each in workbook.tabs if each not in gone]
    close_others(package, copy, [each for each in left if each != tab])
    if gone or filled.lost_formula:
        drop_parts(package, workbook.part, "calcChain")  # it names a formula that is gone; Excel makes it anew
    book = Workbook()
    book.remove(book.worksheets[0])
    if workbook.epoch_1904:
        book.epoch = CALENDAR_MAC_1904
    remarks = () if info.header_row else (_no_headings_remark(columns_for((), followed=inputs.followed)),)
    add_summary(book, inputs, notes=problems, remarks=remarks, taken=[each.title for each in left])
    part = transplant_sheet(save_package(book), package, styles, strict=workbook.strict)
    workbook.put_first(
        book.sheetnames[0],
        package.relate(workbook.part, workbook.kind("worksheet"), part),
        gone={each.relation for each in gone},
        filters={tab.relation: filled.filter.absolute} if filled.filter else {},
    )
    package.put(styles_part, styles.made())
    package.declare(workbook.part, _MAIN_WITH_MACROS if has_macros(package, workbook) else _MAIN)
    package.check_references()
    check_opening(package, package.original, tab.part, now=filled.now, before=filled.before)
    package.write(copy)
    return problems


def _find_styles(package: Package, workbook: WorkbookPart) -> tuple[str, StylesPart]:
    """The part with the styles; a new one for a workbook that has none."""
    part = workbook.only("styles")
    if part is None:
        part = _STYLES_PART if _STYLES_PART not in package else package.free_name("xl/styles{}.xml")
        package.put(part, use_strict_names(BARE_STYLES, strict=workbook.strict))
        package.declare(part, _STYLES)
        package.relate(workbook.part, workbook.kind("styles"), part)
    return part, StylesPart(package.read(part))


def _no_headings_remark(columns: Sequence[str]) -> str:
    words = _(
        "The sheet has no header, so the result columns have no headings here; in their order they are {columns}. "
        "In results.csv a header is above the rows: row 1 is its line 2, and so on."
    )
    return words.format(columns=", ".join(columns))


@dataclass(frozen=True, kw_only=True, slots=True)
class SpliceResult:
    """Result of writing the contact sheet."""

    cut: int
    """The cells whose text had to be cut."""
    lost_formula: bool
    """True when a result replaced a formula."""
    filter: Area | None
    """Of the sheet's own filter; None when there is none, or it is elsewhere or a table's."""
    before: bytes
    """The sheet without its rows, as it was."""
    now: bytes
    """The same with the changes."""


def _write_contact_sheet(
    package: Package,
    copy: ZipFile,
    inputs: ReportInputs,
    *,
    workbook: WorkbookPart,
    part: str,
    styles: StylesPart,
    header_row: int,
) -> SpliceResult:
    """Write the worksheet `part` with its results, and its tables into the package.

    `header_row` 0: the sheet has no header; the results go to the right of its cells, without headings.

    Raises:
        NoRoom: there are not enough columns left.
        UnsupportedMarkup: the sheet is of a kind that is not understood here.
    """
    texts = partial(cell_texts, package, workbook.only("sharedStrings"))
    try:
        extent = scan_sheet(package.chunks(part), header_row=header_row, texts=texts)
    except UnsupportedMarkup:
        package.unify(part)
        extent = scan_sheet(package.chunks(part), header_row=header_row, texts=texts)
    sheet = ResultColumns(package, part, extent, header_row, inputs)
    writer = CellWriter(prefix=extent.patterns.prefix.decode(), epoch_1904=workbook.epoch_1904)
    cells = ResultCells(sheet.places, _palette(styles), writer)
    splice = Splice(extent.patterns, sheet.columns, header_row=header_row, widest=extent.widest)
    added = _ResultRows(cells, header_row, max(extent.bottom, header_row), sheet.totals_row)

    def whole() -> Iterator[bytes]:
        yield from (_DECLARATION, sheet.head().lstrip(), extent.opening)
        yield from splice.pieces(SheetXml(package.chunks(part)).rows(), added.cells(inputs.rows()))
        yield extent.patterns.closing
        sheet.extend_filter(added.bottom, added.totals)
        yield sheet.tail()

    package.stream(copy, part, whole(), most=package.size(part) + _RESULT_BYTES * inputs.tally.rows)
    before, now = extent.without_rows, sheet.without_rows
    check_part(part, now, before)
    return SpliceResult(cut=writer.cut, lost_formula=splice.lost_formula, filter=sheet.filter, before=before, now=now)


class _ResultRows:
    """The cells that are added, row by row."""

    def __init__(self, cells: ResultCells, header_row: int, bottom: int, totals_row: int) -> None:
        self._cells, self._header_row, self._totals_row = cells, header_row, totals_row
        self.bottom = bottom
        """The last row that holds anything, as far as it was gone."""
        self.totals: Sequence[Value] = ()
        """The results in the totals row of the table, if it has any."""

    def cells(self, rows: Iterator[ReportRow]) -> Iterator[tuple[int, bytes]]:
        if self._header_row:
            yield self._header_row, self._cells.headings(self._header_row).encode()
        cells, row = self._cells.row, 0
        for each in rows:
            row = each.number
            yield row, cells(row, each.values).encode()
            if row == self._totals_row:
                self.totals = each.values
        self.bottom = max(self.bottom, row)


def _palette(styles: StylesPart) -> Palette:
    """Return the looks in the workbook's own font, so that the new columns match the others."""
    book = Workbook()
    name, size = styles.font
    palette = Palette(book.worksheets[0], name=name or "Calibri", size=size or 11)
    donor = save_package(book)
    return palette.renumber(styles.adopt(donor.read("xl/styles.xml")))
