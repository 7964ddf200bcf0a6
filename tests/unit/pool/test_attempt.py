"""The steps of one attempt: what is posted, recorded and given back, whatever comes in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from scripted_api import BEGIN, World
from sqlalchemy import text

from batch.errors import LedgerFailed
from batch.ledger import Ledger, Owner
from batch.ledger.send.queue import SendQueue
from batch.model.messages import Job
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import StopCause
from batch.model.verdicts import ChatSigns, Verdict
from batch.pool.attempt import CLOCK_SLACK, WARM, Attempt, AttemptRunner
from batch.pool.stop import StopSignal

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
JOB = Job(key="k", row=2, person="+5511988887001", sender="s1", payload="{}")
SENT = Verdict(outcome=Outcome.SUCCESS, finding=Finding(Reason.CREATED), http_status=200, signs=ChatSigns(chat_id="c"))
REFUSED = Verdict(outcome=Outcome.ERROR, finding=Finding(Reason.API_REFUSED), http_status=400)
OFFLINE = Verdict(outcome=Outcome.PENDING, finding=Finding(Reason.NOT_CONNECTED), repeat=True)


@dataclass
class Notes:
    """A ledger that notes what it is asked to write; the first writes may fail."""

    held: object = "claim"
    claiming: float = 0.0
    """Seconds that a claim takes."""
    claim_fails: bool = False
    failures: int = 0
    recorded: Outcome | None = None
    """What the ledger makes of an outcome; None: nothing was changed."""
    written: list[Any] = field(default_factory=list)

    async def claim(self, _job: Job, _now: datetime) -> Any:
        await asyncio.sleep(self.claiming)
        if self.claim_fails:
            raise LedgerFailed("The disk is full.")
        return self.held

    async def withdraw(self, key: str) -> bool:
        return self._note("withdraw", key)

    async def release(self, held: Any, finding: Finding | None, *, status: int | None = None) -> bool:
        return self._note("release", held, finding and finding.reason, status)

    async def record(self, held: Any, verdict: Verdict, *, duration_ms: int, began: datetime) -> Any:
        self._note("record", held, verdict.outcome, verdict.finding.reason, duration_ms, began)
        return self.recorded

    def _note(self, *what: Any) -> bool:
        if self.failures:
            self.failures -= 1
            raise LedgerFailed("The disk is full.")
        self.written.append(what)
        return True


@dataclass
class Wire:
    """A connection: what it answers, after how many seconds, and whether bytes go out meanwhile."""

    answer: Verdict = SENT
    refusal: Verdict | None = None
    seconds: float = 1.0
    writes_at: float = 0.0
    written: bool = False
    asked: list[bool] = field(default_factory=list)

    async def connect(self) -> Verdict | None:
        await asyncio.sleep(self.seconds)
        return self.refusal

    async def post(self, _payload: object, *, had_answer: bool, is_void: Callable[[], bool]) -> Verdict | None:
        self.asked.append(had_answer)
        await asyncio.sleep(self.writes_at)
        if is_void():
            return None
        self.written = True
        await asyncio.sleep(self.seconds)
        return self.answer

    async def aclose(self) -> None:
        self.asked.clear()


Timed = Callable[[Coroutine[Any, Any, Any]], Any]


def runner_of(ledger: Notes, wire: Wire, now: Callable[[], datetime] | None = None, **more: Any) -> AttemptRunner:
    """Must be called on a running loop; its wall clock goes with the loop's."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    clock = now or (lambda: NOON + timedelta(seconds=loop.time() - begin))
    return AttemptRunner(ledger=ledger, client=lambda: wire, now=clock, stop=StopSignal(), **more)


async def cancelled(work: Coroutine[Any, Any, Any], after: float) -> None:
    task = asyncio.ensure_future(work)
    await asyncio.sleep(after)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_clock_that_goes_back_by_more_than_minutes_stops_the_run(in_virtual_time: Timed) -> None:
    """From the latest moment that was seen; a little less is put up with, and does not count as the latest."""
    hour = NOON + timedelta(hours=1)
    times = iter([NOON, hour, hour - CLOCK_SLACK, hour - CLOCK_SLACK - timedelta(seconds=1)])

    async def look() -> None:
        runner = runner_of(Notes(), Wire(), times.__next__)
        assert [runner.check_clock() for _ in range(2)] == [True, True]
        assert runner.stop.cause is None
        assert not runner.check_clock()
        assert runner.stop.cause is StopCause.CLOCK_WRONG

    in_virtual_time(look())


