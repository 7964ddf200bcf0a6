"""Lanes on PostgreSQL: one holder at a time, whose claims are its own, and what it leaves to the next."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from lane_holders import ACCEPTED, ENDPOINT, NAME, SENDER, Holder, end_sessions, holders, outcomes, submit
from postgres import Cluster, new_ledger

from batch.app.fleet.run_end import end_run
from batch.errors import Busy, LedgerFailed, LedgerUnusable
from batch.ledger import Ledger, Owner, RetryOptions, campaign_lock
from batch.ledger.send import lane_queue
from batch.ledger.send.claims import Claim
from batch.ledger.send.lane_queue import LaneQueue
from batch.ledger.send.lanes import LOST_AT_MOST
from batch.model.contact_limits import ContactLimits
from batch.model.lanes import LaneStarts, LaneState
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason


@pytest.fixture
def ledger(postgres: Cluster) -> Iterator[Ledger]:
    """A ledger with a submitted run of two rows of one sender."""
    with Ledger.open(new_ledger(postgres)) as opened:
        submit(opened, NAME, ("+5511988887001", "+5511988887002"))
        yield opened


@pytest.fixture
def hold(ledger: Ledger) -> Iterator[Callable[[], Holder]]:
    with holders(ledger) as make:
        yield make


def test_workers_are_told_apart_by_the_server(ledger: Ledger, postgres: Cluster) -> None:
    """Also on a host whose name is longer than the server keeps; those of another ledger there are left out."""
    host = "fv-az1234-567." + "internal." * 8
    connected = [f"{host}:1 0.4.0", f"{host}:2 0.4.0", "short:1 0.4.0"]
    with Ledger.open(new_ledger(postgres)) as other, ExitStack() as lines:
        for own, names in ((ledger, connected), (other, ["elsewhere:1 0.4.0"])):
            for name in names:
                lines.enter_context(psycopg.connect(own.lanes.conninfo(name)))
        shown = [each.name for each in ledger.lanes.workers()]
        assert [each.name for each in other.lanes.workers()] == ["elsewhere:1 0.4.0"]
    assert [(name[:9], name.rpartition(":")[2]) for name in shown] == [
        ("fv-az1234", "1 0.4.0"),
        ("fv-az1234", "2 0.4.0"),
        ("short:1 0", "1 0.4.0"),
    ]


def test_one_holder_at_a_time(hold: Callable[[], Holder]) -> None:
    """Who comes while another has the sender leaves the lane to it."""
    first, second = hold(), hold()
    assert first.take() is not None
    with pytest.raises(Busy):
        second.take()
    first.held.close()
    taken = second.take()
    assert taken is not None
    assert taken.epoch == 2


def test_a_lost_session_claims_nothing_and_leaves_nothing(
    ledger: Ledger, postgres: Cluster, hold: Callable[[], Holder]
) -> None:
    """It is never replaced silently: another may have the lane, and its word counts."""
    first, second = hold(), hold()
    first.take()
    end_sessions(postgres)
    with pytest.raises(LedgerFailed):
        first.claim()
    taken = second.take()
    assert taken is not None
    assert taken.epoch == 2
    with pytest.raises(LedgerFailed):
        first.leave(LaneState.DONE)
    assert ledger.lanes.lanes(NAME)[0].state is LaneState.SENDING
    assert ledger.lanes.lanes(NAME)[0].taken_over == 1


def lose_claim(first: Holder, second: Holder, postgres: Cluster) -> Claim:
    """Let the first holder claim, lose its session, and the second one take the lane; return that claim."""
    first.take()
    held = first.claim()
    end_sessions(postgres)
    second.take()
    return held


def test_open_claims_of_the_holder_before_are_unknown_until_it_knows_better(
    ledger: Ledger, postgres: Cluster, hold: Callable[[], Holder]
) -> None:
    """Its outcome corrects `unknown` without any lock; nothing else of it changes what the new holder has."""
    first, second = hold(), hold()
    held = lose_claim(first, second, postgres)
    assert outcomes(ledger) == ["unknown", "pending"]
    assert ledger.lanes.outcomes(NAME) == {Outcome.UNKNOWN: 1}
    first.meet_the_loss()
    assert first.sending(lambda queue: queue.record(held, ACCEPTED, duration_ms=5)) is Outcome.SUCCESS
    assert outcomes(ledger) == ["success", "pending"]


def test_who_had_the_lane_before_takes_back_no_claim_of_the_new_holder(
    ledger: Ledger, postgres: Cluster, hold: Callable[[], Holder]
) -> None:
    """A claim whose commit was doubtful is withdrawn: the new holder's claim of the same key stays under its post."""
    first, second = hold(), hold()
    first.take()
    held = first.claim()
    assert first.sending(lambda queue: queue.release(held, None))
    end_sessions(postgres)
    second.take()
    again = second.claim()
    first.meet_the_loss()
    assert (again.key, again.attempt) == (held.key, held.attempt)
    assert not first.sending(lambda queue: queue.withdraw(held.key))
    assert not first.sending(lambda queue: queue.release(held, None))
    assert second.sending(lambda queue: queue.record(again, ACCEPTED, duration_ms=5)) is Outcome.SUCCESS


