"""The answer to an accepted POST, read leniently, and the signs of a chat that was already there."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from batch.model.verdicts import ChatSigns

__all__ = ["MARGIN", "MARGIN_WITHOUT_DATE", "ChatAnswer", "LastMessage", "instant", "read_answer", "signs"]

MARGIN: Final = timedelta(seconds=60)
"""How much older than the request a date must be to be *clearly* older, when the API's clock is known."""
MARGIN_WITHOUT_DATE: Final = timedelta(minutes=15)
"""The same when the answer had no `Date`, so that the clocks' difference is not known."""

_LONGEST_ID: Final = 200
_WESTERNMOST: Final = timezone(timedelta(hours=-12))
_MILLISECONDS: Final = 100_000_000_000
"""Epoch numbers from here on are milliseconds (as seconds they would lie after the year 5000)."""
_EPOCH = re.compile(r"\d{9,13}(\.\d+)?", re.ASCII)

_T = TypeVar("_T")


def instant(value: object) -> datetime | None:
    """A date of the answer as an instant (UTC): ISO 8601, or seconds or milliseconds since 1970 (WhatsApp's form).

    A time without a zone is taken as late as it may mean, so that it never seems older than it is. None for
    anything else, and for a date without a time.
    """
    try:
        if isinstance(value, str):
            text = value.strip()
            if not _EPOCH.fullmatch(text):
                return _iso(text)
            value = float(text)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            return None
        return datetime.fromtimestamp(value / 1000 if value >= _MILLISECONDS else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _iso(text: str) -> datetime | None:
    if ":" not in text:
        return None
    date = datetime.fromisoformat(text)
    return (date if date.tzinfo else date.replace(tzinfo=_WESTERNMOST)).astimezone(UTC)


def _none_when_wrong(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError:
        return None


def _chat_id(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _not_blank(value: str) -> str:
    text = value.strip()
    if not text or len(text) > _LONGEST_ID:
        raise ValueError("no id")
    return text


_Maybe = Annotated[_T | None, WrapValidator(_none_when_wrong)]
_Instant = Annotated[datetime | None, BeforeValidator(instant)]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class LastMessage(_Lenient):
    """The chat's last message, as far as it tells an earlier life."""

    from_me: _Maybe[bool] = None
    origin: _Maybe[str] = None
    meta_timestamp: _Instant = None
    created_at: _Instant = None


class ChatAnswer(_Lenient):
    """A chat. Only `id` is required; what is missing, null or of a wrong type is None."""

    id: Annotated[str, BeforeValidator(_chat_id), AfterValidator(_not_blank)]
    status: _Maybe[str] = None
    unread_count: _Maybe[int] = None
    archived_at: object = None
    last_message_at: _Instant = None
    last_message: _Maybe[LastMessage] = None


def read_answer(text: str) -> ChatAnswer | None:
    """The chat in a 2xx answer's text; None when it is no JSON object with an `id`."""
    try:
        return ChatAnswer.model_validate_json(text)
    except ValidationError:
        return None


def signs(
    answer: ChatAnswer, *, http_status: int, sent_at: datetime, clock_skew: float | None, asked_status: str | None
) -> ChatSigns:
    """What the answer tells about the chat.

    Args:
        answer: as read.
        http_status: of the answer; 201 alone says "created".
        sent_at: when the POST began, by our wall clock (aware).
        clock_skew: seconds the API's clock is ahead of ours; None when it is not known.
        asked_status: the `status` in the request; None when none was asked for. Then a chat that is RESOLVED or
            SNOOZED had an earlier life, because a new one has no reason to be.
    """
    limit = sent_at + (timedelta(seconds=clock_skew) - MARGIN if clock_skew is not None else -MARGIN_WITHOUT_DATE)
    last = answer.last_message or LastMessage()
    dates = (answer.last_message_at, last.meta_timestamp, last.created_at)
    return ChatSigns(
        chat_id=answer.id,
        chat_status=answer.status,
        created=http_status == 201,  # noqa: PLR2004 - Created
        older_date=any(date < limit for date in dates if date is not None),
        earlier_life=(answer.unread_count or 0) > 0
        or bool(answer.archived_at)
        or _not_from_us(last)
        or _other_status(answer.status, asked_status),
    )


def _not_from_us(message: LastMessage) -> bool:
    if message.from_me is not None:
        return not message.from_me
    return (message.origin or "").upper() == "INBOUND"


def _other_status(status: str | None, asked: str | None) -> bool:
    if status is None:
        return False
    return status.upper() != asked if asked else status.upper() in {"RESOLVED", "SNOOZED"}
