"""A connection that is cut after any message of the protocol around a group of claims or records."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from broken_line import Line, broken_line
from lane_holders import ACCEPTED, NAME, SENDER, Holder, submit
from postgres import Cluster, new_ledger, until_it_waits, waiting_for_a_standby

from batch.errors import Busy
from batch.ledger import Ledger
from batch.ledger.send.claims import Claim
from batch.ledger.send.lane_queue import LaneQueue
from batch.ledger.storage.schema import messages
from batch.ledger.storage.server_tables import lanes
from batch.model.messages import Job
from batch.pool.attempt import Attempt, AttemptRunner
from batch.pool.stop import StopSignal

pytestmark = pytest.mark.long

GROUP, ROWS = 3, 450


class Place:
    """A ledger behind a line, and the same ledger by a straight one."""

    def __init__(self, postgres: Cluster, line: Line) -> None:
        straight = new_ledger(postgres)
        self.postgres, self.line = postgres, line
        self.ledger = Ledger.open(f"{line.url}&schema={straight.rpartition('=')[2]}")
        self.straight = Ledger.open(straight)
        submit(self.straight, NAME, (f"+55119888{number:05d}" for number in range(ROWS)))

    def close(self) -> None:
        self.ledger.close()
        self.straight.close()

    def states(self, jobs: list[Job]) -> set[tuple[str, int]]:
        query = sa.select(messages.c.state, messages.c.attempts).where(messages.c.key.in_([job.key for job in jobs]))
        with self.straight._engine.connect() as connection:
            return {(state, attempts) for state, attempts in connection.execute(query)}

    def take(self, holder: Holder) -> None:
        """Take the lane, as a worker does; none is ever given up."""
        with self.straight._engine.begin() as connection:
            connection.execute(sa.update(lanes).values(lost=0))
        is_held = False
        while not is_held:
            with suppress(Busy):  # the server has not noticed yet that the session before was cut
                assert holder.take() is not None
                is_held = True

    def send(self, work: Callable[[LaneQueue, list[Job]], Awaitable[None]]) -> None:
        """Let a worker work on the next jobs of its lane, until it loses it."""
        holder = Holder(self.ledger)
        with holder.held:
            self.take(holder)

            async def sending(queue: LaneQueue) -> None:
                found = queue.jobs(SENDER)
                jobs = [next(found) for _each in range(GROUP)]
                found.close()  # type: ignore[attr-defined] # a generator
                await work(queue, jobs)

            holder.sending(sending)


def runner_of(queue: LaneQueue, stop: StopSignal) -> AttemptRunner:
    """Return what claims and records as a run does, with patience."""
    return AttemptRunner(ledger=queue, client=_nothing, now=lambda: datetime.now(UTC), stop=stop)


def _nothing() -> Any:
    raise AssertionError("nothing is posted")


@pytest.fixture
def place(postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setattr("batch.pool.attempt.RECORD_WAITS", (0.01, 0.02, 0.2, 0.5, 1.0, 2.0))
    with broken_line(postgres.folder) as line:
        made = Place(postgres, line)
        yield made
        made.close()


async def claim(runner: AttemptRunner, jobs: list[Job]) -> list[Claim]:
    """Claim jobs at once, as workers of a lane do; return the claims that may be posted."""
    found = await asyncio.gather(*map(runner.claim, jobs))
    return [each for each in found if isinstance(each, Claim)]


class Stop(StopSignal):
    """A stop at which another worker takes the lane at once, before anything is withdrawn."""

    def __init__(self, take: Callable[[], object]) -> None:
        super().__init__()
        self._take = take

    def request(self, *why: Any) -> None:
        """Stop."""
        if not self.is_requested:
            self._take()
        super().request(*why)


@pytest.mark.parametrize("is_taken", [False, True], ids=["alone", "taken over"])
def test_a_group_of_claims_is_had_or_is_pending(place: Place, *, is_taken: bool) -> None:
    """Cut after each message in turn: what was not learned of waits again, whoever has the lane by then."""
    failed = 0
    for cut_after in count(1):
        other = Holder(place.straight)
        with other.held:

            async def work(
                queue: LaneQueue, jobs: list[Job], other: Holder = other, cut_after: int = cut_after
            ) -> None:
                nonlocal failed
                stop = Stop(partial(place.take, other)) if is_taken else StopSignal()
                place.line.watch(cut_after)
                claims = await claim(runner_of(queue, stop), jobs)
                assert len(claims) in (0, GROUP)
                assert place.states(jobs) == ({("claimed", 1)} if claims else {("pending", 0)})
                failed += not claims

            place.send(work)
        if place.line.passed < cut_after:
            break
    assert failed > 15


def test_outcomes_are_recorded_once_whatever_was_cut(place: Place) -> None:
    """They are known, so that none becomes unknown."""
    for cut_after in count(1):

        async def work(queue: LaneQueue, jobs: list[Job], cut_after: int = cut_after) -> None:
            runner = runner_of(queue, StopSignal())
            claims = await claim(runner, jobs)
            place.line.watch(cut_after)
            attempt = Attempt(verdict=replace(ACCEPTED, signs=None), milliseconds=5, began=datetime.now(UTC))
            await asyncio.gather(*(runner.record(*each, attempt, _note) for each in zip(jobs, claims, strict=True)))
            assert place.states(jobs) == {("success", 1)}

        place.send(work)
        if place.line.passed < cut_after:
            break


@pytest.mark.parametrize("way", ["cut", "terminated", "cancelled"])
def test_claims_whose_commit_waits_for_a_standby_are_taken_back(place: Place, way: str) -> None:
    """The connection is cut, or the server ends the session or the wait: the claim is durable there, and not posted."""

    async def work(queue: LaneQueue, jobs: list[Job]) -> None:
        with waiting_for_a_standby(place.postgres):
            claiming = asyncio.create_task(claim(runner_of(queue, StopSignal()), jobs))
            waiting = await asyncio.to_thread(until_it_waits, place.postgres)
            if way == "cut":
                place.line.cut()
            else:
                name = {"terminated": "terminate", "cancelled": "cancel"}[way]
                place.postgres.ask(f"SELECT pg_{name}_backend({waiting})")
            await asyncio.sleep(0.1)
        assert await claiming == []
        assert place.states(jobs) == {("pending", 0)}

    place.send(work)


def _note(*_of: Any) -> None:
    pass
