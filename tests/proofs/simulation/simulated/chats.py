"""The chats of the simulated API: our messages on their ways, what people answer, and what a timeline shows of both."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

__all__ = ["CODES", "OPT_OUTS", "Chats", "Entry", "Moves", "Shown", "draw_moves"]

WAYS = {
    "read": ((1, "sent"), (5, "delivered"), (900, "read")),
    "read at once": ((2, "read"),),
    "out of order": ((1, "sent"), (3, "read"), (4000, "delivered"), (40_000, "sent")),
    "late": ((2, "sent"), (100_000, "delivered")),
    "never arrives": ((1, "sent"),),
    "stuck": (),
    "failed": ((1, "sent"), (4, "failed")),
    "failed at once": ((0, "failed"),),
    "failed, then delivered": ((1, "failed"), (90_000, "delivered")),
    "failed, then tried again": ((1, "failed"), (90_000, "sent")),
    "another word": ((1, "queued"),),
}
"""Seconds after it was applied to the status that a message has from then on; before, it is `processing`."""
GOOD = ("read", "read at once", "out of order", "late", "never arrives")
"""Ways of a template that is all right."""
FAILING = ("failed", "failed at once", "failed, then delivered", "failed, then tried again", "read")
CODES = (None, 131049, 131049, 131000, 131026, 131050, 131047, 132015)
OPT_OUTS = ("SAIR", "Pare!", "não quero mais receber")
REPLIES = (*OPT_OUTS, *OPT_OUTS, "Obrigada", "quero sair às 5", "Cancelar")
REPLY_AFTER = (30.0, 400.0, 5000.0, 90_000.0)


@dataclass(frozen=True, kw_only=True)
class Moves:
    """What becomes of messages in a world. The defaults: they move well, and nobody answers."""

    ways: tuple[str, ...] = GOOD
    codes: tuple[int | None, ...] = CODES
    """WhatsApp's codes of failures."""
    replies: float = 0.0
    """How likely a person answers a message."""
    strangers: float = 0.0
    """How likely an agent, or another program, writes into the chat in the same minute."""
    pages: int | None = None
    """Records in one answer; None: all of them."""
    tells: float = 1.0
    """How likely the answer to a POST shows the message."""
    shared: bool = False
    """A person has one chat for all senders."""
    gaps: tuple[float, ...] = (0.0,)
    """Hours between two lives."""
    reads: tuple[str, ...] = ()
    """How reads fail, when they do."""
    follows: float = 0.0
    """How likely a life makes a pass of `follow` first."""
    canaries: float = 0.0
    """How likely a life looks at its first messages."""
    replaces: float = 0.0
    """How likely a life replaces failed messages."""
    broken: float = 0.0
    """How likely the template is accepted, and fails, as long as a life lasts."""
    skip_unreachable: timedelta | None = None
    """The rule of that name."""


def draw_moves(rng: Random) -> Moves:
    """The moves of a world; in half of the worlds there is nothing to it."""
    if rng.random() < 0.5:
        return Moves()
    replaces = rng.choice((0.0, 0.0, 0.8))
    return Moves(
        ways=FAILING if replaces else rng.choice((tuple(WAYS), FAILING, GOOD)),
        codes=CODES[1:6] if replaces else CODES,
        replies=rng.choice((0.0, 0.2, 0.6)),
        strangers=rng.choice((0.0, 0.0, 0.2)),
        pages=rng.choice((None, None, 1, 2)),
        tells=rng.choice((0.0, 0.5, 1.0)),
        shared=rng.random() < 0.3,
        gaps=rng.choice(((25.0, 25.0, 80.0), (3.0, 9.0, 25.0))) if replaces else rng.choice(((0.2, 2.5), (0.2, 25.0))),
        reads=rng.choice(((), (), ("500", "429", "cut"), ("time-out", "429, come back"), ("401",), ("404",))),
        follows=rng.choice((0.0, 0.3, 1.0)),
        canaries=0.0 if replaces else rng.choice((0.0, 0.3, 1.0)),  # a run that stops soon has little to replace
        replaces=replaces,
        broken=0.0 if replaces else rng.choice((0.0, 0.0, 0.5)),
        skip_unreachable=rng.choice((None, None, timedelta(hours=20), timedelta(days=180))),
    )


