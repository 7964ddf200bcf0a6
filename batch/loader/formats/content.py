"""The container of a file by its first bytes, and the names of files that are no sheet."""

import re
from collections.abc import Iterable
from enum import StrEnum

from batch.errors import SheetError
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


_GET_SOURCE = N_("It has no rows that can be read: get the sheet it was made from, and use that.")
_UNPACK = N_("Unpack it, and use the sheet inside.")
_EXPORT_CONTACTS = N_(
    "Import it into an address book (Google Contacts, Outlook), export it there as CSV, and use that."
)
_EXPORT_DATA = N_("Export it from the program it comes from as CSV or XLSX, and use that.")
_DOWNLOAD = N_("Open it in Google Sheets, choose File, Download, Microsoft Excel (.xlsx), and use that.")
_EXPORT_NUMBERS = N_("Export it from Numbers as XLSX, and use that.")
_OPEN_ORIGINAL = N_("Name the sheet itself.")

_PICTURE = (
    rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\0|MM\0\*|BM....\0\0\0\0|RIFF....WEBP|\0\0\0.ftyp(?:hei|hev|mif|avi)|\0\0\x01\0"
    rb"[\x01-\x20]\0|8BPS\0"
)
_DRAWING = rb"(?:<\?xml[^>]*>\s*|<!--(?:[^-]|-(?!->))*-->\s*|<!DOCTYPE\s+svg[^>]*>\s*)*<(?:\w{1,20}:)?svg[\s>]"
_SOUND = rb"RIFF....(?:WAVE|AVI )|\0\0\0.ftyp|ID3[\x02-\x04]|OggS\0|fLaC\0|\x1aE\xdf\xa3"
_DATABASE = rb"SQLite format 3|\0\x01\0\0Standard (?:Jet|ACE) DB"
_DATA_FILE = rb"PAR1[\0-\x1f]|ARROW1\0|FEA1[\0-\x1f]|Obj\x01|\x89HDF\r\n|\$FL2@|<stata_dta>|RD[AX][23]\n|bplist00"
_OLD_SHEET = rb"\0\0\x02\0[\x04-\x06]\x04|\0\0\x1a\0[\0-\x05]\x10|\0\0\x02\0\x01\x10|\xff\0\x02\0\x04\x04"
_OLD_EXCEL = rb"\x09[\x00\x02\x04\x08][\x04-\x10]\x00[\x00\x07\x05\x06\x02]"
_DIF = rb"TABLE\s*\r?\n0,1\r?\n\s*\""
_SYLK = rb"(?-i:ID;P[A-Za-z0-9]*(?:;[A-Z]\w*)*\r?\n(?:[BCFPO];[A-Z]|N[NEU];N|W;N|E\r?\n))"
_MAIL = (
    rb"(?:From [^\r\n]+\r?\n)?(?:[A-Za-z][A-Za-z-]+:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n){0,40}?"
    rb"(?:MIME-Version|Message-ID|Return-Path|Content-Type: *(?:multipart|message)/)"
)
_LDIF = rb"(?:version: *\d+\r?\n\s*)?(?:#[^\r\n]*\r?\n\s*)*dn:: ?\S|(?:version: *\d+\r?\n\s*)?dn: ?\w+="
_DRIVE_LINK = rb"\{[^{}]*\"(?:doc_id|url)\"\s*:\s*\"[^{}]*(?:docs\.google\.com|resource_key|email)"
_JSON = rb"(?:\[\s*)?\{\s*(?:\}|\"(?:[^\"\\]|\\.)*\"\s*:)|\[\s*\[\s*[\[\"\d]"
_EXCEL_2003 = rb"<(?:\?xml|\?mso|\w*:?Workbook\b).{0,3000}?urn:schemas-microsoft-com:office:spreadsheet"
_FLAT_ODS = rb"<\?xml.{0,4000}?office:document\b.{0,4000}?opendocument\.spreadsheet"
_HTML = (
    rb"(?:<\?xml[^>]*>\s*|<!--(?:[^-]|-(?!->))*-->\s*)*<(?:(?:!doctype\s+html|html|head|body|table|meta|title|style|link|"
    rb"script|div|center|form|thead|tbody|tr|td)[\s>/]|(?:p|b|br|h[1-6]|span|font|a|img)[\s>/].*<t(?:able|r)[\s>])"
)

