"""XLS and XLSB workbooks: values by python-calamine in a process of its own, beside them the marks it leaves out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from batch.i18n import _, number
from batch.loader.source import Grid, RawRow, Tab
from batch.model.phrases import Phrase, phrase_from_json
from batch.model.sheet_file import SheetFile

_MOST_ROWS = 1_048_576

ERROR_CODES = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}


@dataclass(kw_only=True, slots=True)
class Marks:
    """Hidden rows and unreadable cells of a worksheet, and the rectangle around its values. Rows and columns from 0."""

    hidden: set[int] = field(default_factory=set)
    errors: dict[int, dict[int, Phrase]] = field(default_factory=dict)
    """Row to column to what is wrong with the cell."""
    top: int = -1
    left: int = -1
    bottom: int = -1
    right: int = -1

    def value(self, row: int, column: int) -> None:
        """Note that a cell holds a value."""
        if self.top < 0:
            self.top, self.bottom, self.left, self.right = row, row, column, column
            return
        self.top, self.bottom = min(self.top, row), max(self.bottom, row)
        self.left, self.right = min(self.left, column), max(self.right, column)

    def error(self, row: int, column: int, error: Phrase) -> None:
        """Note that a cell is unreadable."""
        self.value(row, column)
        self.errors.setdefault(row, {})[column] = error

    def claims(self, source: SheetFile, rows: int, columns: int) -> None:
        """Refuse a sheet that says it is larger than a sheet can be: the reader library takes the memory for it.

        Raises:
            SheetError: more rows or columns than any format has.
        """
        if rows > _MOST_ROWS or columns > source.limits.columns:
            raise source.damage(
                _("it says that it has {rows} rows and {columns} columns").format(
                    rows=number(rows), columns=number(columns)
                )
            )

    def check(self, source: SheetFile) -> None:
        """Refuse a rectangle that would fill the memory: it is held whole, empty cells included.

        Raises:
            SheetError: over the limit `loaded_cells`, or `columns`.
        """
        limits = source.limits
        area = (self.bottom - self.top + 1) * (self.right - self.left + 1)
        if area > limits.loaded_cells:
            raise source.excess(
                _("its cells span {area} places, {allowed} are allowed here (limit loaded_cells)").format(
                    area=number(area), allowed=number(limits.loaded_cells)
                )
            )
        if self.right >= limits.columns:
            raise source.excess(
                _("it has more than {most} columns (limit columns)").format(most=number(limits.columns))
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class MarkedSheet:
    """A sheet of the workbook and its marks. `tab.place` is its number in the workbook, from 0."""

    tab: Tab
    marks: Marks


_END = "end"


def _environment() -> dict[str, str]:
    """Ours, with the place of this package, and without the token."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("WEGLY")}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[3])}


class BinaryBook:
    """A workbook whose records were looked over, so that calamine may have it."""

    def __init__(self, source: SheetFile, format_name: str, sheets: Sequence[MarkedSheet]) -> None:
        self.format = format_name
        self.tabs = tuple(sheet.tab for sheet in sheets)
        self._source = source
        self._marks: Mapping[str, Marks] = {sheet.tab.place: sheet.marks for sheet in sheets}

    def grid(self, tab: Tab) -> Grid:
        """The rows of a worksheet; they are read, and damage is found, when they are asked for."""
        return _WorkerGrid(source=self._source, place=tab.place, marks=self._marks[tab.place])


@dataclass(frozen=True, kw_only=True, slots=True)
class _WorkerGrid:
    source: SheetFile
    place: str
    """The worksheet's number in the workbook, from 0."""
    marks: Marks

    def rows(self) -> Iterator[RawRow]:
        waiting = sorted(self.marks.errors)
        for index, cells, errors in self._values():
            while waiting and waiting[0] < index:
                yield self._row(waiting.pop(0), [], {})
            if waiting and waiting[0] == index:
                waiting.pop(0)
            yield self._row(index, cells, errors)
        for index in waiting:
            yield self._row(index, [], {})

    def _row(self, index: int, cells: list[str | None], errors: Mapping[str, list[Any]]) -> RawRow:
        unreadable = {int(column): phrase_from_json(error) for column, error in errors.items()}
        unreadable |= self.marks.errors.get(index, {})
        cells = [None if column in unreadable else cell for column, cell in enumerate(cells)]
        return RawRow(index + 1, cells, unreadable, index in self.marks.hidden)

    def _values(self) -> Iterator[tuple[int, list[str | None], dict[str, list[Any]]]]:
        module = "batch.loader.formats.calamine_worker"
        command = [sys.executable, "-P", "-m", module, str(self.source.path), self.place]
        with subprocess.Popen(  # noqa: S603 (our own module; the file's name is an argument, not a command)
            command,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        ) as worker:
            try:
                yield from self._lines(worker)
            finally:
                worker.kill()

    def _lines(self, worker: subprocess.Popen[str]) -> Iterator[tuple[int, list[str | None], dict[str, list[Any]]]]:
        for line in worker.stdout or ():
            found = json.loads(line) if line.endswith("\n") else None
            if found == _END:
                return
            if found is None:
                break
            index, cells, errors = found
            yield index, cells, errors
        raise self.source.damage(_("its records do not make a sheet"))