@dataclass(eq=False, kw_only=True)
class Entry:
    """One message in a chat."""

    id: str
    chat: str
    at: datetime
    from_me: bool = True
    key: str | None = None
    """Of the ledger's message; None for an agent's, or the person's."""
    text: str = ""
    steps: tuple[tuple[float, str], ...] = ()
    code: int | None = None
    by_agent: bool = False

    @property
    def opts_out(self) -> bool:
        return not self.from_me and self.text in OPT_OUTS

    def status(self, now: datetime) -> str:
        passed = (now - self.at).total_seconds()
        return ([word for seconds, word in self.steps if seconds <= passed] or ["processing"])[-1]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An entry as one answer has shown it."""

    entry: Entry
    status: str

    @property
    def stopped_marketing(self) -> bool:
        return self.status == "failed" and self.entry.code == 131050


@dataclass(eq=False)
class Chats:
    """All chats. An entry that lies ahead is not there yet."""

    moves: Moves
    rng: Random
    entries: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    """By chat."""
    people: dict[str, str] = field(default_factory=dict)
    """By chat."""
    _numbers: int = 0

    def name(self, person: str, sender: str) -> str:
        """Of the chat in which a sender's messages to a person are."""
        return f"chat {person}" if self.moves.shared else f"chat {person} {sender}"

    def write(self, chat: str, person: str, key: str, at: datetime, *, fails: bool, fair: bool) -> Entry:
        """Put a message of ours into its chat, with all that will become of it."""
        rng, moves = self.rng, self.moves
        way = "failed at once" if fails else rng.choice(GOOD if fair else moves.ways)
        code = 132001 if fails else rng.choice(moves.codes)
        entry = self._add(chat, at=at, key=key, text=f"Oi {key}", steps=WAYS[way], code=code)
        self.people[chat] = person
        if rng.random() < moves.strangers:
            by_agent = rng.random() < 0.5
            self._add(chat, at=at + timedelta(seconds=20), text="Outra", steps=((0, "read"),), by_agent=by_agent)
        if rng.random() < moves.replies:
            after = timedelta(seconds=rng.choice(REPLY_AFTER) + rng.random())
            self._add(chat, at=at + after, from_me=False, text=rng.choice(REPLIES), steps=((0, "received"),))
        return entry

    def _add(self, chat: str, **values: Any) -> Entry:
        self._numbers += 1
        entry = Entry(id=f"message-{self._numbers}", chat=chat, **values)
        self.entries[chat].append(entry)
        return entry

    def page(self, chat: str, number: int, now: datetime) -> tuple[dict[str, Any], list[Shown]]:
        """One answer of the chat's timeline, the newest first, and what it shows."""
        there = sorted((entry for entry in self.entries[chat] if entry.at <= now), key=lambda entry: entry.at)[::-1]
        size = self.moves.pages or len(there)
        some = there[(number - 1) * size : number * size]
        shown = [Shown(entry=entry, status=entry.status(now)) for entry in some]
        return {"total": len(there), "records": [_record(each) for each in shown]}, shown


def _record(shown: Shown) -> dict[str, Any]:
    entry = shown.entry
    message = {
        "id": entry.id,
        "from_me": entry.from_me,
        "status": shown.status,
        "type": "text",
        "body_text": entry.text,
        "created_at": entry.at.isoformat(),
        "sent_via": "AGENT" if entry.by_agent else "API",
    }
    if shown.status == "failed" and entry.code is not None:
        message["error"] = {"code": entry.code, "message": "Nao entregue"}
    return {"id": entry.id, "event_type": "MESSAGE", "event_at": entry.at.isoformat(), "message": message}
