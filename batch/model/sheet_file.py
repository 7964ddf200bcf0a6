"""Sheet files to read, the limits of their size, and the errors that refuse them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

from batch.errors import SheetError
from batch.i18n import _, number

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
    columns: int = 16_384
    """Columns of a row; the default is Excel's own limit."""
    row_bytes: int = 16 * _MIB
    """Size of one row as it is written (one record of a text file): 500 cells as long as Excel allows."""
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
    """Cells of the rectangle around the values of an XLS or XLSB worksheet, which is held in memory whole: all that
    an XLS worksheet can have, 0.5 GB."""


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
