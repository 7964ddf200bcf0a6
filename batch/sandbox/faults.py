"""Faults of the sandbox: by the last four digits of a contact, and by shares drawn at random."""

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from batch.errors import SettingsError
from batch.i18n import N_
from batch.model.phrases import Phrase


class Ending(StrEnum):
    """Ending of an exchange."""

    ANSWER = "answer"
    """With a whole answer."""
    DROP = "drop"
    """The connection is reset without an answer."""
    DROP_MIDWAY = "drop_midway"
    """The connection is reset in the middle of the answer."""
    HANG = "hang"
    """No answer ever comes; the connection stays open."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """Reaction of the sandbox to one valid POST."""

    words: Phrase
    """For the table of special contacts."""
    applied: bool = True
    """The message counts as sent."""
    ending: Ending = Ending.ANSWER
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    """JSON of the answer; text is sent as an HTML page. None: the documented answer."""
    cut: bool = False
    """The documented answer, but only its first half (with a matching Content-Length)."""
    old_chat: bool = False
    """The chat was there before the sandbox began."""
    once: bool = False
    """Only at the first attempt; later ones are accepted."""


def whatsapp_error(code: int, message: str) -> Mapping[str, object]:
    """Return an error in WhatsApp's form, as the API passes it through."""
    details = {"messaging_product": "whatsapp", "details": message}
    return {
        "error": {
            "message": f"(#{code}) {message}",
            "type": "OAuthException",
            "code": code,
            "error_data": details,
            "fbtrace_id": "A1b2C3d4E5f6G7h8",
        }
    }


def _refuses(status: int, words: str, message: str, **more: object) -> Behaviour:
    body = {"statusCode": status, "message": message, **more}
    return Behaviour(words=Phrase(words), applied=False, status=status, body=body)


def _by_whatsapp(code: int, message: str, words: str) -> Behaviour:
    return Behaviour(words=Phrase(words), applied=False, status=400, body=whatsapp_error(code, message))


def _first(status: int, headers: Mapping[str, str]) -> Behaviour:
    body = {"statusCode": status, "message": "Tente novamente em instantes."}
    words = N_("first attempt HTTP {status} (not applied), then accepted")
    if headers:
        words = N_("first attempt HTTP {status} with Retry-After: {wait} (not applied), then accepted")
    values = {"status": str(status), "wait": headers.get("Retry-After", "")}
    return Behaviour(words=Phrase(words, values), applied=False, status=status, headers=headers, body=body, once=True)


_NESTED: Final = (
    {"field": "template_fields", "errors": ({"index": 0, "message": "o valor nao pode ser vazio"},)},
    {"field": "wa_contact_id", "errors": ({"message": "numero fora do padrao"},)},
)
_PAGE: Final = "<!DOCTYPE html><html><head><title>Portal</title></head><body><h1>Bem-vindo ao portal</h1></body></html>"
_FAILED: Final = {"statusCode": 500, "message": "Internal server error"}
_AFTER_1_S: Final = MappingProxyType({"Retry-After": "1"})

PLAIN: Final = Behaviour(words=Phrase("accepted"))

