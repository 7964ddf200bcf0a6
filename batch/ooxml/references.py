"""A1 references: columns, and areas such as `A1:B9`, `C:C` and `3:4`. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

LAST_COLUMN = 16_384
"""XFD, the last column of Excel."""
LAST_ROW = 1_048_576

_MOST_DIGITS = 9
_CORNER = re.compile(r"\$?([A-Za-z]{0,3})\$?(\d{0,7})")


class Area(NamedTuple):
    """Columns and rows from 1, the ends included."""

    left: int
    top: int
    right: int
    bottom: int

    def __str__(self) -> str:
        return f"{column_letters(self.left)}{self.top}:{column_letters(self.right)}{self.bottom}"

    @property
    def absolute(self) -> str:
        """Absolute reference, as a defined name has it: `$A$1:$B$9`."""
        left, right = column_letters(self.left), column_letters(self.right)
        return f"${left}${self.top}:${right}${self.bottom}"

    @property
    def cells(self) -> int:
        """Number of cells in the area; 0 when its ends are swapped."""
        return max(0, self.right - self.left + 1) * max(0, self.bottom - self.top + 1)

    def overlaps(self, other: Area) -> bool:
        """True when the areas have a cell in common."""
        return (
            self.left <= other.right
            and other.left <= self.right
            and self.top <= other.bottom
            and other.top <= self.bottom
        )

    def touches(self, columns: Collection[int]) -> bool:
        """True when any of these columns goes through the area."""
        return any(self.left <= column <= self.right for column in columns)


def parse_area(reference: str) -> Area | None:
    """Return the area of a reference, whole columns or rows reaching to the ends; None for another text."""
    first, _, last = reference.strip().partition(":")
    one, other = _CORNER.fullmatch(first), _CORNER.fullmatch(last or first)
    if one is None or other is None or not (first and (one[1] or one[2])):
        return None
    return Area(
        column_number(one[1]) or 1, int(one[2] or 1), column_number(other[1]) or LAST_COLUMN, int(other[2] or LAST_ROW)
    )


def whole_number(text: str | None) -> int | None:
    """Return the number that an attribute holds; None for another text, or one of more than nine digits."""
    return int(text) if text and len(text) <= _MOST_DIGITS and text.isdecimal() else None


def group_runs(numbers: Collection[int]) -> list[tuple[int, int]]:
    """Group neighbouring numbers as first and last: 1, 2, 3, 7 -> (1, 3), (7, 7)."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def column_number(letters: str) -> int:
    """Return the column number (from 1) of its letters: `AA` -> 27."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """Return the letters of a column number (from 1): 27 -> `AA`."""
    letters = ""
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(65 + letter) + letters
    return letters
