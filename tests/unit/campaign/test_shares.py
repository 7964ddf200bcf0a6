"""Several senders that share people: how the list is read, and who gets whom."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.campaign.sources import Share, Shares, read_shares

A = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
B = "7c19d2aa-1b3c-4d5e-8f90-123456789abc"
C = "11111111-2222-4333-8444-555555555555"
PEOPLE = [f"+55119{number:08d}" for number in range(10_000)]


def entries(*shares: object) -> list[object]:
    return [{"id": sender, "share": share} for sender, share in zip((A, B, C), shares, strict=False)]


@pytest.mark.parametrize(
    ("shares", "parts"),
    [
        (("60%", "40%"), (0.6, 0.4)),
        (("33.3%", "33.3%", "33.4%"), (0.333, 0.333, 0.334)),
        (("33,3%", "33,3%", "33,3%"), (1 / 3, 1 / 3, 1 / 3)),
        ((" 50 % ", "50%"), (0.5, 0.5)),
        ((3, 1), (0.75, 0.25)),
        ((0.5, 1.5), (0.25, 0.75)),
        (("100%",), (1.0,)),
    ],
)
def test_shares_are_percentages_or_numbers(shares: tuple[object, ...], parts: tuple[float, ...]) -> None:
    """They add up to one in any case."""
    found = read_shares(entries(*shares))
    assert [each.id for each in found.senders] == [A, B, C][: len(parts)]
    assert [each.part for each in found.senders] == pytest.approx(list(parts), abs=1e-3)
    assert sum(each.part for each in found.senders) == pytest.approx(1.0)


def test_without_shares_everybody_has_the_same() -> None:
    """A list of ids is enough."""
    found = read_shares([{"id": A}, {"id": f" {B} "}])
    assert [(each.id, each.part) for each in found.senders] == [(A, 0.5), (B, 0.5)]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([], "allowed is a list"),
        ([A, B], "allowed is a list"),
        ([{"id": A, "share": "60%"}, {"id": A, "share": "40%"}], "twice"),
        ([{"id": A, "shares": "60%"}], "did you mean 'share'"),
        ([{"id": "x", "share": "100%"}], "id is 'x'"),
        ([{"id": " ", "share": "100%"}], "id is ' '"),
        ([{"share": "100%"}], "id is None"),
        ([{"id": 7, "share": "100%"}], "id is 7"),
        (entries("60%", "30%"), "90%"),
        (entries("60%", "50%"), "110%"),
        (entries("60%", 40), "all percentages or all plain numbers"),
        (entries("60", "40"), "share is '60'"),
        (entries("0%", "100%"), "share is '0%'"),
        (entries("-10%", "110%"), "share is '-10%'"),
        (entries("x%", "100%"), "share is 'x%'"),
        (entries("nan%", "100%"), "share is 'nan%'"),
        (entries(0, 1), "share is 0"),
        ([{"id": A, "share": True}, {"id": B, "share": 1}], "share is True"),
        (entries(float("inf"), 1), "share is inf"),
        (entries(None, 1), "share is None"),
    ],
)
def test_odd_lists_are_refused_with_what_is_allowed(raw: list[object], said: str) -> None:
    """The text names what was found."""
    with pytest.raises(ValueError, match=re.escape(said)):
        read_shares(raw)


@pytest.mark.parametrize("shares", [("50%", "50%"), ("70%", "20%", "10%"), ("99%", "1%")])
def test_the_split_is_near_the_shares(shares: tuple[str, ...]) -> None:
    """Within two in a hundred of ten thousand people."""
    found = read_shares(entries(*shares))
    got = Counter(found.sender_of(person) for person in PEOPLE)
    for each in found.senders:
        assert got[each.id] / len(PEOPLE) == pytest.approx(each.part, abs=0.02)


def test_a_person_s_sender_never_changes() -> None:
    """These are written down: were they others tomorrow, people would hear from a stranger."""
    found = read_shares(entries("50%", "50%"))
    assert [found.sender_of(f"+551197001200{number}") for number in range(8)] == [B, A, A, A, A, A, B, B]


def test_a_larger_share_takes_nobody_away_from_its_sender() -> None:
    """From 50:50 to 70:30 only the second loses people."""
    before, after = read_shares(entries("50%", "50%")), read_shares(entries("70%", "30%"))
    assert all(after.sender_of(person) == A for person in PEOPLE if before.sender_of(person) == A)


@given(st.lists(st.floats(min_value=1e-6, max_value=1e6), min_size=1, max_size=3), st.text(max_size=20))
def test_everybody_has_a_sender_of_the_list(weights: list[float], person: str) -> None:
    """Whatever the shares are rounded to."""
    found = read_shares(entries(*weights))
    assert found.sender_of(person) in {each.id for each in found.senders}


def test_the_last_sender_takes_what_rounding_leaves_over() -> None:
    """Shares that add up to a little less than one."""
    thin = Shares(senders=(Share(id=A, part=1e-12), Share(id=B, part=1e-12)))
    assert {thin.sender_of(person) for person in PEOPLE[:100]} == {B}


def test_a_list_says_itself_in_a_word() -> None:
    """For `check`."""
    assert str(read_shares(entries("60%", "40%"))) == f"{A} 60%, {B} 40%, by person"
