"""The simulated API: it knows the truth, and how each exchange with it ends."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from random import Random
from typing import Any

from batch.chats.transport.exceptions import Fault
from simulated.chats import Chats, Entry, Shown
from simulated.clock import SimulatedLoop
from simulated.disk import Disk
from simulated.endings import CREATED, LIMITED, Ending, Written
from simulated.process import Process
from simulated.promise import Promise

__all__ = ["FAIR", "Api", "Exchange", "Weather"]


@dataclass(frozen=True, kw_only=True)
class Weather:
    """How the API and the way to it are at the moment."""

    endings: Sequence[Ending] = (CREATED,)
    weights: Sequence[float] = (1.0,)
    latencies: Sequence[float] = (0.05,)
    """Seconds from the written request to the answer; a few values, so that things happen at the same moment."""
    limit: float | None = None
    """Requests a second and sender, above which the API answers 429; None for no limit."""
    outage: tuple[float, float, Ending] | None = None
    """From, until (seconds after the beginning of the life), and how every exchange ends then."""
    skew: float = 0.0
    """Seconds by which our wall clock is wrong."""
    reads: float = 0.0
    """How likely a read fails."""
    fails: bool = False
    """Every message is accepted, and fails: as with a template whose name is wrong."""


FAIR = Weather()


@dataclass(eq=False, kw_only=True)
class Exchange:
    """One POST on its way."""

    process: Process
    key: str
    of: str | None
    """The key of the failed message that it replaces."""
    person: str
    sender: str
    ending: Ending
    latency: float
    applies: bool
    applied_late: float
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    written: bool = False
    applied: bool = False
    entry: Entry | None = None


class Api:
    """Applies messages, and remembers every one. What it is asked to do goes on when who asked is dead."""

    def __init__(
        self,
        loop: SimulatedLoop,
        disk: Disk,
        promise: Promise,
        note: Callable[..., None],
        *,
        chats: Chats,
        rng: Random,
        way: Random,
    ) -> None:
        """`rng` is for what the API does, `way` for who comes through to it."""
        self._chats = chats
        self._loop = loop
        self._disk = disk
        self._promise = promise
        self._rng = rng
        self._way = way
        self._note = note
        self._since = loop.time()
        self._lately: dict[str, deque[float]] = {}
        self._made: set[str] = set()
        self._open: list[Exchange] = []
        self.weather = FAIR
        self.seen: Counter[str] = Counter()
        """By name of the ending, how often."""

    def change(self, weather: Weather) -> None:
        """From now on the weather is this."""
        self.weather = weather
        self._since = self._loop.time()

    def way(self) -> Fault | None:
        """What keeps somebody from connecting now; None: nothing, for now."""
        ending = self._outage()
        if ending is None and self._way.random() < 0.2:
            ending = self._way.choices(self.weather.endings, self.weather.weights)[0]
        if ending is None or ending.written is not Written.NOTHING:
            return None
        self.seen[ending.name] += 1
        return ending.fault

    def begin(self, process: Process, payload: str) -> Exchange:
        """A worker starts an attempt: what must be true then, is checked here."""
        told = json.loads(payload)
        key, of = self._key_of(process, told["key"])
        sender = told["sender"]
        self._check_start(process, key, sender)
        ending = self._ending(sender)
        self.seen[ending.name] += 1
        exchange = Exchange(
            process=process,
            key=key,
            of=of,
            person=told["person"],
            sender=sender,
            ending=ending,
            latency=self._rng.choice(self.weather.latencies),
            applies=self._rng.random() < ending.applied,
            applied_late=self._rng.choice((0.0, 0.5, 1.0, 1.5, 20.0)) if ending.ambiguous else self._rng.random(),
        )
        self._open.append(exchange)
        self._promise.outreach.starts(exchange, self._loop.wall())
        self._promise.delivery.starts(exchange, self._loop.wall())
        self._note(process.name, "post", key[:8], ending.name)
        return exchange

    def head_leaves(self, exchange: Exchange) -> None:
        """The first byte leaves: from here on its sender cannot say that nothing was sent."""
        self._promise.leaves(exchange.key, ambiguous=exchange.ending.ambiguous)
        self._promise.delivery.leaves(exchange.of, exchange.person)
        exchange.written = True

    def arrived(self, exchange: Exchange) -> None:
        """The request arrived whole: now the API does with it what it does."""
        self._note("api", "arrived", exchange.key[:8], exchange.ending.name)
        if exchange.ending.body is None:
            self._accept(exchange)
        elif exchange.applies:
            self._loop.call_later(exchange.latency * exchange.applied_late, self._apply, exchange)

    def ended(self, exchange: Exchange) -> None:
        """The worker has its answer, or has let go."""
        exchange.process.in_flight[exchange.sender] -= 1
        self._open.remove(exchange)

    def cut_off(self, exchange: Exchange) -> None:
        """The worker lets go of a request of which a byte has left."""
        self._promise.cut_off(exchange.key)

    def heard(self, exchange: Exchange) -> None:
        """The worker has read the answer whole: a pause that it asks for holds from now on."""
        if b"131026" in (exchange.ending.body or b""):
            self._promise.delivery.refused_as_unreachable(exchange.person)
        if exchange.written and exchange.ending.refuses:
            self._promise.delivery.refused(exchange.of, exchange.person)
        wait = exchange.ending.retry_after
        if wait is not None:
            until = self._loop.time() + wait
            quiet = exchange.process.quiet_until
            quiet[exchange.sender] = max(quiet[exchange.sender], until)  # type: ignore[assignment]

    def died(self, process: Process) -> None:
        """What a dead process had on the wire may have been sent."""
        for exchange in self._open:
            if exchange.process is process and exchange.written:
                self._promise.cut_off(exchange.key)

    def date(self) -> str:
        """Of an answer's `Date`."""
        return format_datetime(self._loop.wall(), usegmt=True)

    def read(self, process: Process, chat: str, page: int) -> tuple[str | None, str, list[Shown]]:
        """One answer to a look: how it fails (None: it does not), its text, and what it shows."""
        self.seen["look"] += 1
        rng, kinds = self._chats.rng, self._chats.moves.reads
        failure = rng.choice(kinds) if kinds and rng.random() < self.weather.reads else None
        self._note(process.name, "look", chat, page, failure)
        if failure is not None:
            self._promise.delivery.read_failed(process)
        if failure not in (None, "cut"):
            return failure, "{}", []
        body, shown = self._chats.page(chat, page, self._loop.wall())
        text = json.dumps(body)
        return (None, text, shown) if failure is None else (failure, text[: len(text) // 2], [])

    def showed(self, process: Process, shown: Sequence[Shown], *, at: datetime, since: datetime) -> None:
        """A process has read a timeline whole."""
        self._promise.delivery.saw(process, shown, at=at, true_at=self._loop.wall(), since=since)

    def looks_at_canary(self, process: Process) -> None:
        """The first messages are looked at, before any other goes out."""
        self._promise.delivery.looks_at_canary(process)

    def _key_of(self, process: Process, told: str) -> tuple[str, str | None]:
        """The ledger's key of what is posted, and of the message that it replaces: both have the same body."""
        query = "select key from messages where retry_of = ? and state = 'claimed' and claim_run = ?"
        replacing = self._disk.look(query, told, process.name)
        return (replacing[0][0], told) if replacing else (told, None)

    def _check_start(self, process: Process, key: str, sender: str) -> None:
        now, promise = self._loop.time(), self._promise
        process.posts += 1
        process.in_flight[sender] += 1
        if process.in_flight[sender] > process.concurrency:
            promise.broken("in flight", f"{process.in_flight[sender]} attempts of {process.name} with {sender}")
        if now < process.quiet_until[sender] - 1e-6:
            promise.broken("pause", f"{sender} starts {process.quiet_until[sender] - now:.6f} s too early")
        starts = process.starts.setdefault(sender, deque())
        starts.append(now)
        while now - starts[0] >= 1 - 1e-6:
            starts.popleft()
        if len(starts) > max(process.rate + 1, process.rate * 1.01) + 1e-6:
            promise.broken("rate", f"{len(starts)} starts in a second at {process.rate}/s")
        state = self._disk.look("select state, claim_run from messages where key = ?", key)
        if state != [("claimed", process.name)]:
            promise.broken("claim", f"{key[:8]} is posted by {process.name}, but in the ledger it is {state}")

    def _ending(self, sender: str) -> Ending:
        weather, now = self.weather, self._loop.time()
        if weather.limit is not None and not self._outage():
            lately = self._lately.setdefault(sender, deque())
            while lately and now - lately[0] >= 1:
                lately.popleft()
            if len(lately) >= weather.limit:
                return LIMITED
            lately.append(now)
        return self._outage() or self._rng.choices(weather.endings, weather.weights)[0]

    def _outage(self) -> Ending | None:
        """How everything ends now, in an outage; None when there is none."""
        if self.weather.outage is None:
            return None
        begin, end, ending = self.weather.outage
        return ending if begin <= self._loop.time() - self._since < end else None

    def _apply(self, exchange: Exchange) -> bool:
        """Send the message; returns whether a chat was made for it."""
        self._note("api", "applied", exchange.key[:8])
        self._promise.applied(exchange.key)
        exchange.applied = True
        weather, chat = self.weather, self._chats.name(exchange.person, exchange.sender)
        exchange.entry = self._chats.write(
            chat, exchange.person, exchange.key, self._loop.wall(), fails=weather.fails, fair=weather is FAIR
        )
        self._promise.delivery.applied(exchange.entry)
        made = chat not in self._made
        self._made.add(chat)
        return made

    def _accept(self, exchange: Exchange) -> None:
        """Send it now and tell the truth, or a part of it, in the answer."""
        made = self._apply(exchange)
        chat: dict[str, Any] = {"id": self._chats.name(exchange.person, exchange.sender), "status": "OPEN"}
        exchange.status = 201 if made and self._rng.random() < 0.5 else 200
        if not made:
            chat |= self._rng.choice(self._signs())
        if exchange.entry is not None and self._chats.rng.random() < self._chats.moves.tells:
            now = self._loop.wall()
            shown = {"id": exchange.entry.id, "status": exchange.entry.status(now), "created_at": now.isoformat()}
            chat["last_message"] = {**shown, "from_me": True}
        self._promise.delivery.accepted(exchange.process, self._loop.wall(), answer_after=exchange.latency)
        exchange.body = json.dumps(chat).encode()
        self._promise.answered(exchange.key, chat["id"], created=exchange.status == 201, was_there=not made)

    def _signs(self) -> Sequence[Mapping[str, object]]:
        old = (self._loop.wall() - timedelta(days=3)).isoformat()
        return ({}, {"unread_count": 2}, {"last_message_at": old}, {"status": "RESOLVED"}, {"archived_at": old})
