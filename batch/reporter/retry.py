"""retry.xlsx: the rows to correct, with the cells of the sheet, ready to be run again with the same campaign.

Each cell is text and reads back as the loader read it, so that a row without a correction is as wrong as before: a cell
that could not be read is an error cell again. To the right of them stand reason, message and action, then, in grey, the
origin: the row of the sheet in which the row was wrong first, with the code by which the ledger knows it as its own. By
it the ledger joins the outcome of the correction.

A file with corrections in it is never overwritten or removed: `.retry.sha256` lists the digests of the files as this
program wrote them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path, PurePath
from typing import BinaryIO
from zipfile import ZipFile

from openpyxl.cell.cell import ERROR_CODES
from openpyxl.styles import Alignment, Font
from openpyxl.worksheet.worksheet import Worksheet

from batch.atomic_file import write_atomic
from batch.i18n import _, ngettext, number
from batch.model.messages import ORIGIN_COLUMNS, ORIGIN_MAC, Origin
from batch.model.outcomes import Outcome
from batch.model.phrases import Phrase
from batch.model.reasons import Reason
from batch.model.sheets import SheetRow
from batch.ooxml.archive import new_zip
from batch.ooxml.references import column_letters
from batch.reporter.columns import COLUMNS, REASON, value_text
from batch.reporter.printable_text import cut_text, escape_exact, printable
from batch.reporter.rows import FileWriter, ReportInputs, ReportRow, join_by_number, write_noting
from batch.reporter.tones import TONES
from batch.reporter.xlsx.cells import CellWriter, number_cell
from batch.reporter.xlsx.new_workbook import MOST_ROWS, NewWorkbook, fit_widths, most_bytes, own_title, row_height
from batch.reporter.xlsx.summary_sheet import free_title
from batch.reporter.xlsx.theme import INK, MIST, MUTED, Palette, Shades, format_styles, look, make_shades, width_of

_NAME = "retry.xlsx"
_DIGESTS = ".retry.sha256"
_SHA256_DIGITS = 64
_NOT_TO_CORRECT = frozenset({Reason.OPTED_OUT.value, Reason.NOT_DELIVERED_BY_CHOICE.value})
"""Errors of which no cell is the cause."""
_EXPLANATION = ("wegly_reason", "wegly_message", "wegly_action")
_EXPLANATION_PLACES = tuple(map(COLUMNS.index, _EXPLANATION))
ORIGINS = (*ORIGIN_COLUMNS, ORIGIN_MAC)
_OUR_PREFIX = "wegly_"
_SAMPLE = 200
"""Rows by which the widths of columns are chosen."""
_NARROWEST = 12
"""Characters of the sheet's own columns."""
_UNREADABLE = "#VALUE!"
_LONGEST_TITLE = 31
_SUMMARIES = ["Summary", "Resumo"]
"""Names of worksheets that are not read as sheets of contacts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowToCorrect:
    """A row as the sheet has it, its result, and where it was wrong first."""

    row: SheetRow
    result: ReportRow
    origin: tuple[str | int, ...]
    """A value for each of the origin columns."""


def write_retries(folder: Path, inputs: ReportInputs, report: FileWriter) -> None:
    """Write retry.xlsx into `folder`, and `retry-2.xlsx` and so on for the rows that one worksheet cannot hold.

    Without rows to correct, an earlier file without corrections is removed. Without the sheet nothing can be written,
    and an earlier file stays.
    """
    known = RetryFiles(folder)
    count = sum(each.rows for each in inputs.statistics.reasons if is_to_correct(each.outcome, each.reason))
    if count and inputs.sheet.rows is None:
        report.problems.append(
            _("Without the sheet its rows cannot be put into a retry.xlsx; one of before stays as it is.")
        )
        return
    most = MOST_ROWS - 1
    names = [_NAME, *(f"retry-{part}.xlsx" for part in range(2, -(-count // most) + 1))] if count else []
    for name in names or [_NAME]:
        if known.is_changed(folder / name):
            words = _("{file} was changed since it was written, so it stays as it is; move it away to get a new one.")
            report.problems.append(words.format(file=name))
            return
    rows = rows_to_correct(inputs)
    written: list[Path] = []
    for name in names:
        part = islice(rows, most)
        if not report.write(name, partial(_write_part, folder / name, inputs, part, known, written)):
            return
    if len(names) > 1:
        words = ngettext(
            "{n} row is to be corrected, more than a worksheet holds: run {files}, each as a sheet.",
            "{n} rows are to be corrected, more than a worksheet holds: run {files}, each as a sheet.",
            count,
        )
        report.problems.append(words.format(n=number(count), files=", ".join(names)))
    report.problems.extend(known.remove_all_but(written))


def is_to_correct(outcome: Outcome, reason: str) -> bool:
    """True for rows that a person can correct in the sheet."""
    return outcome is Outcome.ERROR and reason not in _NOT_TO_CORRECT


def rows_to_correct(inputs: ReportInputs) -> Iterator[RowToCorrect]:
    """Yield the rows to correct in the sheet's order."""
    rows = inputs.sheet.rows() if inputs.sheet.rows else iter(())
    file = PurePath(inputs.sheet.name).name
    for at, row, result in join_by_number(rows, inputs.rows()):
        if row and result and is_to_correct(result.outcome, str(result.values[REASON])):
            origin = result.origin or Origin(run=inputs.run.run, row=at, file=file)
            values = origin.file, origin.row, origin.run, inputs.origin_mac(origin)
            yield RowToCorrect(row=row, result=result, origin=values)


