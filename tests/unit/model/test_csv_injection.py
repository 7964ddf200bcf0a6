"""The rule that keeps text from becoming a formula in a CSV file."""

import time

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


@pytest.mark.parametrize(
    ("text", "guarded"),
    [
        ("x,=cmd|'/C calc'!A0,y", "x,'=cmd|'/C calc'!A0,y"),
        ('x,"=1+1"', 'x,"\'=1+1"'),
        ("x\t+1+cmd|'/C'!A0", "x\t'+1+cmd|'/C'!A0"),
        ("a\n=1", "a\n'=1"),
        ("x| @SUM(A1)", "x| '@SUM(A1)"),
        ("x,'=1", "x,''=1"),
        ("=a,=b", "'=a,'=b"),
    ],
)
def test_a_formula_behind_a_separator_inside_is_guarded_there(text: str, guarded: str) -> None:
    """A program that splits at commas, tabs or bars makes a cell of it, whatever quotation marks are around."""
    assert guard(text) == guarded
    assert unguard(guarded) == text


@pytest.mark.parametrize(
    "text",
    [
        "a, -b",
        "a | - b",
        "siga, @ana",
        "(11) 3333-4444, +55 (11) 98888-7777",
        "ligar, - depois (de manhã)",
        "10, -5,20",
        "https://a.b/c?x=1,y=2",
    ],
)
def test_usual_texts_with_separators_stay_as_they_are(text: str) -> None:
    """Lists, nicknames, several phones, coordinates: nothing in them calls or refers."""
    assert guard(text) == text


def test_guards_take_time_with_the_length_only() -> None:
    """A megabyte of what begins and never ends is read in one go."""
    began = time.process_time()
    for part in (",-", ", ", "|-|", "|-a|", ",'", ",-5", "\n", ",-1 1 ", "|-a("):
        text = part * (1_000_000 // len(part))
        assert unguard(guard(text)) == text
    assert time.process_time() - began < 10


@given(st.text(alphabet=st.sampled_from("'=+-@ \t\r\n1a5,|!\"(\uff1d"), max_size=8) | st.text(max_size=20))
def test_a_guarded_text_comes_back_as_it_was(text: str) -> None:
    """`unguarded` undoes `guarded` for every text, those that begin with an apostrophe included."""
    assert unguard(guard(text)) == text
