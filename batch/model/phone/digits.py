"""Digits of the one phone number in a cell's text, whatever the country.

Only what is known to be harmless around a number is removed: spaces, brackets, dashes, `tel:`, the word WhatsApp, the
`.0` of a float, the XX of `0XX11`. Anything else (a star, a question mark, a sentence) may stand for missing digits or
be a warning to people, so the number is refused.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from batch.control_characters import show_controls
from batch.model.phrases import Value
from batch.model.reasons import Finding, Reason


class Phone(NamedTuple):  # not a dataclass: one is made for each row, and a tuple takes a quarter of the time
    """Phone that can be messaged."""

    e164: str
    """`+5511988887777`: identifies the recipient."""
    notes: tuple[Finding, ...] = ()
    """Repairs of the number, or that it is a landline."""
    dialled: str | None = None
    """The number as it is dialled, where that is another form of the recipient's (`twin_of`); None: `e164`."""


_SHOWN_AT_MOST = 60
_LONGEST_TEXT = 200
"""Characters of a cell with one phone, but for a link with a message."""
_WHOLE_NUMBER = 8
"""Digits that are a number by themselves; fewer may be an area code or a part."""
_HALF = 4
_LONGEST_WRITTEN = 19
"""Digits of the longest number (E.164: 15) with an international prefix, a 0 and a carrier before it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Digits:
    """Digits of one number, without anything else."""

    digits: str
    found: str
    """Text as people see it in the sheet."""
    international: bool
    """The digits begin with a country code, as a `+` or a WhatsApp link says."""
    blocks: tuple[int, ...] = (_WHOLE_NUMBER,)
    """How many digits stand together, in the order in which they are written."""

    @property
    def ends_in_eight(self) -> bool:
        """True when the last eight digits are written as one block or as four and four, as numbers without a ninth are.

        `9 0000-272` has eight digits too, and has lost one; `98888-7777` has nine, and an area of one digit before it.
        """
        *before, last = self.blocks
        if last == _HALF and before:
            return before[-1] >= _HALF and before[-1] != _HALF + 1
        return last >= _WHOLE_NUMBER and last != _WHOLE_NUMBER + 1


_OTHER_THING = re.compile(
    r"[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}|[0-9]{1,2}/[0-9]{1,2}/(?:[0-9]{2}|[0-9]{4})|[0-9]{4}-[0-9]{2}-[0-9]{2}"
)
"""A CPF as it is always written, or a date: the wrong column."""
_LINK = re.compile(
    r"(?:https?://)?(?:www\.)?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?phone=)\+?([0-9]+)(?:[/?&].*)?"
)
_CHAT_ID = re.compile(r"([0-9]+)@(?:c\.us|s\.whatsapp\.net)")
_SCHEME = re.compile(r"(?:tel|callto|sms|whatsapp|p(?=:\+)):\s*")
_LABEL = re.compile(
    r"(?<![^\W\d_])(?:telefones?|tel|fone|celular|cel|movel|móvel|whats|whatsapp|wpp|wapp|zap|phone|mobile|cell"
    r"|contato|numero|número|num|nº|n°|no|ddd|tim|vivo|claro|oi)(?![^\W\d_])[.:]*"
)
_CARRIER_MARK = re.compile(r"^([\s(]*+)0?[\s-]*+(?:xx|\*\*)(?=[\s)-]*[0-9(])")
_SCIENTIFIC = re.compile(r"\+?([0-9]+)(?:[.,]([0-9]*))?e\+?([0-9]{1,3})")
_DECIMAL = re.compile(
    r"(\+?[0-9]{8,}|[0-9]{1,3}(?:\.[0-9]{3}){2,}(?=,)|[0-9]{1,3}(?:,[0-9]{3}){2,}(?=\.))[.,]([0-9]{1,2})"
)
_BETWEEN_NUMBERS = re.compile(r"[/;,|&\n\r\\]|(?<![^\W\d_])(?:e|ou|or|and|y)(?![^\W\d_])|(?<=[0-9])\s*\+")
_HARMLESS = re.compile(r"\+*[0-9\s().\[\]{}/,\-]*")
_CUT = re.compile(r"\.\.")
_NOT_DIGITS = re.compile(r"[^0-9]+")
_DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-")
_RIGHT_TO_LEFT = "\u202b\u202e\u2067"
"""Embedding, override and isolate."""
_QUOTES = "'\"` \u00b4\u2018\u2019\u201c\u201d"


_HIDDEN_USER = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{6,}|@[A-Za-z][A-Za-z0-9._-]{2,}")
"""Ids and names by which WhatsApp shows people who hide their number."""
_AREA_ZERO = re.compile(r"\(\s*00\s*\)|00[\s.-]*9?[0-9]{4}[\s.-]?[0-9]{4}$")
"""An area code of two zeros, as forms and exports put for none: no country's number is so short."""


_WITHOUT_NINE = re.compile(r"\+54([0-8][0-9]{9})")
_WITH_NINE, _LENGTH_WITH_NINE = "+549", 14


def unify_forms(e164: str) -> str:
    """Return the one form of a number that is written in two: Argentina's with the 9 of mobiles."""
    return _WITHOUT_NINE.sub(r"+549\1", e164)


