"""Mapping of transport exceptions (httpx, h11, OSError) to faults of an exchange."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import h11
import httpx

from batch.i18n import N_


class Fault(StrEnum):
    """Cause of a missing answer. If a request was sent is known from the connection, never from these."""

    NO_NAME = "no_name"
    """The server's name cannot be resolved."""
    TLS = "tls"
    """No secure connection: a certificate that does not fit, or no TLS there."""
    PROTOCOL = "protocol"
    """The request cannot be made, or the other side does not speak HTTP."""
    NOT_CONNECTED = "not_connected"
    """Refused, unreachable, or lost while connecting."""
    CONNECT_TIMEOUT = "connect_timeout"
    """No connection in time, or none free."""
    LOST = "lost"
    """The connection was lost."""
    TIMEOUT = "timeout"
    """No whole answer in time."""


FAULT_WORDS: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        Fault.NO_NAME: N_("the name of the server cannot be resolved"),
        Fault.TLS: N_("no secure connection (TLS) can be made"),
        Fault.PROTOCOL: N_("the exchange broke off or was no HTTP"),
        Fault.NOT_CONNECTED: N_("the server cannot be reached"),
        Fault.CONNECT_TIMEOUT: N_("no connection in time"),
        Fault.LOST: N_("the connection was closed before the whole answer had come"),
        Fault.TIMEOUT: N_("no whole answer in time"),
    }
)

_FAULTS: Final[Mapping[type[Exception], Fault]] = MappingProxyType(
    {
        httpx.ConnectError: Fault.NOT_CONNECTED,
        httpx.ProxyError: Fault.NOT_CONNECTED,
        httpx.ConnectTimeout: Fault.CONNECT_TIMEOUT,
        httpx.PoolTimeout: Fault.CONNECT_TIMEOUT,
        httpx.TimeoutException: Fault.TIMEOUT,
        TimeoutError: Fault.TIMEOUT,
        httpx.ProtocolError: Fault.PROTOCOL,
        h11.ProtocolError: Fault.PROTOCOL,
        httpx.UnsupportedProtocol: Fault.PROTOCOL,
        httpx.InvalidURL: Fault.PROTOCOL,
        httpx.CookieConflict: Fault.PROTOCOL,
    }
)
"""The fault of an exception and of those derived from it; of any other it is `LOST`."""

TRANSPORT_ERRORS: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    httpx.CookieConflict,
    httpx.StreamError,
    h11.ProtocolError,
    OSError,
)
"""Exceptions to catch around an exchange. OSError: a TLS alert after the handshake is raised as ssl.SSLError."""


def classify_error(error: BaseException) -> tuple[Fault, str]:
    """Return the fault of an exception, and the exception's own message; empty when it has none."""
    return _fault(error), str(error).strip()


_NOT_ABOUT_TLS: Final = (
    ssl.SSLWantReadError,
    ssl.SSLWantWriteError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
    ssl.SSLSyscallError,
)
"""TLS errors of a connection that waits for bytes or is gone: nothing is wrong with TLS itself."""


def _fault(error: BaseException) -> Fault:
    fault = next((_FAULTS[kind] for kind in type(error).__mro__ if kind in _FAULTS), Fault.LOST)
    if fault not in {Fault.NOT_CONNECTED, Fault.LOST}:
        return fault
    causes = tuple(_causes(error))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Fault.NO_NAME
    if any(isinstance(cause, ssl.SSLError) and not isinstance(cause, _NOT_ABOUT_TLS) for cause in causes):
        return Fault.TLS
    return fault


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and its causes; bounded, because a chain may be a ring.

    The context counts too: httpcore's pool raises its errors `from None`.
    """
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
