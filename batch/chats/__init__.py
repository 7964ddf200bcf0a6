"""The API: requests and answers, the client, and what each failure means.

    Message -> encode -> payload -> ChatsClient.post -> Attempt -> judge -> Verdict

What the wire did (`wire`, `faults`) and what it means (`failures`, `whatsapp_codes`, `answers`) are kept apart: the
second is pure. Invariants:

* A verdict that frees a row for another attempt (PENDING) is given only when certainly nothing was sent: no byte of
  the request was written, by the connection's own account, or the API refused it with a status that says so.
* One client has one connection, follows nothing, and makes exactly one request for each `post`. The connection is our
  own (`direct`, `connection`); with `trust_env` it is httpx's, with the same results.
* Only a GET is repeated whatever became of it: `ChatsReader` reads timelines, to find messages again.
* Whoever is told of a run's end (`webhook`) gets the summary and no token.
* The token is in one header and nowhere else: in no verdict, error, log line or repr.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from batch.chats.endpoint import is_loopback, parse_endpoint, parse_origin
from batch.chats.forms import RequestForms
from batch.chats.request import ChatRequest, encode
from batch.chats.token import Token

if TYPE_CHECKING:
    from batch.chats.client import MAX_ANSWER, ChatsClient
    from batch.chats.failure_table import judge
    from batch.chats.history import ChatsReader, Timeline, Unread
    from batch.chats.transport.attempt import Attempt, Written
    from batch.chats.transport.factory import IDLE_LIMIT, warm_up
    from batch.chats.transport.tls import make_ssl_context
    from batch.chats.webhook import Undelivered, deliver

__all__ = [
    "IDLE_LIMIT",
    "MAX_ANSWER",
    "Attempt",
    "ChatRequest",
    "ChatsClient",
    "ChatsReader",
    "RequestForms",
    "Timeline",
    "Token",
    "Undelivered",
    "Unread",
    "Written",
    "deliver",
    "encode",
    "is_loopback",
    "judge",
    "make_ssl_context",
    "parse_endpoint",
    "parse_origin",
    "warm_up",
]

_LATER = {
    "Attempt": "attempt",
    "Written": "attempt",
    "MAX_ANSWER": "client",
    "ChatsClient": "client",
    "judge": "failures",
    "ChatsReader": "reads",
    "Timeline": "reads",
    "Unread": "reads",
    "make_ssl_context": "tls",
    "IDLE_LIMIT": "transport",
    "warm_up": "transport",
    "Undelivered": "webhook",
    "deliver": "webhook",
}
"""Names to their modules, which load what speaks with a network: a check does without, and starts 0.1 s sooner."""


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