def twin_of(e164: str) -> str | None:
    """Return the other form of a number (`unify_forms`), under which older ledgers may know its person; None: none."""
    has_two = e164.startswith(_WITH_NINE) and len(e164) == _LENGTH_WITH_NINE
    return "+54" + e164.removeprefix(_WITH_NINE) if has_two else None


def extract_digits(text: str) -> Digits | Finding:
    """Return the digits of the one number in `text`, or the finding that says why there is not one."""
    found = _as_seen(text)
    plain = _plain(text)
    link = _LINK.fullmatch(plain) or _CHAT_ID.fullmatch(plain)
    refusal = _refuse_other_things(text, "0" if link else plain, found)
    if refusal is not None:
        return refusal
    if link:
        return Digits(digits=link[1], found=found, international=True)
    number = _from_scientific(_without_words(plain), found)
    return number if isinstance(number, Finding) else _only_digits(number, found)


def _refuse_other_things(text: str, plain: str, found: str) -> Finding | None:
    """Refuse what is no number, by what it is; None: it may be one."""
    if not text.isascii() and any(map(_deceives, text)):
        return refuse(Reason.PHONE_NOT_A_NUMBER, show_controls(found))
    if _HIDDEN_USER.fullmatch(text.strip()):
        return refuse(Reason.WHATSAPP_USER_ID, found)
    if _AREA_ZERO.match(plain):
        return refuse(Reason.PHONE_BAD_AREA_CODE, found, area="00")
    if not any(char.isalnum() for char in plain):
        return refuse(Reason.PHONE_MISSING, found)
    if len(plain) > _LONGEST_TEXT or _OTHER_THING.fullmatch(plain):
        return refuse(Reason.PHONE_NOT_A_NUMBER, found)
    return None


def _deceives(char: str) -> bool:
    """Return True where people see other digits, or another order, than would be read.

    A superscript or a digit in a circle is a footnote, not a digit. Other marks of direction are common in copies.
    """
    if char in _RIGHT_TO_LEFT:
        return True
    return not char.isdecimal() and any(part.isdecimal() for part in unicodedata.normalize("NFKC", char))


def _plain(text: str) -> str:
    """Normalize to lower case, ASCII digits and dashes, without invisible characters and quotes around."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_DASHES))
        text = "".join(
            str(unicodedata.decimal(char)) if char.isdecimal() else char
            for char in text
            if unicodedata.category(char) != "Cf"
        )
    return text.strip().strip(_QUOTES).lower()


def _without_words(plain: str) -> str:
    plain = _LABEL.sub(" ", _SCHEME.sub("", plain)).strip(" :\t\n\r")
    return _CARRIER_MARK.sub(r"\g<1>0", plain)


def _from_scientific(plain: str, found: str) -> str | Finding:
    """Return the digits of `1.1999999999e10` and `11999999999.0`; refuse lost digits and broken numbers."""
    if match := _SCIENTIFIC.fullmatch(plain):
        fraction, exponent = match[2] or "", int(match[3])
        if len(fraction) < exponent:
            return refuse(Reason.PHONE_DIGITS_LOST, found)
        whole, rest = match[1] + fraction[:exponent], fraction[exponent:]
        return refuse(Reason.PHONE_NOT_A_NUMBER, found) if rest.strip("0") else whole
    if match := _DECIMAL.fullmatch(plain):
        return refuse(Reason.PHONE_NOT_A_NUMBER, found) if match[2].strip("0") else match[1]
    return plain


def _only_digits(plain: str, found: str) -> Digits | Finding:
    if _holds_several(plain):
        return refuse(Reason.PHONE_SEVERAL, found)
    number = plain.strip("/;,|& \n\r")
    bare = number.lstrip("([{ ")
    if not _HARMLESS.fullmatch(bare) or _CUT.search(bare):
        return refuse(Reason.PHONE_NOT_A_NUMBER, found)
    digits = _NOT_DIGITS.sub("", bare)
    if len(digits) > _LONGEST_WRITTEN:
        return refuse(Reason.PHONE_TOO_LONG, found)
    blocks = tuple(map(len, _NOT_DIGITS.sub(" ", bare).split()))
    return Digits(digits=digits, found=found, international=bare.startswith("+"), blocks=blocks)


def _holds_several(plain: str) -> bool:
    """Return True when more digits follow a whole number after a sign or word that stands between numbers.

    `11/99999-9999` is one number; `(11) 3333-4444/45` names two.
    """
    parts = [digits for part in _BETWEEN_NUMBERS.split(plain) if (digits := _NOT_DIGITS.sub("", part))]
    if any(len(part) >= _WHOLE_NUMBER for part in parts[:-1]):
        return True
    return _splits_in_two([len(group) for group in _NOT_DIGITS.sub(" ", plain).split()])


def _splits_in_two(lengths: list[int]) -> bool:
    return any(
        sum(lengths[:cut]) >= _WHOLE_NUMBER and sum(lengths[cut:]) >= _WHOLE_NUMBER for cut in range(len(lengths))
    )


def _as_seen(text: str) -> str:
    seen = " ".join(text.split())
    return seen if len(seen) <= _SHOWN_AT_MOST else seen[: _SHOWN_AT_MOST - 3] + "..."


def refuse(reason: Reason, found: str, **values: Value) -> Finding:
    """Return the finding of a phone that cannot be used. `found`: its text as people see it."""
    return Finding(reason, {"found": found, **values})
