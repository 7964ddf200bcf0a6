"""Detection of the header row, and names of the columns: pure rules over the first rows of a sheet.

A header is a row of words above a row of data. It is recognized, strongest first, by naming columns that the campaign
asks for; by usual names of columns (telefone, nome, ...); as the first full row, all words, of a block of rows. Titles
above it are passed over. Where no row is one (the first full row holds numbers, dates or addresses as data does), the
sheet has no header: its columns are called `column A`, `column B`, ... and no row is lost.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from batch.loader.header_names import fold, is_known_header
from batch.loader.source import RawRow
from batch.ooxml.references import column_letters

HEAD_ROWS = 30
"""Rows that hold anything among which the header is looked for."""

_DATA = re.compile(
    r"""[\s+(R$US€'.,:;/\\%()xX-]*[0-9][\s0-9+()R$€.,:;/\\%EexX-]*   # numbers, phones, dates, money
      | \S[^\s@]*+@\S[^\s.]*+\.\S+                                # e-mail
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
    """Names that were recognized; 0 when the row was found by its form alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetColumns:
    """The columns that are kept, in order: their places in the file (from 0), and their names."""

    places: tuple[int, ...]
    names: tuple[str, ...]
    ambiguous: tuple[str, ...] = ()
    """Names that more than one column has."""


def find_header(rows: Sequence[RawRow], wanted: Collection[str] = ()) -> Header:
    """Find the header among the first rows of a sheet. `wanted`: names the campaign asks for; they decide first."""
    wanted_names = {fold(name) for name in wanted}
    best: Header | None = None
    best_score = (0, 0, 0)
    above: RawRow | None = None
    for row in rows:
        names = _complete_names(row, above)
        score = _score(row, names, wanted_names)
        if score > best_score:
            best, best_score = Header(number=row.number, names=names, known=max(score[:2])), score
        above = row
    return best or _find_by_form(rows)


def _complete_names(row: RawRow, above: RawRow | None) -> tuple[str | None, ...]:
    """Return the row's names; where it has none, the name right above it: a header of two lines with merged cells.

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


def _score(row: RawRow, names: tuple[str | None, ...], wanted: set[str]) -> tuple[int, int, int]:
    """Count the names that the campaign asks for, the usual names, and all names; zeros for a row that is no header.

    A row that holds data as well is a header only if it is mostly words and has two usual names.
    """
    filled = _filled(row)
    words = [cell for cell in filled if not _looks_like_data(cell)]
    known = sum(map(is_known_header, words))
    enough = 1 if len(words) == len(filled) else 2
    if not {fold(cell) for cell in words} & wanted and (known < enough or 2 * len(words) <= len(filled)):
        return (0, 0, 0)
    present = [name for name in names if name]
    return len({fold(name) for name in present} & wanted), sum(map(is_known_header, present)), len(present)


def _find_by_form(rows: Sequence[RawRow]) -> Header:
    """Take the first row that is at least half as full as the fullest, if it is all words; else no header.

    Rows of fewer cells above it are titles or remarks.
    """
    first = next(_full_rows(rows), None)
    if first is None or first.errors or any(map(_looks_like_data, _filled(first))):
        return headless(rows)
    return Header(number=first.number, names=tuple(map(_clean, first.cells)))


def header_at(rows: Sequence[RawRow], number: int) -> Header | None:
    """Return the header in a row that a person named; None when it is not among `rows`, or holds nothing."""
    found = next((row for row in rows if row.number == number and _filled(row)), None)
    return found and Header(number=number, names=tuple(map(_clean, found.cells)))


def headless(rows: Sequence[RawRow]) -> Header:
    """Return the header of a sheet without one: every column nameless, number 0."""
    return Header(number=0, names=(None,) * max((len(row.cells) for row in rows), default=0))


def is_list(rows: Sequence[RawRow]) -> bool:
    """True for rows without a header that look like a list: three in four are at least half as full as the fullest.

    A report with headings, blanks and several small tables is none.
    """
    return 4 * len(list(_full_rows(rows))) >= 3 * len(rows)


def _full_rows(rows: Sequence[RawRow]) -> Iterator[RawRow]:
    most = max((len(_filled(row)) for row in rows), default=0)
    return (row for row in rows if 2 * len(_filled(row)) >= most)


def _filled(row: RawRow) -> list[str]:
    return [cell for cell in row.cells if cell]


def _clean(name: str | None) -> str | None:
    """Put a header name on one line: line breaks and runs of spaces become one space."""
    return (" ".join(name[:_LONGEST_NAME].split()) or None) if name else None


def _looks_like_data(cell: str) -> bool:
    return len(cell) > _LONGEST_NAME or bool(_DATA.fullmatch(cell)) or not any(map(str.isalpha, cell))


def name_columns(header: Header, used: Collection[int]) -> SheetColumns:
    """Name the columns. `used`: indexes of columns that hold anything below the header.

    A column without a name and without data is left out. Of several columns of one name the first keeps it, the
    others get their letters: `Telefone (column F)`.
    """
    places: list[int] = []
    names: dict[str, None] = {}
    ambiguous: dict[str, None] = {}
    for index in sorted({*used, *(i for i, name in enumerate(header.names) if name)}):
        name = header.names[index] if index < len(header.names) else None
        if name is None:
            name = column_name(index)
        elif name in names:
            ambiguous[name] = None
            name = f"{name} ({column_name(index)})"
        while name in names:
            name += "*"
        places.append(index)
        names[name] = None
    return SheetColumns(places=tuple(places), names=tuple(names), ambiguous=tuple(ambiguous))


def column_name(index: int) -> str:
    """Return the name of a column that has none: `column F`. `index` from 0."""
    return f"column {column_letters(index + 1)}"
