"""A scripted API, and a run in a real ledger that is sent to it in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from batch.ledger import Ledger, Owner, StagedRow
from batch.ledger.send.queue import SendQueue
from batch.model.contact_limits import ContactLimits
from batch.model.messages import message_key
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Result, Run, Traits
from batch.model.verdicts import ChatSigns, Verdict
from batch.pool import Pool, PoolResult, PoolSettings, StopSignal

TRAITS = Traits(unique_by=(), region="BR", phone_rule=1, template="saudacao (pt_BR)")
BEGIN = datetime(2026, 11, 3, 12, tzinfo=UTC)
InVirtualTime = Callable[[Any], Any]

REFUSED = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.API_REFUSED), http_status=400)
LOST = Verdict(outcome=Outcome.UNKNOWN, finding=Finding(Reason.ANSWER_LOST))
UNAUTHORIZED = Verdict(outcome=Outcome.PENDING, finding=Finding(Reason.NOT_AUTHORIZED), stop=True, http_status=401)
OFFLINE = Verdict(outcome=Outcome.PENDING, finding=Finding(Reason.NOT_CONNECTED), repeat=True)


def accepted(row: int) -> Verdict:
    signs = ChatSigns(chat_id=f"chat-{row}")
    return Verdict(outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=200, signs=signs)


def throttled(seconds: float) -> Verdict:
    return Verdict(
        outcome=Outcome.PENDING,
        finding=Finding(Reason.RATE_LIMITED, {"status": "429"}),
        repeat=True,
        pause=seconds,
        slow_down=True,
        http_status=429,
    )


@dataclass
class Api:
    """Answers each row's posts from its script, then accepts; notes when each post began."""

    script: dict[int, list[Verdict]] = field(default_factory=dict)
    latency: float = 0.05
    posts: list[tuple[float, int]] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0
    on_post: Callable[[int], None] = lambda _: None
    slow: dict[int, float] = field(default_factory=dict)
    """Rows whose answers take another time than `latency`."""
    connecting: Callable[[], float] = lambda: 0.0
    """Seconds that a connection takes, before its post may begin."""
    reconnecting: float = 0.0
    """Seconds that a post takes before anything is written, since its connection is gone."""
    refusing: Callable[[], bool] = lambda: False
    """Whether nobody can connect."""

    def client(self) -> Client:
        return Client(self)

    def rows(self) -> Counter[int]:
        return Counter(row for _, row in self.posts)


@dataclass
class Client:
    api: Api
    written: bool = False

    async def connect(self) -> Verdict | None:
        if seconds := self.api.connecting():
            await asyncio.sleep(seconds)
        return OFFLINE if self.api.refusing() else None

    async def post(self, payload: str, *, had_answer: bool, is_void: Callable[[], bool]) -> Verdict | None:
        row = int(payload)
        self.written = False
        if self.api.reconnecting:
            await asyncio.sleep(self.api.reconnecting)
        if is_void():
            return None
        self.written = True
        self.api.posts.append((asyncio.get_running_loop().time(), row))
        self.api.in_flight += 1
        self.api.most_in_flight = max(self.api.most_in_flight, self.api.in_flight)
        self.api.on_post(row)
        try:
            await asyncio.sleep(self.api.slow.get(row, self.api.latency))
        finally:
            self.api.in_flight -= 1
        waiting = self.api.script.get(row)
        return waiting.pop(0) if waiting else accepted(row)

    async def aclose(self) -> None: ...


class Nobody:
    """A progress that counts."""

    def __init__(self) -> None:
        self.seen: Counter[Outcome] = Counter()
        self.pauses: list[float] = []

    def done(self, row: int, outcome: Outcome) -> None:
        self.seen[outcome] += 1

    def pause(self, seconds: float, finding: Finding, sender: str) -> None:
        self.pauses.append(seconds)


@dataclass
class World:
    """A planned run in a real ledger, and what it takes to send it."""

    ledger: Ledger
    virtually: InVirtualTime
    inline: Callable[..., SendQueue]
    progress: Nobody = field(default_factory=Nobody)
    stop: StopSignal | None = None
    name: str = "r1"

    def plan(self, rows: Iterable[int | StagedRow], *, meanwhile: Callable[[], object] = bool) -> None:
        """`meanwhile`: happens between the judgement and the plan."""
        run = Run(
            run=self.name, campaign="c", endpoint="e", sheet_path="s", sheet_sha256="0", version="0", started=BEGIN
        )
        with self.ledger.stage() as staging:
            staging.add(row if isinstance(row, StagedRow) else staged(row) for row in rows)
            staging.judge()
            meanwhile()
            staging.plan(run, Owner.here(self.name), TRAITS)

    def send(
        self,
        api: Api,
        limit: int | None = None,
        attempts: Any = None,
        *,
        begin: datetime = BEGIN,
        wall: Callable[[float], float] = lambda passed: passed,
        rules: ContactLimits | None = None,
        hooks: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> PoolResult:
        """`wall`: seconds of the wall clock since `begin`, by those of the loop. `hooks`: more of the pool's."""

        async def work() -> PoolResult:
            loop = asyncio.get_running_loop()
            started = loop.time()
            self.stop = StopSignal()
            sending = self.inline(self.ledger, Owner.here(self.name), rules, "e")
            pool = Pool(
                ledger=attempts(sending) if attempts else sending,
                client=api.client,
                settings=PoolSettings(**settings),
                now=lambda: begin + timedelta(seconds=wall(loop.time() - started)),
                progress=self.progress,
                stop=self.stop,
                **(hooks or {}),
            )
            return await pool.run(limit)

        sent: PoolResult = self.virtually(work())
        return sent

    def results(self) -> dict[int, Result]:
        return {result.row: result for result in self.ledger.results(self.name)}

    def outcomes(self) -> Counter[Outcome]:
        return Counter(result.outcome for result in self.results().values())


def staged(row: int, *, person: str | None = None, sender: str = "s1") -> StagedRow:
    """A row of somebody of its own; of `person` (E.164), it is a message of its own."""
    unique = () if person is None else (str(row),)
    person = person or f"+55119{row:08d}"
    key = message_key(endpoint="e", campaign="c", person=person, unique=unique)
    return StagedRow(row=row, key=key, person=person, sender=sender, payload=str(row), request_hash=str(row))
