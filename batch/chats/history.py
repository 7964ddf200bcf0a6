"""Chat history: the timeline of a chat whose id is known.

A GET sends nothing, so unlike a POST it may be repeated after any failure.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Final, cast
from urllib.parse import quote

import httpx
from pydantic import ValidationError

from batch.chats.endpoint import CHATS_PATH, parse_endpoint
from batch.chats.error_text import as_clause, decode_body, extract_text, one_line, parse_json
from batch.chats.request import request_headers
from batch.chats.response import (
    MARGIN,
    MARGIN_WITHOUT_DATE,
    Instant,
    LastMessage,
    LenientModel,
    Maybe,
    clock_skew,
    retry_after,
)
from batch.chats.token import Token
from batch.chats.transport.exceptions import FAULT_WORDS, TRANSPORT_ERRORS, Fault, classify_error
from batch.chats.transport.factory import make_http_client
from batch.chats.transport.http11 import unpack_body
from batch.chats.whatsapp_codes import find_code
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
_UNREACHED: Final = _HOPELESS | {Fault.NOT_CONNECTED, Fault.CONNECT_TIMEOUT}
"""Faults that every chat would meet; one chat alone may be too much for the server."""
_MOST_PAGES: Final = 20
_AGENTS: Final = ("AGENT", "USER")
"""Values of `sent_via` for messages that a person at the desk wrote."""
_FAILURE_KEYS: Final = ("error", "errors", "error_code", "error_message", "failure", "failure_reason", "status_reason")

_utc_now: Final = partial(datetime.now, UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """Messages in a chat, ours and the person's."""

    messages: tuple[TimelineMessage, ...]
    margin: timedelta
    """How far its times may be wrong: little when the API's clock is known."""
    is_cut: bool = False
    """The API has more messages, some of which may be of the time that was asked for."""

    @property
    def ours(self) -> list[TimelineMessage]:
        """Our messages that have a text."""
        return [message for message in self.messages if message.from_me and message.text]


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelineFailure:
    """A timeline that could not be read."""

    words: str
    """Why, for people, without a full stop."""
    for_all: bool
    """Every other chat would meet the same."""
    status: int | None = None
    """Of the answer; None where none came."""


class _Message(LastMessage):
    type: object = None
    sent_via: object = None
    is_history: object = None
    body_text: object = None
    quoted_message: object = None


class _Record(LenientModel):
    event_at: Instant = None
    message: _Message


class _Timeline(LenientModel):
    total: Maybe[int] = None
    records: list[object]


@dataclass(frozen=True, kw_only=True, slots=True)
class TimelinePage:
    """One answer of a timeline."""

    messages: tuple[TimelineMessage, ...]
    records: int
    total: int | None
    """Records of the whole timeline, as the API counts them."""


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
        self._url = parse_endpoint(endpoint) + CHATS_PATH
        self._token = token
        self._headers = request_headers(token, origin)
        self._read_timeout = read_timeout
        self._client = make_http_client(
            self._url, ssl_context=ssl_context, trust_env=trust_env, connect_timeout=connect_timeout
        )
        self._now = now
        self._sleep = sleep

    async def timeline(self, chat_id: str, *, since: datetime | None = None) -> Timeline | TimelineFailure:
        """Read a chat's timeline, each answer in up to three tries. Never raises for failures of network or server.

        Nothing documents its pages. Where it counts more records than it gave, `?page=2` and so on are asked for, until
        all are there, a page brings nothing new, or pages that go back in time have reached `since`.
        """
        url = f"{self._url}/{quote(chat_id, safe='')}/timeline"
        answer = await self._ask(url)
        page = self._read(answer)
        if isinstance(page, TimelineFailure):
            return page
        messages, records, number, cut = dict.fromkeys(page.messages), page.records, 1, _has_more(page, page.records)
        while cut and number < _MOST_PAGES and not _reaches(page, since):
            number += 1
            page = self._read(await self._ask(f"{url}?page={number}"))
            if isinstance(page, TimelineFailure):
                return page
            if not page.records or (page.messages and messages.keys() >= set(page.messages)):
                break
            messages |= dict.fromkeys(page.messages)
            records += page.records
            cut = _has_more(page, records)
        seconds = None if isinstance(answer, Fault) else clock_skew(answer.headers, received=answer.received_at)
        margin = MARGIN_WITHOUT_DATE if seconds is None else MARGIN
        return Timeline(messages=tuple(messages), margin=margin, is_cut=cut and not _reaches(page, since))

    async def _ask(self, url: str) -> _Answer | Fault:
        """Get an answer, in up to three tries."""
        answer = await self._get(url)
        for wait in _WAITS:
            pause = _next_wait(answer, wait)
            if pause is None:
                break
            await self._sleep(pause)
            answer = await self._get(url)
        return answer

    async def aclose(self) -> None:
        """Close the connection. May be called twice."""
        await self._client.aclose()

    async def _get(self, url: str) -> _Answer | Fault:
        try:
            async with (
                asyncio.timeout(self._read_timeout),
                self._client.stream("GET", url, headers=self._headers) as response,
            ):
                body, oversized = await _read_body(response, limit=MAX_TIMELINE)
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

    def _read(self, answer: _Answer | Fault) -> TimelinePage | TimelineFailure:
        if isinstance(answer, Fault):
            return TimelineFailure(words=_(FAULT_WORDS[answer]), for_all=answer in _UNREACHED)
        if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            why = as_clause(extract_text(answer.text, parse_json(answer.text), self._token.redact))
            redirected = answer.status < HTTPStatus.BAD_REQUEST
            return TimelineFailure(
                words=_("HTTP {status}: {words}").format(status=answer.status, words=why),
                for_all=redirected or answer.status in _FOR_ALL,
                status=answer.status,
            )
        skew = timedelta(seconds=clock_skew(answer.headers, received=answer.received_at) or 0)
        page = None if answer.oversized else parse_timeline(answer.text, skew=skew, redact=self._token.redact)
        if page is None:
            words = _("HTTP {status}, but its answer is no timeline").format(status=answer.status)
            return TimelineFailure(words=words, for_all=False, status=answer.status)
        return page


