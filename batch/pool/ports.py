"""What the pool needs of the others, as small protocols, and its settings."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from batch.model.messages import Job
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding
from batch.model.sending_hours import Hours
from batch.model.verdicts import Refused, Verdict
from batch.pool.retries import RepeatRules
from batch.pool.stop import StopRules


class Recorded(Protocol):
    """An outcome as the ledger has it."""

    @property
    def outcome(self) -> Outcome: ...
    @property
    def evidence(self) -> Evidence | None: ...


class Attempts(Protocol):
    """What the pool needs of the ledger. What a method did is durable when it returns; else it raises LedgerFailed."""

    def senders(self) -> list[str]: ...
    def row_of(self, count: int) -> int | None: ...
    def jobs(self, sender: str | None = None, *, upto: int | None = None) -> Iterator[Job]: ...
    def full_until(self, job: Job, now: datetime) -> Refused | None: ...
    def claim(self, job: Job, now: datetime) -> Awaitable[Any | Refused | None]: ...
    def withdraw(self, key: str) -> Awaitable[bool]: ...
    def release(
        self, held: Any, finding: Finding | None, *, posted: bool, status: int | None = None
    ) -> Awaitable[bool]: ...
    def record(
        self, held: Any, verdict: Verdict, *, duration_ms: int, began: datetime | None = None
    ) -> Awaitable[Recorded | None]: ...


class ChatsClient(Protocol):
    """What the pool needs of the API: one connection. `connect` makes it ready, or says why it cannot; `post` connects
    anew where it must. `written` tells, after a cancelled `post`, if a byte went out."""

    @property
    def written(self) -> bool: ...
    async def connect(self) -> Verdict | None: ...
    async def post(self, payload: str, *, had_answer: bool) -> Verdict: ...
    async def aclose(self) -> None: ...


class Progress(Protocol):
    """Who watches the run."""

    def done(self, row: int, outcome: Outcome) -> None: ...
    def waiting(self, seconds: float, finding: Finding, sender: str) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolSettings:
    """How fast, how many at once, when, and when to give up."""

    rate: float = 10.0
    """Starts a second, per sender."""
    concurrency: int = 16
    """Attempts in flight at most, per sender."""
    grace: float = 30.0
    """Seconds that attempts in flight may take to finish once the run is stopping."""
    repeats: RepeatRules = field(default_factory=RepeatRules)
    stop: StopRules = field(default_factory=StopRules)
    hours: Hours = field(default_factory=lambda: Hours(()))
    """When messages may go out."""
    home: str = "UTC"
    """The time zone of people whose own nobody knows, and in which times are told."""
    wait: bool = False
    """Wait for the hours to begin, instead of leaving the rows pending."""
