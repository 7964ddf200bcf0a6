"""Which of the user's own columns tell a reader whose row it is: these stand in the table, the others in the detail.

Judged by the first rows alone, and by their cells, not their names: short texts with letters that most rows have and
that differ. The phone is in the table already.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from batch.reporter.columns import COLUMNS, Value

__all__ = ["lead_columns"]

_MOST = 2
_LONGEST = 32
"""Characters; an id is longer."""
_PHONE = COLUMNS.index("wegly_phone") + 1
_DIGITS = re.compile(r"\D+")
_LETTER = re.compile(r"[^\W\d_]")
_LIKE_A_PHONE = 8
"""Digits."""


def lead_columns(rows: Sequence[tuple[Value, ...]]) -> tuple[int, ...]:
    """Indexes of at most two columns, counted among the user's own. `rows`: number, values of `COLUMNS`, own cells."""
    first = len(COLUMNS) + 1
    width = len(rows[0]) - first if rows else 0
    good = [index for index in range(width) if _tells([(row[first + index], row[_PHONE]) for row in rows])]
    return tuple(good[:_MOST])


def _tells(cells: Sequence[tuple[Value, Value]]) -> bool:
    texts = [str(cell) for cell, _ in cells if cell is not None]
    short = sum(len(text) <= _LONGEST and _LETTER.search(text) is not None for text in texts)
    if not texts or len(texts) * 2 < len(cells) or short * 10 < len(texts) * 9:
        return False
    phones = sum(_is_phone(str(cell), phone) for cell, phone in cells if cell is not None)
    return phones * 2 < len(texts) and (len(cells) < _LIKE_A_PHONE or len(set(texts)) * 8 > len(texts))


def _is_phone(text: str, phone: Value) -> bool:
    digits = _DIGITS.sub("", text)
    return len(digits) >= _LIKE_A_PHONE and (phone is None or _DIGITS.sub("", str(phone)).endswith(digits[-8:]))