@pytest.mark.parametrize(
    "ledger", [Notes(claiming=2.0), Notes(claiming=2.0, failures=2)], ids=["at once", "after the ledger failed"]
)
def test_a_claim_that_is_cut_off_is_withdrawn(in_virtual_time: Timed, ledger: Notes) -> None:
    """It may be durable already, and is not posted."""

    async def claim() -> None:
        await cancelled(runner_of(ledger, Wire()).claim(JOB), after=1.0)

    in_virtual_time(claim())
    assert ledger.written == [("withdraw", "k")]


def test_a_claim_that_is_cut_off_before_its_commit_leaves_the_message_pending(world: World, ledger: Ledger) -> None:
    """The claim is on its way to the disk; what takes it back follows it."""
    world.plan([1])

    async def claim(sending: SendQueue) -> None:
        (job,) = sending.jobs()
        runner = AttemptRunner(ledger=sending, client=Wire, now=lambda: BEGIN, stop=StopSignal())
        await cancelled(runner.claim(job), after=0)

    with ledger.open_queue(Owner.here("r1"), endpoint="e") as sending:
        asyncio.run(claim(sending))
    with ledger._engine.connect() as connection:
        (found,) = connection.execute(text("SELECT state, attempts, claim_run FROM messages"))
    assert tuple(found) == ("pending", 0, None)


def test_a_claim_that_fails_is_withdrawn_and_stops_the_run(in_virtual_time: Timed) -> None:
    """Also where the withdrawal fails at first."""
    ledger = Notes(claim_fails=True, failures=2)

    async def claim() -> None:
        runner = runner_of(ledger, Wire())
        assert await runner.claim(JOB) is None
        assert runner.stop.cause is StopCause.LEDGER_FAILED
        assert runner.stop.finding == Finding(Reason.LEDGER_FAILED, {"words": str(LedgerFailed("The disk is full."))})

    in_virtual_time(claim())
    assert ledger.written == [("withdraw", "k")]


def test_a_connection_is_made_once_and_used_again(in_virtual_time: Timed) -> None:
    """One that cannot be made is an attempt with its verdict; one that is cut off gives the claim back."""
    ledger, made = Notes(), list[Wire]()

    def make() -> Wire:
        made.append(Wire(refusal=OFFLINE if not made else None))
        return made[-1]

    async def connect() -> None:
        runner = runner_of(ledger, Wire())
        runner._make_client = make
        failed = await runner.connect("claim")
        assert isinstance(failed, Attempt)
        assert failed == Attempt(verdict=OFFLINE, milliseconds=1000, began=NOON, late=0.0)
        made[0].refusal = None
        assert await runner.connect("claim") is made[0]
        await cancelled(runner.connect("second"), after=0.5)
        assert await runner.connect("claim") is made[1]
        assert len(made) == 2
        await runner.give_back("third", made[1])
        made[1].asked.append(True)
        await runner.aclose()
        assert made[1].asked == []

    in_virtual_time(connect())
    assert ledger.written == [("release", "second", None, None), ("release", "third", None, None)]


def test_a_post_knows_whether_its_sender_had_an_answer(in_virtual_time: Timed) -> None:
    """A readable one of the same sender; the API is reached by any answer, but not where no connection came about."""
    wire = Wire(answer=OFFLINE)

    async def post() -> None:
        runner = runner_of(Notes(), wire)
        found = []
        for answer in (OFFLINE, REFUSED, SENT, SENT):
            wire.answer = answer
            attempt = await runner.post(
                wire, JOB, "claim", print, due=asyncio.get_running_loop().time() - 0.5, closes=None
            )
            assert (attempt.verdict, attempt.milliseconds, attempt.late) == (answer, 1000, 0.5)
            found.append((runner.reached, set(runner.answered)))
            assert runner._take_idle() is wire
        assert found == [(False, set()), (True, set()), (True, {"s1"}), (True, {"s1"})]
        early = await runner.post(wire, JOB, "claim", print, due=asyncio.get_running_loop().time() + 9, closes=None)
        assert early.late == 0.0

    in_virtual_time(post())
    assert wire.asked == [False, False, False, True, True]


