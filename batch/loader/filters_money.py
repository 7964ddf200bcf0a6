"""Amounts of money, as Brazil writes them.

How a number is read: where both `.` and `,` stand, the last of them is the decimal sign. A comma alone is the decimal
sign; more of them group thousands. A dot alone groups thousands when three digits follow it and one to three stand
before it (`1.234`), and else is the decimal sign (`1234.56`); more of them group thousands.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from batch.model.reason import Reason

__all__ = ["brl"]

_AMOUNT = re.compile(r"(?P<sign>-?)\s*(?:R\$)?\s*(?P<minus>-?)\s*(?P<number>[0-9][0-9.,]*)", re.IGNORECASE)
_DOT_GROUPS = re.compile(r"[1-9][0-9]{0,2}(?:\.[0-9]{3})+")
_COMMA_GROUPS = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_CENT = Decimal("0.01")
_MOST_DIGITS = 15


def brl(value: str) -> str | Reason:
    """`R$ 1.234,50` for `1234,5`, `1.234,50`, `1234.5` and `R$ 1.234,5`; cents rounded half up."""
    match = _AMOUNT.fullmatch(value.strip())
    number = _plain(match["number"]) if match else None
    if match is None or number is None or (match["sign"] and match["minus"]):
        return Reason.VALUE_NOT_MONEY
    amount = Decimal(number).quantize(_CENT, ROUND_HALF_UP)
    written = f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))
    negative = (match["sign"] or match["minus"]) and amount
    return f"-R$ {written}" if negative else f"R$ {written}"


def _plain(number: str) -> str | None:
    """Digits with a point for the decimals; None when the signs stand where no number has them."""
    plain = _without_groups(number)
    whole = plain.partition(".")[0]
    return plain if _PLAIN.fullmatch(plain) and len(whole) <= _MOST_DIGITS else None


def _without_groups(number: str) -> str:
    if "," in number and "." in number:
        decimal = max(",", ".", key=number.rfind)
        whole, _, cents = number.rpartition(decimal)
        groups = _COMMA_GROUPS if decimal == "." else _DOT_GROUPS
        return f"{_ungrouped(whole)}.{cents}" if groups.fullmatch(whole) else ""
    if _DOT_GROUPS.fullmatch(number) or (number.count(",") > 1 and _COMMA_GROUPS.fullmatch(number)):
        return _ungrouped(number)
    return number.replace(",", ".")


def _ungrouped(number: str) -> str:
    return number.replace(".", "").replace(",", "")
