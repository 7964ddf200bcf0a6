"""A life of the program: what belongs to it, and how it is killed."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

__all__ = ["PROCESS", "Killed", "Process", "task_factory"]


class Killed(SystemExit):
    """kill -9. A SystemExit, because asyncio lets only that and KeyboardInterrupt out of the loop at once."""


@dataclass(eq=False, kw_only=True)
class Process:
    """One life. Everything it does to the world asks `tick` first."""

    name: str
    """Also its run's name."""
    rate: float
    concurrency: int
    """Attempts in flight at most, per sender; so is `rate`."""
    note: Callable[..., None]
    kill_at: int | None = None
    """The event at which it is killed; None for never."""
    canary: int | None = None
    """Messages that are to be looked at before any other goes out; None: none are."""
    undelivered: float = 1.0
    """The share of failed messages above which it stops."""
    fails: bool = False
    """Every one of its messages fails, nothing keeps it from seeing so, and the machine does not stall."""
    alone: bool = True
    """The locks hold."""
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    """Its wall clock."""
    dead: bool = False
    buried: bool = False
    events: int = 0
    commits: int = 0
    durable: int = 0
    """Of the commits, those that took effect."""
    posts: int = 0
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By kind (claim, release, record) and key, the writes that failed, or were said to have failed."""
    recorded: set[tuple[str, datetime]] = field(default_factory=set)
    """By key and time, the looks of which something became durable."""
    in_flight: Counter[str] = field(default_factory=Counter)
    """By sender."""
    starts: dict[str, deque[float]] = field(default_factory=dict)
    """By sender, the starts of the last second."""
    quiet_until: Counter[str] = field(default_factory=Counter)
    """By sender, when the pause ends that the API asked for."""

    def tick(self, what: str) -> None:
        """Count an event; raises Killed at the one it dies at, and ever after."""
        if self.survives(what):
            return
        raise Killed(self.name)

    def survives(self, what: str) -> bool:
        """The same for places that must not raise: False when the process is dead (now)."""
        if not self.dead:
            self.events += 1
            if self.events == self.kill_at:
                self.die(what)
        return not self.dead

    def die(self, what: str) -> None:
        self.dead = True
        self.note(self.name, "killed", what)

    def kill(self) -> None:
        """For timers: kill it now, unless it has ended."""
        if not self.dead and not self.tasks[0].done():
            self.die("clock")
            raise Killed(self.name)

    def bury(self) -> None:
        """Cancel what is left of a dead process; it cannot do anything any more."""
        self.buried = True
        for task in self.tasks:
            task.cancel()


PROCESS: ContextVar[Process] = ContextVar("process")
"""Whose code is running; tasks and timers inherit it."""


def task_factory(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any) -> asyncio.Task[Any]:
    """Notes which process a task belongs to."""
    task = asyncio.Task(work, loop=loop, **more)
    context = more.get("context")
    process = PROCESS.get(None) if context is None else context.get(PROCESS)
    if process is not None:
        process.tasks.append(task)
    return task
