"""The API's address in one canonical spelling: the endpoint is part of every message key."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from batch.errors import SettingsError
from batch.i18n import N_, _
from batch.model.messages import is_loopback

CHATS_PATH = "/integrations/external/chats"
"""Path of the chats below the endpoint."""

_DEFAULT_PORTS = {"https": 443, "http": 80}
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")


def parse_endpoint(url: str) -> str:
    """Return the API's base URL in canonical spelling: `scheme://host[:port][/path]`, without a slash at its end.

    Scheme and host in lower case, a default port and the API's own path left out, a name with accents in its ASCII
    form. The same address always gives the same text, and the result given again gives itself.

    Raises:
        SettingsError: for anything that is not plainly such an address, and for `http` to another machine (the token
            would travel in clear).
    """
    parts = _split(url, N_("base URL"))
    path = _path(parts, url)
    base = _base(parts, url, N_("base URL"))
    if parts.scheme.lower() == "http" and not is_loopback(base):
        raise SettingsError(
            _("The base URL {url!r} is not encrypted; the token would travel in clear.").format(url=url),
            _("Write https:// before it."),
        )
    return base + path


def parse_origin(url: str) -> str:
    """Return the value of the header `Origin`: `scheme://host[:port]`. Raises SettingsError for anything else."""
    parts = _split(url, "origin")
    if parts.path not in {"", "/"}:
        raise SettingsError(_("The origin {url!r} has a path.").format(url=url), _("Write only https:// and the name."))
    return _base(parts, url, "origin")


def _error(what: str, url: str, problem: str) -> SettingsError:
    return SettingsError(
        _("The {what} {url!r} {problem}.").format(what=_(what), url=url, problem=_(problem)),
        _("Write it like https://api.wegly.com.br."),
    )


def _split(url: str, what: str) -> SplitResult:
    text = url.strip()
    if not text:
        raise _error(what, url, N_("is empty"))
    if _FORBIDDEN.search(text):
        raise _error(what, url, N_("holds a blank, a control character or a backslash"))
    try:
        parts = urlsplit(text)
    except ValueError:
        raise _error(what, url, N_("is not an address")) from None
    if "@" in parts.netloc:
        # Not repeated in the message, because it may be a password.
        raise SettingsError(
            _("The {what} holds a user name or password.").format(what=_(what)), _("Leave out everything before the @.")
        )
    if parts.scheme.lower() not in _DEFAULT_PORTS or not parts.netloc:
        raise _error(what, url, N_("does not begin with https://"))
    if "?" in text or "#" in text:
        raise _error(what, url, N_("holds a ? or #"))
    return parts


def _base(parts: SplitResult, url: str, what: str) -> str:
    scheme = parts.scheme.lower()
    host = _host(parts.hostname or "", url, what)
    try:
        port = parts.port
    except ValueError:
        raise _error(what, url, N_("has a port that is no number from 1 to 65535")) from None
    if port == 0 or parts.netloc.endswith(":"):
        raise _error(what, url, N_("has a port that is no number from 1 to 65535"))
    return f"{scheme}://{host}" + ("" if port in {None, _DEFAULT_PORTS[scheme]} else f":{port}")


def _host(name: str, url: str, what: str) -> str:
    if ":" in name:
        try:
            return f"[{ipaddress.IPv6Address(name)}]"
        except ValueError:
            raise _error(what, url, N_("has a host that is no IPv6 address")) from None
    try:
        host = name.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise _error(what, url, N_("has a host that cannot be a name")) from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):  # noqa: PLR2004 - RFC 1035
        raise _error(what, url, N_("has a host that cannot be a name"))
    return host


def _path(parts: SplitResult, url: str) -> str:
    path = parts.path.rstrip("/").removesuffix(CHATS_PATH).rstrip("/")
    segments = path.split("/")[1:]
    if not all(_SEGMENT.fullmatch(segment) and segment.strip(".") for segment in segments):
        raise _error(N_("base URL"), url, N_("has a path that cannot be right"))
    return path
