"""Reading chats: the timeline of a chat that is known by its id.

A GET sends nothing, so unlike a POST it may be repeated whatever became of it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final
from urllib.parse import quote

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from batch.chats.client import request_headers, response_body, response_headers
from batch.chats.endpoint import chats_url, parse_endpoint, parse_origin
from batch.chats.error_text import decoded, one_line, parsed, readable, told
from batch.chats.response import MARGIN, MARGIN_WITHOUT_DATE, LastMessage, clock_skew, instant, retry_after
from batch.chats.token import Token
from batch.chats.transport.exceptions import FAULT_WORDS, FOREIGN, Fault, fault_of
from batch.chats.transport.factory import make_transport
from batch.i18n import _
from batch.model.chat_history import TimelineMessage
from batch.model.reasons import said


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Message(LastMessage):
    body_text: object = None
    status: object = None


class _Record(_Lenient):
    event_at: Annotated[datetime | None, BeforeValidator(instant)] = None
    message: _Message


class _Timeline(_Lenient):
    records: list[object]


def read_timeline(text: str, *, skew: timedelta) -> tuple[TimelineMessage, ...] | None:
    """What we sent into the chat, with its times by our own clock; None when the text is no timeline.

    `skew`: how far the API's clock is ahead of ours. Records that are no message of ours, or tell no time or text, are
    left out.
    """
    try:
        records = _Timeline.model_validate_json(text).records
    except ValidationError:
        return None
    found = (_ours(record, skew) for record in records)
    return tuple(message for message in found if message is not None)


def _ours(record: object, skew: timedelta) -> TimelineMessage | None:
    try:
        read = _Record.model_validate(record)
    except ValidationError:
        return None
    message = read.message
    # WhatsApp's own time first: a message that was taken over from another history was created here later.
    at = message.meta_timestamp or message.created_at or read.event_at
    if message.from_me is not True or at is None or not isinstance(message.body_text, str):
        return None
    status = message.status if isinstance(message.status, str) else None
    return TimelineMessage(at=at - skew, text=message.body_text, status=status)


MAX_TIMELINE: Final = 8 * 1024 * 1024
"""Bytes that are read of a timeline."""
_WAITS: Final = (1.0, 3.0)
"""Seconds before the second and the third try."""
_LONGEST_WAIT: Final = 60.0
"""Seconds; who asks for more is not asked again."""
_EVERYONE: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.TOO_MANY_REQUESTS})
_AGAIN: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_HOPELESS: Final = frozenset({Fault.NO_NAME, Fault.TLS})


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """What we sent into a chat."""

    messages: tuple[TimelineMessage, ...]
    margin: timedelta
    """How far its times may be wrong: little when the API's clock is known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unread:
    """No timeline came."""

    words: str
    """Why, for people, without a full stop."""
    everyone: bool
    """Every chat would meet the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    status: int
    headers: dict[str, str]
    text: str
    received_at: datetime
    oversized: bool


def _utc_now() -> datetime:
    return datetime.now(UTC)


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
        """As for `ChatsClient`; `sleep` waits between tries. Raises SettingsError for what cannot be used."""
        self._url = chats_url(parse_endpoint(endpoint))
        self._token = token
        self._headers = request_headers(token, None if origin is None else parse_origin(origin))
        self._read_timeout = read_timeout
        self._timeouts = {"connect": connect_timeout, "pool": connect_timeout, "read": None, "write": None}
        self._transport = make_transport(parse_endpoint(endpoint), ssl_context=ssl_context, trust_env=trust_env)
        self._now = now
        self._sleep = sleep

    async def timeline(self, chat_id: str) -> Timeline | Unread:
        """The chat's timeline; asked for up to three times. Never raises for what the network or the server does."""
        url = f"{self._url}/{quote(chat_id, safe='')}/timeline"
        answer = await self._get(url)
        for wait in _WAITS:
            pause = _pause(answer, wait)
            if pause is None:
                break
            await self._sleep(pause)
            answer = await self._get(url)
        return self._read(answer)

    async def aclose(self) -> None:
        """Close the connection. May be called twice."""
        await self._transport.aclose()

    async def _get(self, url: str) -> _Answer | Fault:
        request = httpx.Request("GET", url, headers=self._headers, extensions={"timeout": self._timeouts})
        try:
            async with asyncio.timeout(self._read_timeout):
                response = await self._transport.handle_async_request(request)
                headers = response_headers(response)
                body, oversized = await response_body(response, headers, limit=MAX_TIMELINE)
        except TimeoutError:
            return Fault.TIMEOUT
        except FOREIGN as error:
            return fault_of(error)[0]
        return _Answer(
            status=response.status_code,
            headers=headers,
            text=decoded(body, headers.get("content-type", "")),
            received_at=self._now(),
            oversized=oversized,
        )

    def _read(self, answer: _Answer | Fault) -> Timeline | Unread:
        if isinstance(answer, Fault):
            return Unread(words=_(FAULT_WORDS[answer]), everyone=True)
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            words = self._token.redact(readable(answer.text, parsed(answer.text)))
            why = said(told(one_line(words), sentence=False))
            redirected = answer.status < HTTPStatus.BAD_REQUEST
            return Unread(
                words=_("HTTP {status}: {words}").format(status=answer.status, words=why),
                everyone=redirected or answer.status in _EVERYONE,
            )
        seconds = clock_skew(answer.headers, received=answer.received_at)
        messages = None if answer.oversized else read_timeline(answer.text, skew=timedelta(seconds=seconds or 0))
        if messages is None:
            return Unread(
                words=_("HTTP {status}, but its answer is no timeline").format(status=answer.status), everyone=False
            )
        return Timeline(messages=messages, margin=MARGIN_WITHOUT_DATE if seconds is None else MARGIN)


def _pause(answer: _Answer | Fault, usual: float) -> float | None:
    """Seconds before the next try; None when there is to be none."""
    if isinstance(answer, Fault):
        return None if answer in _HOPELESS else usual
    if answer.status not in _AGAIN and answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    asked = retry_after(answer.headers, received=answer.received_at) or 0.0
    return max(usual, asked) if asked <= _LONGEST_WAIT else None
