"""Row numbers as a person names them."""

from __future__ import annotations

import pytest

from batch.model.sheets import parse_rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [("5", (5,)), ("5,7-9", (5, 7, 8, 9)), (" 5 , 7 - 9 ", (5, 7, 8, 9)), ("9,5,5,4-6", (9, 5, 4, 6)), ("7-7", (7,))],
)
def test_rows_and_ranges(text: str, rows: tuple[int, ...]) -> None:
    """In the order given, each once."""
    assert parse_rows(text) == rows


@pytest.mark.parametrize("text", ["", "a", "5,", "5;7", "-5", "9-7", "0", "0-3", "5-", "1-2-3", "1-99999999", "\u0665"])
def test_anything_else_is_refused_by_name(text: str) -> None:
    """With the part that is wrong."""
    with pytest.raises(ValueError, match=r"row|sheet"):
        parse_rows(text)
