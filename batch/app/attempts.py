"""Unknown attempts held against the timelines of the chats where their messages may lie. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from batch.app.decision import LEEWAY
from batch.chats import Timeline, Unread
from batch.ledger import Related, Standing, State
from batch.model.chat_history import Span, TimelineMessage, Trace, search
from batch.model.outcomes import Evidence

__all__ = ["Case", "Left", "Match", "Why", "cases_of", "judge"]

_CHATS = 3
"""Chats of one person that are asked about, the latest first."""
_MAYBE_SENT = frozenset({State.SUCCESS, State.REUSED, State.UNKNOWN, State.CLAIMED})
_ANSWERED = frozenset({State.SUCCESS, State.REUSED})
_UNANSWERED = frozenset({Evidence.SETTLED, Evidence.TIMELINE})


class Why(StrEnum):
    """Why a row is still unknown."""

    LIVE = "in_flight"
    """It began to be sent a moment ago; its run may still be at it."""
    NO_BODY = "no_body"
    """The campaign does not give the template's text, so no message can be known again."""
    NO_CHAT = "no_chat"
    """No run has recorded a chat of this person."""
    NO_TEXT = "not_in_sheet"
    """The sheet has no good row for it any more, so its text is not known."""
    REFUSED = "not_readable"
    """The API did not give the chat."""
    NOTHING = "not_found"
    """It is not in the chat, which proves nothing."""
    FAILED = "failed"
    """It is in the chat, but WhatsApp has not sent it."""
    ANOTHERS = "not_told_apart"
    """One is there, but it may be that of another attempt."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """An unknown row, and what the ledger knows of the person besides."""

    standing: Standing
    chats: tuple[str, ...]
    others: tuple[Related, ...]
    """Other messages that the same sender has, or may have, sent to the person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A row whose message was found."""

    standing: Standing
    chat_id: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Left:
    """A row that is still unknown."""

    standing: Standing
    why: Why
    words: str = ""
    """What the API said, without a full stop."""


def cases_of(standings: Iterable[Standing], related: Sequence[Related]) -> list[Case]:
    """Each row with the chats and messages of the same person and sender; `related` is ordered, the latest first."""
    people: dict[tuple[str | None, str], list[Related]] = {}
    for each in related:
        people.setdefault((each.person, each.sender.casefold()), []).append(each)
    cases = []
    for standing in standings:
        theirs = people.get((standing.result.person, standing.sender.casefold()), [])
        chats = dict.fromkeys(each.chat_id for each in theirs if each.chat_id)
        others = tuple(each for each in theirs if each.key != standing.key and each.state in _MAYBE_SENT)
        cases.append(Case(standing=standing, chats=tuple(chats)[:_CHATS], others=others))
    return cases


def judge(
    case: Case, texts: Mapping[str, str], timelines: Mapping[str, Timeline | Unread], *, read_timeout: float
) -> Match | Left:
    """Whether the row's message was found.

    Args:
        case: the row.
        texts: key to the message as it is read, of every row whose text is known.
        timelines: of the chats that were asked about, by id.
        read_timeout: seconds that an answer was waited for.
    """
    standing = case.standing
    text = texts.get(standing.key)
    if not case.chats or text is None or standing.result.sent_at is None:
        return Left(standing=standing, why=Why.NO_TEXT if case.chats else Why.NO_CHAT)
    others = [other for other in case.others if texts.get(other.key, text) == text]
    left = Left(standing=standing, why=Why.NOTHING)
    for chat in case.chats:
        timeline = timelines[chat]
        if isinstance(timeline, Unread):
            left = Left(standing=standing, why=Why.REFUSED, words=timeline.words)
            continue
        span = _span(standing.result.sent_at, None, timeline.margin, read_timeout)
        spans = [_span_of(other, other.sent_at, timeline.margin, read_timeout) for other in others if other.sent_at]
        found = search(timeline.messages, text=text, span=span, others=spans)
        if isinstance(found, TimelineMessage):
            return Match(standing=standing, chat_id=chat, at=found.at)
        if found is not Trace.NOTHING:
            left = Left(standing=standing, why=Why.FAILED if found is Trace.FAILED else Why.ANOTHERS)
    return left


def _span_of(other: Related, began: datetime, margin: timedelta, read_timeout: float) -> Span:
    answered = other.state in _ANSWERED and other.evidence not in _UNANSWERED
    return _span(began, other.duration_ms if answered else None, margin, read_timeout)


def _span(began: datetime, milliseconds: int | None, margin: timedelta, read_timeout: float) -> Span:
    """When an attempt's message can have been sent: until its answer came, or could not come any more."""
    if milliseconds is not None:
        return Span(start=began - margin, end=began + timedelta(milliseconds=milliseconds) + margin)
    return Span(start=began - margin, end=began + timedelta(seconds=read_timeout) + LEEWAY)
