"""The API: requests, answers, the client, and the verdict about each failure.

    Message -> encode -> payload -> ChatsClient.post -> Exchange -> judge -> Verdict

Events on the wire (`transport`) and their meaning (`failure_table`, `whatsapp_codes`, `response`) are kept apart: the
second is pure. Invariants:

* A verdict that frees a row for another attempt (PENDING) is given only when certainly nothing was sent: no byte of
  the request was written, by the connection's own account, or the API refused it with a status that means so.
* One client has one connection, follows nothing, and makes exactly one request for each `post`.
* An answer counts only for a request: bytes that lie there before a request's first byte is written end the connection,
  a new one too. No connection through a proxy is used twice, and its premature answers are no proof (UNKNOWN), nor is
  a refusal that another answer follows.
* Only a GET is repeated after any failure: `ChatsReader` reads timelines, to find messages again.
* The webhook at a run's end gets the summary and no token.
* The token is in one header and nowhere else: in no verdict, error, log line or repr.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from batch.chats.endpoint import parse_endpoint
from batch.chats.request import RequestEncoder, encode
from batch.chats.token import Token

if TYPE_CHECKING:
    from batch.chats.client import ChatsClient
    from batch.chats.history import ChatsReader, Timeline, TimelineFailure
    from batch.chats.transport.factory import make_ssl_context
    from batch.chats.webhook import WebhookFailure, post_webhook

__all__ = [
    "ChatsClient",
    "ChatsReader",
    "RequestEncoder",
    "Timeline",
    "TimelineFailure",
    "Token",
    "WebhookFailure",
    "encode",
    "make_ssl_context",
    "parse_endpoint",
    "post_webhook",
]

_OF_THE_NETWORK: Final = {
    "ChatsClient": "client",
    "ChatsReader": "history",
    "Timeline": "history",
    "TimelineFailure": "history",
    "WebhookFailure": "webhook",
    "make_ssl_context": "transport.factory",
    "post_webhook": "webhook",
}


def __getattr__(name: str) -> Any:
    """Load what speaks HTTP when it is first used: a check, which sends nothing, starts a fifth sooner."""
    if name not in _OF_THE_NETWORK:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(f"{__name__}.{_OF_THE_NETWORK[name]}"), name)
    return value
