"""XLS and XLSB workbooks: values by python-calamine in a process of its own, beside them the marks it leaves out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from batch.i18n import _
from batch.loader.formats.marks import MarkedSheet, Marks
from batch.loader.source import Grid, RawRow, Source, Tab

__all__ = ["BinaryBook"]

_END = "end"


def _environment() -> dict[str, str]:
    """Ours, with the place of this package, and without the token."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("WEGLY")}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[3])}


class BinaryBook:
    """A workbook whose records were looked over, so that calamine may have it."""

    def __init__(self, source: Source, format_name: str, sheets: Sequence[MarkedSheet]) -> None:
        self.format = format_name
        self.tabs = tuple(sheet.tab for sheet in sheets)
        self._source = source
        self._marks: Mapping[str, Marks] = {sheet.tab.place: sheet.marks for sheet in sheets}

    def grid(self, tab: Tab) -> Grid:
        """The rows of a worksheet; they are read, and damage is found, when they are asked for."""
        return _WorkerGrid(source=self._source, place=tab.place, marks=self._marks[tab.place])


@dataclass(frozen=True, kw_only=True, slots=True)
class _WorkerGrid:
    source: Source
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

    def _row(self, index: int, cells: list[str | None], errors: Mapping[str, str]) -> RawRow:
        words = {int(column): said for column, said in errors.items()} | self.marks.errors.get(index, {})
        cells = [None if column in words else cell for column, cell in enumerate(cells)]
        return RawRow(index + 1, cells, words, index in self.marks.hidden)

    def _values(self) -> Iterator[tuple[int, list[str | None], dict[str, str]]]:
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

    def _lines(self, worker: subprocess.Popen[str]) -> Iterator[tuple[int, list[str | None], dict[str, str]]]:
        for line in worker.stdout or ():
            found = json.loads(line) if line.endswith("\n") else None
            if found == _END:
                return
            if found is None:
                break
            index, cells, errors = found
            yield index, cells, errors
        raise self.source.damaged(_("its records do not make a sheet"))
