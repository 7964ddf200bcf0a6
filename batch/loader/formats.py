"""What a file is, told from its content; the ending of its name decides nothing."""

from __future__ import annotations

import re
from enum import StrEnum

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
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"{\\rtf", "an RTF document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"SQLite format 3", "a SQLite database"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
)
_OLD_EXCEL = re.compile(rb"\x09[\x00\x02\x04\x08][\x04-\x10]\x00[\x00\x07\x05\x06\x02]")
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!doctype|html|head|body|table|meta|!--|style|div)", re.IGNORECASE)
_GIVE = "Give a CSV, XLSX, XLSM, XLS, XLSB or ODS file."
_SAVE_AS = "Open it in Excel or LibreOffice, save it as XLSX, and use that."


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
            raise source.refused(f"is {what}, not a sheet.", _GIVE)
    if _OLD_EXCEL.match(start):
        raise source.refused("is a sheet of a very old Excel (before 1997), which is not read.", _SAVE_AS)
    if _MARKUP.match(start):
        what = (
            "an XML sheet of Excel 2003"
            if b"schemas-microsoft-com:office:spreadsheet" in start
            else "a web page or XML"
        )
        raise source.refused(f"is {what}, whatever its name ends in.", _SAVE_AS)
    return Content.TEXT


def _first_bytes(source: Source) -> bytes:
    try:
        if source.path.is_dir():
            raise source.refused("is a folder, not a sheet.", "Name the sheet inside it.")
        size = source.path.stat().st_size
        if size > source.limits.file_bytes:
            raise source.too_large(
                f"the file has {size:,} bytes, {source.limits.file_bytes:,} are allowed (limit file_bytes)"
            )
        with source.path.open("rb") as file:
            start = file.read(4096)
    except FileNotFoundError:
        raise source.refused("does not exist.", "Check the name and the folder.") from None
    except OSError as error:
        raise source.refused(f"cannot be opened: {error.strerror or error}.", "Check its permissions.") from None
    if not start.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0"):
        if start.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n"):
            raise source.refused("holds nothing but NUL bytes.", "Take it from its source again.")
        raise source.refused("is empty.", "Give a sheet with a header and at least one row.")
    return start