@pytest.mark.parametrize("closes", [None, NOON + timedelta(seconds=30)])
def test_a_post_that_is_cut_off_is_unknown_only_if_a_byte_went_out(
    in_virtual_time: Timed, closes: datetime | None
) -> None:
    """Else the claim is given back; the connection is idle again."""
    for writes_at, written in (
        (0.5, ("record", "claim", Outcome.UNKNOWN, Reason.CUT_OFF, 1000, NOON + timedelta(seconds=0.5))),
        (5.0, ("release", "claim", None, None)),
    ):
        ledger, wire, outcomes = Notes(), Wire(writes_at=writes_at, seconds=60.0), list[Outcome]()

        async def post(ledger: Notes = ledger, wire: Wire = wire, outcomes: list[Outcome] = outcomes) -> None:
            runner = runner_of(ledger, wire)
            note = lambda _job, outcome, _verdict: outcomes.append(outcome)  # noqa: E731
            await cancelled(runner.post(wire, JOB, "claim", note, due=0.0, closes=closes), after=1.0)
            assert runner._take_idle() is wire

        in_virtual_time(post())
        assert ledger.written == [written]
        assert outcomes == ([Outcome.UNKNOWN] if writes_at < 1 else [])


@pytest.mark.parametrize(
    ("writes_at", "seconds", "closes", "begins"),
    [(40.0, 1.0, 30, False), (10.0, 60.0, 30, True), (1.0, 1.0, 30, True), (1.0, 1.0, -5, False)],
)
def test_nothing_goes_out_after_the_hours_end(
    in_virtual_time: Timed, writes_at: float, seconds: float, closes: int, *, begins: bool
) -> None:
    """What was begun is waited for; the claim of what was not is given back, and the run goes on."""
    ledger, wire = Notes(), Wire(writes_at=writes_at, seconds=seconds)

    async def post() -> Attempt | None:
        runner = runner_of(ledger, wire)
        end = NOON + timedelta(seconds=closes)
        attempt = await runner.post(wire, JOB, "claim", print, due=0.0, closes=end)
        assert runner._take_idle() is wire
        return attempt

    attempt = in_virtual_time(post())
    assert (attempt is not None, wire.written) == (begins, begins)
    assert ledger.written == ([] if begins else [("release", "claim", None, None)])


@pytest.mark.parametrize("writes_at", [0.4, 0.6])
def test_a_claim_that_grows_old_while_it_connects_anew_is_not_posted(in_virtual_time: Timed, writes_at: float) -> None:
    """It is asked right before the first byte, and began at that moment."""
    ledger, wire = Notes(), Wire(writes_at=writes_at)

    async def post() -> Attempt | None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        is_stale = lambda _held, ahead: loop.time() + ahead - begin > 0.5  # noqa: E731
        return await runner_of(ledger, wire, is_stale=is_stale).post(wire, JOB, "claim", print, due=0.0, closes=None)

    attempt = in_virtual_time(post())
    if writes_at > 0.5:
        assert (attempt, wire.written, ledger.written) == (None, False, [("release", "claim", None, None)])
    else:
        assert attempt is not None
        assert (attempt.verdict, attempt.began, ledger.written) == (SENT, NOON + timedelta(seconds=0.4), [])


@pytest.mark.parametrize("closes", [None, NOON + timedelta(seconds=30)])
def test_a_post_begins_before_anything_else_goes_on(in_virtual_time: Timed, closes: datetime | None) -> None:
    """What another worker hears meanwhile, a pause that the API asks for, would come too late."""

    async def work() -> list[str]:
        wire, order = Wire(), list[str]()
        post = wire.post

        async def begin(payload: str, **more: Any) -> Verdict | None:
            order.append("post")
            return await post(payload, **more)

        wire.post = begin  # type: ignore[method-assign]
        runner = runner_of(Notes(), wire, lambda: NOON)
        asyncio.get_running_loop().call_soon(order.append, "another")
        await runner.post(wire, JOB, "claim", print, due=0.0, closes=closes)
        return order

    assert in_virtual_time(work()) == ["post", "another"]


