"""Parsing of API answers: the chat in a 2xx, signs that it is an old one, and the times in an answer's headers.

Everything is read leniently: an answer of a wrong shape gives None, never an error.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from batch.model.verdicts import ChatSigns

MARGIN: Final = timedelta(seconds=60)
"""How much older than the request a date must be to be *clearly* older, where `Date` gives the API's clock."""
MARGIN_WITHOUT_DATE: Final = timedelta(minutes=15)
"""The same where an answer has no `Date`, so that the clocks' difference is not known."""

_ROUNDING: Final = timedelta(seconds=2)
"""How much older than the request a message may seem that it sent: `Date` and WhatsApp's times are whole seconds."""
_LONGEST_ID: Final = 200
_WESTERNMOST: Final = timezone(timedelta(hours=-12))
_MILLISECONDS: Final = 100_000_000_000
"""Epoch numbers from here on are milliseconds (as seconds they would lie after the year 5000)."""
_EPOCH = re.compile(r"\d{9,13}(\.\d+)?", re.ASCII)

DEFAULT_PAUSE: Final = 1.0
"""Seconds after a 429 that names no time; short, because the rate is cut besides."""
MAX_PAUSE: Final = 86_400.0
"""Seconds; a longer pause is taken as a day."""

_LONGEST_DATE: Final = 100
_FIRST_EPOCH: Final = 1_000_000_000
"""A reset from here on is a point in time (seconds since 1970), below it a number of seconds."""
_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?", re.ASCII)
_RESET = re.compile(r"(?:^|[;,\s])(?:reset|t)\s*=\s*(\d{1,15})", re.ASCII | re.IGNORECASE)

_T = TypeVar("_T")


def parse_instant(value: object) -> datetime | None:
    """Parse a date of an answer (UTC): ISO 8601, or seconds or milliseconds since 1970 (WhatsApp's form).

    A time without a zone is taken as late as it may be, in the westernmost zone, so that it never seems older than it
    is. None for anything else, and for a date without a time.
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
    return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=_WESTERNMOST)


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


Maybe = Annotated[_T | None, WrapValidator(_none_when_wrong)]
Instant = Annotated[datetime | None, BeforeValidator(parse_instant)]


class LenientModel(BaseModel):
    """Ignores unknown fields; input is hidden in errors because it is a person's data."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class LastMessage(LenientModel):
    """The fields of a chat's last message that may show an earlier life of the chat, or that it is ours."""

    id: Maybe[Annotated[str, BeforeValidator(_chat_id), AfterValidator(_not_blank)]] = None
    from_me: Maybe[bool] = None
    status: Maybe[Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"\A[A-Za-z_-]{1,40}\z")]] = None
    """A plain word: it goes into the log, so that nothing of a person may be in it."""
    agent: object = None
    origin: Maybe[str] = None
    meta_timestamp: Instant = None
    created_at: Instant = None


_NO_MESSAGE = LastMessage()


class ChatAnswer(LenientModel):
    """A chat. Only `id` is required; what is missing, null or of a wrong type is None."""

    id: Annotated[str, BeforeValidator(_chat_id), AfterValidator(_not_blank)]
    status: Maybe[str] = None
    unread_count: Maybe[int] = None
    archived_at: object = None
    last_message_at: Instant = None
    last_message: Maybe[LastMessage] = None


def parse_chat(text: str) -> ChatAnswer | None:
    """Parse the chat in a 2xx answer's text; None when it is no JSON object with an `id`."""
    try:
        return ChatAnswer.model_validate_json(text)
    except ValidationError:
        return None


