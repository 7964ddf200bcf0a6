"""Protocols of the ledger, the API and the progress display as the pool uses them, and the pool's settings."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from batch.model.messages import Job
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding
from batch.model.sending_hours import Hours
from batch.model.verdicts import ClaimRefusal, Verdict
from batch.pool.pacing import RetryRules
from batch.pool.stop import StopRules


class LedgerPort(Protocol):
    """The ledger's queue of one run. A write is durable when its method returns; else it raises LedgerFailed."""

    def senders(self) -> list[str]: ...
    def row_of(self, count: int) -> int | None: ...
    def jobs(self, sender: str | None = None, *, upto: int | None = None) -> Iterator[Job]: ...
    def full_until(self, job: Job, now: datetime) -> ClaimRefusal | None: ...
    def claim(self, job: Job, now: datetime) -> Awaitable[Any | ClaimRefusal | None]: ...
    def withdraw(self, key: str) -> Awaitable[bool]: ...
    def give_up(self, key: str) -> Awaitable[bool]: ...
    def release(self, held: Any, finding: Finding | None, *, status: int | None = None) -> Awaitable[bool]: ...
    def record(
        self, held: Any, verdict: Verdict, *, duration_ms: int, began: datetime | None = None
    ) -> Awaitable[Outcome | None]: ...


class ChatsPort(Protocol):
    """One connection to the API.

    `connect` makes it ready, or returns why it cannot; `post` connects anew where it must, and returns None, with
    nothing written, where `is_void` is true right before the first byte. `written` is True when a byte of the latest
    `post` may have gone out, also after that was cancelled.
    """

    @property
    def written(self) -> bool: ...
    async def connect(self) -> Verdict | None: ...
    async def post(self, payload: str, *, had_answer: bool, is_void: Callable[[], bool]) -> Verdict | None: ...
    async def aclose(self) -> None: ...


class Progress(Protocol):
    """Observer of a run's progress."""

    def done(self, row: int, outcome: Outcome) -> None: ...
    def pause(self, seconds: float, finding: Finding, sender: str) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolSettings:
    """Rate, concurrency, hours, and the limits at which a run gives up."""

    rate: float = 10.0
    """Starts a second, per sender."""
    concurrency: int = 16
    """Attempts in flight at most, per sender."""
    grace: float = 30.0
    """Seconds that attempts in flight may take to finish once the run is stopping."""
    retries: RetryRules = field(default_factory=RetryRules)
    stop: StopRules = field(default_factory=StopRules)
    hours: Hours = field(default_factory=lambda: Hours(()))
    """When messages may go out."""
    home: str = "UTC"
    """The time zone of recipients whose own is not known, and of times in messages to people."""
    wait: bool = False
    """Wait for the hours to begin, instead of leaving the rows pending."""