def _write_part(
    target: Path, inputs: ReportInputs, rows: Iterator[RowToCorrect], known: RetryFiles, written: list[Path]
) -> tuple[Path, tuple[str, ...]]:
    def write(file: BinaryIO) -> tuple[str, ...]:
        problems = write_rows(file, inputs, rows)
        file.flush()
        file.seek(0)
        # Before the file is in place: wherever this ends, a file that is there without corrections is a known one.
        known.add(_digest(file))
        return problems

    made = write_noting(target, write)
    written.append(made[0])
    return made


def write_rows(
    file: BinaryIO, inputs: ReportInputs, rows: Iterator[RowToCorrect], *, subject: str | None = None
) -> tuple[str, ...]:
    """Write a workbook of these rows. Returns sentences about texts that did not fit.

    `subject`: of the workbook's properties, which then identify its rows as written by this program.
    """
    info = inputs.sheet.info
    columns = info.columns if info else ()
    own = [index for index, name in enumerate(columns) if not name.strip().casefold().startswith(_OUR_PREFIX)]
    sample = list(islice(rows, _SAMPLE))
    header = [*(columns[index] for index in own), *_EXPLANATION, *ORIGINS]
    own_cells = ([each.row.cells[index] for index in own] for each in sample)
    widths = [*fit_widths(header[: len(own)], own_cells, narrowest=_NARROWEST), *map(width_of, header[len(own) :])]
    with new_zip(file) as copy:
        book = NewWorkbook(copy, free_title(own_title(inputs.sheet, _LONGEST_TITLE) or "Rows", _SUMMARIES))
        cells = _Cells(book.book.worksheets[0], columns, own)
        most = most_bytes(min(inputs.tally.rows, MOST_ROWS), len(header))
        with book.stream(0, widths, header_row=1, most=most) as sheet:
            sheet.add(1, cells.headings(header))
            for at, each in enumerate(chain(sample, rows), start=2):
                texts, markup = cells.row(at, each)
                sheet.add(at, markup, _height(texts, widths))
        if subject is not None:
            book.book.properties.subject, book.book.properties.identifier = subject, identify_rows(copy)
        book.finish()
    return _cut_sentence(cells.cut)


class _Cells:
    """Makes the cells of a row to correct."""

    def __init__(self, sheet: Worksheet, columns: tuple[str, ...], own: list[int]) -> None:
        self._columns, self._own = columns, own
        self._own_writer, self._writer = CellWriter(), CellWriter()
        self._palette = Palette(sheet, vertical="top")
        self._starts = [
            f'<c r="{column_letters(number)}' for number in range(1, len(own) + len(_EXPLANATION) + len(ORIGINS) + 1)
        ]
        top, tone = Alignment(vertical="top"), TONES[Outcome.ERROR]
        at_fault = Font("Calibri", 11, bold=True, color=tone.ink)
        left = Alignment(horizontal="left", vertical="top")
        wrapped = Alignment(vertical="top", wrap_text=True)
        middle = Alignment(vertical="center")
        grey, grey_bold = Font("Calibri", 10, color=MUTED), Font("Calibri", 10, bold=True, color=MUTED)
        looks = (
            look(sheet, font=at_fault, fill=tone.tint, number_format="@", align=top),
            look(sheet, font=grey, fill=MIST, align=left),
            look(sheet, font=Font("Calibri", 11, color=INK), align=wrapped),
            look(sheet, font=grey_bold, fill=MIST, align=middle),
        )
        self._number_at_fault = format_styles(sheet, looks[0])
        self._fault, self._grey, self._wrapped, self._grey_heading = (make_shades(sheet, each) for each in looks)

    @property
    def cut(self) -> int:
        """Cells of the sheet whose text did not fit."""
        return self._own_writer.cut

    def headings(self, header: list[str]) -> str:
        """Return the header's cells, for row 1."""
        shades = [
            *[self._palette.their_heading] * len(self._own),
            *[self._palette.heading] * len(_EXPLANATION),
            *[self._grey_heading] * len(ORIGINS),
        ]
        return self._join(1, [self._writer.rest(name, each) for name, each in zip(header, shades, strict=True)])

    def row(self, at: int, wrong: RowToCorrect) -> tuple[list[str | None], str]:
        """Return the texts of a row, and its cells for row number `at`."""
        # A finding names one column, or several with commas between.
        faults = {each for name in wrong.result.columns for each in (name, *name.split(", "))}
        texts, cells = [], []
        numbers = dict(wrong.row.shown)
        for index in self._own:
            shades = self._fault if self._columns[index] in faults else self._palette.theirs
            text = wrong.row.cells[index]
            texts.append(None if text is None else escape_exact(cut_text(text)))
            left, code = numbers.get(index, ("", ""))
            style = self._number_at_fault if shades is self._fault else self._palette.their_number
            shown = number_cell(text or left, code, style) if code else None
            unreadable = wrong.row.errors.get(self._columns[index])
            cells.append(shown or self._own_cell(text, unreadable, shades))
        reason, message, action = (value_text(wrong.result.values[place]) for place in _EXPLANATION_PLACES)
        plain = self._palette.result(_EXPLANATION_PLACES[0], Outcome.ERROR)
        if reason == Reason.ROW_MALFORMED.value:
            action = _("Correct the cells of this row, then empty its cell wegly_reason: else it stays unreadable.")
            plain = self._fault
        texts += [printable(each) for each in (reason, message, action)]
        cells += [
            self._writer.rest(reason, plain),
            self._writer.rest(message, self._wrapped),
            self._writer.rest(action, self._wrapped),
        ]
        texts += [each if isinstance(each, str) else None for each in wrong.origin]
        cells += [self._writer.rest(each, self._grey) for each in wrong.origin]
        return texts, self._join(at, cells)

    def _own_cell(self, text: str | None, unreadable: Phrase | None, shades: Shades) -> str:
        """Return the user's cell. One that could not be read is an error cell, so that it is not taken for empty."""
        if unreadable:
            code = unreadable.values.get("code")
            shown = code if code in ERROR_CODES else _UNREADABLE
            return f' s="{self._fault.plain}" t="e"><v>{shown}</v></c>'
        return f' s="{shades.plain}"/>' if text is None else self._own_writer.escape_exact(text, shades)

    def _join(self, at: int, cells: list[str]) -> str:
        return "".join(f'{start}{at}"{cell}' for start, cell in zip(self._starts, cells, strict=True))


