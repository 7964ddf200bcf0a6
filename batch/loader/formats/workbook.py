"""Workbooks of every kind behind one face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from batch.i18n import N_, _, number
from batch.loader.formats.formats import Content
from batch.loader.formats.xlsx import XlsxBook
from batch.loader.source import Grid, Source, Tab
from batch.ooxml.archive import PROTECTED, REMOVE_PASSWORD, open_archive, verify
from batch.ooxml.xlsx_parts import content_type, workbook_part

__all__ = ["Book", "open_book"]

_GIVE = N_("Give a CSV, XLSX, XLSM, XLS, XLSB or ODS file.")
_SAVE_AS = N_("Open it in Excel or LibreOffice, save it as XLSX, and use that.")


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


def open_book(source: Source, content: Content) -> Book:
    """Open a workbook.

    Raises:
        SheetError: it is another kind of document, protected by a password, damaged, hostile, or over a limit.
    """
    book = _open_compound(source) if content is Content.COMPOUND else _open_archive(source)
    if not book.tabs:
        raise source.damaged(_("its list of sheets is empty"))
    if len(book.tabs) > source.limits.sheets:
        raise source.too_large(
            _("it has {sheets} sheets, {allowed} are allowed (limit sheets)").format(
                sheets=number(len(book.tabs)), allowed=number(source.limits.sheets)
            )
        )
    places = [tab.place for tab in book.tabs if tab.place]
    if len(set(places)) < len(places):
        raise source.damaged(_("two of its sheets are the same part"))
    return book


def _open_archive(source: Source) -> Book:
    archive = open_archive(source)
    part = workbook_part(archive)
    if part is not None:
        kind = content_type(archive, part)
        if part.endswith(".bin") or "ms-excel.sheet.binary" in kind:
            from batch.loader.formats.calamine import BinaryBook  # noqa: PLC0415 - nearly all sheets are CSV or XLSX
            from batch.loader.formats.xlsb import read_xlsb_marks  # noqa: PLC0415 - likewise

            verify(archive)
            return BinaryBook(source, "xlsb", read_xlsb_marks(archive, part))
        if "spreadsheetml" in kind or "ms-excel" in kind or (not kind and part.startswith("xl/")):
            verify(archive)
            return XlsxBook(archive, part)
        raise source.refused(_("is an Office document, but not a workbook."), _(_GIVE))
    if "content.xml" in archive and "mimetype" in archive:
        if b"spreadsheet" in archive.read("mimetype"):
            from batch.loader.formats.ods import OdsBook  # noqa: PLC0415 - likewise

            verify(archive)
            return OdsBook(archive)
        raise source.refused(_("is a document of LibreOffice, but not a sheet."), _(_GIVE))
    if any(name.startswith("index/") and name.endswith(".iwa") for name in archive.parts):
        raise source.refused(
            _("is a sheet of Apple Numbers, which is not read."), _("Export it from Numbers as XLSX, and use that.")
        )
    raise source.refused(
        _("is a zip file without a workbook inside."),
        " ".join((_("If a sheet is packed in it, unpack it first."), _(_GIVE))),
    )


def _open_compound(source: Source) -> Book:
    from batch.loader.formats.calamine import BinaryBook  # noqa: PLC0415 - nearly all sheets are CSV or XLSX
    from batch.loader.formats.ole import open_compound  # noqa: PLC0415 - likewise
    from batch.loader.formats.xls import read_xls_marks  # noqa: PLC0415 - likewise

    file = open_compound(source)
    if "EncryptedPackage" in file.streams or "EncryptionInfo" in file.streams:
        raise source.refused(_(PROTECTED), _(REMOVE_PASSWORD))
    if "Workbook" not in file.streams:
        if "Book" in file.streams:
            raise source.refused(_("is a sheet of a very old Excel (before 1997), which is not read."), _(_SAVE_AS))
        raise source.refused(_("is an old Office document, but not a workbook."), _(_GIVE))
    marks = read_xls_marks(source, file.read("Workbook"))
    if marks.protected:
        raise source.refused(_(PROTECTED), _(REMOVE_PASSWORD))
    return BinaryBook(source, "xls", marks.sheets)
