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

from batch.chats.client import MAX_ANSWER, ChatsClient
from batch.chats.endpoint import is_loopback, parse_endpoint, parse_origin
from batch.chats.failure_table import judge
from batch.chats.history import ChatsReader, Timeline, Unread
from batch.chats.request import ChatRequest, RequestForms, encode
from batch.chats.token import Token
from batch.chats.transport.factory import IDLE_LIMIT, make_ssl_context, warm_up
from batch.chats.transport.write_tracking import Attempt, Written
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
