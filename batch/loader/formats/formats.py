"""What a file is, told from its content; the ending of its name decides nothing."""

from __future__ import annotations

import re
from enum import StrEnum

from batch.i18n import N_, _, number
from batch.loader.source import Source

__all__ = ["Content", "find_content"]


class Content(StrEnum):
    """How a file is stored."""

    ZIP = "zip"
    """XLSX, XLSM, XLSB or ODS, by what is inside."""
    COMPOUND = "compound"
    """XLS, or a workbook protected by a password."""
    TEXT = "text"
    """CSV, TSV, TXT."""


_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", N_("a PDF document")),
    (b"\x89PNG", N_("a picture (PNG)")),
    (b"\xff\xd8\xff", N_("a picture (JPEG)")),
    (b"GIF8", N_("a picture (GIF)")),
    (b"{\\rtf", N_("an RTF document")),
    (b"\x1f\x8b", N_("a gzip archive")),
    (b"Rar!", N_("a RAR archive")),
    (b"7z\xbc\xaf", N_("a 7-Zip archive")),
    (b"SQLite format 3", N_("a SQLite database")),
    (b"\x7fELF", N_("a program")),
    (b"MZ\x90", N_("a program")),
)
_OLD_EXCEL = re.compile(rb"\x09[\x00\x02\x04\x08][\x04-\x10]\x00[\x00\x07\x05\x06\x02]")
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!doctype|html|head|body|table|meta|!--|style|div)", re.IGNORECASE)
_GIVE = N_("Give a CSV, XLSX, XLSM, XLS, XLSB or ODS file.")
_SAVE_AS = N_("Open it in Excel or LibreOffice, save it as XLSX, and use that.")


def find_content(source: Source) -> Content:
    """How the file is stored.

    Raises:
        SheetError: no file, a folder, empty, too large, or something that is no sheet, which is named.
    """
    start = _first_bytes(source)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Content.ZIP
    if start.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return Content.COMPOUND
    for mark, what in _OTHERS:
        if start.startswith(mark):
            raise source.refused(_("is {what}, not a sheet.").format(what=_(what)), _(_GIVE))
    if _OLD_EXCEL.match(start):
        raise source.refused(_("is a sheet of a very old Excel (before 1997), which is not read."), _(_SAVE_AS))
    if _MARKUP.match(start):
        what = (
            _("an XML sheet of Excel 2003")
            if b"schemas-microsoft-com:office:spreadsheet" in start
            else _("a web page or XML")
        )
        raise source.refused(_("is {what}, whatever its name ends in.").format(what=what), _(_SAVE_AS))
    return Content.TEXT


def _first_bytes(source: Source) -> bytes:
    try:
        if source.path.is_dir():
            raise source.refused(_("is a folder, not a sheet."), _("Name the sheet inside it."))
        size = source.path.stat().st_size
        if size > source.limits.file_bytes:
            raise source.too_large(
                _("the file has {size} bytes, {allowed} are allowed (limit file_bytes)").format(
                    size=number(size), allowed=number(source.limits.file_bytes)
                )
            )
        with source.path.open("rb") as file:
            start = file.read(4096)
    except FileNotFoundError:
        raise source.refused(_("does not exist."), _("Check the name and the folder.")) from None
    except OSError as error:
        raise source.refused(
            _("cannot be opened: {reason}.").format(reason=error.strerror or error), _("Check its permissions.")
        ) from None
    if not start.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0"):
        if start.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n"):
            raise source.refused(_("holds nothing but NUL bytes."), _("Take it from its source again."))
        raise source.refused(_("is empty."), _("Give a sheet with a header and at least one row."))
    return start
