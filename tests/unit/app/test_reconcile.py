"""Unknown attempts held against timelines: which chats, which rivals, and what is said of what is not found."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from batch.app.reconcile import (
    _STILL_UNKNOWN,
    MatchedRow,
    NoMatch,
    UnknownCase,
    UnmatchedRow,
    collect_cases,
    match_case,
)
from batch.chats import Timeline, TimelineFailure
from batch.ledger import RelatedMessage, RowStatus, State
from batch.model.chat_history import TimelineMessage
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result

NOON = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
ANA = "+5511900001001"
MARGIN = timedelta(seconds=60)


def row_status(key: str = "k1", sender: str = "s1") -> RowStatus:
    """An unknown row that was attempted at noon."""
    result = Result(
        row=2, outcome=Outcome.UNKNOWN, findings=(Finding(Reason.ANSWER_LOST),), person=ANA, sent_at=NOON, attempts=1
    )
    return RowStatus(run="r1", result=result, state=State.UNKNOWN, key=key, sender=sender)


def other(
    key: str, *, chat: str | None = None, state: State = State.SUCCESS, minutes: float = 0, **more: object
) -> RelatedMessage:
    """Another message to the same person, attempted so long before noon and answered within a second."""
    values: dict[str, object] = {"person": ANA, "sender": "s1", "evidence": None, "duration_ms": 1000, **more}
    return RelatedMessage(key=key, state=state, chat_id=chat, sent_at=NOON - timedelta(minutes=minutes), **values)  # type: ignore[arg-type]


def chat(*messages: tuple[float, str]) -> Timeline:
    """A chat with messages so many seconds after noon."""
    found = tuple(TimelineMessage(at=NOON + timedelta(seconds=seconds), text=text) for seconds, text in messages)
    return Timeline(messages=found, margin=MARGIN)


def look(
    timelines: dict[str, Timeline | TimelineFailure], *others: RelatedMessage, **texts: str
) -> MatchedRow | UnmatchedRow:
    chats = tuple(timelines)
    case = UnknownCase(row=row_status(), chats=chats, others=others)
    return match_case(case, {"k1": "Oi", **texts}, timelines, read_timeout=60)


def why(found: MatchedRow | UnmatchedRow) -> NoMatch:
    assert isinstance(found, UnmatchedRow)
    return found.why


def test_a_chat_is_that_of_the_same_person_and_sender() -> None:
    """The latest first, at most three; a sender's id in any case."""
    related = [
        other("k2", chat="c2", sender="S1"),
        other("k3", chat="c3", sender="s2"),
        other("k4", chat="c4", person="+5511900009999"),
        other("k5"),
        *(other(f"k{n}", chat=f"c{n}") for n in (6, 2, 7, 8)),
    ]
    (case,) = collect_cases([row_status()], related)
    assert case.chats == ("c2", "c6", "c7")


def test_rivals_are_what_may_have_sent_a_message() -> None:
    """Not the row itself, nor what certainly sent nothing."""
    states = {each.value: each for each in State}
    (case,) = collect_cases(
        [row_status()], [other("k1"), *(other(name, state=state) for name, state in states.items())]
    )
    assert {each.key for each in case.others} == {"success", "reused", "unknown", "claimed"}


def test_found_in_any_of_the_persons_chats() -> None:
    """A chat that cannot be read, or lacks it, does not hide the other."""
    timelines = {"a": TimelineFailure(words="HTTP 404: no", for_all=False), "b": chat(), "c": chat((3, "Oi"))}
    found = look(timelines)
    assert isinstance(found, MatchedRow)
    assert (found.chat_id, found.at) == ("c", NOON + timedelta(seconds=3))


def test_what_is_not_found_says_why() -> None:
    """The worst that was met: unreadable is more than not there."""
    assert why(look({"a": chat()})) is NoMatch.NOTHING
    left = look({"a": TimelineFailure(words="HTTP 404: no", for_all=False), "b": chat()})
    assert (why(left), left.words) == (NoMatch.REFUSED, "HTTP 404: no")  # type: ignore[union-attr]  # it is UnmatchedRow
    assert why(look({})) is NoMatch.NO_CHAT
    case = UnknownCase(row=row_status(), chats=("a",), others=())
    assert why(match_case(case, {}, {}, read_timeout=60)) is NoMatch.NO_TEXT


@pytest.mark.parametrize(("seconds", "found"), [(-60, True), (-61, False), (360, True), (361, False)])
def test_the_time_of_an_attempt(seconds: float, found: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """From the clocks' difference before it to the time-out and five minutes after."""
    assert isinstance(look({"a": chat((seconds, "Oi"))}), MatchedRow) == found


def test_an_answered_attempt_is_a_rival_only_until_its_answer() -> None:
    """Three minutes before it was accepted; its message cannot be the one of now. Lost or settled it could."""
    timelines: dict[str, Timeline | TimelineFailure] = {"a": chat((120, "Oi"))}
    assert isinstance(look(timelines, other("k2", minutes=3)), MatchedRow)
    assert why(look(timelines, other("k2", minutes=3, state=State.UNKNOWN))) is NoMatch.ANOTHERS
    assert why(look(timelines, other("k2", minutes=3, evidence=Evidence.SETTLED))) is NoMatch.ANOTHERS
    assert isinstance(look(timelines, other("k2", minutes=30, state=State.UNKNOWN)), MatchedRow)


def test_a_rival_with_another_text_is_none() -> None:
    """The other unknown row of the person in this sheet: its text is known."""
    timelines: dict[str, Timeline | TimelineFailure] = {"a": chat((1, "Oi"))}
    rival = other("k2", state=State.UNKNOWN)
    assert why(look(timelines, rival)) is NoMatch.ANOTHERS
    assert why(look(timelines, rival, k2="Oi")) is NoMatch.ANOTHERS
    assert isinstance(look(timelines, rival, k2="Tchau"), MatchedRow)


def test_every_reason_has_its_words() -> None:
    """What `reconcile` prints of a row that is still unknown."""
    assert set(_STILL_UNKNOWN) == set(NoMatch)
