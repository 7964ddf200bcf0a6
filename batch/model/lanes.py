"""Lanes: one sender of one run, as workers send it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from batch.model.reasons import Finding
from batch.model.runs import SenderRun


class LaneState(StrEnum):
    """State of a lane as its row has it."""

    WAITING = "waiting"
    """For a worker."""
    SENDING = "sending"
    """A worker has it; where that one is lost, until another takes it."""
    RESTING = "resting"
    """Until a moment: the hours or a cap keep its rows back."""
    STOPPED = "stopped"
    """By a cause, before its rows were done."""
    DONE = "done"

    @property
    def is_open(self) -> bool:
        """True while its rows may still be sent."""
        return self not in (LaneState.STOPPED, LaneState.DONE)


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneStarts:
    """The starts of a lane so far, of all its holders: the rate that it achieved."""

    count: int = 0
    gaps: int = 0
    """Times between two starts; those in which the lane rested are none."""
    seconds: float = 0.0
    """All of these together."""
    latest: datetime | None = None
    """The latest start; None: none since it rested."""
    slowed: int = 0
    """Number of rate cuts that the API asked for."""
    noted: datetime | None = None
    """When this was so."""

    @property
    def rate(self) -> float | None:
        """Starts a second; None for fewer than two."""
        return self.gaps / self.seconds if self.gaps and self.seconds > 0 else None

    def add(self, count: int, first: datetime, latest: datetime) -> "LaneStarts":
        """Return these and some later ones. `first`, `latest`: of the later ones."""
        gaps, begin = (count, self.latest) if self.latest else (count - 1, first)
        seconds = self.seconds + max(0.0, (latest - begin).total_seconds())
        return replace(self, count=self.count + count, gaps=self.gaps + gaps, seconds=seconds, latest=latest)


OPEN_STATES = tuple(state.value for state in LaneState if state.is_open)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """A lane at one moment."""

    run: str
    sender: str
    state: LaneState
    is_held: bool
    """A worker holds its sender's lock, for this run or another."""
    next_at: datetime | None = None
    """When a resting one goes on."""
    host: str | None = None
    pid: int | None = None
    since: datetime | None = None
    """When that worker took it."""
    taken_over: int = 0
    """How often it was taken from a worker that was lost."""
    rate: float | None = None
    """Starts a second at the moment, where the API asked for fewer than wanted."""
    sent: SenderRun
    """What it did so far."""
    finding: Finding | None = None
    """The answer or error that stopped it."""
    remarks: tuple[Finding, ...] = ()
    """Looks that were not made, and why."""
    kept_back: bool = False
    """It waits until the first rows of its run have passed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """A run that was given to workers."""

    run: str
    queue: str
    """Which workers may send it: those with its token."""
    format: int
    """Form of `settings`."""
    settings: str
    upto: int | None
    """The last row that may be sent; None: all."""
    total: int
    """Messages that it set out to send."""
    submitted: datetime
    closed: datetime | None = None
    """When its end was noted; None while it is open."""
    cause: str | None = None
    """Why all of it stops."""
    finding: Finding | None = None
    canary: int | None = None
    """The last of the rows that go alone first; None: none do, or they have passed."""
    judge: str | None = None
    """The sender whose lane looks at these; None: they are being sent."""

    @property
    def last_row(self) -> int | None:
        """The last row that may be sent now; None: all."""
        return self.upto if self.canary is None else self.canary


@dataclass(frozen=True, kw_only=True, slots=True)
class ConnectedWorker:
    """A worker that is connected."""

    name: str
    """Host, process and version, as the server lists it."""
    since: datetime | None = None
    """None: hidden from this user."""
    endpoint: str | None = None
    """The address of the API that it serves; None: it has not noted it yet."""
    queue: str | None = None
    """As of a submission: that of its address and token."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """The workers that are connected, counted by what they can do for a run."""

    able: int
    """Those with its address and its token."""
    other_token: int
    """Those with its address alone."""
    elsewhere: int

    @classmethod
    def of(cls, workers: Iterable[ConnectedWorker], *, queue: str, endpoint: str) -> "Service":
        """Count the workers for a run at an endpoint, of a queue."""
        found = list(workers)
        able = sum(each.queue == queue for each in found)
        other_token = sum(each.endpoint == endpoint and each.queue != queue for each in found)
        return cls(able=able, other_token=other_token, elsewhere=len(found) - able - other_token)


@dataclass(frozen=True, kw_only=True, slots=True)
class TakenLane:
    """A lane that this process has taken, and what its holder before left to it."""

    epoch: int
    submission: Submission
    wait: float
    """Seconds before the first start: the moving second belongs to the holder before."""
    pause: float
    """Seconds of a pause that the API asked for."""
    rate: float | None
    starts: LaneStarts
    done: int
    """Rows of the lane that have come to an end."""
    errors: int
    """Of these, rows that the API refused."""
    offset: float
    """Seconds that the server's clock is ahead of this machine's, at most: where a claim is noted too late, the next
    holder waits a little longer than it must; too early, it would not wait long enough."""
    rows: Mapping[str, Any]
    """The sender, and the rows of the sheet that are its jobs, ascending."""
