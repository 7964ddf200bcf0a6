"""The pool against a scripted API, in virtual time, with a real ledger in a file."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from scripted_api import LOST, OFFLINE, REFUSED, UNAUTHORIZED, Api, World, throttled

from batch.errors import LedgerFailed
from batch.model.messages import Job
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import StopCause
from batch.model.verdicts import ChatSigns, Verdict
from batch.pool import RetryRules
from batch.pool.pool import fit_open_files


def test_every_row_is_posted_once_in_the_order_of_the_sheet(world: World) -> None:
    """A good day: as many posts as rows, each recorded, at the wanted rate."""
    world.plan(range(2, 102))
    api = Api()
    sent = world.send(api, rate=10.0)
    assert [row for _, row in api.posts] == list(range(2, 102))
    assert world.outcomes() == {Outcome.SUCCESS: 100}
    assert (sent.attempts, sent.cause) == (100, None)
    assert sent.achieved_rate == pytest.approx(10.0, rel=0.03)


def test_starts_are_even_and_no_more_are_in_flight_than_allowed(world: World) -> None:
    """The rate spaces the starts; slow answers fill the cap and no more."""
    world.plan(range(2, 62))
    api = Api(latency=1.0)
    world.send(api, rate=50.0, concurrency=8)
    assert api.most_in_flight == 8
    times = [time for time, _ in api.posts]
    assert all(later - earlier >= 0.9 / 50 for earlier, later in pairwise(times))


def test_a_limit_is_a_limit(world: World) -> None:
    """Exactly so many rows, the first ones."""
    world.plan(range(2, 40))
    api = Api()
    world.send(api, limit=5, rate=100.0)
    assert sorted(api.rows()) == [2, 3, 4, 5, 6]
    assert world.outcomes() == {Outcome.SUCCESS: 5, Outcome.PENDING: 33}


def test_retry_after_holds_everyone_and_burns_no_row(world: World) -> None:
    """One 429 with 30 seconds: nobody posts meanwhile, and every row ends as success."""
    world.plan(range(2, 62))
    api = Api(script={10: [throttled(30.0)]}, latency=0.01)
    sent = world.send(api, rate=20.0)
    assert world.outcomes() == {Outcome.SUCCESS: 60}
    assert sent.attempts == 61
    refused_at = next(time for time, row in api.posts if row == 10) + api.latency
    quiet = [time for time, _ in api.posts if refused_at + 0.001 < time < refused_at + 29.9]
    assert quiet == []
    assert world.progress.pauses == [30.0]
    assert world.results()[10].attempts == 2


def test_after_a_429_the_rate_is_cut(world: World) -> None:
    """What follows the pause is slower than what was asked for."""
    world.plan(range(2, 102))
    api = Api(script={3: [throttled(1.0)]}, latency=0.01)
    world.send(api, rate=20.0)
    after = [time for time, _ in api.posts if time > api.posts[0][0] + 2.0]
    gaps = [later - earlier for earlier, later in pairwise(after)]
    assert min(gaps[:5]) > 1.2 / 20


def test_what_certainly_was_not_sent_is_tried_again(world: World) -> None:
    """No connection twice, then one: the row succeeds, and only the real request counts as an attempt."""
    world.plan([2])
    world.send(Api(script={2: [OFFLINE, OFFLINE]}))
    assert world.outcomes() == {Outcome.SUCCESS: 1}
    assert world.results()[2].attempts == 1


def test_used_up_retries_leave_the_row_pending_and_stop_the_run(world: World) -> None:
    """Nothing is lost: the row waits for the next run with its own reason."""
    world.plan(range(2, 50))
    sent = world.send(Api(script={2: [OFFLINE] * 99}), retries=RetryRules(tries=3, seconds=60), rate=1.0)
    assert sent.cause is StopCause.RETRIES_USED_UP
    assert world.results()[2].reason == "not_connected"
    assert world.outcomes()[Outcome.PENDING] > 1
    assert world.outcomes()[Outcome.UNKNOWN] == 0


def test_unknown_is_not_posted_again(world: World) -> None:
    """A lost answer is final for the run."""
    world.plan([2, 3])
    api = Api(script={2: [LOST]})
    world.send(api)
    assert api.rows() == {2: 1, 3: 1}
    assert world.outcomes() == {Outcome.UNKNOWN: 1, Outcome.SUCCESS: 1}


def test_a_fatal_answer_stops_at_once_and_its_row_stays_pending(world: World) -> None:
    """A wrong token burns no row."""
    world.plan(range(2, 100))
    api = Api(script={2: [UNAUTHORIZED]})
    sent = world.send(api, rate=10.0)
    assert sent.cause is StopCause.FATAL_ANSWER
    assert sent.finding == UNAUTHORIZED.finding
    assert len(api.posts) == 1
    assert world.results()[2].reason == "not_authorized"
    assert world.outcomes() == {Outcome.PENDING: 98}


def test_too_many_refusals_stop_the_run_but_not_before_enough_samples(world: World) -> None:
    """Twenty percent of at least fifty."""
    world.plan(range(2, 202))
    script = {row: [REFUSED] for row in range(2, 202)}
    sent = world.send(Api(script=script), rate=1000.0, concurrency=1)
    assert sent.cause is StopCause.TOO_MANY_ERRORS
    assert world.outcomes()[Outcome.ERROR] == 50


def test_five_unknowns_in_a_row_stop_the_run(world: World) -> None:
    """Whatever is broken, it is not burning through the sheet."""
    world.plan(range(2, 102))
    script = {row: [LOST] for row in (2, 3, 4, 5, 7, 8, 9, 10, 11, 12)}
    sent = world.send(Api(script=script), rate=100.0, concurrency=1)
    assert sent.cause is StopCause.UNKNOWNS_IN_A_ROW
    assert world.outcomes()[Outcome.UNKNOWN] == 9


@pytest.mark.parametrize(
    ("seconds", "cause"), [(300.5, StopCause.CLOCK_WRONG), (-300.5, StopCause.CLOCK_WRONG), (300.0, None)]
)
def test_a_clock_that_is_far_off_stops_the_run(world: World, seconds: float, cause: StopCause | None) -> None:
    """Windows and caps would be judged by a wrong time, fast or slow; five minutes are put up with."""
    world.plan(range(2, 5))
    signs = ChatSigns(chat_id="x")
    off = Verdict(outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), signs=signs, clock_skew=seconds)
    assert world.send(Api(script={2: [off]}), rate=10.0).cause is cause


def test_an_interrupt_finishes_what_is_in_flight_and_claims_nothing_more(world: World) -> None:
    """The first Ctrl+C: no row is cut off."""
    world.plan(range(2, 102))
    api = Api(latency=5.0)
    api.on_post = lambda row: world.stop.request(StopCause.INTERRUPTED) if row == 6 else None  # type: ignore[union-attr]
    sent = world.send(api, rate=10.0)
    assert sent.cause is StopCause.INTERRUPTED
    assert world.outcomes() == {Outcome.SUCCESS: 5, Outcome.PENDING: 95}


def test_a_second_interrupt_leaves_a_true_ledger(world: World) -> None:
    """What was on the wire is unknown, what was not is pending, nothing stays claimed."""
    world.plan(range(2, 102))
    api = Api(latency=50.0)

    def twice(row: int) -> None:
        if row == 6 and world.stop:
            world.stop.request(StopCause.INTERRUPTED)
            world.stop.abort()

    api.on_post = twice
    world.send(api, rate=10.0)
    assert world.outcomes() == {Outcome.UNKNOWN: 5, Outcome.PENDING: 95}
    assert {each.reason for each in world.results().values() if each.outcome is Outcome.UNKNOWN} == {"cut_off"}


def test_the_grace_time_ends(world: World) -> None:
    """An API that hangs does not hold a stopped run for ever."""
    world.plan([2, 3])
    api = Api(latency=10_000.0)
    api.on_post = lambda _: world.stop.request(StopCause.TERMINATED) if world.stop else None
    world.send(api, grace=30.0)
    assert world.outcomes() == {Outcome.UNKNOWN: 1, Outcome.PENDING: 1}


@dataclass
class FailingLedger:
    """A ledger whose disk is full for some of its writes."""

    real: Any
    claims_left: int = 10**9
    records_that_fail: int = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def claim(self, job: Job, now: datetime) -> Any:
        if self.claims_left <= 0:
            raise LedgerFailed("The disk is full.")
        self.claims_left -= 1
        return await self.real.claim(job, now)

    async def record(self, *args: Any, **kwargs: Any) -> Any:
        if self.records_that_fail > 0:
            self.records_that_fail -= 1
            raise LedgerFailed("The disk is full.")
        return await self.real.record(*args, **kwargs)


def test_without_a_ledger_nothing_is_posted(world: World) -> None:
    """The third claim fails: two posts, and the run stops."""
    world.plan(range(2, 50))
    api = Api()
    sent = world.send(api, attempts=lambda real: FailingLedger(real, claims_left=2), rate=10.0, concurrency=1)
    assert sent.cause is StopCause.LEDGER_FAILED
    assert api.rows() == {2: 1, 3: 1}
    assert world.outcomes() == {Outcome.SUCCESS: 2, Outcome.PENDING: 46}


def test_an_outcome_that_cannot_be_written_is_tried_again_while_the_run_stops(world: World) -> None:
    """The disk was full for a moment: the outcome is not lost."""
    world.plan(range(2, 50))
    sent = world.send(Api(), attempts=lambda real: FailingLedger(real, records_that_fail=2), rate=10.0, concurrency=1)
    assert sent.cause is StopCause.LEDGER_FAILED
    assert world.outcomes() == {Outcome.SUCCESS: 1, Outcome.PENDING: 47}


def test_a_defect_is_raised_after_what_was_in_flight_is_recorded(world: World) -> None:
    """A bug in one worker does not cost the others their outcomes."""
    world.plan(range(2, 50))
    api = Api(latency=1.0)

    def break_once(row: int) -> None:
        if row == 4:
            raise ZeroDivisionError("a defect")

    api.on_post = break_once
    with pytest.raises(ZeroDivisionError):
        world.send(api, rate=10.0)
    assert world.results()[2].outcome is Outcome.SUCCESS
    assert world.results()[3].outcome is Outcome.SUCCESS


def test_a_second_run_of_the_same_plan_sends_nothing(world: World) -> None:
    """All is recorded; there is no job left."""
    world.plan(range(2, 12))
    world.send(Api(), rate=100.0)
    api = Api()
    world.send(api, rate=100.0)
    assert api.posts == []


def test_a_stalled_machine_does_not_burst_afterwards(world: World) -> None:
    """The loop stands still for a second while workers wait for their starts: they leave one by one after it."""
    world.plan(range(2, 60))
    api = Api(latency=0.3)

    def stall(row: int) -> None:
        if row == 20:
            loop = asyncio.get_running_loop()
            loop._virtual += 1.0  # type: ignore[attr-defined]

    api.on_post = stall
    world.send(api, rate=10.0, concurrency=16)
    times = sorted(time for time, _ in api.posts)
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.99 / 11


def test_to_connect_takes_nothing_from_the_pace(world: World) -> None:
    """Connections that take from no time to longer than a gap: posts begin as evenly as ever."""
    world.plan(range(2, 102))
    api = Api(latency=0.01)
    waits = itertools.cycle([0.0, 0.03, 0.001, 0.015])
    api.connecting = lambda: next(waits)
    sent = world.send(api, rate=50.0)
    times = [time for time, _ in api.posts]
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.9 / 50
    assert sent.achieved_rate == pytest.approx(50.0, rel=0.03)


def test_who_cannot_connect_has_made_no_attempt(world: World) -> None:
    """The claim is given back, the row is tried again, and only posts are attempts."""
    world.plan([2, 3])
    refusals = itertools.count()
    api = Api(refusing=lambda: next(refusals) < 2)
    sent = world.send(api, rate=10.0, concurrency=1)
    assert (sent.attempts, world.outcomes()) == (2, {Outcome.SUCCESS: 2})
    assert {each.attempts for each in world.results().values()} == {1}


def test_an_end_while_connecting_leaves_nothing_unknown(world: World) -> None:
    """Stopped for good before the connection was there: certainly nothing was sent."""
    world.plan(range(2, 12))
    api = Api()

    def stop() -> float:
        assert world.stop
        world.stop.request(StopCause.INTERRUPTED)
        world.stop.abort()
        return 5.0

    api.connecting = stop
    world.send(api, rate=10.0)
    assert (api.posts, world.outcomes()) == ([], {Outcome.PENDING: 10})


def test_few_claims_wait_for_their_connections(world: World) -> None:
    """Nobody can connect for a minute: no more than some starts are claimed, whatever may be in flight at once."""
    world.plan(range(2, 202))
    claims: list[int] = []

    @dataclass
    class Counting(FailingLedger):
        async def claim(self, job: Job, now: datetime) -> Any:
            claims.append(job.row)
            return await self.real.claim(job, now)

    api = Api(connecting=lambda: 60.0)
    api.on_post = lambda _: claims.append(0)
    world.send(api, attempts=Counting, rate=20.0, concurrency=100)
    assert 2 <= claims.index(0) <= max(8, 20.0 * 0.25)
    assert world.outcomes() == {Outcome.SUCCESS: 200}


def test_an_outcome_outlasts_three_seconds_without_a_disk(world: World) -> None:
    """By the clock, however many tries that takes: it is written as it was, and nothing is posted meanwhile."""
    world.plan(range(2, 12))
    api = Api(latency=0.3)

    tries: list[float] = []

    @dataclass
    class FullForThreeSeconds(FailingLedger):
        async def record(self, *args: Any, **kwargs: Any) -> Any:
            tries.append(asyncio.get_running_loop().time())
            if tries[-1] < tries[0] + 3.0:
                raise LedgerFailed("The disk is full.")
            return await self.real.record(*args, **kwargs)

    sent = world.send(api, attempts=FullForThreeSeconds, rate=1.0, concurrency=1)
    assert (sent.cause, [row for _, row in api.posts]) == (StopCause.LEDGER_FAILED, [2])
    assert (world.results()[2].outcome, world.outcomes()[Outcome.PENDING]) == (Outcome.SUCCESS, 9)


WRONG_TEMPLATE = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.TEMPLATE_VALUES), http_status=400)


def test_three_wrong_templates_in_a_row_stop_the_run(world: World) -> None:
    """Two and one that was accepted, or refused for another reason, between them do not: the third in a row does."""
    world.plan(range(2, 40))
    script = {row: [WRONG_TEMPLATE] for row in (2, 3, 5, 6, 8, 9, 10, 11)} | {7: [REFUSED]}
    sent = world.send(api := Api(script=script), rate=100.0, concurrency=1)
    assert (sent.cause, max(api.rows())) == (StopCause.TEMPLATE_REFUSED, 10)
    assert sent.finding == WRONG_TEMPLATE.finding
    assert world.outcomes() == {Outcome.ERROR: 8, Outcome.SUCCESS: 1, Outcome.PENDING: 29}


def test_an_address_where_nobody_answers_is_tried_three_times(world: World) -> None:
    """Until the API has answered once; after that a row has its eight tries."""
    world.plan([2, 3])
    refusals: list[float] = []
    api = Api(refusing=lambda: not refusals.append(asyncio.get_running_loop().time()))
    sent = world.send(api, rate=10.0, concurrency=1)
    assert (len(refusals), sent.cause, api.posts) == (3, StopCause.RETRIES_USED_UP, [])
    assert refusals[-1] - refusals[0] < 5.0
    later = replace(world, name="r2")
    later.plan([2, 3])
    tries = itertools.count()
    sent = later.send(Api(refusing=lambda: 0 < next(tries) < 7), rate=10.0, concurrency=1)
    assert (sent.cause, later.outcomes()) == (None, {Outcome.SUCCESS: 2})


class Limits:
    """The module `resource` of a system with these limits of open files."""

    RLIMIT_NOFILE = 7
    RLIM_INFINITY = -1

    def __init__(self, soft: int, hard: int, most: int = 10_240) -> None:
        self.now, self.most = (soft, hard), most

    def getrlimit(self, _kind: int) -> tuple[int, int]:
        return self.now

    def setrlimit(self, _kind: int, limits: tuple[int, int]) -> None:
        if limits[0] > self.most:
            raise ValueError("current limit exceeds maximum limit")
        self.now = limits


def test_the_256_open_files_of_macos_are_raised_for_512_connections() -> None:
    """The soft limit becomes what the connections of all senders need, and the hard one stays."""
    limits = Limits(256, -1)
    assert fit_open_files(512, 2, limits) == 512
    assert limits.now == (1088, -1)


def test_where_few_files_may_be_open_fewer_attempts_are_in_flight() -> None:
    """A hard limit, or a system that refuses to raise, leaves each sender its share; a worker is always left."""
    assert fit_open_files(512, 2, Limits(256, 264)) == 100
    assert fit_open_files(16, 20, Limits(256, -1, most=256)) == 9
    assert fit_open_files(16, 1, Limits(40, 40)) == 1


def test_limits_that_suffice_are_left_as_they_are() -> None:
    """Neither a limit that is high enough nor a system without limits changes the concurrency."""
    assert fit_open_files(16, 1, limits := Limits(256, 300)) == 16
    assert limits.now == (256, 300)
    assert fit_open_files(512, 9, Limits(-1, -1)) == fit_open_files(512, 9, None) == 512
