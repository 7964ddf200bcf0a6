"""An API of the tests' own whose accepted messages move: delivered, read, failed, answered, on random ways.

It knows nothing of the sandbox. What it has shown, and to which request, is its log, and the log is the truth: nobody
may claim more of a message. Its clock is set from outside, so that a month passes in seconds.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from loopback_http import LoopbackHandler, served

from batch.ledger import Ledger, Owner, StagedRow
from batch.model.messages import message_key
from batch.model.runs import Run, Traits

WAYS = {
    "read": [(1, "sent"), (40, "delivered"), (3000, "read")],
    "read at once": [(5, "read")],
    "out of order": [(2, "sent"), (60, "read"), (4000, "delivered"), (90_000, "sent")],
    "delivered": [(3, "sent"), (100, "delivered")],
    "late": [(3, "sent"), (200_000, "delivered")],
    "stuck": [],
    "never arrives": [(2, "sent")],
    "failed": [(2, "sent"), (30, "failed")],
    "failed later": [(2, "sent"), (80_000, "failed")],
    "failed, then delivered": [(2, "failed"), (9000, "delivered")],
    "another word": [(1, "queued")],
}
"""Seconds after it was sent to the status that a message has from then on."""
REPLIES = ["SAIR", "Pare!", "não quero mais receber", "quero sair às 5", "Obrigada", "Cancelar"]
OPT_OUTS = frozenset(REPLIES[:3])
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(kw_only=True)
class Moving:
    """One message, all that will become of it, and what was shown of it."""

    row: int
    at: datetime
    way: str
    code: int | None
    reply: tuple[int, str] | None
    """Seconds after it, and the person's text."""
    second_reply: tuple[int, str] | None = None
    has_twin: bool
    """An agent, or another program, sent the same person something in the same minute."""
    is_history: bool = False
    pages: int | None = None
    glitches: list[str] = field(default_factory=list)
    """What its first requests get instead of an answer."""
    knows_id: bool = True
    """The answer to its POST has shown its id."""
    shown: set[str] = field(default_factory=set)
    """Every status that an answer has shown."""
    shown_reply: bool = False
    gets: Counter[str] = field(default_factory=Counter)

    @property
    def person(self) -> str:
        return f"+55119{self.row:08d}"

    @property
    def chat(self) -> str:
        return f"chat-{self.row}"

    @property
    def id(self) -> str:
        return f"message-{self.row}"

    @property
    def opts_out(self) -> bool:
        """Whether something that was shown opts the person out."""
        by_reply = self.shown_reply and self.reply is not None and self.reply[1] in OPT_OUTS
        return by_reply or (self.code == 131050 and "failed" in self.shown)

    def status(self, now: datetime) -> str:
        passed = (now - self.at).total_seconds()
        return ([word for seconds, word in WAYS[self.way] if seconds <= passed] or ["processing"])[-1]

    def records(self, now: datetime) -> list[dict[str, Any]]:
        """The timeline, oldest first."""
        own = {"id": self.id, "from_me": True, "status": self.status(now), "body_text": f"Oi {self.row}"}
        if own["status"] == "failed" and self.code:
            own["error"] = {"code": self.code, "message": "Nao entregue"}
        found = [
            (self.at - timedelta(seconds=7200), {"id": "old", "from_me": False, "body_text": "sair", "type": "text"})
        ]
        found.append((self.at + timedelta(milliseconds=200), own))
        if self.has_twin:
            twin = {"id": f"twin-{self.row}", "from_me": True, "status": "read", "body_text": "Outra"}
            found.append((self.at + timedelta(seconds=1), twin))
        for seconds, text in filter(None, (self.reply, self.second_reply)):
            theirs = {"id": "reply", "from_me": False, "body_text": text, "type": "text", "status": "received"}
            found.append((self.at + timedelta(seconds=seconds), theirs))
        return [
            {
                "id": each["id"],
                "event_type": "MESSAGE",
                "event_at": at.isoformat(),
                "message": {**each, "created_at": at.isoformat()},
            }
            for at, each in found
            if at <= now
        ]


def draw(count: int, seed: int, *, began: datetime) -> list[Moving]:
    """Messages on random ways, sent within an hour."""
    dice = random.Random(seed)  # noqa: S311 - repeatable ways
    messages = []
    for row in range(2, count + 2):
        way = dice.choice(list(WAYS))
        messages.append(
            Moving(
                row=row,
                at=began + timedelta(seconds=dice.randrange(3600)),
                way=way,
                code=dice.choice([None, 131026, 131049, 131050, 132015]) if "failed" in way else None,
                reply=(dice.choice([70, 4000, 500_000]), dice.choice(REPLIES)) if dice.random() < 0.4 else None,
                has_twin=dice.random() < 0.1,
                pages=dice.choice([None, None, None, 1, 2]),
                glitches=dice.sample(["cut", "500", "429"], dice.choice([0, 0, 0, 0, 1])),
                knows_id=dice.random() < 0.6,
            )
        )
    return messages


