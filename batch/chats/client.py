"""The client: one POST at a time over one connection of its own, and a verdict for whatever happens."""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Final

import httpx

from batch.chats.endpoint import CHATS_PATH, parse_endpoint
from batch.chats.error_text import parse_json
from batch.chats.failure_table import Exchange, judge
from batch.chats.request import request_headers
from batch.chats.token import Token
from batch.chats.transport.connection import WriteTracker
from batch.chats.transport.exceptions import TRANSPORT_ERRORS, Fault, classify_error
from batch.chats.transport.factory import IDLE_LIMIT, make_transport
from batch.chats.transport.http11 import Answer, head_of_post
from batch.event_log import log
from batch.i18n import N_
from batch.model.outcomes import Outcome
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason
from batch.model.verdicts import Verdict

MAX_ANSWER: Final = 1024 * 1024
"""Bytes that are read of an answer, whatever its Content-Length is."""

_utc_now: Final = partial(datetime.now, UTC)


class ChatsClient:
    """One worker's client. Not for use by two tasks at once.

    It follows no redirect, keeps no cookie, reads no proxy or netrc from the environment (unless `trust_env`),
    verifies TLS, and reuses its connection only within `idle_limit` seconds. An answer is waited for `read_timeout`
    seconds after the request was written, all of it: a server that drips a byte a second does not hold a worker.
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
        idle_limit: float = IDLE_LIMIT,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Make a client; nothing is connected yet.

        Args:
            endpoint: the API's base URL; checked again, so that no token leaves in clear.
            token: for `Authorization`.
            origin: for `Origin` and `Referer`, when the key has an `allowed_domain`; None leaves both out.
            read_timeout: seconds from the written request to the whole answer.
            connect_timeout: seconds for the connection, and again for TLS.
            ssl_context: shared by the clients of a run (`make_ssl_context`); None makes one if the endpoint needs it.
            trust_env: use the proxy that the environment names.
            idle_limit: seconds after which an idle connection is not used again.
            now: the wall clock (aware).

        Raises:
            SettingsError: for an endpoint, origin or proxy that cannot be used.
        """
        endpoint = parse_endpoint(endpoint)
        self._url = httpx.URL(endpoint + CHATS_PATH)
        self._token = token
        headers = request_headers(token, origin, {"Content-Type": "application/json"})
        raw = ((b"Host", self._url.netloc), *headers.raw)
        # A function, since an attribute with the headers would show the token.
        path = self._url.raw_path
        self._head: Callable[[int], bytes] = lambda length: head_of_post(path, raw, length)
        self._read_timeout = read_timeout
        self._connect_timeout = connect_timeout
        self._idle_limit = idle_limit
        self._transport = make_transport(endpoint, ssl_context=ssl_context, trust_env=trust_env, idle_limit=idle_limit)
        self._now = now
        self._last_used: datetime | None = None
        self._tracker: WriteTracker | None = None

    @property
    def written(self) -> bool:
        """True when a byte of the latest `post` may have been written.

        Meant for after `asyncio.CancelledError` came out of `post`: False means that nothing was sent and the claim
        may be released, True that the row is unknown. `connect` and `post` reset it as their first step, before any
        wait; a caller that was cancelled before it called either must not read it.
        """
        return self._tracker is not None and self._tracker.written

    async def connect(self) -> Verdict | None:
        """Make the connection for the next `post`, so that it begins at its moment; None when it is there.

        A verdict says why there is none; certainly nothing was sent. Never raises for failures of the network or the
        server.
        """
        self._tracker = None
        began = self._now()
        try:
            await self._drop_idle(began)
            await self._transport.connect(self._url, self._connect_timeout, ahead=True)
        except TRANSPORT_ERRORS as error:
            fault, detail = classify_error(error)
        else:
            self._last_used = self._now()
            return None
        exchange = Exchange(written=False, sent_at=began, received_at=self._now(), fault=fault, detail=detail)
        return judge(exchange, had_answer=False, redact=self._token.redact)

    async def post(
        self, payload: str, *, had_answer: bool, is_void: Callable[[], bool] = lambda: False
    ) -> Verdict | None:
        """Post once and return the verdict. Connects, where `connect` has not, or its connection is gone meanwhile.

        `asyncio.CancelledError` passes through, and `written` tells then if a byte had left. Never raises for failures
        of the network or the server.

        Args:
            payload: the body, as `encode` made it; sent as it is, in UTF-8.
            had_answer: this sender already had a readable 2xx in this run.
            is_void: asked right before the first byte; when it is true nothing is written, and None returned.
        """
        self._tracker = tracker = WriteTracker(read_timeout=self._read_timeout, is_void=is_void)
        try:
            exchange = await self._exchange(payload, tracker)
            return None if exchange is None else judge(exchange, had_answer=had_answer, redact=self._token.redact)
        except Exception:
            if not tracker.written:
                raise
            # A defect of ours in reading an answer costs its row a look into the chat, not the run its end.
            log.exception("answer_not_read")
            words = Phrase(N_("the answer could not be read"))
            return Verdict(outcome=Outcome.UNKNOWN, finding=Finding(Reason.ANSWER_LOST, {"words": words}))

    async def aclose(self) -> None:
        """Close the connection. May be called twice."""
        await self._transport.aclose()

    async def _exchange(self, payload: str, tracker: WriteTracker) -> Exchange | None:
        sent_at = self._now()
        answer: Answer | None = None
        body, oversized = b"", False
        fault, detail = None, ""
        content = payload.encode()
        try:
            await self._drop_idle(sent_at)
            request = self._head(len(content)) + content
            answer = await self._transport.post(self._url, request, tracker, self._connect_timeout)
            if answer is None:
                return None
            body, oversized = await answer.read(MAX_ANSWER)
        except TimeoutError:
            fault = Fault.TIMEOUT
        except TRANSPORT_ERRORS as error:
            fault, detail = classify_error(error)
        received_at = self._last_used = self._now()
        status = None if answer is None else answer.status
        return Exchange(
            written=tracker.written,
            followed=tracker.followed,
            premature=tracker.premature and self._transport.uses_proxy,
            sent_at=sent_at,
            received_at=received_at,
            fault=fault,
            detail=detail,
            status=status,
            headers={} if answer is None else answer.headers,
            body=body,
            oversized=oversized,
            requested_status=_requested_status(payload) if status is not None and 200 <= status <= 299 else None,  # noqa: PLR2004 - success
            read_timeout=self._read_timeout,
        )

    async def _drop_idle(self, now: datetime) -> None:
        """Close a connection that is idle by the wall clock: the monotonic one stands still while a laptop sleeps."""
        if self._last_used is not None and abs((now - self._last_used).total_seconds()) > self._idle_limit:
            await self._transport.aclose()


def _requested_status(payload: str) -> str | None:
    # Most have none; `encode` writes names as they are.
    request = parse_json(payload) if '"status"' in payload else None
    status = request.get("status") if isinstance(request, dict) else None
    return status if isinstance(status, str) else None
