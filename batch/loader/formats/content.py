"""The container of a file by its first bytes, and the names of files that are no sheet."""

import re
from enum import StrEnum

from batch.i18n import N_, _
from batch.model.sheets import SheetFile

VERY_OLD = N_("is a sheet of a very old Excel (before 1997), which is not read.")
SAVE_AS = N_("Open it in Excel or LibreOffice, save it as XLSX, and use that.")
GIVE = N_("Give a CSV, XLSX, XLSM, XLS, XLSB or ODS file.")


class Content(StrEnum):
    """Container of a file."""

    ZIP = "zip"
    """XLSX, XLSM, XLSB or ODS."""
    COMPOUND = "compound"
    """XLS, or a workbook protected by a password."""
    TEXT = "text"
    """CSV, TSV, TXT."""


_OTHER_FILES: tuple[tuple[bytes, str], ...] = (
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


def find_content(source: SheetFile) -> Content:
    """Detect how the file is stored, by its first bytes.

    Raises:
        SheetError: no file, a folder, empty, too large, or something that is no sheet, which is named.
    """
    start = _first_bytes(source)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return Content.ZIP
    if start.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return Content.COMPOUND
    for mark, what in _OTHER_FILES:
        if start.startswith(mark):
            raise source.refusal(_("is {what}, not a sheet.").format(what=_(what)), _(GIVE))
    if _OLD_EXCEL.match(start):
        raise source.refusal(_(VERY_OLD), _(SAVE_AS))
    if _MARKUP.match(start):
        what = (
            _("an XML sheet of Excel 2003")
            if b"schemas-microsoft-com:office:spreadsheet" in start
            else _("a web page or XML")
        )
        raise source.refusal(_("is {what}, whatever its name ends in.").format(what=what), _(SAVE_AS))
    return Content.TEXT


def _first_bytes(source: SheetFile) -> bytes:
    try:
        if source.path.is_dir():
            raise source.refusal(_("is a folder, not a sheet."), _("Name the sheet inside it."))
        if source.path.exists() and not source.path.is_file():  # reading a pipe would wait for ever
            raise source.refusal(_("is a pipe or a device, not a file."), _("Save the sheet as a file and name that."))
        text = N_("the file has {value} bytes, {most} are allowed (limit file_bytes)")
        source.check("file_bytes", source.path.stat().st_size, text)
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
