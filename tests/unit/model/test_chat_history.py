"""Whether a chat's timeline shows that a message was sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.model.chat_history import Span, TimelineMessage, Trace, find_message

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
TEXT = "Olá Ana"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def span(start: float = -60, end: float = 360) -> Span:
    return Span(start=at(start), end=at(end))


def message(seconds: float, text: str = TEXT, status: str | None = "sent") -> TimelineMessage:
    return TimelineMessage(at=at(seconds), text=text, status=status)


def look(*timeline: TimelineMessage, others: tuple[Span, ...] = ()) -> TimelineMessage | Trace:
    return find_message(timeline, text=TEXT, span=span(), others=others)


def test_a_message_with_the_text_in_the_time_is_the_one() -> None:
    """Whatever else lies in the chat."""
    ours = message(2)
    assert look(message(1, "Oi"), ours, message(-86400)) is ours


@pytest.mark.parametrize("seconds", [-61, 361, -86400])
def test_a_message_at_another_time_is_not(seconds: float) -> None:
    """Yesterday's message with the same text proves nothing about today's."""
    assert look(message(seconds)) is Trace.NOTHING


@pytest.mark.parametrize("text", ["Olá Bia", "olá ana", "Olá Ana!", "", "saudacao Ana"])
def test_a_message_with_another_text_is_not(text: str) -> None:
    """Nor does nearly the same text."""
    assert look(message(2, text)) is Trace.NOTHING


@pytest.mark.parametrize("text", ["Ola\u0301 Ana", " Olá Ana\r\n"])
def test_the_same_text_may_be_spelt_otherwise(text: str) -> None:
    """Accents as their own characters, blanks at the ends."""
    assert isinstance(look(message(2, text)), TimelineMessage)


@pytest.mark.parametrize("status", ["failed", "FAILED", "undelivered"])
def test_a_failed_message_settles_nothing(status: str) -> None:
    """A person decides; another one that went out is good."""
    assert look(message(2, status=status)) is Trace.FAILED
    assert isinstance(look(message(2, status=status), message(3)), TimelineMessage)


def test_one_message_is_not_the_proof_of_two_attempts() -> None:
    """Another attempt whose text is the same or not known may have sent it."""
    assert look(message(2), others=(span(),)) is Trace.ANOTHERS
    assert isinstance(look(message(2), message(3), others=(span(),)), TimelineMessage)


def test_an_attempt_whose_own_message_is_there_is_no_rival() -> None:
    """The message with another text in its time is its own."""
    welcome = message(-30, "Bem-vindo")
    assert isinstance(look(welcome, message(2), others=(span(-40, -20),)), TimelineMessage)
    assert look(welcome, message(2), others=(span(-40, -20), span(0, 10))) is Trace.ANOTHERS


def test_an_attempt_at_another_time_is_no_rival() -> None:
    """Last week's message of another campaign does not count."""
    assert isinstance(look(message(2), others=(span(-9000, -8000),)), TimelineMessage)


def test_each_other_message_explains_one_attempt_at_most() -> None:
    """And as many are explained as can be, whatever the order."""
    wide, narrow = span(-60, 300), span(-60, 10)
    early, late = message(0, "A"), message(200, "B")
    assert isinstance(look(late, early, message(2), others=(wide, narrow)), TimelineMessage)
    assert look(early, message(2), others=(wide, narrow)) is Trace.ANOTHERS


@given(
    st.lists(st.integers(-100, 400), max_size=6),
    st.lists(st.integers(-100, 400), max_size=6),
    st.lists(st.tuples(st.integers(-100, 400), st.integers(0, 200)), max_size=5),
)
def test_a_found_message_is_always_one_with_the_text_in_the_time(
    same: list[int], different: list[int], rivals: list[tuple[int, int]]
) -> None:
    """And more rivals never make a message certain that was not."""
    timeline = [*(message(s) for s in same), *(message(s, "other") for s in different)]
    others = tuple(span(start, start + length) for start, length in rivals)
    found = find_message(timeline, text=TEXT, span=span(), others=others)
    if isinstance(found, TimelineMessage):
        assert found.text == TEXT
        assert span().contains(found.at)
        assert isinstance(find_message(timeline, text=TEXT, span=span(), others=others[1:]), TimelineMessage)
    else:
        assert not isinstance(find_message(timeline, text=TEXT, span=span(), others=(*others, span())), TimelineMessage)
