"""Encoding of a text file, found by reading the file once before anything is made of it.

The rule, in this order: an encoding that a person names; a byte order mark; text that is valid UTF-8 is UTF-8; else
it is Windows-1252, as Brazilian Excel saves it, unless other letters come out of it than people write and CP850, CP860
(DOS) or MacRoman gives such letters. A file that is UTF-8 but for a few bytes is refused by line, because either
reading would garble names.
"""

import codecs
import math
import re
from collections.abc import Iterator
from pathlib import Path

from batch.errors import SheetError
from batch.i18n import N_, _
from batch.loader.source import END_MARK
from batch.model.sheets import SheetFile

_CHUNK = 1024 * 1024
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x19\x1b]")
_STRANGE = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f]")
_SAVE_AGAIN = N_('Save it again from Excel as "CSV UTF-8" or as XLSX, and use that.')
_NAME_ONE = N_(
    'Name its encoding with --encoding, or under [sheet] in the campaign file: encoding = "cp1252" (Windows), "cp850" '
    'or "cp860" (DOS), "mac_roman". Or save it again as "CSV UTF-8" or XLSX.'
)
_OLD_ENCODINGS = ("cp1252", "cp850", "cp860", "mac_roman")
_SAMPLE_BYTES = 1 << 17
_WORD = re.compile(rb"(?<![A-Za-z\x80-\xff])[A-Za-z]*+[\x80-\xff][A-Za-z\x80-\xff]*+")
_FREQUENCIES = {
    "\u00e3": 30, "\u00e7": 12, "\u00e1": 10, "\u00e9": 10, "\u00ed": 8, "\u00f3": 6, "\u00ea": 5, "\u00f4": 4,
    "\u00fa": 3, "\u00e2": 3, "\u00f5": 3, "\u00e0": 2, "\u00f1": 1.5, "\u00fc": 1,
}  # fmt: skip
"""How often letters beyond ASCII stand in Portuguese names and addresses; others of Western Europe seldom."""
_SELDOM = frozenset(map(chr, {*range(0xE0, 0x100)} - {0xF7, 0xE6, 0xF0, 0xFE, 0xE5, 0xF8}))
_SIGNS = frozenset(
    "\u00aa\u00ba\u00b0\u00a7\u00ae\u00a9\u2122\u00b2\u00b3\u00b9\u00bd\u00bc\u00d7\u00b7\u00bf\u00a1\u00a3\u20ac\u00b1\u00a0\u2013\u2014\u201c\u201d\u2018\u2019\u2022\u2026\u00ab\u00bb\u00b4"
)
_ASCII = 0x80
_APOSTROPHES = frozenset("\u2019\u2018\u00b4")
_NOT_SPELLED = re.compile(
    r"\u00e7(?![aou\u00e1\u00e2\u00e3\u00f3\u00f4\u00f5\u00fa\u00ed])|(?<![^\W\d_])(?:[^\Waeiou]|jo)\u00e7o|[\u00e4\u00ec\u00ef][eo]",
    re.IGNORECASE,
)
"""Letters that no Portuguese word has: ends of JOÃO, SÃO and GUIMARÃES in another encoding."""
_LIKELY = 0.9
_CLEARLY = 3.0
_MARGIN = 4
"""Logarithm by which a word is likelier in another encoding than in Windows-1252, on average, to be read so."""
_UNLIKELY = 0.005


def find_encoding(source: SheetFile, named: str | None = None) -> str:
    """Return `utf-8`, `utf-8-sig`, `utf-16`, `cp1252`, `cp850`, `cp860` or `mac_roman`; or the `named` one.

    Raises:
        SheetError: NUL bytes, another kind of file, two encodings in one file, a line of giant length, a text that may
            be in several encodings, or is not in the `named` one.
    """
    if named is not None:
        _check_text(source, named, _("is not text in the encoding {name}").format(name=named))
        return named
    with source.path.open("rb") as file:
        start = file.read(4)
    marked = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if marked == "utf-16":
        _check_text(source, marked, _("it says that it is UTF-16, and is not"))
        return marked
    _check_bytes(source)
    if _is_decodable(source.path, "utf-8"):
        return marked or "utf-8"
    if marked or _is_mostly_utf8(source.path):
        raise _mixture(source)
    return _find_old_encoding(source)


