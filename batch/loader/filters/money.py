"""The filter `brl`: amounts of money in Brazilian form.

Where both `.` and `,` stand, the last of them is the decimal sign. A comma alone is the decimal
sign; more of them group thousands. A dot alone groups thousands when three digits follow it and one to three stand
before it (`1.234`), and else is the decimal sign (`1234.56`); more of them group thousands.

A typed amount is never rounded: more than two decimals are refused, unless those after the second are zeros. So is
`12,345`, in any case: a comma with three digits after it and one to three before it (not `0` alone) groups thousands in
English and begins the decimals in Brazil. A number that a formula computed comes as `0,30000000000000004` or
`1234,565`, and is rounded half up; it has no `R$`, no groups, and four decimals or more, or three decimals after a
comma with four digits or more before it.
"""

import re
from decimal import ROUND_HALF_UP, Decimal

from batch.i18n import N_
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason

_AMOUNT = re.compile(r"(?P<sign>-?)\s*+(?P<currency>R\$)?\s*+(?P<minus>-?)\s*+(?P<number>[0-9][0-9.,]*)", re.IGNORECASE)
"""Possessive, because three runs of blanks beside each other would be shared out in n² ways."""
_DOT_GROUPS = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+")
_COMMA_GROUPS = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_AMBIGUOUS = re.compile(r"[0-9]{1,3},[0-9]{3}")
_COMPUTED = re.compile(r"[0-9]+[.,][0-9]{4,}|[0-9]{4,},[0-9]{3}")
_USUAL = re.compile(r"([0-9]{1,15})(?:,([0-9]{1,2}))?")
"""Amounts of most cells; the rules below read them alike at three times the work."""
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_THOUSANDS = N_("{value} (English thousands or Brazilian decimals?)")
_DECIMALS = N_("{value} (more than two decimals)")
_CENT = Decimal("0.01")
_MOST_DIGITS = 15


def brl(value: str) -> str | Reason | Finding:
    """Return `R$ 1.234,50` for `1234,5`, `1.234,50`, `1234.5` and `R$ 1.234,5`; only a computed number is rounded."""
    if usual := _USUAL.fullmatch(value):
        whole, cents = usual.groups("")
        return f"R$ {int(whole):,}".replace(",", ".") + "," + cents.ljust(2, "0")
    match = _AMOUNT.fullmatch(value.strip())
    number = _normalize(match["number"]) if match else None
    if match is None or number is None or (match["sign"] and match["minus"]):
        return Reason.VALUE_NOT_MONEY
    if doubt := _find_doubt(match["number"], Decimal(number), typed=bool(match["currency"])):
        return Finding(Reason.VALUE_NOT_MONEY, {"found": Phrase(doubt, {"value": value})})
    amount = Decimal(number).quantize(_CENT, ROUND_HALF_UP)
    written = f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))
    negative = (match["sign"] or match["minus"]) and amount
    return f"-R$ {written}" if negative else f"R$ {written}"


def amount(value: str) -> str | Reason | Finding:
    """Return what `brl` does without `R$`, for a template in which that stands already: `1234,5` -> `1.234,50`."""
    written = brl(value)
    return written.replace("R$ ", "") if isinstance(written, str) and not isinstance(written, Reason) else written


def _find_doubt(number: str, amount: Decimal, *, typed: bool) -> str | None:
    """Return a reason to doubt the cents, as the text of a phrase with the `value`; None without one."""
    if _AMBIGUOUS.fullmatch(number) and not number.startswith("0,"):
        return _THOUSANDS
    computed = not typed and _COMPUTED.fullmatch(number)
    exact = amount == amount.quantize(_CENT, ROUND_HALF_UP)
    return None if computed or exact else _DECIMALS


def _normalize(number: str) -> str | None:
    """Return digits with a point for the decimals; None when the signs stand where no number has them."""
    plain = _remove_groups(number)
    whole = plain.partition(".")[0]
    return plain if _PLAIN.fullmatch(plain) and len(whole) <= _MOST_DIGITS else None


def _remove_groups(number: str) -> str:
    if "," in number and "." in number:
        decimal = max(",", ".", key=number.rfind)
        whole, _, cents = number.rpartition(decimal)
        groups = _COMMA_GROUPS if decimal == "." else _DOT_GROUPS
        return f"{_digits_of(whole)}.{cents}" if groups.fullmatch(whole) else ""
    if _DOT_GROUPS.fullmatch(number) or (number.count(",") > 1 and _COMMA_GROUPS.fullmatch(number)):
        return _digits_of(number)
    return number.replace(",", ".")


def _digits_of(number: str) -> str:
    return number.replace(".", "").replace(",", "")
