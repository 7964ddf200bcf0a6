"""The connection below a client: a transport of httpx, without the client's conveniences.

Without httpx.AsyncClient there are no redirects, cookies, netrc or event hooks to be switched off, and a post costs
less: the transport is what a POST needs. It is our own (`direct`), or, where the environment may name a proxy, the one
that comes with httpx: slower, with the same results.
"""

from __future__ import annotations

import contextlib
import importlib
import ssl
import urllib.request
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from batch.chats.endpoint import is_loopback
from batch.chats.transport.http11 import DirectTransport
from batch.errors import SettingsError
from batch.i18n import _


def make_ssl_context(*, ca_file: Path | None = None, trust_env: bool = False) -> ssl.SSLContext:
    """A context that verifies the server's certificate and name, always. Share it among the clients of a run.

    Args:
        ca_file: PEM with the authorities to trust instead of the usual ones (a company's own).
        trust_env: obey `SSL_CERT_FILE` and `SSL_CERT_DIR`.

    Raises:
        SettingsError: when `ca_file` cannot be read.
    """
    if ca_file is None:
        return httpx.create_ssl_context(trust_env=trust_env)
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError):
        raise SettingsError(
            _("The file {ca_file} cannot be read as certificates (PEM).").format(ca_file=ca_file),
            _("Check its place and content."),
        ) from None


IDLE_LIMIT: Final = 1.0
"""Seconds after which an idle connection is not used again. Servers keep theirs for 2 s or more; a request written
into a connection that the server is just closing would be an unknown for a person."""


def warm_up() -> None:
    """Import what httpcore would import at the first POST, in the event loop: there it takes 0.1 s, and the second
    POST would follow the first without its gap."""
    for name in ("h11", "anyio", "anyio._backends._asyncio"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def make_transport(
    endpoint: str, *, ssl_context: ssl.SSLContext | None, trust_env: bool, idle_limit: float = IDLE_LIMIT
) -> httpx.AsyncBaseTransport:
    """A transport with one connection, HTTP/1.1, no retries. `ssl_context` None makes one, if the endpoint needs it.

    With `trust_env` it is httpx's own, through the proxy that the environment names for the endpoint, if any.

    Raises:
        SettingsError: `trust_env`, and the environment names a proxy that cannot be used.
    """
    context = ssl_context or _context(endpoint, trust_env=trust_env)
    if not trust_env:
        return DirectTransport(ssl_context=context, idle_limit=idle_limit)
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=idle_limit)
    try:
        return httpx.AsyncHTTPTransport(
            verify=context, trust_env=True, limits=limits, proxy=proxy_of_environment(endpoint)
        )
    except (ValueError, httpx.InvalidURL, ImportError):
        raise SettingsError(
            _("The proxy that the environment names cannot be used."), _("Give it as http://host:port, or take it out.")
        ) from None


def _context(endpoint: str, *, trust_env: bool) -> ssl.SSLContext:
    if endpoint.startswith("https:"):
        return make_ssl_context(trust_env=trust_env)
    # It trusts nobody and costs nothing; plain http never asks it.
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def proxy_of_environment(endpoint: str) -> str | None:
    """The proxy for this endpoint by the environment (`https_proxy`, `no_proxy` ...); None for this machine itself."""
    parts = urlsplit(endpoint)
    if is_loopback(endpoint) or urllib.request.proxy_bypass(parts.netloc):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