def test_a_claim_that_comes_back_from_a_lost_holder_is_sent_by_the_next(
    ledger: Ledger, postgres: Cluster, hold: Callable[[], Holder]
) -> None:
    """It was taken for dead, and lives: what it certainly did not send waits again, and the lane is not done yet."""
    first, second = hold(), hold()
    held = lose_claim(first, second, postgres)
    other = second.claim(3)
    second.sending(lambda queue: queue.record(other, ACCEPTED, duration_ms=5))
    first.meet_the_loss()
    assert first.sending(lambda queue: queue.release(held, None))
    result = next(iter(ledger.results(NAME)))
    assert (result.outcome, result.reason) == (Outcome.PENDING, Reason.WAITING.value)
    assert second.leave(LaneState.DONE) is LaneState.WAITING
    second.held.close()
    third = hold()
    third.take()
    assert third.claim().key == held.key


def test_a_claim_that_comes_back_when_its_lane_is_done_is_sent_before_the_run_ends(
    ledger: Ledger, postgres: Cluster, hold: Callable[[], Holder]
) -> None:
    """Who made it was taken for dead, and gives it back at any time: the run's end looks once more."""
    first, second = hold(), hold()
    held = lose_claim(first, second, postgres)
    second.send(3)
    assert second.leave(LaneState.DONE) is LaneState.DONE
    second.held.close()
    assert not ledger.lanes.reopen(NAME)
    first.meet_the_loss()
    assert first.sending(lambda queue: queue.release(held, None))
    assert not end_run(ledger, NAME)
    assert [lane.sender for lane in ledger.lanes.free_lanes("q")] == [SENDER]
    third = hold()
    third.take()
    assert third.claim().key == held.key


def has_become(ledger: Ledger, state: str) -> None:
    """Let all messages of the run have had that outcome a day ago, by an earlier run."""
    ago = round((datetime.now(UTC) - timedelta(hours=30)).timestamp() * 1e6)
    values = f"state = '{state}', attempts = 1, run = 'r1', payload = NULL, sent_at = {ago}, duration_ms = 5"
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE messages SET {values}, findings = '[[\"cut_off\", {{}}]]'")  # noqa: S608
    ledger.lanes.close(NAME)


def test_a_choice_to_send_again_does_not_outlive_its_run_in_a_claim_given_back_late(
    ledger: Ledger, postgres: Cluster, hold: Callable[[], Holder]
) -> None:
    """The run is cancelled meanwhile: the row is unknown as before, and no later run sends it by itself."""
    people = ("+5511988887001", "+5511988887002")
    has_become(ledger, "unknown")
    run = f"{NAME}-2"
    assert submit(ledger, run, people, retries=RetryOptions(resend_unknown=True)) == [2, 3]
    first, second = hold(), hold()
    first.run = second.run = run
    held = lose_claim(first, second, postgres)
    ledger.lanes.stop(run, "interrupted")
    first.meet_the_loss()
    assert first.sending(lambda queue: queue.release(held, None))
    second.leave(LaneState.STOPPED)
    second.held.close()
    assert end_run(ledger, run)
    assert [result.outcome for result in ledger.results(run)] == [Outcome.UNKNOWN, Outcome.UNKNOWN]
    assert submit(ledger, f"{NAME}-3", people) == []


