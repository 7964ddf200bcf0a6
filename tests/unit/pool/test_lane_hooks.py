"""The pool of a lane: claims that are too old to be posted, and what its holder before has left to it."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from scripted_api import REFUSED, Api, World, throttled

from batch.model.outcomes import Outcome
from batch.model.runs import StopCause
from batch.pool import AchievedRate, SenderPool
from batch.pool.sender import AHEAD
from batch.pool.start_slots import CLAIM_LEAD, LONGEST_LEAD, ClaimLead


def test_a_stale_claim_is_given_back_and_made_anew(world: World) -> None:
    """The row goes a moment later, once; nothing was posted on the strength of the old claim."""
    asked: list[Any] = []

    def is_stale(held: Any, _ahead: float) -> bool:
        asked.append(held)
        return len(asked) == 1

    api = Api()
    world.plan([2, 3])
    sent = world.send(api, rate=10, concurrency=1, hooks={"is_stale": is_stale})
    assert (sent.attempts, sent.cause) == (2, None)
    assert sorted(row for _at, row in api.posts) == [2, 3]
    assert [held.attempt for held in asked] == [1] * 5  # at each start, and right before each first byte
    assert world.outcomes() == {Outcome.SUCCESS: 2}


class Stalls:
    """A ledger whose first claims come back late, all together, as after a machine that stood still."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self.until = asyncio.get_running_loop().time() + 12.0
        self.begun: dict[str, float] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    async def claim(self, job: Any, now: Any) -> Any:
        loop = asyncio.get_running_loop()
        self.begun[job.key] = loop.time()
        await asyncio.sleep(max(0.0, self.until - loop.time()))
        return await self._queue.claim(job, now)

    def is_stale(self, held: Any, ahead: float) -> bool:
        return asyncio.get_running_loop().time() + ahead - self.begun[held.key] > 2.5


def test_stale_claims_keep_no_fresh_one_waiting(world: World) -> None:
    """Else each would be stale when its turn comes, for ever, and nothing would be sent any more."""
    made: list[Stalls] = []

    def stalls(queue: Any) -> Stalls:
        made.append(Stalls(queue))
        return made[-1]

    api = Api()
    world.plan(range(2, 22))
    world.send(api, attempts=stalls, rate=1.0, hooks={"is_stale": lambda held, ahead: made[0].is_stale(held, ahead)})  # noqa: PLW0108 - made later
    assert world.outcomes() == {Outcome.SUCCESS: 20}
    assert max(at for at, _row in api.posts) < made[0].until + 32


def test_a_lane_begins_after_the_wait_and_at_the_rate_that_were_left_to_it(world: World) -> None:
    """No start in a pause, and none too soon after those of the holder before; then the cut rate climbs."""

    def resume(pool: SenderPool) -> None:
        pool.resume(wait=7.0, rate=2.0, done=0, errors=0, starts=AchievedRate(), slowed=0)

    api = Api()
    world.plan(range(2, 8))
    world.send(api, rate=10, hooks={"prepare": resume})
    times = [at for at, _row in api.posts]
    assert times[0] >= 7.0
    gaps = [later - at for at, later in pairwise(times)]
    assert all(0.4 < gap <= 0.51 for gap in gaps)


def test_the_pace_is_that_which_the_api_asked_for(world: World) -> None:
    """So that it can be left to who takes the lane next."""
    pools: list[SenderPool] = []
    api = Api(script={2: [throttled(5.0)]})
    world.plan([2])
    seen: list[tuple[float, float]] = []
    api.on_post = lambda _row: seen.append(pools[0].pace)
    world.send(api, rate=10, hooks={"prepare": pools.append})
    assert seen[0][0] == 10
    rate, until = pools[0].pace
    assert rate < 10
    assert until >= 5.0


def test_stop_rules_count_what_the_holder_before_has_sent(world: World) -> None:
    """Else a lane that goes from worker to worker would never meet its share of errors."""

    def resume(pool: SenderPool) -> None:
        pool.resume(wait=0.0, rate=None, done=49, errors=20, starts=AchievedRate(), slowed=0)

    world.plan(range(2, 12))
    sent = world.send(Api(script={2: [REFUSED]}), rate=10, concurrency=1, hooks={"prepare": resume})
    assert (sent.cause, sent.attempts) == (StopCause.TOO_MANY_ERRORS, 1)


class FarAway:
    """A ledger whose commits take a while."""

    def __init__(self, queue: Any, seconds: float) -> None:
        self._queue = queue
        self._seconds = seconds

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)

    async def claim(self, job: Any, now: Any) -> Any:
        await asyncio.sleep(self._seconds)
        return await self._queue.claim(job, now)


def lateness(world: World, seconds: float, *, follows: bool) -> list[float]:
    """How much later posts are than over a ledger that takes no time, one after the other."""
    times: list[list[float]] = []
    for name, first, delay in (("r1", 2, 0.0), ("r2", 102, seconds)):
        api = Api()
        world.name = name
        world.plan(range(first, first + 60))
        hooks = {"follows_claims": follows, "prepare": lambda _pool, api=api: api.posts.append((loop_time(), 0))}
        world.send(api, attempts=lambda queue, delay=delay: FarAway(queue, delay), rate=20.0, hooks=hooks)
        begun, *posts = (at for at, _row in api.posts)
        times.append([at - begun for at in posts])
    return [far - near for near, far in zip(*times, strict=True)]


def loop_time() -> float:
    return asyncio.get_running_loop().time()


def test_claims_begin_as_long_before_a_start_as_they_take(world: World) -> None:
    """Over a database 20 ms away, with four round trips to a group: the first ones too."""
    assert max(map(abs, lateness(world, 0.09, follows=True))) < 0.001


def test_a_ledger_in_a_file_is_claimed_in_as_ever(world: World) -> None:
    """Its commits are close, and what is claimed sooner is in doubt for longer when the machine dies."""
    assert min(lateness(world, 0.09, follows=False)[20:]) > 0.05


def test_no_claim_is_made_too_soon() -> None:
    """However long claims take: more than is made ready ahead would only wait."""
    lead = ClaimLead(follows=True)
    for seconds in (*[0.01] * 98, 5.0, 5.0):
        lead.note(seconds)
    assert lead.seconds(20.0) == CLAIM_LEAD
    for _claim in range(28):
        lead.note(5.0)
    assert lead.seconds(20.0) == lead.seconds(1000.0) == LONGEST_LEAD
    assert LONGEST_LEAD < AHEAD


def test_what_would_be_too_old_when_its_turn_comes_is_given_back_at_once(world: World) -> None:
    """A stall makes many late at one moment, and their starts stay apart: none of the others waits with a claim."""
    made: list[Stalls] = []
    given_back: list[float] = []

    def stalls(queue: Any) -> Stalls:
        made.append(Stalls(queue))
        return made[-1]

    def is_stale(_held: Any, ahead: float) -> bool:
        if ahead > 0.3:
            given_back.append(asyncio.get_running_loop().time() - made[0].until)
        return ahead > 0.3

    api = Api()
    world.plan(range(2, 12))
    world.send(api, attempts=stalls, rate=1.0, hooks={"is_stale": is_stale})
    assert world.outcomes() == {Outcome.SUCCESS: 10}
    assert len(given_back) >= 6
    assert max(given_back) < 0.01
    assert all(later - at > 0.99 for (at, _), (later, _) in pairwise(api.posts))