SPECIAL_CONTACTS: Final[Mapping[str, Behaviour]] = MappingProxyType(
    {
        "0131": _by_whatsapp(131026, "Message undeliverable", N_("refused by WhatsApp: 131026, not on WhatsApp")),
        "0149": _by_whatsapp(131049, "Not delivered to maintain healthy engagement", N_("refused by WhatsApp: 131049")),
        "0150": _by_whatsapp(
            131050, "User has stopped marketing messages", N_("refused by WhatsApp: 131050, opted out")
        ),
        "0200": Behaviour(words=Phrase(N_("the chat was already there, with an earlier life")), old_chat=True),
        "0201": Behaviour(words=Phrase(N_("accepted with HTTP 201")), status=201),
        "0302": Behaviour(
            words=Phrase(N_("redirect 302, not applied")), applied=False, status=302, headers={"Location": "/login"}
        ),
        "0400": _refuses(400, N_("refused with HTTP 400 and a message"), "O contato nao pode receber mensagens."),
        "0401": _refuses(401, N_("HTTP 401"), "Token invalido."),
        "0403": _refuses(403, N_("HTTP 403"), "Dominio nao permitido."),
        "0404": _refuses(404, N_("HTTP 404"), "Numero remetente nao encontrado."),
        "0408": _refuses(408, N_("HTTP 408, not applied"), "Request timeout."),
        "0422": _refuses(422, N_("refused with HTTP 422 and nested errors"), "Dados invalidos.", errors=_NESTED),
        "0425": _first(425, {}),
        "0429": _first(429, _AFTER_1_S),
        "0500": Behaviour(words=Phrase(N_("HTTP 500, not applied")), applied=False, status=500, body=_FAILED),
        "0501": Behaviour(words=Phrase(N_("HTTP 500, but applied")), status=500, body=_FAILED),
        "0503": _first(503, _AFTER_1_S),
        "0504": Behaviour(
            words=Phrase(N_("HTTP 504 with a web page, but applied")), status=504, body="<html><h1>504</h1></html>"
        ),
        "0900": Behaviour(words=Phrase(N_("applied, then the connection is dropped")), ending=Ending.DROP),
        "0901": Behaviour(
            words=Phrase(N_("the connection is dropped, not applied")), applied=False, ending=Ending.DROP
        ),
        "0902": Behaviour(words=Phrase(N_("applied, but no answer ever comes")), ending=Ending.HANG),
        "0903": Behaviour(words=Phrase(N_("HTTP 200 with a web page, not applied")), applied=False, body=_PAGE),
        "0904": Behaviour(words=Phrase(N_("applied; HTTP 200, but the JSON is cut")), cut=True),
        "0905": Behaviour(
            words=Phrase(N_("applied; the connection is dropped midway in the answer")), ending=Ending.DROP_MIDWAY
        ),
    }
)
"""Last four digits of `wa_contact_id` to the reaction."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """Faults besides the special contacts. Shares are from 0 to 1 of the valid POSTs and add up to 1 at most."""

    latency: float = 0.0
    """Seconds that an answer takes; half of it passes before the message is applied, half after."""
    latency_varies: bool = False
    """`latency` is the mean of an exponential distribution instead of fixed."""
    rate_limit: float | None = None
    """POSTs a second; more get HTTP 429 with `Retry-After: 1`. None: no limit."""
    server_errors: float = 0.0
    """Share of HTTP 500; every second one is applied."""
    dropped_before: float = 0.0
    """Share of connections dropped before the message is applied."""
    dropped_after: float = 0.0
    """Share of connections dropped after it."""
    timeouts: float = 0.0
    """Share that is applied and never answered."""
    seed: int = 0
    """The same seed gives the same contact's n-th attempt the same fate, in whatever order they come."""

    def __post_init__(self) -> None:
        shares = (self.server_errors, self.dropped_before, self.dropped_after, self.timeouts)
        if any(not 0 <= share <= 1 for share in shares) or sum(shares) > 1:
            raise SettingsError("The sandbox's shares of faults do not lie between 0 and 1.", "Give shares like 0.05.")
        if self.latency < 0 or (self.rate_limit is not None and self.rate_limit <= 0):
            raise SettingsError("The sandbox's latency or rate limit is out of range.", "Give a positive number.")

    def delay(self, person: str, attempt: int) -> float:
        """Return the seconds that the answer to this attempt takes."""
        if not self.latency_varies or self.latency == 0:
            return self.latency
        return self._dice("delay", person, attempt).expovariate(1 / self.latency)

    def draw(self, person: str, attempt: int) -> Behaviour:
        """Draw the reaction to this attempt, by the shares."""
        dice = self._dice("fate", person, attempt)
        fates = (
            (self.server_errors / 2, SPECIAL_CONTACTS["0500"]),
            (self.server_errors / 2, SPECIAL_CONTACTS["0501"]),
            (self.dropped_before, SPECIAL_CONTACTS["0901"]),
            (self.dropped_after, SPECIAL_CONTACTS["0900"]),
            (self.timeouts, SPECIAL_CONTACTS["0902"]),
        )
        mark = dice.random()
        for share, behaviour in fates:
            mark -= share
            if mark < 0:
                return behaviour
        return PLAIN

    def _dice(self, what: str, person: str, attempt: int) -> random.Random:
        digest = hashlib.sha256(f"{what}|{self.seed}|{person}|{attempt}".encode()).digest()
        return random.Random(digest)  # noqa: S311 - repeatable faults, no secrets


def choose_behaviour(faults: Faults, *, digits: str, person: str, attempt: int) -> Behaviour:
    """Choose the reaction to a person's n-th valid attempt (from 1): by the contact's digits, else by the shares."""
    special = SPECIAL_CONTACTS.get(digits[-4:])
    if special is None:
        return faults.draw(person, attempt)
    return PLAIN if special.once and attempt > 1 else special


DROP: Final = "batch.sandbox.drop"
"""The ASGI extension: a callable that resets the connection at once."""


async def _wait_until_gone(receive: Receive) -> None:
    """Wait until the connection is gone. To return earlier would make the server answer 500."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _drop(scope: Scope) -> None:
    drop: Callable[[], None] = scope["extensions"][DROP]
    drop()


class DroppedResponse(Response):
    """Resets the connection without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        _drop(scope)
        await _wait_until_gone(receive)


class HangingResponse(Response):
    """Never answers; ends when the other side, or the server, gives up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        await _wait_until_gone(receive)


class TruncatedResponse(JSONResponse):
    """Promises the whole answer, sends half of it and closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytes(self.body)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half: dict[str, Any] = {"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True}
        await send(half)
        _drop(scope)
        await _wait_until_gone(receive)
