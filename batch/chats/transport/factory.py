"""Transports and TLS contexts: our own connection for a POST, httpx's client for a GET and the webhook.

A POST goes over our own transport (`http11`) on every way, through a proxy too: it reports what is written, takes no
answer that came without a request, and a post costs less. A GET may be repeated, so httpx's own client serves for it.
"""

import os
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from batch.chats.transport.http11 import Http11Transport
from batch.errors import SettingsError
from batch.i18n import _
from batch.model.messages import is_loopback

IDLE_LIMIT: Final = 1.0
"""Seconds after which an idle connection is not used again. Servers keep theirs for 2 s or more; a request written
into a connection that the server is just closing would be an unknown for a person."""
_UNUSABLE_PROXY: Final = (ValueError, httpx.InvalidURL, ImportError)
"""Errors of httpx for a proxy's address: no URL, another scheme, SOCKS without its library."""


def make_ssl_context(*, ca_file: Path | None = None, trust_env: bool = False) -> ssl.SSLContext:
    """Make a context that verifies the server's certificate and name, always. Share it among the clients of a run.

    `SSLKEYLOGFILE` is not obeyed: whoever may read that file reads the token and every message.

    Args:
        ca_file: PEM with the authorities to trust instead of the usual ones (a company's own).
        trust_env: obey `SSL_CERT_FILE` and `SSL_CERT_DIR`.

    Raises:
        SettingsError: when the authorities cannot be read.
    """
    file = ca_file or next(
        (place for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if trust_env and (place := os.environ.get(name))), None
    )
    try:
        with _no_key_log():
            if ca_file:
                return ssl.create_default_context(cafile=str(ca_file))
            return httpx.create_ssl_context(trust_env=trust_env)
    except (OSError, ssl.SSLError):
        raise SettingsError(
            _("The file {ca_file} cannot be read as certificates (PEM).").format(ca_file=file),
            _("Check its place and content."),
        ) from None


@contextmanager
def _no_key_log() -> Iterator[None]:
    """Hide `SSLKEYLOGFILE`: a context would open that file when it is made, and end with an error where it cannot."""
    place = os.environ.pop("SSLKEYLOGFILE", None)
    try:
        yield
    finally:
        if place is not None:
            os.environ["SSLKEYLOGFILE"] = place


def make_transport(
    endpoint: str, *, ssl_context: ssl.SSLContext | None, trust_env: bool, idle_limit: float = IDLE_LIMIT
) -> Http11Transport:
    """Make a transport with one connection, HTTP/1.1, no retries.

    Args:
        endpoint: the API's base URL.
        ssl_context: None makes one, if the endpoint needs it.
        trust_env: go through the proxy that the environment names for the endpoint, if any.
        idle_limit: seconds after which an idle connection is not used again.

    Raises:
        SettingsError: `trust_env`, and the environment names a proxy that cannot be used.
    """
    context = ssl_context or _default_context(endpoint, trust_env=trust_env)
    address = environment_proxy(endpoint) if trust_env else None
    try:
        proxy = httpx.Proxy(address) if address else None
    except _UNUSABLE_PROXY:
        raise _proxy_error() from None
    if proxy is not None and not (proxy.url.scheme in {"http", "https"} and proxy.url.host):
        raise _proxy_error()
    return Http11Transport(ssl_context=context, idle_limit=idle_limit, proxy=proxy)


def make_http_client(
    url: str, *, ssl_context: ssl.SSLContext | None, trust_env: bool, connect_timeout: float
) -> httpx.AsyncClient:
    """Make httpx's client for requests to `url` that are no POST to the API: no redirects, cookies or netrc.

    Only connecting has a time-out (seconds); the caller bounds the whole exchange. Other arguments and errors as of
    `make_transport`.
    """
    try:
        return httpx.AsyncClient(
            verify=ssl_context or _default_context(url, trust_env=trust_env),
            trust_env=False,
            proxy=environment_proxy(url) if trust_env else None,
            timeout=httpx.Timeout(None, connect=connect_timeout, pool=connect_timeout),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        )
    except _UNUSABLE_PROXY:
        raise _proxy_error() from None


def _proxy_error() -> SettingsError:
    return SettingsError(
        _("The proxy that the environment names cannot be used."), _("Give it as http://host:port, or take it out.")
    )


def _default_context(endpoint: str, *, trust_env: bool) -> ssl.SSLContext:
    if endpoint.startswith("https:"):
        return make_ssl_context(trust_env=trust_env)
    return _without_authority()


@cache
def _without_authority() -> ssl.SSLContext:
    """One for all of plain http, which never uses it."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def environment_proxy(endpoint: str) -> str | None:
    """Return the environment's proxy for an endpoint (`https_proxy`, `no_proxy` ...); None for this machine itself."""
    parts = urlsplit(endpoint)
    if is_loopback(endpoint) or urllib.request.proxy_bypass(parts.netloc):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
