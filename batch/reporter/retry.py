"""retry.xlsx: the rows worth correcting, as the sheet has them, ready to be run again with the same campaign.

Each cell is text and reads back as the loader read it, so that a row that nobody touches is as wrong as before: what
could not be read is an error cell again. To the right stand why and what to do, then the columns that lead back to the
row of the sheet in which it was wrong first, in grey: by them the ledger joins what becomes of it.

A file that somebody has begun to correct is never written over or taken away; `.retry.sha256` says which are as this
program wrote them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path, PurePath
from typing import BinaryIO, Protocol

from openpyxl.cell.cell import ERROR_CODES, Cell, WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.styles.cell_style import StyleArray
from openpyxl.utils import get_column_letter
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from batch.i18n import _, ngettext, number
from batch.model.messages import ORIGIN_COLUMNS, Origin
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason
from batch.model.sheets import SheetInfo, SheetRow
from batch.reporter.atomic_file import write_aside
from batch.reporter.columns import COLUMNS, REASON, value_text
from batch.reporter.inputs import ReportInputs
from batch.reporter.printable_text import exact, fitted
from batch.reporter.rows import ReportRow, join_by_number
from batch.reporter.tones import TONES
from batch.reporter.xlsx.new_workbook import MOST_ROWS
from batch.reporter.xlsx.summary_sheet import free_title
from batch.reporter.xlsx.theme import INK, MIST, MUTED, Brushes, look, set_cell, width_of

_SAID = ("wegly_reason", "wegly_message", "wegly_action")
_SAID_PLACES = tuple(map(COLUMNS.index, _SAID))
_OURS = "wegly_"
_SAMPLE = 200
_NARROWEST, _WIDEST = 12, 48
_LINE_HEIGHT = 15.0
_MOST_LINES = 27
"""Excel's tallest row is 409 points."""
_UNREADABLE = "#VALUE!"
_FORBIDDEN_IN_TITLES = str.maketrans(dict.fromkeys("[]:*?/\\", " "))
_LONGEST_TITLE = 31
_SUMMARIES = ["Summary", "Resumo"]
"""Names of worksheets that are not read as sheets of contacts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wrong:
    """A row to correct: as it is, why, and where it was wrong first."""

    row: SheetRow
    told: ReportRow
    origin: Origin


def write_wrong(file: BinaryIO, material: ReportInputs, wrong: Iterator[Wrong]) -> tuple[str, ...]:
    """Write the workbook of these rows. Gives the sentences about what did not fit."""
    info = material.sheet.info
    columns = info.columns if info else ()
    theirs = [index for index, name in enumerate(columns) if not name.strip().casefold().startswith(_OURS)]
    sample = list(islice(wrong, _SAMPLE))
    book = Workbook(write_only=True)
    book.properties.creator = "wegly-batch"
    sheet: Worksheet = book.create_sheet(_title(info, material.sheet.name))
    header = [*(columns[index] for index in theirs), *_SAID, *ORIGIN_COLUMNS]
    widths = [*_widths(columns, theirs, sample), *map(width_of, header[len(theirs) :])]
    for place, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = width
    sheet.freeze_panes = "A2"
    painter = _Painter(sheet, columns, theirs)
    sheet.append(painter.headings(header))
    last = 1
    for last, each in enumerate(chain(sample, wrong), start=2):
        cells = painter.line(each)
        sheet.row_dimensions[last].height = _height(cells, widths)
        sheet.append(cells)
        del sheet.row_dimensions[last]  # written: memory must not grow with the rows
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(header))}{last}"
    book.save(file)
    return _cut(painter.cut)


class _Painter:
    """Makes the cells of one worksheet."""

    def __init__(self, sheet: Worksheet, columns: tuple[str, ...], theirs: list[int]) -> None:
        self._sheet, self._columns, self._theirs = sheet, columns, theirs
        self._brushes = Brushes(sheet, vertical="top")
        top = Alignment(vertical="top")
        tone = TONES[Outcome.ERROR]
        at_fault = Font("Calibri", 11, bold=True, color=tone.ink)
        self._fault = look(sheet, font=at_fault, fill=tone.tint, number_format="@", align=top)
        left = Alignment(horizontal="left", vertical="top")
        self._grey = look(sheet, font=Font("Calibri", 10, color=MUTED), fill=MIST, align=left)
        ink = Font("Calibri", 11, color=INK)
        self._wrapped = look(sheet, font=ink, align=Alignment(vertical="top", wrap_text=True))
        self._grey_heading = look(
            sheet, font=Font("Calibri", 10, bold=True, color=MUTED), fill=MIST, align=Alignment(vertical="center")
        )
        self.cut = 0
        """Cells whose text did not fit."""

    def headings(self, header: list[str]) -> list[Cell]:
        styles = [
            *[self._brushes.their_heading] * len(self._theirs),
            *[self._brushes.heading] * len(_SAID),
            *[self._grey_heading] * len(ORIGIN_COLUMNS),
        ]
        return [self._cell(name, style) for name, style in zip(header, styles, strict=True)]

    def line(self, wrong: Wrong) -> list[Cell]:
        faults = _faults(wrong.told, self._columns)
        given = [self._given(wrong.row, index, at_fault=self._columns[index] in faults) for index in self._theirs]
        reason, message, action = (wrong.told.values[place] for place in _SAID_PLACES)
        malformed = reason == Reason.ROW_MALFORMED.value
        if malformed:
            action = _("Correct the cells of this row, then empty its cell wegly_reason: else it stays unreadable.")
        plain = self._brushes.result(_SAID_PLACES[0], Outcome.ERROR)
        said = [
            self._cell(value_text(reason), self._fault if malformed else plain),
            *(self._cell(value_text(each), self._wrapped) for each in (message, action)),
        ]
        origin = (wrong.origin.file, wrong.origin.row, wrong.origin.run)
        return [*given, *said, *(self._cell(each, self._grey) for each in origin)]

    def _given(self, row: SheetRow, index: int, *, at_fault: bool) -> Cell:
        """The user's cell. What could not be read is an error cell, so that it is not taken for an empty one."""
        style = self._fault if at_fault else self._brushes.theirs
        unreadable = row.errors.get(self._columns[index])
        text = row.cells[index]
        if unreadable:
            cell = self._cell(None, self._fault)
            code = unreadable.values.get("code")
            cell.value = code if code in ERROR_CODES else _UNREADABLE
            cell.data_type = "e"
            return cell
        if text is None:
            return self._cell(None, style)
        kept = fitted(text)
        self.cut += kept != text
        cell = self._cell(kept, style)
        written = exact(kept)
        if cell.value != written:
            cell.value = written
            cell.data_type = "s"
        return cell

    def _cell(self, value: str | int | None, style: StyleArray) -> Cell:
        cell = WriteOnlyCell(self._sheet)
        set_cell(cell, value, style)
        return cell


