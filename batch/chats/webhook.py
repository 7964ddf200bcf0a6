"""Tells an address of the user's own that a run has ended. It has nothing to do with the API, and gets no token."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import httpx

from batch._version import __version__
from batch.chats.transport.exceptions import FAULT_WORDS, FOREIGN, Fault, fault_of
from batch.chats.transport.factory import make_transport
from batch.errors import SettingsError
from batch.i18n import _

_CONNECT: Final = 5.0
_WHOLE: Final = 10.0
"""Seconds: who waits for the end of a run does not wait long for this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Undelivered:
    """Why nobody took it."""

    reason: str
    """A code, for the log: `timeout`, `tls`, `http` ..."""
    words: str
    """For people, without a full stop and without the address."""
    http_status: int | None = None


async def deliver(url: str, body: bytes, *, trust_env: bool = False) -> Undelivered | None:
    """Post JSON to `url` once. None when a 2xx came.

    It follows no redirect, verifies TLS, reads no answer, and takes ten seconds at most. `trust_env`: through the proxy
    that the environment names. Never raises for what the network or the other side does.
    """
    headers = {
        "Content-Type": "application/json",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "User-Agent": f"wegly-batch/{__version__}",
    }
    try:
        timeouts = {"connect": _CONNECT, "pool": _CONNECT, "read": _WHOLE, "write": _WHOLE}
        request = httpx.Request("POST", url, headers=headers, content=body, extensions={"timeout": timeouts})
        async with asyncio.timeout(_WHOLE):
            status = await _status(request, trust_env=trust_env)
    except TimeoutError:
        return _failed(Fault.TIMEOUT)
    except SettingsError as error:
        return Undelivered(reason="proxy", words=error.problem.rstrip("."))
    except (*FOREIGN, UnicodeError) as error:  # UnicodeError: a host that httpx takes for a name, and IDNA does not
        return _failed(fault_of(error)[0])
    return _judged(status)


def _failed(fault: Fault) -> Undelivered:
    return Undelivered(reason=fault.value, words=_(FAULT_WORDS[fault]))


async def _status(request: httpx.Request, *, trust_env: bool) -> int:
    transport = make_transport(str(request.url), ssl_context=None, trust_env=trust_env)
    try:
        response = await transport.handle_async_request(request)
        with contextlib.suppress(*FOREIGN):  # its body is not wanted
            await response.aclose()
    finally:
        await transport.aclose()
    return response.status_code


def _judged(status: int) -> Undelivered | None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    redirect = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    words = (
        _("it answers with a redirect (HTTP {status}), which is not followed")
        if redirect
        else _("it answers HTTP {status}")
    )
    reason = "redirected" if redirect else "http"
    return Undelivered(reason=reason, words=words.format(status=status), http_status=status)
