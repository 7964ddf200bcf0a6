"""One connection, HTTP/1.1 over asyncio; and what of a request was written into it.

A request goes out in one write. An answer counts only for a request: bytes that lie there before a request's first byte
is written end the connection, a new one too.
"""

import asyncio
import math
import select
import ssl
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Final, cast

import httpx

from batch.chats.transport.answer_parser import AnswerParser, is_success
from batch.i18n import N_

QUIET: Final = 0.01
"""Seconds that a new connection is left alone, so that an answer sent right at its beginning comes before the request:
some servers that are overloaded answer without reading."""
_MOST_UNREAD: Final = 256 * 1024
"""Bytes that may wait to be read before the other side is made to wait."""
_READ: Final = 16 * 1024
"""Bytes that are read at once. asyncio would have memory of 256 KiB made anew for each read, which costs as much as to
write a request."""
_LONGEST_HANDSHAKE: Final = 3600.0
"""Seconds; longer than the caller's own time-out, which is raised as one."""
_TURNS_OF_A_READ: Final = 2 if sys.platform == "win32" else 0
"""Turns of the loop until it has what a read brought: on Windows one is always under way and takes the bytes."""
_LOOK: Final = 0.005
"""Seconds after which the loop has read what lies there: that of a fast run looks at its sockets each 4 ms."""
_MOST_LOOKS: Final = 20
"""Looks in which bytes that lie there are read; TLS has some of its own, e.g. session tickets."""


class WriteTracker:
    """Account of one request's writing, kept by its connection; it starts the answer's time-out."""

    def __init__(self, *, read_timeout: float = math.inf, is_void: Callable[[], bool] = lambda: False) -> None:
        """`read_timeout`: seconds from the last written byte to the whole answer; by default others limit it."""
        self.is_void = is_void
        """Tells, right before the first byte, that the request may not be written any more."""
        self.written = False
        """A byte of the request may have gone out. Certainly none while it is False: it is set before the write."""
        self.premature = False
        """Bytes of an answer came before the last byte of the request had gone out."""
        self.followed = False
        """More bytes came behind a refusal."""
        self.deadline = math.inf
        """When the whole answer must be there, by the loop's clock."""
        self._read_timeout = read_timeout

    def on_write(self) -> None:
        """Note that any byte of head and body may be out from here on: they go out in one write."""
        self.written = True
        self.on_flush()

    def on_flush(self) -> None:
        """Let the time-out begin anew: the last byte of the request went out only now."""
        if self._read_timeout < math.inf:
            self.deadline = asyncio.get_running_loop().time() + self._read_timeout


