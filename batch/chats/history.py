"""Chat history: the timeline of a chat whose id is known.

A GET sends nothing, so unlike a POST it may be repeated after any failure.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from pydantic import ValidationError

from batch.chats.endpoint import chats_url, parse_endpoint
from batch.chats.error_text import as_clause, decode_body, extract_text, parse_json
from batch.chats.http_messages import read_body, request_headers
from batch.chats.response import (
    MARGIN,
    MARGIN_WITHOUT_DATE,
    Instant,
    LastMessage,
    LenientModel,
    clock_skew,
    retry_after,
)
from batch.chats.token import Token
from batch.chats.transport.exceptions import FAULT_WORDS, TRANSPORT_ERRORS, Fault, classify_error
from batch.chats.transport.factory import make_http_client
from batch.i18n import _
from batch.model.chat_history import TimelineMessage

MAX_TIMELINE: Final = 8 * 1024 * 1024
"""Bytes that are read of a timeline."""
_WAITS: Final = (1.0, 3.0)
"""Seconds before the second and the third try."""
_LONGEST_WAIT: Final = 60.0
"""Seconds; there is no further try where the API asks for a longer wait."""
_FOR_ALL: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.TOO_MANY_REQUESTS})
_RETRIED: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_HOPELESS: Final = frozenset({Fault.NO_NAME, Fault.TLS})

_utc_now: Final = partial(datetime.now, UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """Our messages in a chat."""

    messages: tuple[TimelineMessage, ...]
    margin: timedelta
    """How far its times may be wrong: little when the API's clock is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineFailure:
    """A timeline that could not be read."""

    words: str
    """Why, for people, without a full stop."""
    for_all: bool
    """Every other chat would meet the same."""


class _Message(LastMessage):
    body_text: object = None


class _Record(LenientModel):
    event_at: Instant = None
    message: _Message


class _Timeline(LenientModel):
    records: list[object]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    status: int
    headers: dict[str, str]
    text: str
    received_at: datetime
    oversized: bool


class ChatsReader:
    """Reads chats over one connection, one after the other.

    It follows no redirect, reads no proxy or netrc from the environment (unless `trust_env`), and verifies TLS.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        token: Token,
        origin: str | None = None,
        read_timeout: float = 60.0,
        connect_timeout: float = 10.0,
        ssl_context: ssl.SSLContext | None = None,
        trust_env: bool = False,
        now: Callable[[], datetime] = _utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Arguments and errors as of `ChatsClient`; `sleep` waits between tries."""
        self._url = chats_url(parse_endpoint(endpoint))
        self._token = token
        self._headers = request_headers(token, origin)
        self._read_timeout = read_timeout
        self._client = make_http_client(
            self._url, ssl_context=ssl_context, trust_env=trust_env, connect_timeout=connect_timeout
        )
        self._now = now
        self._sleep = sleep

    async def timeline(self, chat_id: str) -> Timeline | TimelineFailure:
        """Read a chat's timeline, in up to three tries. Never raises for failures of the network or the server."""
        url = f"{self._url}/{quote(chat_id, safe='')}/timeline"
        answer = await self._get(url)
        for wait in _WAITS:
            pause = _next_wait(answer, wait)
            if pause is None:
                break
            await self._sleep(pause)
            answer = await self._get(url)
        return self._read(answer)

    async def aclose(self) -> None:
        """Close the connection. May be called twice."""
        await self._client.aclose()

    async def _get(self, url: str) -> _Answer | Fault:
        try:
            async with (
                asyncio.timeout(self._read_timeout),
                self._client.stream("GET", url, headers=self._headers) as response,
            ):
                body, oversized = await read_body(response, limit=MAX_TIMELINE)
        except TimeoutError:
            return Fault.TIMEOUT
        except TRANSPORT_ERRORS as error:
            return classify_error(error)[0]
        return _Answer(
            status=response.status_code,
            headers=dict(response.headers),
            text=decode_body(body, response.headers.get("content-type", "")),
            received_at=self._now(),
            oversized=oversized,
        )

    def _read(self, answer: _Answer | Fault) -> Timeline | TimelineFailure:
        if isinstance(answer, Fault):
            return TimelineFailure(words=_(FAULT_WORDS[answer]), for_all=True)
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            why = as_clause(extract_text(answer.text, parse_json(answer.text), self._token.redact))
            redirected = answer.status < HTTPStatus.BAD_REQUEST
            return TimelineFailure(
                words=_("HTTP {status}: {words}").format(status=answer.status, words=why),
                for_all=redirected or answer.status in _FOR_ALL,
            )
        seconds = clock_skew(answer.headers, received=answer.received_at)
        messages = None if answer.oversized else parse_timeline(answer.text, skew=timedelta(seconds=seconds or 0))
        if messages is None:
            return TimelineFailure(
                words=_("HTTP {status}, but its answer is no timeline").format(status=answer.status), for_all=False
            )
        return Timeline(messages=messages, margin=MARGIN_WITHOUT_DATE if seconds is None else MARGIN)


def parse_timeline(text: str, *, skew: timedelta) -> tuple[TimelineMessage, ...] | None:
    """Parse our messages in a timeline, with times by our own clock; None when the text is no timeline.

    `skew`: how far the API's clock is ahead of ours. Records that are no message of ours, or have no time or text, are
    left out.
    """
    try:
        records = _Timeline.model_validate_json(text).records
    except ValidationError:
        return None
    return tuple(message for record in records if (message := _parse_message(record, skew)) is not None)


def _parse_message(record: object, skew: timedelta) -> TimelineMessage | None:
    try:
        parsed = _Record.model_validate(record)
    except ValidationError:
        return None
    message = parsed.message
    # WhatsApp's own time first: a message that was taken over from another history was created here later.
    at = message.meta_timestamp or message.created_at or parsed.event_at
    if message.from_me is not True or at is None or not isinstance(message.body_text, str):
        return None
    try:
        return TimelineMessage(at=at - skew, text=message.body_text, status=message.status)
    except OverflowError:  # at an end of the calendar
        return None


def _next_wait(answer: _Answer | Fault, usual: float) -> float | None:
    """Return the seconds before the next try; None when there is to be none."""
    if isinstance(answer, Fault):
        return None if answer in _HOPELESS else usual
    if answer.status not in _RETRIED and answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    asked = retry_after(answer.headers, received=answer.received_at) or 0.0
    return max(usual, asked) if asked <= _LONGEST_WAIT else None
