"""Workbooks of every kind behind one face."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from batch.i18n import N_, _, number
from batch.loader.formats.xlsx import XlsxBook
from batch.loader.source import Grid, Tab
from batch.model.sheet_file import SheetFile
from batch.ooxml.archive import PROTECTED, REMOVE_PASSWORD, open_archive, part_key, verify
from batch.ooxml.package import find_workbook, read_content_types


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


def find_content(source: SheetFile) -> Content:
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
            raise source.refusal(_("is {what}, not a sheet.").format(what=_(what)), _(_GIVE))
    if _OLD_EXCEL.match(start):
        raise source.refusal(_("is a sheet of a very old Excel (before 1997), which is not read."), _(_SAVE_AS))
    if _MARKUP.match(start):
        what = (
            _("an XML sheet of Excel 2003")
            if b"schemas-microsoft-com:office:spreadsheet" in start
            else _("a web page or XML")
        )
        raise source.refusal(_("is {what}, whatever its name ends in.").format(what=what), _(_SAVE_AS))
    return Content.TEXT


def _first_bytes(source: SheetFile) -> bytes:
    try:
        if source.path.is_dir():
            raise source.refusal(_("is a folder, not a sheet."), _("Name the sheet inside it."))
        size = source.path.stat().st_size
        if size > source.limits.file_bytes:
            raise source.excess(
                _("the file has {size} bytes, {allowed} are allowed (limit file_bytes)").format(
                    size=number(size), allowed=number(source.limits.file_bytes)
                )
            )
        with source.path.open("rb") as file:
            start = file.read(4096)
    except FileNotFoundError:
        raise source.refusal(_("does not exist."), _("Check the name and the folder.")) from None
    except OSError as error:
        raise source.refusal(
            _("cannot be opened: {reason}.").format(reason=error.strerror or error), _("Check its permissions.")
        ) from None
    if not start.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0"):
        if start.strip(b"\xef\xbb\xbf\xff\xfe \t\r\n"):
            raise source.refusal(_("holds nothing but NUL bytes."), _("Take it from its source again."))
        raise source.refusal(_("is empty."), _("Give a sheet with a header and at least one row."))
    return start


class Book(Protocol):
    """A workbook whose list of sheets is known."""

    format: str
    """xlsx, xlsm, xls, xlsb or ods."""

    @property
    def tabs(self) -> Sequence[Tab]:
        """Its sheets, in the order of their tabs."""
        ...

    def grid(self, tab: Tab) -> Grid:
        """The rows of a worksheet. Raises SheetError: damaged, hostile, or over a limit."""
        ...


def open_book(source: SheetFile, content: Content) -> Book:
    """Open a workbook.

    Raises:
        SheetError: it is another kind of document, protected by a password, damaged, hostile, or over a limit.
    """
    book = _open_compound(source) if content is Content.COMPOUND else _open_archive(source)
    if not book.tabs:
        raise source.damage(_("its list of sheets is empty"))
    if len(book.tabs) > source.limits.sheets:
        raise source.excess(
            _("it has {sheets} sheets, {allowed} are allowed (limit sheets)").format(
                sheets=number(len(book.tabs)), allowed=number(source.limits.sheets)
            )
        )
    places = [tab.place for tab in book.tabs if tab.place]
    if len(set(places)) < len(places):
        raise source.damage(_("two of its sheets are the same part"))
    return book


def _open_archive(source: SheetFile) -> Book:
    archive = open_archive(source)
    part = find_workbook(archive)
    if part is not None:
        kind = read_content_types(archive).get(part_key(part), "").lower()
        if part.endswith(".bin") or "ms-excel.sheet.binary" in kind:
            from batch.loader.formats.calamine import BinaryBook  # noqa: PLC0415 - nearly all sheets are CSV or XLSX
            from batch.loader.formats.xlsb import read_xlsb_marks  # noqa: PLC0415 - likewise

            verify(archive)
            return BinaryBook(source, "xlsb", read_xlsb_marks(archive, part))
        if "spreadsheetml" in kind or "ms-excel" in kind or (not kind and part.startswith("xl/")):
            verify(archive)
            return XlsxBook(archive, part)
        raise source.refusal(_("is an Office document, but not a workbook."), _(_GIVE))
    if "content.xml" in archive and "mimetype" in archive:
        if b"spreadsheet" in archive.read("mimetype"):
            from batch.loader.formats.ods import OdsBook  # noqa: PLC0415 - likewise

            verify(archive)
            return OdsBook(archive)
        raise source.refusal(_("is a document of LibreOffice, but not a sheet."), _(_GIVE))
    if any(name.startswith("index/") and name.endswith(".iwa") for name in archive.parts):
        raise source.refusal(
            _("is a sheet of Apple Numbers, which is not read."), _("Export it from Numbers as XLSX, and use that.")
        )
    raise source.refusal(
        _("is a zip file without a workbook inside."),
        " ".join((_("If a sheet is packed in it, unpack it first."), _(_GIVE))),
    )


def _open_compound(source: SheetFile) -> Book:
    from batch.loader.formats.calamine import BinaryBook  # noqa: PLC0415 - nearly all sheets are CSV or XLSX
    from batch.loader.formats.ole import open_compound  # noqa: PLC0415 - likewise
    from batch.loader.formats.xls import read_xls_marks  # noqa: PLC0415 - likewise

    file = open_compound(source)
    if "EncryptedPackage" in file.streams or "EncryptionInfo" in file.streams:
        raise source.refusal(_(PROTECTED), _(REMOVE_PASSWORD))
    if "Workbook" not in file.streams:
        if "Book" in file.streams:
            raise source.refusal(_("is a sheet of a very old Excel (before 1997), which is not read."), _(_SAVE_AS))
        raise source.refusal(_("is an old Office document, but not a workbook."), _(_GIVE))
    marks = read_xls_marks(source, file.read("Workbook"))
    if marks.protected:
        raise source.refusal(_(PROTECTED), _(REMOVE_PASSWORD))
    return BinaryBook(source, "xls", marks.sheets)
