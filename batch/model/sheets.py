"""Sheets as the program sees them: columns, and rows of text with the row numbers that Excel shows.

`parse_rows` and `parse_ranges` read row numbers as people type them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from batch.i18n import _
from batch.model.phrases import Phrase

NO_ERRORS: Mapping[str, Phrase] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetInfo:
    """Header and properties of a sheet that was read."""

    file: str
    """The file's name, without its folder."""
    format: str
    """csv, tsv, xlsx, xlsm, xls, xlsb or ods: the format of the content, whatever the file's name."""
    sheet: str | None
    """The worksheet's name; None for text files."""
    encoding: str | None
    """utf-8, utf-8-sig, utf-16 or cp1252; None for workbooks."""
    delimiter: str | None
    """One character; None for workbooks."""
    header_row: int
    """Row number of the header, from 1; 0 when the sheet has none."""
    columns: tuple[str, ...]
    """Header names in order. A column without a name is called by its letter: `column F`."""
    ambiguous: tuple[str, ...] = ()
    """Names of several columns, to which nothing may be mapped; the later ones are `Telefone (column F)`."""
    remarks: tuple[Phrase, ...] = ()
    """Peculiarities of the sheet that people should know."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """The remarks as sentences, in the current language."""
        return tuple(map(str, self.remarks))


class SheetRow(NamedTuple):  # not a dataclass: one is made for each row, and a tuple takes a quarter of the time
    """Row below the header that holds anything."""

    number: int
    """Row number that Excel shows; in text files the number of the record, the first line being 1."""
    cells: tuple[str | None, ...]
    """As many as `SheetInfo.columns`, in their order; None where a cell is empty or unreadable."""
    errors: Mapping[str, Phrase] = NO_ERRORS
    """Column name to the error of its cell (`error cell #N/A`); the key "" is for the whole row."""
    hidden: bool = False
    """Hidden in the workbook, often by a filter left on."""


_PART = re.compile(r"(\d{1,8})(?:-(\d{1,8}))?", re.ASCII)
_MOST = 1_048_576
"""Rows of a worksheet in Excel; a range with more is a typing error."""


def parse_rows(text: str) -> tuple[int, ...]:
    """Return (5, 7, 8, 9) for `5,7-9`: in the order given, each once; blanks around commas and dashes do not count.

    Raises ValueError with what is wrong.
    """
    found: dict[int, None] = {}
    for first, last in parse_ranges(text):
        found.update(dict.fromkeys(range(first, last + 1)))
    return tuple(found)


def parse_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """Return ((5, 5), (7, 9)) for `5,7-9`: first and last row of each part, in the order given. Raises ValueError."""
    found = []
    for part in re.sub(r"\s*([,-])\s*", r"\1", text.strip()).split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(_("{part!r} is no row number and no range; write them like 5,7-9").format(part=part))
        first, last = int(match[1]), int(match[2] or match[1])
        if first < 1 or last < first:
            raise ValueError(
                _("{part!r} is no range of rows: write the smaller number first, from 1 up").format(part=part)
            )
        if last - first >= _MOST:
            raise ValueError(_("{part!r} has more rows than a sheet").format(part=part))
        found.append((first, last))
    return tuple(found)
