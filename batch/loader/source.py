"""Records that every reader of a sheet gives: tabs, rows and grids of rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

from batch.i18n import N_
from batch.model.phrases import Phrase
from batch.model.sheets import SheetFile

END_MARK = "\x1a"
"""Ctrl-Z, which programs of DOS write behind the last line of a text file."""
NO_CELL_ERRORS: Mapping[int, Phrase] = MappingProxyType({})

NO_CODES: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class Tab:
    """One sheet of a workbook, as its tab shows it."""

    name: str
    worksheet: bool = True
    """False for chart sheets, dialogs and macro sheets, which have no rows."""
    visible: bool = True
    place: str = ""
    """Location in the workbook: a part name or an index, by format."""


class RawRow(NamedTuple):
    """A row as the file has it: cells as text by position, before any header is known."""

    number: int
    """As Excel shows it, from 1."""
    cells: list[str | None]
    """Texts by column, from A; the list may be shorter than the sheet is wide. None: empty or unreadable."""
    errors: Mapping[int, Phrase] = NO_CELL_ERRORS
    """Column index (from 0) to the fault of that cell."""
    hidden: bool = False
    fault: Phrase | None = None
    """Fault of the row as a whole; None for none."""
    codes: Mapping[int, str] = NO_CODES
    """Column index to the code of a number format that may show another text than the cell's (`number_format.show`)."""


HEAVY_ROW = N_("one row has more than {most} characters (limit row_characters)")


def check_row(source: SheetFile, row: RawRow) -> None:
    """Refuse a row whose texts are too long together. Raises SheetError."""
    source.check("row_characters", sum(map(len, filter(None, row.cells))), HEAVY_ROW)


class Grid(Protocol):
    """The rows of one worksheet or text file."""

    def rows(self) -> Iterator[RawRow]:
        """Yield the rows in ascending order; empty ones may be left out. Each call yields the same rows."""
        ...