def _faults(told: ReportRow, columns: tuple[str, ...]) -> set[str]:
    """The columns that the findings name: one, or several with commas between."""
    return {each for name in told.columns for each in (name, *name.split(", "))} & set(columns)


def _title(info: SheetInfo | None, file: str) -> str:
    """The worksheet's own name, by which a campaign may ask for it, or the file's without its ending."""
    wanted = info.sheet if info and info.sheet else PurePath(file).stem
    clean = "".join(each for each in wanted.translate(_FORBIDDEN_IN_TITLES) if each.isprintable())
    return free_title(clean.strip(" '")[:_LONGEST_TITLE] or "Rows", _SUMMARIES)


def _widths(columns: tuple[str, ...], theirs: list[int], sample: Iterable[Wrong]) -> list[float]:
    widths = {index: len(columns[index]) + 4 for index in theirs}
    for each in sample:
        for index in theirs:
            longest = max(map(len, (each.row.cells[index] or "").splitlines()), default=0)
            widths[index] = max(widths[index], longest + 2)
    return [float(min(max(width, _NARROWEST), _WIDEST)) for width in widths.values()]


def _height(cells: Sequence[Cell], widths: Sequence[float]) -> float:
    """Points for the lines of the row's tallest cell: Excel does not find them by itself in a file made elsewhere."""
    texts = [(cell.value, width) for cell, width in zip(cells, widths, strict=True) if isinstance(cell.value, str)]
    lines = [
        sum(max(1, math.ceil(len(part) * 0.95 / width)) for part in text.split("\n"))
        for text, width in texts
        if "\n" in text or width >= width_of(_SAID[2])
    ]
    return min(max(lines, default=1), _MOST_LINES) * _LINE_HEIGHT


def _cut(cells: int) -> tuple[str, ...]:
    if not cells:
        return ()
    said = ngettext(
        "{n} cell of the rows to correct has more text than Excel allows and is cut there; correct it in the sheet.",
        "{n} cells of the rows to correct have more text than Excel allows and are cut there; correct them in the "
        "sheet.",
        cells,
    )
    return (said.format(n=number(cells)),)


_NOT_TO_CORRECT = frozenset({Reason.OPTED_OUT.value, Reason.NOT_DELIVERED_BY_CHOICE.value})
"""Errors of which no cell is the cause."""
_WRITTEN = ".retry.sha256"
_SHA256_DIGITS = 64
_CHUNK = 1 << 20


class Retries(Protocol):
    """Who is told what was written, and what not."""

    def write(self, name: str, write: Callable[[], tuple[Path, tuple[str, ...]]]) -> bool: ...
    def say(self, problem: str) -> None: ...