def ends_with_mark(path: Path) -> bool:
    """True for a file whose last character is Ctrl-Z."""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, 2) - 64))
        return file.read().rstrip(b"\r\n\0").endswith(END_MARK.encode())


def _find_old_encoding(source: SheetFile) -> str:
    """Find the encoding with a byte for each letter under which words look as people write them."""
    decodable = [name for name in _OLD_ENCODINGS if _is_decodable(source.path, name)]
    words = _sample_words(source.path)
    share, windows = _judge_letters(words, "cp1252") if "cp1252" in decodable else (0.0, -math.inf)
    if share >= _LIKELY:
        return "cp1252"
    judged = {name: _judge_letters(words, name) for name in decodable if name != "cp1252"}
    likely = {
        name: score
        for name, (good, score) in judged.items()
        if good >= _LIKELY and score > windows + _MARGIN * len(words)
    }
    if not likely and "cp1252" in decodable:
        return "cp1252"
    best = max(likely, key=likely.__getitem__, default="")
    if not best or any(
        score > likely[best] - _CLEARLY and _decode(words, name) != _decode(words, best)
        for name, score in likely.items()
    ):
        raise source.refusal(
            _("is text in an unknown encoding: it is neither UTF-8, UTF-16 nor surely Windows-1252."), _(_NAME_ONE)
        )
    return best


def _sample_words(path: Path) -> list[bytes]:
    """Return the different words of the first lines that have letters beyond ASCII, but not those of such alone."""
    words: dict[bytes, None] = {}
    taken = 0
    for chunk in _chunks(path):
        for word in filter(_is_word, _WORD.findall(chunk)):
            words[word] = None
            taken += len(word)
            if taken > _SAMPLE_BYTES:
                return list(words)
    return list(words)


def _is_word(word: bytes) -> bool:
    return len(word) > 1 and min(word) < _ASCII


def _decode(words: list[bytes], encoding: str) -> list[str]:
    return [word.decode(encoding) for word in words]


def _judge_letters(words: list[bytes], encoding: str) -> tuple[float, float]:
    """Return the share of words that people may write, and the logarithm of how likely all are."""
    good, score = 0, 0.0
    for word in _decode(words, encoding):
        weights = [_weigh(word, place) for place, sign in enumerate(word) if not sign.isascii()]
        spelled = not _NOT_SPELLED.search(word)
        good += spelled and min(weights) > _UNLIKELY
        score += sum(map(math.log, weights)) + (0 if spelled else math.log(_UNLIKELY))
    return good / max(1, len(words)), score


def _weigh(word: str, place: int) -> float:
    """Return how likely a letter or sign is, by itself and beside its neighbours."""
    sign, before, after = word[place], word[place - 1 : place], word[place + 1 : place + 2]
    if sign in _SIGNS:
        inside = before.isalpha() and after.isalpha() and sign not in _APOSTROPHES
        spaced = sign == "\u00a0" and not (before.islower() and after.islower())
        return _UNLIKELY if inside and not spaced else 0.5
    if sign.lower() not in _SELDOM or (sign.isupper() and before.islower()):
        return _UNLIKELY
    if sign.islower() and after.isupper():
        return _UNLIKELY
    return _FREQUENCIES.get(sign.lower(), 0.3)


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


def _check_text(source: SheetFile, encoding: str, otherwise: str) -> None:
    """Read the file in its encoding. Raises SheetError where it holds what no sheet has, or is not in it."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    line = 0
    try:
        for chunk in _chunks(source.path):
            text = decoder.decode(chunk)
            if "\0" in text:
                raise source.refusal(_("holds NUL characters (code 0), which no sheet has."), _(_SAVE_AGAIN))
            line = _line_length(line, len(text), max(text.rfind("\n"), text.rfind("\r")))
            source.check("row_bytes", line, N_("one line is longer than {most} characters (limit row_bytes)"))
        decoder.decode(b"", final=True)
    except UnicodeError:
        raise source.damage(otherwise) from None


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