def find_chat_signs(
    answer: ChatAnswer,
    *,
    http_status: int,
    sent_at: datetime,
    clock_skew: float | None,
    requested_status: str | None,
    clean: Callable[[str], str] = str,
) -> ChatSigns:
    """Find the signs of a new or an old chat in an answer.

    Args:
        answer: the chat.
        http_status: of the answer; 201 alone says "created".
        sent_at: when the POST began, by our wall clock (aware).
        clock_skew: seconds the API's clock is ahead of ours; None when not known.
        requested_status: the `status` in the request; None when none was asked for. Then a chat that is RESOLVED or
            SNOOZED had an earlier life, because a new one has no reason to be.
        clean: makes texts of the answer fit to be kept: JSON can hold a token in an escaped spelling.
    """
    limit = sent_at + (timedelta(seconds=clock_skew) - MARGIN if clock_skew is not None else -MARGIN_WITHOUT_DATE)
    last = answer.last_message or _NO_MESSAGE
    dates = (answer.last_message_at, last.meta_timestamp, last.created_at)
    is_own = _is_own(last, sent_at, clock_skew)
    return ChatSigns(
        chat_id=clean(answer.id),
        chat_status=None if answer.status is None else clean(answer.status),
        created=http_status == 201,  # noqa: PLR2004 - Created
        older_date=any(date < limit for date in dates if date is not None),
        earlier_life=(answer.unread_count or 0) > 0
        or bool(answer.archived_at)
        or _not_from_us(last)
        or _other_status(answer.status, requested_status),
        message_id=clean(last.id) if is_own and last.id is not None else None,
        message_status=last.status if is_own else None,
    )


def _is_own(message: LastMessage, sent_at: datetime, clock_skew: float | None) -> bool:
    """Return whether a chat's last message is certainly the one that a POST sent, and not an earlier one of ours."""
    at = message.meta_timestamp or message.created_at
    if message.from_me is not True or message.id is None or message.agent or at is None or clock_skew is None:
        return False
    return at.tzinfo is not _WESTERNMOST and at >= sent_at + timedelta(seconds=clock_skew) - _ROUNDING


def _not_from_us(message: LastMessage) -> bool:
    if message.from_me is not None:
        return not message.from_me
    return (message.origin or "").upper() == "INBOUND"


def _other_status(status: str | None, asked: str | None) -> bool:
    if status is None:
        return False
    return status.upper() != asked if asked else status.upper() in {"RESOLVED", "SNOOZED"}


@lru_cache(maxsize=64)  # all answers of a second have the same `Date`, and each is parsed more than once
def parse_http_date(text: str | None) -> datetime | None:
    """Parse a header's date (UTC); None when there is none or it is no date."""
    if not text or len(text) > _LONGEST_DATE:
        return None
    try:
        date = parsedate_to_datetime(text)
        # Its zone may lead beyond the year 9999.
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def clock_skew(headers: Mapping[str, str], *, received: datetime) -> float | None:
    """Return the seconds that the API's `Date` is ahead of our clock at `received`; None without a `Date`."""
    date = parse_http_date(headers.get("date"))
    return None if date is None else (date - received).total_seconds()


def retry_after(headers: Mapping[str, str], *, received: datetime) -> float | None:
    """Return the seconds to wait by `Retry-After`, from 0 to MAX_PAUSE; None when absent or unreadable.

    It holds seconds or a date; a date is compared with the answer's own `Date`, so that clocks may differ.
    """
    text = headers.get("retry-after", "").strip()
    if _NUMBER.fullmatch(text):
        return _clamp(float(text))
    date = parse_http_date(text)
    return None if date is None else _clamp((date - _server_time(headers, received)).total_seconds())


def rate_limit_reset(headers: Mapping[str, str], *, received: datetime) -> float | None:
    """Return the seconds to wait by `RateLimit-Reset`, `X-RateLimit-Reset` or `RateLimit`; None without any."""
    for name in ("ratelimit-reset", "x-ratelimit-reset"):
        text = headers.get(name, "").strip()
        if _NUMBER.fullmatch(text):
            return _reset_seconds(float(text), headers, received)
    found = _RESET.search(headers.get("ratelimit", ""))
    return _reset_seconds(float(found[1]), headers, received) if found else None


def _reset_seconds(value: float, headers: Mapping[str, str], received: datetime) -> float:
    if value < _FIRST_EPOCH:
        return _clamp(value)
    seconds = value / 1000 if value >= _FIRST_EPOCH * 1000 else value
    return _clamp(seconds - _server_time(headers, received).timestamp())


def _server_time(headers: Mapping[str, str], received: datetime) -> datetime:
    return parse_http_date(headers.get("date")) or received


def _clamp(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_PAUSE)
