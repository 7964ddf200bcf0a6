"""The file that is read, and what refuses it: one record that every reader gets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

NO_CELL_ERRORS: Mapping[int, str] = MappingProxyType({})


class RawRow(NamedTuple):
    """A row as the file has it: cells as text by position, before any header is known."""

    number: int
    """As Excel shows it, from 1."""
    cells: list[str | None]
    """By column, from A; the list may be shorter than the sheet is wide. None: empty or unreadable."""
    errors: Mapping[int, str] = NO_CELL_ERRORS
    """Column index (from 0) to what is wrong with that cell."""
    hidden: bool = False
    fault: str = ""
    """What is wrong with the row as a whole; empty when nothing is."""


class Grid(Protocol):
    """The rows of one worksheet or text file."""

    def rows(self) -> Iterator[RawRow]:
        """Rows in order, numbers rising; empty ones may be left out. May be called again and gives the same."""
        ...


def column_letter(index: int) -> str:
    """The letters Excel shows for a column; `index` from 0. 0 -> A, 25 -> Z, 26 -> AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters
