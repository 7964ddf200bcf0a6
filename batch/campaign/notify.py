"""[notify]: who is told when a run has ended. An address may hold a secret, so only its host is ever shown."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from batch.i18n import _

__all__ = ["Webhook", "read_metrics_path", "read_webhook"]

_ODD = re.compile(r"[\x00-\x20\x7f\\]")
_METRICS = ".prom"


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """An address that gets the summary."""

    url: str = field(repr=False)
    """Whole, its secret included: for the request alone."""
    host: str
    """With its port, if one is named: what may be shown."""


def read_webhook(raw: object) -> Webhook:
    """The address of `[notify] webhook`. Raises ValueError, whose text does not repeat the address."""
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError(_('allowed is an address in quotes like "https://example.org/hook"'))
    url = raw.strip()
    parts = _split(url)
    if parts is None or parts.scheme not in ("https", "http"):
        raise ValueError(_('this is no address; allowed is one like "https://example.org/hook"'))
    if "@" in parts.netloc:
        raise ValueError(_("a user name or password stands before the @; put a secret into the path instead"))
    if parts.scheme == "http" and not _is_here(parts.hostname or ""):
        raise ValueError(_("it is not encrypted; write https:// (http:// is allowed to this machine alone)"))
    return Webhook(url=url, host=parts.netloc.lower())


def _split(url: str) -> SplitResult | None:
    """None for what has no host, no proper port, or what no address can hold."""
    if _ODD.search(url):
        return None
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:
        return None
    return parts if named else None


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_metrics_path(raw: object) -> str:
    """The path of `[notify] prometheus`. Raises ValueError."""
    if not isinstance(raw, str) or not raw.strip() or "\0" in raw or not raw.strip().endswith(_METRICS):
        raise ValueError(_('allowed is a path in quotes that ends in .prom, like "/var/lib/metrics/wegly.prom"'))
    return raw.strip()
