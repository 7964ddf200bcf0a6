"""Which row is the header, and what the columns are called. Pure rules over the first rows of a sheet.

A header is a row of words above a row of data. What tells it, strongest first: it names columns the campaign asks for;
it holds usual names of columns (telefone, nome, ...); it is the first full row, all words, of a block of rows. Titles
above it are passed over. Where no row is one (the first full row holds numbers, dates or addresses as data does), the
sheet has no header: its columns are called `column A`, `column B`, ... and no row is lost.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from batch.loader.header_names import fold, is_known_header
from batch.loader.source import RawRow
from batch.ooxml.references import column_letters

HEAD_ROWS = 30
"""Rows that hold anything among which the header is looked for."""

_DATA = re.compile(
    r"""[\s+(R$US€'.,:;/\\%()xX-]*[0-9][\s0-9+()R$€.,:;/\\%EexX-]*   # numbers, phones, dates, money
      | \S+@\S+\.\S+                                              # e-mail
      | https?://\S*
      | [0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{22}            # UUID
      | SIM | NÃO""",
    re.VERBOSE,
)
_LONGEST_NAME = 1000
"""Characters; questions of a form stand in headers whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """The header row: its number (0: the sheet has none) and the names by column, None where a column has none."""

    number: int
    names: tuple[str | None, ...]
    known: int = 0
    """How many of its names were recognized; 0 when the row was told by its form alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """The columns that are kept, in order: where they are in the file (from 0), and what they are called."""

    places: tuple[int, ...]
    names: tuple[str, ...]
    ambiguous: tuple[str, ...] = ()
    """Names that more than one column has."""


def column_name(index: int) -> str:
    """The name of a column that has none: `column F`. `index` from 0."""
    return f"column {column_letters(index + 1)}"


def _clean(name: str | None) -> str | None:
    """A header name on one line: line breaks and runs of spaces become one space."""
    return (" ".join(name[:_LONGEST_NAME].split()) or None) if name else None


def _filled(row: RawRow) -> list[str]:
    return [cell for cell in row.cells if cell]


def _looks_like_data(cell: str) -> bool:
    return len(cell) > _LONGEST_NAME or bool(_DATA.fullmatch(cell)) or not any(map(str.isalpha, cell))


def header_at(rows: Sequence[RawRow], number: int) -> Header | None:
    """The header a person named by its row number; None when that row is not among `rows`, or holds nothing."""
    for row in rows:
        if row.number == number and _filled(row):
            return Header(number=number, names=tuple(_clean(cell) for cell in row.cells))
    return None


def headless(rows: Sequence[RawRow]) -> Header:
    """The header of a sheet without one: every column nameless, number 0."""
    return Header(number=0, names=(None,) * max((len(row.cells) for row in rows), default=0))


def find_header(rows: Sequence[RawRow], wanted: Collection[str] = ()) -> Header:
    """The header among the first rows of a sheet. `wanted`: names the campaign asks for; they decide first."""
    asked = {fold(name) for name in wanted}
    best: Header | None = None
    best_score = (0, 0, 0)
    above: RawRow | None = None
    for row in rows:
        names = _names_with_gaps_filled(row, above)
        score = _recognized(row, names, asked)
        if score > best_score:
            best, best_score = Header(number=row.number, names=names, known=max(score[:2])), score
        above = row
    return best or _by_form(rows)


def _recognized(row: RawRow, names: tuple[str | None, ...], asked: set[str]) -> tuple[int, int, int]:
    """How many names the campaign asks for, how many usual names, how many names; zeros if the row brings none.

    A row that holds data as well is a header only if it is mostly words and brings two usual names.
    """
    filled = _filled(row)
    words = [cell for cell in filled if not _looks_like_data(cell)]
    known = sum(map(is_known_header, words))
    enough = 1 if len(words) == len(filled) else 2
    if not {fold(cell) for cell in words} & asked and (known < enough or 2 * len(words) <= len(filled)):
        return (0, 0, 0)
    present = [name for name in names if name]
    return len({fold(name) for name in present} & asked), sum(map(is_known_header, present)), len(present)


def _names_with_gaps_filled(row: RawRow, above: RawRow | None) -> tuple[str | None, ...]:
    """The row's names; where it has none, the name right above it: a header of two lines with merged cells.

    Only when the row above is the sheet's previous row and is itself of several words; else it is a title.
    """
    names = [_clean(cell) for cell in row.cells]
    if above is None or above.number != row.number - 1 or len(_filled(above)) < 2:  # noqa: PLR2004 (one cell is a title)
        return tuple(names)
    upper = [_clean(cell) for cell in above.cells]
    if any(_looks_like_data(cell) for cell in upper if cell):
        return tuple(names)
    names += [None] * (len(upper) - len(names))
    return tuple(name or (upper[index] if index < len(upper) else None) for index, name in enumerate(names))


def _by_form(rows: Sequence[RawRow]) -> Header:
    """The first row that is at least half as full as the fullest, if it is all words; else no header.

    What stands above it in fewer cells is a title or a remark.
    """
    most = max((len(_filled(row)) for row in rows), default=0)
    for row in rows:
        if 2 * len(_filled(row)) >= most:
            if row.errors or any(_looks_like_data(cell) for cell in _filled(row)):
                break
            return Header(number=row.number, names=tuple(_clean(cell) for cell in row.cells))
    return headless(rows)


def is_list(rows: Sequence[RawRow]) -> bool:
    """Whether rows without a header look like a list: three in four are at least half as full as the fullest.

    A report with headings, blanks and several small tables is none.
    """
    most = max((len(_filled(row)) for row in rows), default=0)
    return 4 * sum(2 * len(_filled(row)) >= most for row in rows) >= 3 * len(rows)


def name_columns(header: Header, used: Collection[int]) -> Columns:
    """Name the columns. `used`: indexes of columns that hold anything below the header.

    A column without a name and without data is left out. Of several columns of one name the first keeps it, the
    later ones say where they are: `Telefone (column F)`.
    """
    places: list[int] = []
    names: list[str] = []
    ambiguous: list[str] = []
    for index in sorted({*used, *(i for i, name in enumerate(header.names) if name)}):
        name = header.names[index] if index < len(header.names) else None
        if name is None:
            name = column_name(index)
        elif name in names:
            ambiguous += [] if name in ambiguous else [name]
            name = f"{name} ({column_name(index)})"
        while name in names:
            name += "*"
        places.append(index)
        names.append(name)
    return Columns(places=tuple(places), names=tuple(names), ambiguous=tuple(ambiguous))
