"""An API of the tests' own that accepts messages and lets them move: delivered, failed, answered, delivered after all.

It knows nothing of the sandbox. Its log, in the order in which things happened, is the truth. Time passes by moving the
past: what was sent lies further back then, at the server and in the ledger alike, and no clock is touched.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from loopback_http import LoopbackHandler, served

from batch.ledger import Ledger

TIMES = {
    "messages": ["sent_at", "again_sent_at"],
    "deliveries": ["seen_at", "looked_at", "next_look", "replied_at"],
    "runs": ["started", "finished"],
    "canaries": ["passed"],
    "removals": ["removed"],
}
"""Columns of a ledger that hold times, by table."""


@dataclass(kw_only=True)
class Fate:
    """What becomes of the messages to one person."""

    steps: list[tuple[float, str]] = field(default_factory=lambda: [(0, "delivered")])
    """Seconds after it was sent to the status from then on; before, it is `processing`."""
    code: int | None = None
    """WhatsApp's code of a failure."""
    reply: str | None = None
    """The person's answer, five seconds after the message."""

    def status(self, seconds: float) -> str:
        return ([word for after, word in self.steps if after <= seconds] or ["processing"])[-1]


def failing(code: int | None) -> Fate:
    return Fate(steps=[(0, "failed")], code=code)


@dataclass(kw_only=True)
class Sent:
    id: str
    at: datetime
    person: str
    fate: Fate


class DeliveringApi:
    """The server. `fates`: by the person's last four digits; `refuses`: the status of every answer to a GET.

    `refuses_posts`: that of every answer to a POST, which sends nothing then.
    """

    def __init__(self, fates: dict[str, Fate] | None = None) -> None:
        self.fates = fates or {}
        self.usual = Fate()
        self.refuses: int | None = None
        self.refuses_posts: int | None = None
        self.url = ""
        self.sent: list[Sent] = []
        self.log: list[tuple[str, str, str]] = []
        """(`POST`, person, template) and (`GET`, person, what was shown: a status, or `SAIR`)."""
        self.lock = threading.Lock()

    def posts(self) -> Counter[str]:
        """The last four digits of people to the messages that were accepted."""
        return Counter(person[-4:] for kind, person, _ in self.log if kind == "POST")

    def gets(self) -> int:
        """The looks that were answered, or refused."""
        return sum(kind == "GET" for kind, _person, _what in self.log)

    def pass_time(self, passed: timedelta, ledger: str | Path) -> None:
        """Let everything that was sent, looked at or begun lie so much further back."""
        with self.lock:
            for message in self.sent:
                message.at -= passed
        with Ledger.open(str(ledger)) as opened, opened._engine.begin() as connection:
            for table, columns in TIMES.items():
                for column in columns:
                    microseconds = round(passed.total_seconds() * 1e6)
                    connection.exec_driver_sql(f"UPDATE {table} SET {column} = {column} - {microseconds}")  # noqa: S608

    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        person, now = "".join(filter(str.isdigit, body["wa_contact_id"])), datetime.now(UTC)
        with self.lock:
            fate = self.fates.get(person[-4:], self.usual)
            message = Sent(id=f"m{len(self.sent)}", at=now, person=person, fate=fate)
            self.sent.append(message)
            self.log.append(("POST", person, body["template"]["name"]))
        return {"id": f"chat-{person}", "status": "open", "last_message": self._shown(message, now)}

    def timeline(self, chat: str) -> dict[str, Any]:
        now, person, records = datetime.now(UTC), chat.removeprefix("chat-"), []
        with self.lock:
            for message in (each for each in self.sent if each.person == person):
                records.append(self._shown(message, now))
                self.log.append(("GET", person, records[-1]["status"]))
                reply = message.fate.reply
                if reply is not None and now - message.at >= timedelta(seconds=5):
                    at = (message.at + timedelta(seconds=5)).isoformat()
                    theirs = {"id": f"r{message.id}", "from_me": False, "type": "text", "body_text": reply}
                    records.append({**theirs, "created_at": at})
                    self.log.append(("GET", person, reply))
        shown = [{"id": each["id"], "event_type": "MESSAGE", "message": each} for each in records[::-1]]
        return {"total": len(shown), "records": shown}

    def _shown(self, message: Sent, now: datetime) -> dict[str, Any]:
        status = message.fate.status((now - message.at).total_seconds())
        shown = {"id": message.id, "from_me": True, "type": "template", "status": status, "body_text": "Ola"}
        if status == "failed" and message.fate.code:
            shown["error"] = {"code": message.fate.code, "message": "Nao entregue"}
        return {**shown, "created_at": message.at.isoformat()}

    def opted_out_then_posted(self) -> list[str]:
        """People to whom something was posted after a look had shown SAIR or 131050."""
        seen: set[str] = set()
        wrong = []
        for kind, person, what in self.log:
            fate = self.fates.get(person[-4:], self.usual)
            if kind == "GET" and (what == "SAIR" or (what == "failed" and fate.code == 131050)):
                seen.add(person)
            elif kind == "POST" and person in seen:
                wrong.append(person)
        return wrong


@contextmanager
def delivering(api: DeliveringApi) -> Iterator[DeliveringApi]:
    """Serve on this machine while the block runs."""

    class Handler(LoopbackHandler):
        def do_POST(self) -> None:  # noqa: N802 - the name of http.server
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if api.refuses_posts is not None:
                self._answer(api.refuses_posts, {"message": "Nao"})
            else:
                self._answer(200, api.post(body))

        def do_GET(self) -> None:  # noqa: N802 - the name of http.server
            if api.refuses is not None:
                with api.lock:
                    api.log.append(("GET", self.path.split("/")[-2], str(api.refuses)))
                self._answer(api.refuses, {"message": "Nao"})
            else:
                self._answer(200, api.timeline(self.path.partition("?")[0].split("/")[-2]))

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            headers = {"Content-Type": "application/json"}
            self.answer(status, json.dumps(content).encode(), headers, at=datetime.now(UTC))

    with served(Handler) as api.url:
        yield api
