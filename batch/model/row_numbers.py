"""Row numbers as a person names them: `5,7-9`."""

from __future__ import annotations

import re

from batch.i18n import _

__all__ = ["parse_ranges", "parse_rows"]

_PART = re.compile(r"(\d{1,8})(?:-(\d{1,8}))?", re.ASCII)
_MOST = 1_048_576
"""Rows that a worksheet of Excel has: more than these nobody means by a range."""


def parse_rows(text: str) -> tuple[int, ...]:
    """`5,7-9` as (5, 7, 8, 9): in the order given, each once; blanks around commas and dashes do not count.

    Raises ValueError, whose text says what is wrong.
    """
    found: dict[int, None] = {}
    for first, last in parse_ranges(text):
        found.update(dict.fromkeys(range(first, last + 1)))
    return tuple(found)


def parse_ranges(text: str) -> tuple[tuple[int, int], ...]:
    """`5,7-9` as ((5, 5), (7, 9)): first and last row of each part, in the order given. Raises ValueError likewise."""
    found = []
    for part in re.sub(r"\s*([,-])\s*", r"\1", text.strip()).split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(_("{part!r} is no row number and no range; write them like 5,7-9").format(part=part))
        first, last = int(match[1]), int(match[2] or match[1])
        if first < 1 or last < first:
            raise ValueError(
                _("{part!r} is no range of rows: write the smaller number first, from 1 up").format(part=part)
            )
        if last - first >= _MOST:
            raise ValueError(_("{part!r} has more rows than a sheet").format(part=part))
        found.append((first, last))
    return tuple(found)
