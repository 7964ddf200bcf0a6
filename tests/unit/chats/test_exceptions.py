"""Every exception that httpx can raise has the fault that it means."""

import inspect
import socket
import ssl

import h11
import httpx
import pytest

from batch.chats.transport.exceptions import TRANSPORT_ERRORS, Fault, classify_error

FAULTS = {
    httpx.CloseError: Fault.LOST,
    httpx.ConnectError: Fault.NOT_CONNECTED,
    httpx.ConnectTimeout: Fault.CONNECT_TIMEOUT,
    httpx.CookieConflict: Fault.PROTOCOL,
    httpx.DecodingError: Fault.LOST,
    httpx.HTTPError: Fault.LOST,
    httpx.HTTPStatusError: Fault.LOST,
    httpx.InvalidURL: Fault.PROTOCOL,
    httpx.LocalProtocolError: Fault.PROTOCOL,
    httpx.NetworkError: Fault.LOST,
    httpx.PoolTimeout: Fault.CONNECT_TIMEOUT,
    httpx.ProtocolError: Fault.PROTOCOL,
    httpx.ProxyError: Fault.NOT_CONNECTED,
    httpx.ReadError: Fault.LOST,
    httpx.ReadTimeout: Fault.TIMEOUT,
    httpx.RemoteProtocolError: Fault.PROTOCOL,
    httpx.RequestError: Fault.LOST,
    httpx.RequestNotRead: Fault.LOST,
    httpx.ResponseNotRead: Fault.LOST,
    httpx.StreamClosed: Fault.LOST,
    httpx.StreamConsumed: Fault.LOST,
    httpx.StreamError: Fault.LOST,
    httpx.TimeoutException: Fault.TIMEOUT,
    httpx.TooManyRedirects: Fault.LOST,
    httpx.TransportError: Fault.LOST,
    httpx.UnsupportedProtocol: Fault.PROTOCOL,
    httpx.WriteError: Fault.LOST,
    httpx.WriteTimeout: Fault.TIMEOUT,
}


def raised_by_httpx() -> set[type[Exception]]:
    """Every exception class that httpx makes public."""
    public = (getattr(httpx, name) for name in httpx.__all__)
    return {kind for kind in public if inspect.isclass(kind) and issubclass(kind, Exception)}


def test_the_table_has_every_exception_of_httpx() -> None:
    """A new exception in httpx fails here, until it is decided what it means."""
    assert set(FAULTS) == raised_by_httpx()


@pytest.mark.parametrize("kind", [*FAULTS, h11.LocalProtocolError, h11.RemoteProtocolError], ids=str)
def test_each_exception_has_its_fault(kind: type[Exception]) -> None:
    """What is derived from a kind in the table means the same, unless it is there itself."""
    assert classify_error(kind.__new__(kind, "words"))[0] is FAULTS.get(kind, Fault.PROTOCOL)


def test_whatever_httpx_raises_is_caught() -> None:
    """The client's except clause covers every one of them, and TLS alerts, which come through as they are."""
    assert all(issubclass(kind, TRANSPORT_ERRORS) for kind in raised_by_httpx())
    assert issubclass(ssl.SSLError, TRANSPORT_ERRORS)
    assert issubclass(h11.ProtocolError, TRANSPORT_ERRORS)


def chained(cause: Exception) -> Exception:
    """A ConnectError with the cause that the transport gives it."""
    error = httpx.ConnectError("failed")
    error.__cause__ = OSError("between")
    error.__cause__.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (chained(socket.gaierror(-2, "Name or service not known")), Fault.NO_NAME),
        (chained(ssl.SSLCertVerificationError("self-signed")), Fault.TLS),
        (chained(ConnectionRefusedError()), Fault.NOT_CONNECTED),
        (ssl.SSLError(1, "alert"), Fault.TLS),
        (TimeoutError(), Fault.TIMEOUT),
        (OSError(5, "i/o"), Fault.LOST),
        (httpx.RemoteProtocolError("not HTTP"), Fault.PROTOCOL),
        (type("NewError", (httpx.ReadError,), {})(""), Fault.LOST),
    ],
)
def test_the_cause_refines_the_exception(error: Exception, fault: Fault) -> None:
    """A name that cannot be resolved and a certificate that does not fit are found in the chain of causes."""
    assert classify_error(error) == (fault, str(error).strip())


def test_what_merely_happened_before_is_no_cause() -> None:
    """A handshake that timed out was waiting for bytes (SSLWantReadError): a time-out, not a TLS failure."""
    error = httpx.ConnectTimeout("")
    error.__cause__ = TimeoutError()
    error.__cause__.__context__ = ssl.SSLWantReadError()
    assert classify_error(error)[0] is Fault.CONNECT_TIMEOUT


def test_a_ring_of_causes_ends() -> None:
    """A chain of causes that bites its tail is no trap."""
    first, second = ValueError(), httpx.ReadError("x")
    first.__cause__, second.__cause__ = second, first
    assert classify_error(second)[0] is Fault.LOST