def _has_more(page: TimelinePage, records: int) -> bool:
    return page.records > 0 and page.total is not None and page.total > records


def _reaches(page: TimelinePage, since: datetime | None) -> bool:
    """Return whether a page goes back in time, and further than `since`: the pages behind it are older still."""
    times = [message.at for message in page.messages]
    return since is not None and bool(times) and times == sorted(times, reverse=True) and times[-1] < since


def parse_timeline(text: str, *, skew: timedelta, redact: Callable[[str], str] = str) -> TimelinePage | None:
    """Parse the messages in a timeline, with times by our own clock; None when the text is no timeline.

    `skew`: how far the API's clock is ahead of ours. Records that are no message, or do not show whose and of when, are
    left out.
    """
    try:
        parsed = _Timeline.model_validate_json(text)
    except ValidationError:
        return None
    found = (_parse_message(record, skew, redact) for record in parsed.records)
    messages = tuple(message for message in found if message is not None)
    return TimelinePage(messages=messages, records=len(parsed.records), total=parsed.total)


def _parse_message(record: object, skew: timedelta, redact: Callable[[str], str]) -> TimelineMessage | None:
    try:
        parsed = _Record.model_validate(record)
    except ValidationError:
        return None
    message = parsed.message
    # WhatsApp's own time first: a message that was taken over from another history was created here later.
    at = message.meta_timestamp or message.created_at or parsed.event_at
    if message.from_me is None or at is None:
        return None
    try:
        at -= skew
    except OverflowError:  # at an end of the calendar
        return None
    code, words = _find_failure(record, redact)
    return TimelineMessage(
        at=at,
        text=message.body_text if isinstance(message.body_text, str) else "",
        status=message.status,
        id=None if message.id is None else one_line(redact(message.id)),
        from_me=message.from_me,
        by_agent=bool(message.agent) or str(message.sent_via).upper() in _AGENTS,
        is_history=message.is_history is True,
        kind=message.type.casefold() if isinstance(message.type, str) else "",
        quoted=_read_id(message.quoted_message),
        code=code,
        words=words,
    )


def _find_failure(record: object, redact: Callable[[str], str]) -> tuple[int | None, str]:
    """Find why a message failed: WhatsApp's code, and the API's words. No field for it is documented."""
    message = record["message"] if isinstance(record, dict) else None
    given = {key: message[key] for key in _FAILURE_KEYS if message.get(key)} if isinstance(message, dict) else {}
    if not given:
        return None, ""
    code = find_code([given, {"code": given.get("error_code")}])
    return code, extract_text("", given, redact).rstrip(".")


def _read_id(quoted: object) -> str | None:
    """Return the id in a `quoted_message`: an object with one, or the id itself."""
    if isinstance(quoted, dict):
        quoted = quoted.get("id") or quoted.get("message_id")
    return quoted if isinstance(quoted, str) else None


def _next_wait(answer: _Answer | Fault, usual: float) -> float | None:
    """Return the seconds before the next try; None when there is to be none."""
    if isinstance(answer, Fault):
        return None if answer in _HOPELESS else usual
    if answer.status not in _RETRIED and answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return None
    asked = retry_after(answer.headers, received=answer.received_at) or 0.0
    return max(usual, asked) if asked <= _LONGEST_WAIT else None


async def _read_body(response: httpx.Response, *, limit: int) -> tuple[bytes, bool]:
    """Read an answer's body up to `limit` bytes; True when it was longer. The response is closed on return.

    Some proxies compress although the request forbids it: gzip and deflate are unpacked, within the same limit.
    """
    # The stream itself: httpx's own layers around it (decoding, counting, chunking) cost as much as the reading.
    stream = cast("httpx.AsyncByteStream", response.stream)
    pieces: list[bytes] = []
    size = 0
    try:
        # It is a generator, though httpx does not say so; closed here, so that none is left to the garbage collector.
        async with aclosing(cast("AsyncGenerator[bytes, None]", aiter(stream))) as chunks:
            async for chunk in chunks:
                pieces.append(chunk)
                size += len(chunk)
                if size > limit:
                    break
    finally:
        await stream.aclose()
    return unpack_body(b"".join(pieces), response.headers, limit)
