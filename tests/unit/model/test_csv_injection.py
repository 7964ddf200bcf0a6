"""The rule that keeps text from becoming a formula in a CSV file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.model.csv_injection import guard, looks_like_formula, unguard


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "@SUM(A1)",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "+1 2*3",
        " =1",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1",
        "+55-11-98888-7777",
    ],
)
def test_what_a_spreadsheet_would_run_is_guarded(text: str) -> None:
    """A text that begins as a formula gets one apostrophe, whatever blanks are in front of it."""
    assert looks_like_formula(text)
    assert guard(text) == f"'{text}"


@pytest.mark.parametrize(
    "text",
    [
        "-5,20",
        "-1.234,56",
        "+5511988887777",
        "+55 11 98888-7777",
        "+55 (11) 98888-7777",
        "+55 11 9****-**77",
        "-",
        "--",
        "Ana",
        "",
        "1+1",
    ],
)
def test_numbers_phones_and_plain_text_stay_as_they_are(text: str) -> None:
    """What harms nobody stays usable."""
    assert guard(text) == text


@given(st.text(alphabet=st.sampled_from("'=+-@ \t\r\n1a5,|(\uff1d"), max_size=8) | st.text(max_size=20))
def test_a_guarded_text_comes_back_as_it_was(text: str) -> None:
    """`unguarded` undoes `guarded` for every text, those that begin with an apostrophe included."""
    assert unguard(guard(text)) == text