_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (rb".{0,64}?%PDF-", N_("a PDF document"), _GET_SOURCE),
    (_PICTURE, N_("a picture"), _GET_SOURCE),
    (_DRAWING, N_("a picture"), _GET_SOURCE),
    (_SOUND, N_("a sound or a film"), _GET_SOURCE),
    (rb"%!PS|\{\\rtf", N_("a text document"), _GET_SOURCE),
    (
        rb"\x1f\x8b|Rar!|7z\xbc\xaf|BZh\d1AY&SY|\xfd7zXZ|MSCF\0|\x28\xb5\x2f\xfd|.{257}ustar",
        N_("a packed archive"),
        _UNPACK,
    ),
    (_DATABASE, N_("a database (SQLite or Access)"), _EXPORT_DATA),
    (_DATA_FILE, N_("a data file of another program"), _EXPORT_DATA),
    (rb"\x7fELF|MZ\x90|\xcf\xfa\xed\xfe|\xca\xfe\xba\xbe", N_("a program"), GIVE),
    (rb"L\0\0\0\x01\x14\x02\0|\[InternetShortcut\]", N_("a shortcut to another file or page"), _OPEN_ORIGINAL),
    (_OLD_SHEET, N_("a sheet of Lotus 1-2-3 or Quattro Pro"), SAVE_AS),
    (rb"BEGIN:VCARD", N_("a list of contacts of an address book (vCard)"), _EXPORT_CONTACTS),
    (rb"BEGIN:VCALENDAR", N_("a calendar (iCalendar)"), _EXPORT_DATA),
    (_LDIF, N_("a list of contacts of an address book (LDIF)"), _EXPORT_CONTACTS),
    (_MAIL, N_("a saved web page or e-mail (MHTML)"), SAVE_AS),
    (_DIF, N_("a sheet in the old format DIF"), SAVE_AS),
    (_SYLK, N_("a sheet in the old format SYLK"), SAVE_AS),
    (_DRIVE_LINK, N_("a link to a sheet of Google (.gsheet), without its rows"), _DOWNLOAD),
    (_JSON, N_("a JSON file"), _EXPORT_DATA),
    (_EXCEL_2003, N_("an XML sheet of Excel 2003"), SAVE_AS),
    (_FLAT_ODS, N_("a flat XML sheet of LibreOffice (FODS)"), SAVE_AS),
    (_HTML, N_("a web page (HTML), whatever its name ends in"), SAVE_AS),
    (rb"<\?xml|<!DOCTYPE|<!--", N_("an XML file"), _EXPORT_DATA),
)
"""Beginning of a file, the name of its kind, and what to do; the first that fits counts."""
_MARKS = tuple((re.compile(mark, re.DOTALL | re.IGNORECASE), what, remedy) for mark, what, remedy in _KINDS)
_VERY_OLD = re.compile(_OLD_EXCEL)
_DBF = re.compile(
    rb"[\x02-\x05\x30-\x32\x43\x63\x7b\x83\x87\x8b\x8c\x8e\xcb\xf5\xfb].[\x01-\x0c][\x01-\x1f].{4}(..)(..)\0\0.{18}"
    rb"[A-Za-z_][A-Za-z0-9_\0]{10}[A-Z@+0]",
    re.DOTALL,
)


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
    if source.name.startswith(("~$", ".~lock.")):
        raise source.refusal(
            _("is the mark that Excel or LibreOffice leaves beside a sheet that is open."), _(_OPEN_ORIGINAL)
        )
    if _VERY_OLD.match(start):
        raise source.refusal(_(VERY_OLD), _(SAVE_AS))
    if _is_dbf(start):
        raise source.refusal(_("is {what}, which is not read.").format(what=_("a dBase table (DBF)")), _(SAVE_AS))
    plain = _plain_start(start)
    for mark, what, remedy in _MARKS:
        if mark.match(plain):
            raise source.refusal(_("is {what}, which is not read.").format(what=_(what)), _(remedy))
    return Content.TEXT


def _plain_start(start: bytes) -> bytes:
    """Return the first bytes without a mark of their encoding and blanks, UTF-16 as a byte for each character."""
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        start = start.decode("utf-16", "replace").encode("latin-1", "replace")
    return start.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")


def _is_dbf(start: bytes) -> bool:
    """True for the head of a dBase table: date, sizes of head and record, and fields of 32 bytes to their end mark."""
    found = _DBF.match(start)
    return found is not None and int.from_bytes(found[1], "little") % 32 in {1, 8, 9} and found[2] != b"\0\0"


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


_DOCUMENTS = (
    ("wordprocessingml", N_("a Word document")),
    ("presentation", N_("a presentation")),
    ("opendocument.text", N_("a text document of LibreOffice")),
    ("epub", N_("an e-book")),
    ("opendocument", N_("a document of LibreOffice")),
)
"""Words of a document's type, and its name."""
_OF_NUMBERS = (".iwa", "index.zip", "index.xml", "index.apxl")
_OF_SHEETS = (".csv", ".tsv", ".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
_FILES_NAMED = 3


def other_document(source: SheetFile, kind: str) -> SheetError:
    """Return the refusal of a document of an office suite. `kind`: its content type."""
    what = next((what for word, what in _DOCUMENTS if word in kind), N_("an Office document"))
    return source.refusal(_("is {what}, which is not read.").format(what=_(what)), _(GIVE))


def other_archive(source: SheetFile, names: Iterable[str]) -> SheetError:
    """Return the refusal of a zip file that is no workbook. `names`: its files."""
    inside = [name for name in names if name.endswith(_OF_SHEETS)][:_FILES_NAMED]
    if inside:
        shown = ", ".join(repr(name[-60:]) for name in inside)
        return source.refusal(
            _("is a zip file that holds {files}.").format(files=shown), _("Unpack it, and use the sheet inside.")
        )
    if any(name.endswith(_OF_NUMBERS) for name in names):
        return source.refusal(_("is a sheet of Apple Numbers, which is not read."), _(_EXPORT_NUMBERS))
    return source.refusal(_("is a zip file without a workbook inside."), _(GIVE))