class MovingApi:
    """The server. `now` is its clock."""

    def __init__(self, messages: Iterable[Moving], now: datetime) -> None:
        self.by_chat = {message.chat: message for message in messages}
        self.now = now
        self.url = ""
        self.gets = 0
        self.posts: Counter[str] = Counter()
        self.lock = threading.Lock()

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        place, _, query = path.partition("?")
        message = self.by_chat.get(place.split("/")[-2])
        with self.lock:
            self.gets += 1
            if message is None:
                return 404, b"{}", {}
            message.gets[query] += 1
            records = message.records(self.now)[::-1]
            body = {"total": len(records), "records": records}
            if message.pages:
                first = (int(query.partition("=")[2] or 1) - 1) * message.pages
                body["records"] = records[first : first + message.pages]
            text = json.dumps(body).encode()
            if message.glitches:
                match message.glitches.pop():
                    case "429":
                        return 429, b"{}", {"Retry-After": "0"}
                    case "500":
                        return 500, b"{}", {}
                    case _:
                        return 200, text[: len(text) // 2], {}
            for record in body["records"]:
                shown = record["message"]
                if shown["id"] == message.id:
                    message.shown.add(shown["status"])
                message.shown_reply = message.shown_reply or shown["id"] == "reply"
            return 200, text, {}


@contextmanager
def serving(api: MovingApi) -> Iterator[MovingApi]:
    """Serve on this machine while the block runs."""

    class Handler(LoopbackHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name of http.server
            self.answer(*api.answer(self.path), at=api.now)

    with served(Handler) as api.url:
        yield api


def accept(ledger: Ledger, api: MovingApi, *, run: str = "20261103T120000Z-c-0001") -> None:
    """Put the messages into a ledger, as a run leaves them that was accepted."""
    messages = list(api.by_chat.values())
    began = min(message.at for message in messages)
    about = Run(run=run, campaign="c", endpoint=api.url, sheet_path="s", sheet_sha256="0", version="0", started=began)
    with ledger.stage() as staging:
        staging.add(
            StagedRow(
                row=message.row,
                key=message_key(endpoint=api.url, campaign="c", person=message.person),
                person=message.person,
                sender="s1",
                payload="{}",
                request_hash="0",
            )
            for message in messages
        )
        staging.judge()
        staging.plan(about, Owner.here(run), Traits(unique_by=(), region="BR", phone_rule=1, template="t"))
    values = [
        (
            message.chat,
            message.id if message.knows_id else None,
            round(message.at.timestamp() * 1e6),
            run,
            message.person,
        )
        for message in messages
    ]
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE messages SET state = 'success', attempts = 1, duration_ms = 300, payload = NULL,"
            " chat_id = ?, message_id = ?, sent_at = ?, run = ? WHERE person = ?",
            values,
        )


ORDER = ["not_found", "not_told_apart", "other", "processing", "sent", "failed", "delivered", "read"]


def known(ledger: Ledger) -> dict[str, tuple[str, int]]:
    """Person to the state and the number of looks in the ledger."""
    query = "SELECT person, deliveries.state, looks FROM deliveries JOIN messages USING (key)"
    with ledger._engine.connect() as connection:
        return {person: (state, looks) for person, state, looks in connection.exec_driver_sql(query)}


def compare(ledger: Ledger, api: MovingApi, before: dict[str, tuple[str, int]] | None = None) -> list[str]:
    """What the ledger claims beyond the log, or lost since `before`; empty when all is right."""
    wrong, now = [], known(ledger)
    listed = {entry.person for entry in ledger.suppression.entries()}
    for message in api.by_chat.values():
        state, _looks = now.get(message.person, ("", 0))
        earlier = (before or {}).get(message.person, ("", 0))[0]
        best = max(({"queued": "other"}.get(each, each) for each in message.shown), key=ORDER.index, default="")
        if state in ORDER[2:] and state != best:
            wrong.append(f"{message.way}: {state}, but {sorted(message.shown)} was shown")
        if state in ORDER[:2] and not (message.has_twin or not message.shown):
            wrong.append(f"{message.way}: {state}, but it was there alone")
        if message.knows_id and message.shown and state != best:
            wrong.append(f"{message.way}: {state} though its id is known")
        if earlier and ORDER.index(state) < ORDER.index(earlier):
            wrong.append(f"{message.way}: climbed down from {earlier} to {state}")
        found = state in ORDER[2:] or not message.has_twin
        if found and message.opts_out != (message.person in listed) and not message.has_twin:
            wrong.append(f"{message.way}: opted out {message.opts_out}, listed {message.person in listed}")
        if message.person in listed and not (message.shown_reply or "failed" in message.shown):
            wrong.append(f"{message.way}: listed for nothing")
    return wrong
