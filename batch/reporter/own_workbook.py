"""The user's own workbook with the result columns at the right of the contact sheet, and the summary in front.

The one place that knows how this is done: now by loading and saving with openpyxl. What openpyxl leaves out is named
(`losses`), and what it could be made to keep is put back (`stored_values`).
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from batch.language import N_, _
from batch.model.sheet import SheetInfo
from batch.reporter.celltext import cut_sentence
from batch.reporter.columns import COLUMNS
from batch.reporter.losses import losses
from batch.reporter.material import Material
from batch.reporter.result_columns import NoRoom, write_results
from batch.reporter.sheet_parts import sheet_parts
from batch.reporter.stored_values import Stored, restored, stored_values
from batch.reporter.summary_sheet import add_summary, is_ours

__all__ = ["CannotKeep", "has_macros", "write_own"]

_MOST_BYTES = 200_000_000
"""Of worksheet XML. openpyxl needs about 20 times as much memory; beyond this a clean workbook is the safer report."""

_BARE = N_(
    "The sheet has no header, so the result columns have no headings here; in their order they are {columns}. "
    "In results.csv a header is above the rows: row 1 is its line 2, and so on."
)

_UNREADABLE = (
    AttributeError,
    BadZipFile,
    IndexError,
    InvalidFileException,
    KeyError,
    ParseError,
    TypeError,
    ValueError,
)
"""What openpyxl raises for a workbook that it does not understand."""


class CannotKeep(Exception):
    """The workbook cannot be written back; the text is a sentence that says why."""


def has_macros(path: Path) -> bool:
    """True when the workbook has macros, so that a copy with them must be named .xlsm."""
    with ZipFile(path) as archive:
        return "xl/vbaProject.bin" in archive.namelist()


def write_own(file: BinaryIO, material: Material, path: Path, info: SheetInfo) -> tuple[str, ...]:
    """Write the workbook at `path` with the results of its sheet into `file`.

    Gives the sentences about what could not be kept; they are on the summary as well. `CannotKeep` may leave `file`
    half written.
    """
    book, lost = _load(path, material.sheet.name)
    sheet = book[info.sheet] if info.sheet in book.sheetnames else None
    if not isinstance(sheet, Worksheet):
        raise CannotKeep(
            _("The worksheet {title!r} was not found again in {file}.").format(
                title=info.sheet, file=material.sheet.name
            )
        )
    stored = _stored(path, book)
    for each in [each for each in book.worksheets if each is not sheet and is_ours(each["A1"].value)]:
        book.remove(each)
    try:
        cut = write_results(sheet, material.results(), header_row=info.header_row, zone=material.zone)
    except NoRoom as error:
        raise CannotKeep(
            _("{file} has no room for the result columns at its right.").format(file=material.sheet.name)
        ) from error
    problems = (*lost, *cut_sentence(cut))
    remarks = () if info.header_row else (_(_BARE).format(columns=", ".join(COLUMNS)),)
    add_summary(book, material.page(problems, remarks), material.figures)
    _show_first(book)
    _save(book, file, stored, material.sheet.name)
    return problems


def _load(path: Path, name: str) -> tuple[Workbook, tuple[str, ...]]:
    """The workbook, and the sentences about what will be missing from it."""
    try:
        with path.open("rb") as file, ZipFile(file) as archive, warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            size = sum(each.file_size for each in archive.infolist() if each.filename.startswith("xl/worksheets/"))
            if size > _MOST_BYTES:
                raise CannotKeep(_("{name} is too large for its own formatting to be kept.").format(name=name))
            macros = "xl/vbaProject.bin" in archive.namelist()
            book = load_workbook(file, keep_vba=macros, rich_text=True)
            return book, _loss_words(name, losses(archive, book, [str(each.message) for each in said]))
    except _UNREADABLE as error:
        raise CannotKeep(_("{name} cannot be written back with its own formatting.").format(name=name)) from error


def _loss_words(name: str, lost: tuple[str, ...]) -> tuple[str, ...]:
    if not lost:
        return ()
    return (
        _("This copy of {name} lacks {lost}; your own file has them still.").format(name=name, lost=", ".join(lost)),
    )


def _stored(path: Path, book: Workbook) -> Mapping[str, Stored]:
    """For the title of each worksheet with formulas, their stored results."""
    titles = [each.title for each in book.worksheets if any(cell.data_type == "f" for cell in each._cells.values())]
    with ZipFile(path) as archive:
        parts = sheet_parts(archive)
        found = {}
        for title in titles:
            if parts.get(title) in archive.namelist():
                with archive.open(parts[title]) as xml:
                    found[title] = stored_values(xml)
    return found


def _show_first(book: Workbook) -> None:
    """Open on the summary alone: sheets that stay selected together would all be edited together."""
    for sheet in book.worksheets:
        sheet.sheet_view.tabSelected = False
    for chartsheet in book.chartsheets:
        for view in chartsheet.sheetViews.sheetView:
            view.tabSelected = False
    book.active = 0


def _save(book: Workbook, file: BinaryIO, stored: Mapping[str, Stored], name: str) -> None:
    book.template = False
    book.calculation.fullCalcOnLoad = True
    try:
        if not stored:
            book.save(file)
            return
        with tempfile.TemporaryFile() as saved:
            book.save(saved)
            with ZipFile(saved) as archive:
                parts = sheet_parts(archive)
            restored(saved, file, {parts[title]: results for title, results in stored.items()})
    except _UNREADABLE as error:
        raise CannotKeep(_("{name} cannot be written back with its own formatting.").format(name=name)) from error
