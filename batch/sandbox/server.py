"""Server of the sandbox: in a thread for tests and the demo, in the foreground for the command."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypedDict, Unpack

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from batch.errors import SettingsError
from batch.sandbox.app import create_app
from batch.sandbox.faults import DROP, Faults
from batch.sandbox.log import SandboxLog

_HOST: Final = "127.0.0.1"
_AT_ONCE: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""SO_LINGER: closing resets the connection and forgets what was not sent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunningSandbox:
    """A sandbox that is listening."""

    url: str
    """The endpoint to use."""
    log: SandboxLog
    """What it received and applied so far."""


class SandboxOptions(TypedDict, total=False):
    """Options of a sandbox, as of `create_app`; and those of its server."""

    faults: Faults | None
    token: str | None
    allowed_domain: str | None
    templates: Mapping[str, str] | None
    port: int
    """0, or left out: a free one."""
    log_file: Path | None
    """Gets the log as JSON lines."""


@contextlib.contextmanager
def running_sandbox(**options: Unpack[SandboxOptions]) -> Iterator[RunningSandbox]:
    """Run a sandbox on this machine, in a thread of its own, listening already; it is gone when the block is left.

    Open connections are reset at the end.

    Raises:
        SettingsError: the port is taken, or the log cannot be written.
    """
    with _bound_server(options) as (server, listener, log):
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="sandbox", daemon=True)
        thread.start()
        try:
            yield RunningSandbox(url=_url(listener), log=log)
        finally:
            server.end()
            thread.join()


def serve(announce: Callable[[str], None], **options: Unpack[SandboxOptions]) -> SandboxLog:
    """Run the sandbox in the foreground until Ctrl+C, and return its log; `announce` is called with its URL.

    Errors as of `running_sandbox`.
    """
    with _bound_server(options) as (server, listener, log), contextlib.suppress(KeyboardInterrupt):
        announce(_url(listener))
        server.run(sockets=[listener])
    return log


@contextlib.contextmanager
def _bound_server(options: SandboxOptions) -> Iterator[tuple[_Server, socket.socket, SandboxLog]]:
    """Give a server, the socket on which it listens already, and its log; these two are closed at the end."""
    key: dict[str, Any] = {name: options.get(name) for name in ("faults", "token", "allowed_domain", "templates")}
    with contextlib.closing(SandboxLog(options.get("log_file"))) as log, _listener(options.get("port", 0)) as listener:
        yield _Server(_config(create_app(log=log, **key))), listener, log


def _url(listener: socket.socket) -> str:
    return f"http://{_HOST}:{listener.getsockname()[1]}"


def _listener(port: int) -> socket.socket:
    """Return a socket that listens from now on, so that a client need not wait for the server."""
    # Not socket.create_server: it leaves the protocol open, and asyncio then leaves Nagle's algorithm on (40 ms each).
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there it would let two programs share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((_HOST, port))
        listener.listen(1024)
    except (OSError, OverflowError) as error:
        listener.close()
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        problem = "is taken by another program" if taken else "cannot be used"
        raise SettingsError(f"Port {port} {problem}.", "Name another port, or 0 for a free one.") from None
    return listener


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
    )


class _Server(uvicorn.Server):
    """Ends at once: uvicorn looks whether it is to end, then for clients and for its tasks, each tenth of a second."""

    _wake: Callable[[], object] | None = None

    def end(self) -> None:
        """Ask it to end, in another thread than its own."""
        self.should_exit = True
        if self._wake is not None:
            self._wake()

    async def main_loop(self) -> None:
        ticks = asyncio.ensure_future(super().main_loop())
        self._wake = partial(asyncio.get_running_loop().call_soon_threadsafe, ticks.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await ticks

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End without waiting for clients: connections are reset, also hanging ones."""
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, _Protocol):
                connection.drop()
        if tasks := set(self.server_state.tasks):
            _, late = await asyncio.wait(tasks, timeout=self.config.timeout_graceful_shutdown)
            for task in late:
                task.cancel()


class _Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, which in addition lets the application reset the connection."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope.setdefault("extensions", {})[DROP] = self.drop
            await inner(scope, receive, send)

        self.app = app

    def drop(self) -> None:
        """Reset the connection at once; bytes that the system had taken before are still sent."""
        raw = self.transport.get_extra_info("socket")
        if raw is not None and not self.transport.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()