def test_a_replacement_given_back_late_is_one_still(
    ledger: Ledger, postgres: Cluster, hold: Callable[[], Holder]
) -> None:
    """The next holder's look shows that the failed message arrived after all: it gives up what was to replace it."""
    people = ("+5511988887001", "+5511988887002")
    has_become(ledger, "success")
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO deliveries (key, attempts, state, seen_at, looked_at, looks, code, words, reply_tied, "
            "reply_undecided) SELECT key, 1, 'failed', sent_at, sent_at, 1, 131049, '', false, false FROM messages"
        )
    run = f"{NAME}-2"
    assert submit(ledger, run, people, retries=RetryOptions(retry_undelivered=True)) == [2, 3]
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET looked_at = (extract(epoch FROM now()) * 1000000)::bigint")
    first, second = hold(), hold()
    first.run = second.run = run
    held = lose_claim(first, second, postgres)
    first.meet_the_loss()
    assert first.sending(lambda queue: queue.release(held, None))
    with ledger._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET state = 'delivered'")
    assert second.sending(lambda queue: queue.give_up(held.key))
    assert next(iter(ledger.results(run))).outcome is Outcome.SUCCESS


def test_the_server_ends_a_session_over_which_nothing_comes(
    ledger: Ledger, postgres: Cluster, hold: Callable[[], Holder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that stands still loses its lane, and so does an event loop that gives no beat."""
    monkeypatch.setattr(lane_queue, "LEASE", 0.5)
    first, second = hold(), hold()
    first.take()
    with closing(psycopg.connect(postgres.url, autocommit=True)) as connection:
        held = "SELECT count(*), pg_sleep(0.02)::text FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1"
        assert any(connection.execute(held).fetchone() == (0, "") for _look in range(300))
    with pytest.raises(LedgerFailed):
        first.claim()
    assert second.take() is not None


def test_a_beat_keeps_the_session_and_hears_that_the_run_is_to_stop(ledger: Ledger, hold: Callable[[], Holder]) -> None:
    """`cancel` is heeded by the next beat, also of a lane that has nothing to claim at the moment."""
    holder = hold()
    holder.take()
    assert holder.sending(lambda queue: queue.beat(SENDER, None, None, LaneStarts())) == (None, None)
    assert ledger.lanes.stop(NAME, "interrupted")
    assert holder.sending(lambda queue: queue.beat(SENDER, None, None, LaneStarts())) == ("interrupted", None)


def test_the_next_holder_goes_on_at_the_pace_of_the_one_before(ledger: Ledger, hold: Callable[[], Holder]) -> None:
    """The second before belongs to that one; a pause and a rate that the API asked for hold on."""
    first, second, third = hold(), hold(), hold()
    fresh = first.take()
    assert fresh is not None
    assert (fresh.wait, fresh.pause, fresh.rate, fresh.done) == (0.0, 0.0, None, 0)
    until = datetime.now(UTC) + timedelta(seconds=60)
    first.sending(lambda queue: queue.beat(SENDER, 2.5, until, LaneStarts()))
    held = first.claim(ahead=60.0)  # as if it were made at the moment of the takeover, however long the test takes
    first.sending(lambda queue: queue.record(held, ACCEPTED, duration_ms=5))
    first.held.close()
    taken = second.take()
    assert taken is not None
    assert taken.wait == pytest.approx(
        1.55
    )  # what was claimed a moment ago may begin still, half a second later at most
    assert 50 < taken.pause <= 60
    assert (taken.rate, taken.done, taken.errors) == (2.5, 1, 0)
    second.sending(lambda queue: queue.beat(SENDER, None, None, LaneStarts()))
    second.held.close()
    later = third.take()
    assert later is not None
    assert (later.pause, later.rate) == (0.0, None)


def test_the_starts_of_all_holders_make_the_rate(ledger: Ledger, hold: Callable[[], Holder]) -> None:
    """Those of a holder that was lost too, which it had noted or not, and the time until the next one began."""
    first, second = hold(), hold()
    first.take()
    ago = datetime.now(UTC) - timedelta(seconds=20)
    noted = LaneStarts(count=3, gaps=2, seconds=4.0, latest=ago, slowed=1, noted=ago)
    first.sending(lambda queue: queue.beat(SENDER, None, None, noted))
    first.send(2)
    first.held.close()
    assert ledger.tally(NAME).this_run.attempts == 3  # at least: one was not noted yet
    taken = second.take()
    assert taken is not None
    assert (taken.starts.count, taken.starts.gaps, taken.starts.slowed) == (4, 3, 1)
    assert taken.starts.seconds == pytest.approx(24, abs=5)
    second.send(3)
    latest = datetime.now(UTC)
    ended = LaneStarts(count=5, gaps=4, seconds=40.0, latest=latest, slowed=1, noted=latest)
    assert second.leave(LaneState.DONE, ended) is LaneState.DONE
    sent = ledger.lanes.lanes(NAME)[0].sent
    assert (sent.attempts, sent.achieved_rate, sent.slowed) == (5, 0.1, 1)


@pytest.mark.parametrize(
    ("state", "seconds", "gaps"),
    [(LaneState.WAITING, 5, 2), (LaneState.RESTING, 5, 1), (LaneState.WAITING, 43_200, 1)],
    ids=["restarted", "rested", "without a worker"],
)
def test_the_time_in_which_nobody_sends_is_no_time_of_sending(
    hold: Callable[[], Holder], state: LaneState, seconds: float, gaps: int
) -> None:
    """A worker that is restarted hands over the pass that goes on; the night before the next hours ends it, and so
    does a night in which there is no worker."""
    first, second = hold(), hold()
    first.take()
    ago = datetime.now(UTC) - timedelta(seconds=seconds)
    first.leave(state, LaneStarts(count=2, gaps=1, seconds=0.5, latest=ago, noted=ago))
    first.held.close()
    taken = second.take()
    assert taken is not None
    assert (taken.starts.count, taken.starts.gaps, taken.starts.latest) == (2, 1, ago if gaps == 2 else None)
    later = taken.starts.add(1, ago + timedelta(hours=12), ago + timedelta(hours=12))
    assert (later.count, later.gaps) == (3, gaps)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clocks by which a queue tells the age of its claims: one that goes on in sleep, and the wall clock."""
    now = [100.0, 1000.0]
    monkeypatch.setattr(lane_queue, "clocks", lambda: (now[0], now[1]))
    return now


def test_a_claim_is_stale_when_the_next_holder_does_not_reckon_with_it(
    hold: Callable[[], Holder], clock: list[float]
) -> None:
    """Its age counts from before its transaction, by each of the clocks, and to the moment when its post may begin."""
    holder = hold()
    holder.take()

    async def work(queue: LaneQueue) -> list[bool]:
        found = []
        for row, (later, wall) in enumerate(((0.4, 0.4), (0.0, 0.6))):
            job = list(queue.jobs(SENDER))[0 if row == 0 else -1]
            held = await queue.claim(job, datetime.now(UTC))
            clock[0] += later
            clock[1] += wall
            found += [queue.is_stale(held), queue.is_stale(held, 0.2)]
        return found

    assert holder.sending(work) == [False, True, True, True]


@pytest.mark.parametrize(("takes", "within"), [(0.35, 0.5), (0.85, 1.0), (9.0, 2.5)])
def test_where_claims_take_long_the_next_holder_waits_longer(
    hold: Callable[[], Holder], clock: list[float], takes: float, within: float
) -> None:
    """Else nothing would be sent any more. Not before it is durable, and never as long as the lease."""
    first, second = hold(), hold()
    first.take()
    claimed = datetime.now(UTC) + timedelta(seconds=60)  # as above

    async def work(queue: LaneQueue) -> list[bool]:
        found = []
        for number in range(41):
            held = await queue.claim(next(queue.jobs(SENDER)), claimed)
            clock[0] += takes
            if number == 40:
                beating = queue.beat(SENDER, None, None, LaneStarts())
                found.append(queue.is_stale(held))
                await beating
            found.append(queue.is_stale(held))
            if number < 40:
                await queue.release(held, None)
        return found

    assert first.sending(work) == [takes > 0.5] * 41 + [takes > 2.5]
    first.held.close()
    taken = second.take()
    assert taken is not None
    assert taken.wait == pytest.approx(within + 1.05)


def test_nothing_is_waited_for_where_the_last_claim_is_old(hold: Callable[[], Holder]) -> None:
    """Its second is over."""
    first, second = hold(), hold()
    first.take()
    first.claim(ahead=-5.0)
    first.held.close()
    taken = second.take()
    assert taken is not None
    assert taken.wait == 0.0


def test_an_open_submission_is_the_lock_of_its_campaign(ledger: Ledger, hold: Callable[[], Holder]) -> None:
    """Another run, a settlement or a purge of the campaign is refused, by a message that names run and workers."""
    lock = [campaign_lock("teste", ENDPOINT)]
    with pytest.raises(Busy, match=rf"none of them at the moment.*{NAME}"), ledger.hold(lock, Owner.here("other")):
        pass
    hold().take()
    with pytest.raises(Busy, match=Owner.here("").host), ledger.hold(lock, Owner.here("other")):
        pass
    with ledger.for_lane().hold(lock, Owner.here(NAME)):
        pass
    ledger.lanes.close(NAME)
    with ledger.for_lane().hold(lock, Owner.here("other")):
        pass


def test_a_lane_that_ended_is_taken_no_more(ledger: Ledger, hold: Callable[[], Holder]) -> None:
    """Whatever the queue still says."""
    first, second = hold(), hold()
    first.take()
    for row in (2, 3):
        held = first.claim(row)
        first.sending(lambda queue, held=held: queue.record(held, ACCEPTED, duration_ms=5))
    assert first.leave(LaneState.DONE) is LaneState.DONE
    first.held.close()
    assert ledger.lanes.free_lanes("q") == []
    assert second.take() is None


def test_a_limit_is_turned_into_a_last_row(postgres: Cluster) -> None:
    """All lanes of a run stop at the same row of the sheet, without counting together."""
    with Ledger.open(new_ledger(postgres)) as ledger:
        submit(ledger, NAME, ("+5511988887001", "+5511988887002", "+5511988887003"), limit=2)
        holder = Holder(ledger)
        taken = holder.take()
        holder.held.close()
    assert taken is not None
    assert [list(rows) for rows in taken.rows.values()] == [[2, 3]]


def test_a_lane_in_which_workers_are_lost_one_after_the_other_is_given_up(
    ledger: Ledger, postgres: Cluster, hold: Callable[[], Holder]
) -> None:
    """What kills them may lie in it: it goes to no other worker, its run can end, and it says what to do."""
    for number in range(LOST_AT_MOST):
        holder = hold()
        taken = holder.take()
        assert taken is not None
        assert taken.epoch == number + 1
        if number < 2:
            holder.claim(number + 2)
        end_sessions(postgres)
    last = hold()
    assert last.take() is None
    (lane,) = ledger.lanes.lanes(NAME)
    assert (lane.state, lane.sent.cause, lane.taken_over) == (LaneState.STOPPED, "workers_lost", LOST_AT_MOST)
    assert lane.finding is not None
    assert (lane.finding.reason, lane.finding.values["workers"]) == (Reason.WORKERS_LOST, LOST_AT_MOST)
    assert ledger.lanes.free_lanes("q") == []
    assert outcomes(ledger) == ["unknown", "unknown"]


def test_who_brings_a_row_to_an_end_is_lost_for_another_reason(
    ledger: Ledger, postgres: Cluster, hold: Callable[[], Holder]
) -> None:
    """Also where a worker drained, or the API had asked for a pause, in which nobody gets on."""
    for number in range(3 * LOST_AT_MOST):
        holder = hold()
        assert holder.take() is not None
        if number == LOST_AT_MOST - 1:
            held = holder.claim()
            holder.sending(lambda queue, held=held: queue.record(held, ACCEPTED, duration_ms=5))
        if number >= 2 * LOST_AT_MOST - 1:
            holder.sending(
                lambda queue: queue.beat(SENDER, None, datetime.now(UTC) + timedelta(minutes=1), LaneStarts())
            )
        end_sessions(postgres)
    assert ledger.lanes.lanes(NAME)[0].taken_over == 3 * LOST_AT_MOST - 1


def test_a_worker_that_drains_is_not_lost(hold: Callable[[], Holder]) -> None:
    """A rolling restart in hours in which nothing may go gives nothing up."""
    for _number in range(2 * LOST_AT_MOST):
        holder = hold()
        assert holder.take() is not None
        assert holder.leave() is LaneState.WAITING
        holder.held.close()


def change_tables(postgres: Cluster, url: str, *statements: LiteralString) -> None:
    """Make a ledger that an earlier version has written."""
    options = f"-c search_path={url.rpartition('=')[2]}"
    with closing(psycopg.connect(postgres.url, autocommit=True, options=options)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_tables_of_workers_get_the_columns_that_they_lack(postgres: Cluster) -> None:
    """A run that was submitted before goes on."""
    url = new_ledger(postgres)
    with Ledger.open(url) as ledger:
        submit(ledger, NAME, ("+5511988887001",))
    change_tables(postgres, url, "ALTER TABLE lanes DROP COLUMN lost, DROP COLUMN recorded, DROP COLUMN rows")
    with Ledger.open(url) as ledger:
        holder = Holder(ledger)
        taken = holder.take()
        assert taken is not None
        assert [list(rows) for rows in taken.rows.values()] == [[2]]
        holder.held.close()


def test_a_ledger_of_the_version_before_gets_lanes(postgres: Cluster) -> None:
    """On PostgreSQL too its people stay known, and it can be sent by workers from then on."""
    url = new_ledger(postgres)
    with Ledger.open(url) as ledger:
        submit(ledger, NAME, ("+5511988887001",))
    change_tables(
        postgres,
        url,
        "DROP TABLE lanes, submissions",
        "ALTER TABLE messages DROP COLUMN claim_epoch",
        "UPDATE meta SET value = '8' WHERE name = 'schema_version'",
    )
    with Ledger.open(url) as ledger:
        assert outcomes(ledger) == ["pending"]
        assert ledger.lanes.open_runs() == []


def test_a_ledger_in_a_file_has_no_lanes_and_loads_nothing_of_them(tmp_path: Any) -> None:
    """Who has a spreadsheet and one machine installs nothing more."""
    url = f"sqlite:///{tmp_path / 'l.sqlite3'}"
    code = (
        "import sys\n"
        "from batch.ledger import Ledger\n"
        f"with Ledger.open({url!r}) as ledger: list(ledger.runs())\n"
        "import batch.app.run\n"
        "print([name for name in sys.modules if name.startswith(('psycopg', 'procrastinate', 'batch.fleet',"
        " 'batch.app.fleet', 'batch.ledger.send.lanes', 'batch.ledger.storage.server_tables'))])"
    )

    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
    with Ledger.open(url) as ledger, pytest.raises(LedgerUnusable, match="postgres"):
        ledger.lanes  # noqa: B018 - it raises


@pytest.mark.parametrize(("cap", "waits"), [(None, False), (100, True)])
def test_a_holder_that_stands_still_within_a_claim_halts_others_for_a_shared_cap_alone(
    postgres: Cluster, cap: int | None, *, waits: bool
) -> None:
    """Without a cap a paused machine keeps no other sender from claiming; with one that all share, for the lease."""
    rules = ContactLimits(shared_cap=True, per_24h=cap)
    with Ledger.open(new_ledger(postgres)) as ledger:
        limiter = ledger.make_limiter(rules, endpoint=ENDPOINT)
        common = set(limiter.guarded(["+5511988887001"])) & set(limiter.guarded(["+5511988887002"]))
    assert bool(common) is waits
