"""The sandbox as an ASGI application: routes, keys, rate limit, validation, faults."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from batch.sandbox.chats import Chat, Chats
from batch.sandbox.faults import (
    Behaviour,
    DroppedResponse,
    Ending,
    Faults,
    HangingResponse,
    TruncatedResponse,
    choose_behaviour,
)
from batch.sandbox.log import ReceivedPost, SandboxLog
from batch.sandbox.requests import PostedChat, Refusal, digits_of, person_of, read_request

CHATS_PATH = "/integrations/external/chats"
MAX_BODY = 1024 * 1024
"""Bytes; a longer request gets HTTP 413."""
_HOSTS: Final = ("127.0.0.1", "localhost")
"""Names in `Host` that are served: a page in a browser whose own name was bound anew to this machine is not."""


def create_app(
    faults: Faults | None = None,
    *,
    log: SandboxLog | None = None,
    token: str | None = None,
    allowed_domain: str | None = None,
    templates: Mapping[str, str] | None = None,
) -> Starlette:
    """Make the application; `running_sandbox` and `serve` put a server around it.

    Args:
        faults: besides the special contacts; None for none.
        log: the log of truth; None makes one of its own.
        token: the only bearer token that is accepted; None accepts any but `invalid`.
        allowed_domain: `Origin` or `Referer` must be of this domain; None takes any.
        templates: template name to its text, for the bodies in timelines.
    """
    log = log or SandboxLog()
    sandbox = _Sandbox(faults or Faults(), log, _Key(token, allowed_domain), Chats(templates or {}, log.now))
    return Starlette(
        routes=[
            Route(CHATS_PATH, sandbox.post, methods=["POST"]),
            Route(CHATS_PATH + "/{chat_id}", sandbox.get),
            Route(CHATS_PATH + "/{chat_id}/timeline", sandbox.get_timeline),
            Route("/sandbox/log", sandbox.get_log),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_HOSTS, www_redirect=False)],
    )


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"statusCode": status, "message": message}, status, headers)


class _Key:
    """Access check: the token, and the domain that the key is bound to."""

    def __init__(self, token: str | None, allowed_domain: str | None) -> None:
        self._token = token
        self._domain = allowed_domain.lower() if allowed_domain else None

    def refusal(self, request: Request) -> Response | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        right = token == self._token if self._token is not None else token not in {"", "invalid"}
        if scheme.lower() != "bearer" or not right:
            return _error(401, "Unauthorized")
        if self._domain is not None and not self._of_domain(request):
            return _error(403, "The origin is not the key's allowed_domain.")
        return None

    def _of_domain(self, request: Request) -> bool:
        sources = (request.headers.get("origin", ""), request.headers.get("referer", ""))
        hosts = [(urlsplit(source).hostname or "") for source in sources]
        return any(host == self._domain or host.endswith(f".{self._domain}") for host in hosts)


class _Rate:
    """Rate limit: `limit` POSTs in any moving second, or one in `1 / limit` seconds below one a second."""

    def __init__(self, limit: float | None) -> None:
        self._most = None if limit is None else max(1, int(limit))
        self._span = 1.0 if limit is None or limit >= 1 else 1 / limit
        self._taken: deque[float] = deque()

    def admits(self, now: float) -> bool:
        if self._most is None:
            return True
        while self._taken and self._taken[0] <= now - self._span:
            self._taken.popleft()
        if len(self._taken) >= self._most:
            return False
        self._taken.append(now)
        return True


class _Sandbox:
    def __init__(self, faults: Faults, log: SandboxLog, key: _Key, chats: Chats) -> None:
        self._faults = faults
        self._log = log
        self._key = key
        self._chats = chats
        self._rate = _Rate(faults.rate_limit)
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._asked: Counter[str] = Counter()
        """Requests for the timeline of each chat."""

    async def post(self, request: Request) -> Response:
        body = await _read_body(request)
        if body is None:
            return _error(413, "The request is too long.")
        received = self._log.note_received(body)
        refusal = self._key.refusal(request) or _wrong_type(request)
        if refusal is not None:
            return refusal
        if not self._rate.admits(time.monotonic()):
            return _error(429, "Too many requests", {"Retry-After": "1"})
        posted = read_request(body)
        if isinstance(posted, Refusal):
            return JSONResponse(posted.body, posted.status)
        return await self._exchange(posted, received)

    async def get(self, request: Request) -> Response:
        return self._read(request, Chat.as_json)

    async def get_timeline(self, request: Request) -> Response:
        page = request.query_params.get("page", "1")

        chat_id = request.path_params["chat_id"]
        self._asked[chat_id] += 1
        chat = self._chats.get(chat_id)
        if chat is not None and self._asked[chat_id] <= chat.way.refusals:
            return self._key.refusal(request) or _error(429, "Too many requests", {"Retry-After": "1"})
        return self._read(request, partial(Chat.timeline, page=int(page) if page.isdecimal() else 1))

    def _read(self, request: Request, view: Callable[[Chat, datetime], dict[str, object]]) -> Response:
        chat = self._chats.get(request.path_params["chat_id"])
        if (refusal := self._key.refusal(request)) is not None:
            return refusal
        return _error(404, "There is no such chat.") if chat is None else JSONResponse(view(chat, self._chats.now()))

    async def get_log(self, request: Request) -> Response:
        return self._key.refusal(request) or JSONResponse(self._log.as_json())

    async def _exchange(self, posted: PostedChat, received: ReceivedPost) -> Response:
        person = person_of(posted.wa_contact_id)
        self._attempts[posted.whatsapp_phone_id, person] += 1
        attempt = self._attempts[posted.whatsapp_phone_id, person]
        digits = digits_of(posted.wa_contact_id)
        behaviour = choose_behaviour(self._faults, digits=digits, person=person, attempt=attempt)
        delay = self._faults.delay(person, attempt)
        if delay:
            await asyncio.sleep(delay / 2)
        answer: dict[str, object] = {}
        if behaviour.applied:
            chat, answer = self._chats.apply(posted, old_chat=behaviour.old_chat)
            self._log.note_applied(
                received, contact=posted.wa_contact_id, sender=posted.whatsapp_phone_id, chat_id=chat.id
            )
        if delay:
            await asyncio.sleep(delay / 2)
        return _response(behaviour, answer)


async def _read_body(request: Request) -> str | None:
    """Return the request's body as text; None when it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return body.decode("utf-8", "replace")


def _wrong_type(request: Request) -> Response | None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return None if kind == "application/json" else _error(415, "The content type must be application/json.")


def _response(behaviour: Behaviour, answer: dict[str, object]) -> Response:
    headers = dict(behaviour.headers)
    match behaviour.ending:
        case Ending.DROP:
            return DroppedResponse()
        case Ending.HANG:
            return HangingResponse()
        case Ending.DROP_MIDWAY:
            return TruncatedResponse(answer)
        case Ending.ANSWER if isinstance(behaviour.body, str):
            return HTMLResponse(behaviour.body, behaviour.status, headers)
        case Ending.ANSWER:
            whole = JSONResponse(answer if behaviour.body is None else behaviour.body, behaviour.status, headers)
    if behaviour.cut:
        return Response(whole.body[: len(whole.body) // 2], behaviour.status, headers, "application/json")
    return whole