def write_retries(folder: Path, material: ReportInputs, done: Retries) -> None:
    """Write retry.xlsx into `folder`, and `retry-2.xlsx` and so on for what one worksheet cannot hold.

    Without rows to correct there is none: one of before goes, if nobody has changed it. Without the sheet there is
    nothing to write, and one of before stays.
    """
    ours = _Ours(folder)
    wrong = sum(each.rows for each in material.statistics.reasons if worth_correcting(each.outcome, each.reason))
    if wrong and material.sheet.rows is None:
        done.say(_("Without the sheet its rows cannot be put into a retry.xlsx; one of before stays as it is."))
        return
    most = MOST_ROWS - 1
    names = [_name(part) for part in range(1, -(-wrong // most) + 1)]
    changed = [name for name in (names or [_name(1)]) if ours.is_changed(folder / name)]
    if changed:
        done.say(
            _("{file} was changed since it was written, so it stays as it is; move it away to get a new one.").format(
                file=changed[0]
            )
        )
        return
    rows = _wrong(material)
    placed: list[Path] = []
    for name in names:
        some = islice(rows, most)
        if not done.write(name, partial(_write_part, folder / name, material, some, ours, placed)):
            return
    if len(names) > 1:
        done.say(
            ngettext(
                "{n} row is to be corrected, more than a worksheet holds: run {files}, each as a sheet.",
                "{n} rows are to be corrected, more than a worksheet holds: run {files}, each as a sheet.",
                wrong,
            ).format(n=number(wrong), files=", ".join(names))
        )
    for problem in ours.tidy(placed):
        done.say(problem)


def worth_correcting(outcome: Outcome, reason: str) -> bool:
    """Whether a row of this outcome and reason is for a person to correct."""
    return outcome is Outcome.ERROR and reason not in _NOT_TO_CORRECT


def _name(part: int) -> str:
    return "retry.xlsx" if part == 1 else f"retry-{part}.xlsx"


def _wrong(material: ReportInputs) -> Iterator[Wrong]:
    """The rows to correct, in the sheet's order. Streams."""
    rows = material.sheet.rows() if material.sheet.rows else iter(())
    for _number, row, told in join_by_number(rows, material.rows()):
        if row and told and worth_correcting(told.outcome, str(told.values[REASON])):
            yield Wrong(row=row, told=told, origin=_origin(material, row, told))


def _origin(material: ReportInputs, row: SheetRow, told: ReportRow) -> Origin:
    return told.origin or Origin(run=material.run.run, row=row.number, file=PurePath(material.sheet.name).name)


def _write_part(
    target: Path, material: ReportInputs, rows: Iterator[Wrong], ours: _Ours, placed: list[Path]
) -> tuple[Path, tuple[str, ...]]:
    problems: list[str] = []

    def write(file: BinaryIO) -> None:
        problems.extend(write_wrong(file, material, rows))
        file.flush()
        file.seek(0)
        # Noted before it is in place: whoever finds it there finds it noted, wherever this ends.
        ours.note(_digest(file))

    placed.append(write_aside(target, write))
    return placed[-1], tuple(problems)


@dataclass(slots=True)
class _Ours:
    """Which of the files in a folder are as this program wrote them."""

    folder: Path

    def is_changed(self, path: Path) -> bool:
        """Whether a file is there that is not as it was written."""
        return path.exists() and not self._is_ours(path)

    def note(self, digest: str) -> None:
        """Note a file that is about to be put in place, beside those that are there. Durable on return."""
        kept = [_sha256(path) for path in self._files() if self._is_ours(path)]
        write_aside(self.folder / _WRITTEN, lambda file: _write_lines(file, [*kept, digest]))

    def tidy(self, placed: list[Path]) -> list[str]:
        """Take away what was written before and has nothing to correct any more. Gives sentences about what stays."""
        problems = []
        for path in self._files():
            if path not in placed and self._is_ours(path):
                try:
                    path.unlink()
                except OSError as error:
                    problems.append(_not_removed(path, error))
        if not placed and not problems:
            with suppress(OSError):
                (self.folder / _WRITTEN).unlink(missing_ok=True)
        return problems

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("retry*.xlsx"))

    def _is_ours(self, path: Path) -> bool:
        return _sha256(path) in self._noted()

    def _noted(self) -> frozenset[str]:
        try:
            text = (self.folder / _WRITTEN).read_text(encoding="ascii", errors="replace")
        except OSError:
            return frozenset()
        return frozenset(line for line in text.split() if len(line) == _SHA256_DIGITS)


def _not_removed(path: Path, error: OSError) -> str:
    said = _("{file} has nothing left to correct, but could not be removed: {problem}.")
    return said.format(file=path.name, problem=error.strerror or error)


def _write_lines(file: BinaryIO, digests: list[str]) -> None:
    file.write("".join(f"{digest}\n" for digest in dict.fromkeys(digests)).encode())


def _sha256(path: Path) -> str:
    """Empty when it cannot be read, which is then nobody's to touch."""
    try:
        with path.open("rb") as file:
            return _digest(file)
    except OSError:
        return ""


def _digest(file: BinaryIO) -> str:
    total = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        total.update(chunk)
    return total.hexdigest()
