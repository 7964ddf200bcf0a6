"""How an exchange with the API may end: what is written, what comes back, and whether the message was applied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from batch.chats.transport.exceptions import Fault

__all__ = ["CREATED", "ENDINGS", "LIMITED", "Ending", "Written"]


class Written(Enum):
    """How much of the request goes out."""

    NOTHING = "nothing"
    HEAD = "head"
    WHOLE = "whole"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """One way. The defaults are an answer without a body to a request that was written whole."""

    name: str
    written: Written = Written.WHOLE
    premature: bool = False
    """A proxy answers before it has the whole request."""
    fault: Fault | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = b""
    """None: the chat, as the API gives it."""
    applied: float = 0.0
    """How likely the API applies the message."""
    ambiguous: bool = False
    """Who sent it cannot know whether it was applied."""
    patience: bool = False
    """The sender waits for the whole of its time-out."""

    @property
    def refuses(self) -> bool:
        """Whether who has read the answer knows that the message was not applied."""
        return not self.ambiguous and self.body is not None

    @property
    def retry_after(self) -> float | None:
        """Seconds for which the API wants nobody to come; None when it does not say."""
        if self.status not in {429, 503} or self.ambiguous:
            return None
        told = self.headers.get("retry-after") or self.headers.get("ratelimit-reset")
        return float(told) if told else None


def _error(code: int, *, words: str = "recusado") -> bytes:
    return json.dumps({"error": {"code": code, "message": words, "error_data": {"details": words}}}).encode()


def _refusal(status: int, body: bytes = b'{"message": "nao"}', **headers: str) -> Ending:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    code = json.loads(body).get("error", {}).get("code", "") if body.startswith(b"{") else ""
    page = "page" if body.startswith(b"<") else ""
    name = " ".join(str(each) for each in (status, code, page, *told.values()) if each != "")
    return Ending(name=name, status=status, headers=told, body=body)


def _unsent(fault: Fault) -> Ending:
    return Ending(name=f"unsent {fault.value}", written=Written.NOTHING, fault=fault)


def _open(name: str, **more: object) -> Ending:
    """Nobody can know; the API applied it in one case of two unless more is said."""
    return Ending(name=name, ambiguous=True, **({"applied": 0.5} | more))  # type: ignore[arg-type]


CREATED = Ending(name="accepted", status=200, body=None, applied=1.0)
LIMITED = _refusal(429, retry_after="2")

_PAGE = b"<!doctype html><title>Bem-vindo</title>"

ENDINGS: tuple[Ending, ...] = (
    _unsent(Fault.NOT_CONNECTED),
    _unsent(Fault.CONNECT_TIMEOUT),
    _unsent(Fault.LOST),
    _unsent(Fault.TIMEOUT),
    _unsent(Fault.NO_NAME),
    _unsent(Fault.TLS),
    _unsent(Fault.PROTOCOL),
    _refusal(429),
    _refusal(429, retry_after="0"),
    _refusal(429, retry_after="1"),
    _refusal(429, retry_after="7"),
    _refusal(429, retry_after="45"),
    _refusal(429, retry_after="2000"),
    _refusal(429, ratelimit_reset="3"),
    _refusal(503, b"", retry_after="5"),
    _refusal(425),
    _refusal(425, retry_after="2"),
    _refusal(400),
    _refusal(400, _PAGE),
    _refusal(409),
    _refusal(413),
    _refusal(422),
    _refusal(418),
    _refusal(400, _error(131026)),
    _refusal(400, _error(131056)),
    _refusal(400, _error(131000)),
    _refusal(400, _error(132000)),
    _refusal(400, _error(132001)),
    _refusal(400, _error(190)),
    _refusal(400, _error(139999)),
    _refusal(401),
    _refusal(403),
    _refusal(404),
    _refusal(405),
    _refusal(301),
    _refusal(307),
    _refusal(308),
    Ending(name="429 half", status=429, written=Written.HEAD, headers={"retry-after": "1"}),
    Ending(name="400 half", status=400, written=Written.HEAD),
    _open("lost in the head", written=Written.HEAD, fault=Fault.LOST, applied=0.0),
    _open("broken in the head", written=Written.HEAD, fault=Fault.PROTOCOL, applied=0.0),
    _open("lost", fault=Fault.LOST),
    _open("lost, not connected", fault=Fault.NOT_CONNECTED),
    _open("tls alert", fault=Fault.TLS),
    _open("no http", fault=Fault.PROTOCOL),
    _open("time-out", fault=Fault.TIMEOUT, patience=True),
    _open("connect time-out, though written", fault=Fault.CONNECT_TIMEOUT, patience=True),
    _open("200 cut", status=200, fault=Fault.LOST, applied=0.9),
    _open("201 dripping", status=201, fault=Fault.TIMEOUT, applied=0.9, patience=True),
    _open("429 cut", status=429, fault=Fault.LOST, headers={"retry-after": "3"}, applied=0.0),
    _open("503 cut", status=503, fault=Fault.LOST, headers={"retry-after": "3"}),
    _open("500", status=500),
    _open("500, come back", status=500, headers={"retry-after": "2"}),
    _open("500 of WhatsApp", status=500, body=_error(131056)),
    _open("502", status=502, body=_PAGE),
    _open("502, come back", status=502, headers={"retry-after": "1"}),
    _open("503", status=503),
    _open("503, come back whenever", status=503, headers={"retry-after": "logo"}),
    _open("504", status=504),
    _open("507", status=507),
    _open("408", status=408),
    _open("408 half", status=408, written=Written.HEAD, applied=0.0),
    _open("429 premature", status=429, premature=True, headers={"retry-after": "1"}),
    _open("400 premature", status=400, premature=True),
    _open("503 premature", status=503, premature=True, headers={"retry-after": "3"}),
    _open("302", status=302, headers={"location": "/entrar"}),
    _open("303", status=303),
    _open("101", status=101),
    _open("200 page", status=200, body=_PAGE),
    _open("200 no id", status=200, body=b'{"id": null}'),
    _open("200 half a chat", status=200, body=b'{"id": "3c90', applied=0.9),
    _open("204", status=204, applied=0.9),
)
"""All but acceptance. What is not ambiguous and no acceptance is certainly not applied."""