def _height(texts: Sequence[str | None], widths: Sequence[float]) -> int:
    """Points for the lines of the tallest cell: Excel does not fit the height in a file that another program made."""
    lines = [
        sum(max(1, math.ceil(len(part) * 0.95 / width)) for part in text.split("\n"))
        for text, width in zip(texts, widths, strict=True)
        if text is not None and ("\n" in text or width >= width_of(_EXPLANATION[2]))
    ]
    return row_height(max(lines, default=1))


def identify_rows(book: ZipFile) -> str:
    """Return what identifies the rows of a workbook's first worksheet: each program that saves it writes others."""
    return f"wegly-batch {book.getinfo('xl/worksheets/sheet1.xml').CRC:08x}"


def _cut_sentence(cells: int) -> tuple[str, ...]:
    if not cells:
        return ()
    words = ngettext(
        "{n} cell of the rows to correct has more text than Excel allows and is cut there; correct it in the sheet.",
        "{n} cells of the rows to correct have more text than Excel allows and are cut there; correct them in the "
        "sheet.",
        cells,
    )
    return (words.format(n=number(cells)),)


@dataclass(slots=True)
class RetryFiles:
    """The files of a folder that are still as this program wrote them."""

    folder: Path

    def is_changed(self, path: Path) -> bool:
        """True when there is a file that is not as it was written."""
        return path.exists() and not self._is_known(path)

    def add(self, digest: str) -> None:
        """Add a file that is about to be put in place, beside those that are there. Durable on return."""
        digests = [*(_file_digest(path) for path in self._files() if self._is_known(path)), digest]
        text = "".join(f"{each}\n" for each in dict.fromkeys(digests)).encode()
        write_atomic(self.folder / _DIGESTS, lambda file: file.writelines([text]))

    def remove_all_but(self, written: list[Path]) -> list[str]:
        """Remove the other known files, which have nothing to correct any more. Returns sentences about problems."""
        problems = []
        for path in self._files():
            if path not in written and self._is_known(path):
                try:
                    path.unlink()
                except OSError as error:
                    words = _("{file} has nothing left to correct, but could not be removed: {problem}.")
                    problems.append(words.format(file=path.name, problem=error.strerror or error))
        if not written and not problems:
            with suppress(OSError):
                (self.folder / _DIGESTS).unlink(missing_ok=True)
        return problems

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("retry*.xlsx"))

    def _is_known(self, path: Path) -> bool:
        try:
            text = (self.folder / _DIGESTS).read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        return _file_digest(path) in [line for line in text.split() if len(line) == _SHA256_DIGITS]


def _file_digest(path: Path) -> str:
    """Empty for a file that cannot be read, which is then treated as changed."""
    try:
        with path.open("rb") as file:
            return _digest(file)
    except OSError:
        return ""


def _digest(file: BinaryIO) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # files have readinto
