"""Sheets as the program sees them: the file and its limits, columns, rows of text with the numbers that Excel shows.

`parse_rows` and `parse_ranges` read row numbers as people type them.
"""

import codecs
import ntpath
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from batch.errors import SheetError
from batch.i18n import _, number
from batch.model.phrases import Phrase

NO_ERRORS: Mapping[str, Phrase] = MappingProxyType({})
NO_SHOWN: Mapping[int, tuple[str, str]] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetInfo:
    """Header and properties of a sheet that was read."""

    file: str
    """The file's name, without its folder."""
    format: str
    """csv, tsv, xlsx, xlsm, xls, xlsb or ods: the format of the content, whatever the file's name."""
    sheet: str | None = None
    """The worksheet's name; None for text files."""
    encoding: str | None = None
    """utf-8, utf-8-sig, utf-16, cp1252, cp850, cp860, mac_roman or the named one; None for workbooks."""
    delimiter: str | None = None
    """One character; None for workbooks."""
    header_row: int = 0
    """Row number of the header, from 1; 0 when the sheet has none."""
    columns: tuple[str, ...] = ()
    """Header names in order. A column without a name is called by its letter: `column F`."""
    ambiguous: tuple[str, ...] = ()
    """Names of several columns, to which nothing may be mapped; the later ones are `Telefone (column F)`."""
    month_first: tuple[str, ...] = ()
    """Of the columns that were asked for, those with a date that can only be month first."""
    remarks: tuple[Phrase, ...] = ()
    """Peculiarities of the sheet that people should know."""
    active: tuple[Phrase, ...] = ()
    """Content of a workbook that acts by itself or by a click, also in a report that is a copy of it."""
    formats: Mapping[str, tuple[Phrase, ...]] = field(default_factory=dict)
    """Column to what people should know of its number formats where their text is used."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """The remarks as sentences, in the current language."""
        return tuple(map(str, (*self.remarks, *self.active)))


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
    shown: Mapping[int, tuple[str, str]] = NO_SHOWN
    """Index of a cell to the text that its number format shows and the format's code, where that is another text."""


_LONGEST = 259
"""Characters of a path that any Windows opens as it is."""


def openable_path(path: str | os.PathLike[str], *, system: str = sys.platform) -> Path:
    r"""Return a path in the form in which Windows opens it however long it is: `\\?\C:\...`, `\\?\UNC\server\...`."""
    whole = ntpath.abspath(path) if system == "win32" else ""
    if len(whole) <= _LONGEST or whole.startswith("\\\\?\\"):
        return Path(path)
    return Path("\\\\?\\UNC" + whole[1:] if whole.startswith("\\\\") else "\\\\?\\" + whole)


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
    for part in "".join([piece.strip() for piece in re.split("([,-])", text)]).split(","):
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


def parse_encoding(name: str) -> str:
    """Return the name of an encoding of text. Raises ValueError for any other text."""
    try:
        codecs.getincrementaldecoder(name)("strict").decode(b"")
        "".encode(name)
    except (LookupError, TypeError, ValueError):
        raise ValueError(
            _('{name!r} is no encoding; write one like "utf-8", "cp1252", "cp850" or "mac_roman"').format(name=name)
        ) from None
    return name


_MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Sizes beyond which a file is refused before it fills the memory. 1,000,000 rows of 8 columns pass all of them.

    The values are fixed; `LIFTED_LIMITS` are for a file that a person trusts. An error names its limit as it is named
    here, and the README lists them.
    """

    file_bytes: int = 1024 * _MIB
    """Size of the file on disk. A million rows of eight columns are about 50 MB as XLSX and 120 MB as CSV."""
    unzipped_bytes: int = 2048 * _MIB
    """Size of everything inside a workbook once unzipped, as its directory declares it (no more is ever unzipped).
    A million rows of eight columns are 400 to 700 MB."""
    ratio: int = 100
    """Factor by which a part larger than `ratio_from_bytes` may grow when unzipped. Sheets grow 8 to 50 times; a zip
    bomb grows 1,000 times."""
    ratio_from_bytes: int = 64 * _MIB
    """Size from which `ratio` counts: small parts do no harm, and compress freely."""
    parts: int = 10_000
    """Files inside a workbook. Real workbooks have tens, with many pictures hundreds."""
    sheets: int = 500
    """Sheets of a workbook; the first rows of each are read."""
    cells: int = 32_000_000
    """Cells written in one worksheet, empty ones included: four times a million rows of eight columns."""
    same_rows: int = 100_000
    """Rows that hold the same as one of them in each of two cells or more: in a zip file or an ODS a few bytes make a
    million. One filled cell is a column that was filled down to the end."""
    columns: int = 16_384
    """Columns of a row; the default is Excel's own limit."""
    row_bytes: int = 16 * _MIB
    """Size of one row as it is written (one record of a text file): 500 cells as long as Excel allows."""
    row_characters: int = 4 * _MIB
    """Characters of one row's cells: 128 cells as long as Excel allows. In a workbook a few bytes may refer to a long
    text, so a row is much larger than it is written."""
    shared_strings: int = 16_000_000
    """Entries of a workbook's table of texts: two for each cell of a million rows of eight columns."""
    shared_text_bytes: int = 384 * _MIB
    """Size of that table's text, which is held in memory (UTF-8)."""
    text_bytes: int = 2 * _MIB
    """Size of one text of that table; Excel allows a cell 32,767 characters."""
    text_characters: int = 2_000_000_000
    """Characters of all cells together: a few long texts may be referred to by a million cells."""
    markup_bytes: int = 64 * _MIB
    """Size of each small part of a workbook (styles, list of sheets)."""
    loaded_bytes: int = 512 * _MIB
    """Size of an XLS file, or of an XLSB worksheet, which are read in one piece."""
    loaded_cells: int = 65_536 * 256
    """Cells of the rectangle around the values of an XLS worksheet, which is held in memory whole: all that it can
    have, 0.5 GB."""


LIMITS = Limits()
"""The limits of any file."""
LIFTED_LIMITS = Limits(**{each.name: 1 << 50 for each in fields(Limits) if each.name != "columns"}, columns=1_000_000)
"""The limits of a file that a person trusts: none of a size; columns are counted, since a row has a place for each."""


def limits_for(*, trusted: bool) -> Limits:
    """Return the limits of a file that a person trusts, or does not."""
    return LIFTED_LIMITS if trusted else LIMITS


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetFile:
    """A file to read."""

    path: Path
    name: str
    """Name of the file in messages."""
    limits: Limits

    def refusal(self, what: str, remedy: str) -> SheetError:
        """Return the error `<name> <what>`, for raising."""
        return SheetError(f"{self.name} {what}", remedy)

    def damage(self, detail: str) -> SheetError:
        """Return the error for a file that breaks the rules of its format. `detail`: how, without a final stop."""
        return self.refusal(
            _("is damaged and cannot be read: {detail}.").format(detail=detail),
            _("Open it in Excel or LibreOffice and save it as a new XLSX file, or take it from its source again."),
        )

    def no_memory(self) -> SheetError:
        """Return the error for a file that needs more memory than there is."""
        return self.refusal(
            _("needs more memory than this machine can give."),
            _("Close other programs, or copy the rows you need into a new sheet, and use that."),
        )

    @contextmanager
    def within_memory(self) -> Iterator[None]:
        """Refuse the file when the memory does not suffice for what is done inside. Raises SheetError."""
        try:
            yield
        except MemoryError:
            raise self.no_memory() from None

    def check(self, limit: str, value: int, text: str, **more: object) -> None:
        """Refuse the file when a value is over a limit.

        `limit`: field of `Limits`. `text`: marked, without a final stop; its `{value}`, `{most}` and `{limit}`
        are filled in, and `more`.

        Raises:
            SheetError: the value is over the limit.
        """
        most = getattr(self.limits, limit)
        if value <= most:
            return
        detail = _(text).format(value=number(value), most=number(most), limit=limit, **more)
        raise self.refusal(
            _("is too large to be read safely: {detail}.").format(detail=detail),
            _(
                "Copy the rows you need into a new sheet, or split it into several files. Or, if you trust it, write "
                "trusted = true under [sheet] in the campaign file."
            ),
        )


def tuple_getter(places: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Return a function that picks the items at `places`, always as a tuple; `itemgetter` does so from two on."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda items: tuple([items[place] for place in places])