class Connection(asyncio.Protocol):
    """Made by `loop.create_connection`; one exchange at a time: `send`, `head`, `piece` until it is empty, `finish`."""

    _transport: asyncio.Transport
    """Present from `connection_made` on, which asyncio calls first."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._answer = AnswerParser()
        self._layers: list[asyncio.Transport] = []
        """The transport, and those below it when it is TLS; each buffers bytes to be written."""
        self._tracker: WriteTracker | None = None
        """Present while an answer is due."""
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        """Runs at the deadline of this exchange, or of an earlier one: most never end for it, so it is seldom set."""
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._no_answer: httpx.RemoteProtocolError | None = None
        """What came is no answer."""
        self.error: Exception | None = None
        """The cause of a connection that was lost; None for a regular end."""
        self._has_bytes: Callable[[], object] | None = None
        """Tells if the socket has something to read; made once."""
        self._ended = False
        """No more bytes will come."""
        self._unread = 0
        self._idle_since: float | None = None
        self.single_use = False
        """It ends with its first exchange."""

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        with suppress(AttributeError):  # it has none on other loops
            transport.max_size = _READ  # type: ignore[attr-defined]
        self._use(cast("asyncio.Transport", transport))

    def data_received(self, data: bytes) -> None:
        if self._tracker is None:
            # An answer without a request (a 408 before closing) must never be taken for the next one's.
            self.abort()
            return
        if self._unwritten():
            self._tracker.premature = True
        self._unread += len(data)
        if self._no_answer is None:
            try:
                self._answer.feed(data)
            except httpx.RemoteProtocolError as error:
                self._no_answer = error
        if self._unread > _MOST_UNREAD:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.error, self._ended = exc, True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._closed.done():
            self._closed.set_result(None)
        self._wake()

    def resume_writing(self) -> None:
        if self._tracker is not None:
            self._tracker.on_flush()

    # Called by its transport.

    async def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Speak TLS from here on, with the certificate checked for `host`. Raises OSError (ssl.SSLError is one)."""
        if self._transport.is_closing():
            raise ConnectionResetError(N_("the connection was closed before TLS began"))
        secured = await self._loop.start_tls(
            self._transport, self, context, server_hostname=host, ssl_handshake_timeout=_LONGEST_HANDSHAKE
        )
        if secured is None:
            raise ConnectionResetError(N_("the connection was closed before TLS began"))
        self._use(secured)

    async def open_tunnel(self, head: bytes) -> None:
        """Ask a proxy for a tunnel; afterwards the connection is one to the server behind it.

        `head`: of the request. Errors as of `head`; httpx.ProxyError when the proxy refuses.
        """
        self.send(head, WriteTracker(), tunnel=True)
        answer = await self.head()
        if not is_success(answer.status):
            raise httpx.ProxyError(f"{answer.status} {answer.reason.decode('ascii', 'replace')}".strip())
        if answer.followed:
            raise httpx.ProxyError(N_("the proxy sent more than its answer"))
        self._tracker, self._unread, self._idle_since = None, 0, time.monotonic()

    @property
    def idle_seconds(self) -> float:
        """Seconds since it was made or last used; infinite while it is in use or closed."""
        return float("inf") if self._idle_since is None else time.monotonic() - self._idle_since

    @property
    def is_open(self) -> bool:
        """True while it is idle and no end of it has come."""
        return self._idle_since is not None and not self._ended and not self._transport.is_closing()

    async def is_clean(self) -> bool:
        """Return True when a request may be written at once: open, idle, and nothing to read.

        Bytes that lie there are read first. TLS's own are no harm; the end of the connection, or an answer without a
        request, closes it.
        """
        for _ in range(_TURNS_OF_A_READ):
            await asyncio.sleep(0)
        for _ in range(_MOST_LOOKS):
            if not self.is_open:
                return False
            if self._has_bytes is None:
                self._has_bytes = self._make_poll()
            if not self._has_bytes():
                return True
            await keep_quiet(_LOOK)
        return False

    def send(self, request: bytes, tracker: WriteTracker, *, tunnel: bool = False) -> None:
        """Write a request, head and body. `tunnel`: it is CONNECT."""
        self._answer.expect(tunnel=tunnel)
        self._idle_since, self._tracker = None, tracker
        tracker.on_write()
        self._transport.write(request)

    async def head(self) -> AnswerParser:
        """Wait for the answer's head, and return the answer.

        Raises:
            httpx.TransportError: the connection was lost, or what came is no answer.
            TimeoutError: the deadline of the request is past.
        """
        while not self._answer.status:
            await self._more()
        return self._answer

    async def piece(self) -> bytes:
        """Return what came of the body meanwhile, empty after its end. Errors as of `head`."""
        while not (piece := self._answer.take()) and not self._answer.is_whole:
            await self._more()
        return piece

    async def check_refusal(self) -> None:
        """Note if more bytes follow an answer at once: then it may not belong to the request.

        An answer that a server sent at the connection's beginning may arrive after the request was written.
        """
        if not self._answer.is_whole:
            return
        if not self._ended:
            await keep_quiet(QUIET)
        if self._tracker is not None and self._answer.followed:
            self._tracker.followed = True

    def finish(self) -> None:
        """End the exchange: keep the connection if both sides are through and may go on, else close it."""
        self._tracker = None
        answer = self._answer
        done = answer.is_whole and answer.may_go_on and not answer.followed
        # Where reading is paused, bytes may lie in TLS's buffers, where `is_clean` does not see them.
        paused = self._unread > _MOST_UNREAD
        if not done or paused or self._ended or self._unwritten() or self.single_use:
            self.abort()
            return
        self._unread = 0
        self._idle_since = time.monotonic()

    def abort(self) -> None:
        """Close at once: bytes that wait to be written are dropped. May be called twice."""
        self._tracker = self._idle_since = None
        self._transport.abort()

    async def aclose(self) -> None:
        """Close at once, and wait until it is closed."""
        self.abort()
        await self._closed

    def _make_poll(self) -> Callable[[], object]:
        """Return what tells if the socket has something to read, which the event loop may not have heard of yet."""
        number = self._transport.get_extra_info("socket").fileno()
        if sys.platform == "win32":
            return lambda: select.select([number], [], [], 0)[0]
        poll = select.poll()  # unlike select(), it takes numbers beyond 1023
        poll.register(number, select.POLLIN)
        return partial(poll.poll, 0)

    def _use(self, transport: asyncio.Transport) -> None:
        transport.set_write_buffer_limits(high=0)  # so that asyncio tells when the last byte went out
        self._transport = transport
        self._layers.append(transport)
        self._idle_since = time.monotonic()

    def _unwritten(self) -> int:
        """Return the bytes of the request that the system has not taken yet."""
        return sum(layer.get_write_buffer_size() for layer in self._layers)

    async def _more(self) -> None:
        """Wait for bytes; called when all that came are used up."""
        if self._no_answer is not None:
            raise self._no_answer
        if self.error is not None:
            raise httpx.ReadError(str(self.error)) from self.error
        if self._ended:
            self._answer.end()
            return
        if self._unread > _MOST_UNREAD:
            self._transport.resume_reading()
        self._unread = 0
        self._watch_deadline()
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _watch_deadline(self) -> None:
        deadline = math.inf if self._tracker is None else self._tracker.deadline
        if deadline <= self._loop.time():
            raise TimeoutError
        if self._timer is None and deadline < math.inf:
            self._timer = self._loop.call_at(deadline, self._on_deadline)

    def _on_deadline(self) -> None:
        self._timer = None
        if self._waiter is not None and not self._waiter.done():
            try:
                self._watch_deadline()  # it was that of an earlier exchange, or bytes were still written
            except TimeoutError as error:
                self._waiter.set_exception(error)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


async def keep_quiet(seconds: float) -> None:
    """Wait by a fine clock: a usual loop of Windows fires its timers up to 15.6 ms early."""
    until = time.perf_counter() + seconds
    while (left := until - time.perf_counter()) > 0:  # noqa: ASYNC110 - there is no event for it
        await asyncio.sleep(left)
