"""Encoding of a text file, found by reading the file once before anything is made of it.

The rule, in this order: a byte order mark decides; text that is valid UTF-8 is UTF-8; else it is Windows-1252, as
Brazilian Excel saves it. A file that is UTF-8 but for a few bytes is refused by line, because either reading would
garble names.
"""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from batch.errors import SheetError
from batch.i18n import N_, _
from batch.model.sheets import SheetFile

_CHUNK = 1024 * 1024
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x19\x1b]")
_STRANGE = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")
_SAVE_AGAIN = N_('Save it again from Excel as "CSV UTF-8" or as XLSX, and use that.')


def find_encoding(source: SheetFile) -> str:
    """Return `utf-8`, `utf-8-sig`, `utf-16` or `cp1252`.

    Raises:
        SheetError: NUL bytes, another kind of file, two encodings in one file, or a line of giant length.
    """
    with source.path.open("rb") as file:
        start = file.read(4)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if marked == "utf-16":
        _check_utf16(source)
        return marked
    _check_bytes(source)
    if _is_decodable(source.path, "utf-8"):
        return marked or "utf-8"
    if marked or _is_mostly_utf8(source.path):
        raise _mixture(source)
    if not _is_decodable(source.path, "cp1252"):
        raise source.refusal(_("is neither UTF-8, UTF-16 nor Windows-1252 text."), _(_SAVE_AGAIN))
    return "cp1252"


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _is_decodable(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        for chunk in _chunks(path):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _check_bytes(source: SheetFile) -> None:
    """Refuse what no text file holds."""
    line = 0
    for chunk in _chunks(source.path):
        if b"\0" in chunk:
            raise source.refusal(
                _("holds NUL bytes (characters of code 0), which no sheet has: damaged, or UTF-16 without its mark."),
                _(_SAVE_AGAIN),
            )
        if _CONTROLS.search(chunk):
            raise source.refusal(
                _("is not a sheet: it holds control characters, as programs and pictures do, not text."),
                _("Give a CSV, XLSX, XLSM, XLS, XLSB or ODS file."),
            )
        line = _line_length(line, len(chunk), max(chunk.rfind(b"\n"), chunk.rfind(b"\r")))
        source.check("row_bytes", line, N_("one line is longer than {most} bytes (limit row_bytes)"))


def _check_utf16(source: SheetFile) -> None:
    decoder = codecs.getincrementaldecoder("utf-16")("strict")
    line = 0
    try:
        for chunk in _chunks(source.path):
            text = decoder.decode(chunk)
            if "\0" in text:
                raise source.refusal(_("holds NUL characters (code 0), which no sheet has."), _(_SAVE_AGAIN))
            line = _line_length(line, len(text), max(text.rfind("\n"), text.rfind("\r")))
            source.check("row_bytes", line, N_("one line is longer than {most} characters (limit row_bytes)"))
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise source.damage(_("it says that it is UTF-16, and is not")) from None


def _line_length(before: int, size: int, line_end: int) -> int:
    """Return the length of the line that is open at the end of a chunk; it is limited because a line is read whole.

    `before`: its length before the chunk. `line_end`: index of the last line end in the chunk; -1 for none.
    """
    return before + size if line_end < 0 else size - line_end


def _is_mostly_utf8(path: Path) -> bool:
    """True when letters beyond ASCII are UTF-8 at least as often as not. In Windows-1252 they hardly ever are."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    for chunk in _chunks(path):
        text = decoder.decode(chunk)
        if text.isascii():
            continue
        strange = len(_STRANGE.findall(text))
        bad += strange
        good += len(_BEYOND_ASCII.findall(text)) - strange
    return good >= bad and good > 0


def _mixture(source: SheetFile) -> SheetError:
    """Return the error for a file in two encodings, with the first line that is not UTF-8."""
    with source.path.open("rb") as file:
        for line_number, line in enumerate(file, start=1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return source.refusal(
                    _("mixes two encodings: it is UTF-8, but line {number} is not.").format(number=line_number),
                    _('Correct that line, or save the file again from Excel as "CSV UTF-8" or as XLSX.'),
                )
    return source.damage(_("its encoding cannot be told"))