def test_what_is_released_says_whether_the_api_answered(in_virtual_time: Timed) -> None:
    """With its status; a write that fails is tried again for seconds, and then is an error."""
    ledger = Notes(failures=5)
    throttled = Verdict(outcome=Outcome.PENDING, finding=Finding(Reason.RATE_LIMITED), http_status=429)

    async def release() -> None:
        runner = runner_of(ledger, Wire())
        await runner.release(JOB, "first", throttled)
        await runner.release(JOB, "second", OFFLINE)
        ledger.failures = 6
        with pytest.raises(LedgerFailed):
            await runner.release(JOB, "third", OFFLINE)

    in_virtual_time(release())
    assert ledger.written == [
        ("release", "first", Reason.RATE_LIMITED, 429),
        ("release", "second", Reason.NOT_CONNECTED, None),
    ]


class Broken(Wire):
    """A connection with a defect: it raises what nobody foresaw."""

    async def connect(self) -> Verdict | None:
        await super().connect()
        raise ValueError("a defect")

    async def post(self, payload: object, **more: Any) -> Verdict:
        await super().post(payload, **more)
        raise ValueError("a defect")


def test_a_defect_while_connecting_gives_the_claim_back(in_virtual_time: Timed) -> None:
    """Nothing was posted; the defect is shown all the same."""
    ledger = Notes()

    async def connect() -> None:
        with pytest.raises(ValueError, match="a defect"):
            await runner_of(ledger, Broken()).connect("claim")
        runner = runner_of(ledger, Wire())
        runner._make_client = "no client"  # type: ignore[assignment]
        with pytest.raises(TypeError, match="not callable"):
            await runner.connect("another")

    in_virtual_time(connect())
    assert ledger.written == [("release", "claim", None, None), ("release", "another", None, None)]


def test_a_defect_in_reading_an_answer_leaves_the_row_unknown(in_virtual_time: Timed) -> None:
    """Its bytes went out, so that it may have been sent."""
    ledger, wire = Notes(), Broken()

    async def post() -> None:
        runner = runner_of(ledger, wire)
        with pytest.raises(ValueError, match="a defect"):
            await runner.post(wire, JOB, "claim", lambda *_: None, due=0.0, closes=None)
        assert not runner.reached
        assert not runner.answered

    in_virtual_time(post())
    assert ledger.written == [("record", "claim", Outcome.UNKNOWN, Reason.CUT_OFF, 1000, NOON)]


@pytest.mark.parametrize("recorded", [None, Outcome.REUSED])
def test_an_outcome_is_shown_as_the_ledger_has_it(in_virtual_time: Timed, recorded: Outcome | None) -> None:
    """A chat that is known already makes it another one; with the verdict, and after it is durable."""
    ledger, shown = Notes(recorded=recorded), list[tuple[Job, Outcome, Verdict, int]]()

    async def record() -> None:
        attempt = Attempt(verdict=SENT, milliseconds=7, began=NOON)
        note = lambda *what: shown.append((*what, len(ledger.written)))  # noqa: E731
        await runner_of(ledger, Wire()).record(JOB, "claim", attempt, note)

    in_virtual_time(record())
    assert shown == [(JOB, recorded or Outcome.SUCCESS, SENT, 1)]
    assert ledger.written == [("record", "claim", Outcome.SUCCESS, Reason.CREATED, 7, NOON)]


@pytest.mark.parametrize(("idle", "order"), [(WARM / 2, [0, 1, 2]), (WARM * 2, [2, 1, 0])])
def test_warm_connections_are_used_in_turn_and_of_cold_ones_the_last(
    in_virtual_time: Timed, idle: float, order: list[int]
) -> None:
    """All that a busy moment took stay warm while the rate needs them; a slow run keeps to a few."""

    async def connect() -> list[int]:
        runner, wires = runner_of(Notes(), Wire()), [Wire() for _ in range(3)]
        for wire in wires:
            await runner.give_back("claim", wire)
        await asyncio.sleep(idle)
        taken = [runner._take_idle() for _ in wires]
        return [number for each in taken for number, wire in enumerate(wires) if wire is each]

    assert in_virtual_time(connect()) == order
