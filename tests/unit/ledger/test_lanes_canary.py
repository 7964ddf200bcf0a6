"""First rows that go alone: which lanes may be taken, and which one judges, whatever is lost meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from lane_holders import ENDPOINT, NAME, Holder, end_sessions, outcomes, run_named, submit
from postgres import Cluster, new_ledger

from batch.ledger import Ledger, Owner, sender_lock
from batch.ledger.send.lanes import LOST_AT_MOST
from batch.model.lanes import LaneState

S1, S2, S3 = "s1", "s2", "s3"
PEOPLE = [f"+551198888700{number}" for number in range(6)]
Hold = Callable[..., Holder]


@pytest.fixture
def ledger(postgres: Cluster) -> Iterator[Ledger]:
    """A run of rows 2 to 7 of three senders in turn, s1 first, of which the first two go alone."""
    with Ledger.open(new_ledger(postgres)) as opened:
        submit(opened, NAME, PEOPLE, first=2, senders=(S2, S3, S1))
        yield opened


@pytest.fixture
def hold(ledger: Ledger) -> Iterator[Hold]:
    """Make holders, whose locks are freed at the end."""
    made: list[Holder] = []

    def make(sender: str = S1) -> Holder:
        made.append(Holder(ledger, sender))
        return made[-1]

    yield make
    for each in made:
        each.held.close()


def free(ledger: Ledger) -> list[str]:
    return [lane.sender for lane in ledger.lanes.free_lanes("q")]


def test_a_lane_without_a_first_row_waits_until_they_have_passed(ledger: Ledger, hold: Hold) -> None:
    """Whoever asks for it; the others have their first rows alone, and the last that comes judges."""
    one, two, three, later = hold(S1), hold(S2), hold(S3), hold(S3)
    assert free(ledger) == [S1, S2]
    assert three.take() is None
    taken, other = one.take(), two.take()
    assert taken is not None
    assert other is not None
    assert [list(rows) for rows in (*taken.rows.values(), *other.rows.values())] == [[2], [3]]
    one.send(2)
    assert not one.judges()
    assert one.leave(LaneState.DONE) is LaneState.WAITING
    one.held.close()
    assert free(ledger) == []
    two.send(3)
    assert two.judges()
    three.held.close()
    assert later.take() is None
    two.sending(lambda queue: queue.pass_canary())
    assert two.leave(LaneState.DONE) is LaneState.WAITING
    two.held.close()
    later.held.close()
    assert free(ledger) == [S1, S2, S3]
    again = hold(S1)
    taken = again.take()
    assert taken is not None
    assert list(taken.rows[S1]) == [2, 5]


def test_who_judges_is_replaced_when_it_is_lost(ledger: Ledger, postgres: Cluster, hold: Hold) -> None:
    """By the next holder of the same lane alone: the others stay kept back."""
    one, two = hold(S1), hold(S2)
    one.take()
    one.send(2)
    assert not one.judges()
    one.leave(LaneState.DONE)
    two.take()
    two.send(3)
    assert two.judges()
    end_sessions(postgres)
    assert free(ledger) == [S2]
    assert hold(S1).take() is None
    next_one = hold(S2)
    taken = next_one.take()
    assert taken is not None
    assert taken.submission.judge == S2
    assert next_one.judges()


def test_a_first_row_that_comes_back_is_sent_before_the_looks(ledger: Ledger, postgres: Cluster, hold: Hold) -> None:
    """Given back by a worker that was taken for dead, when its lane had ended its part."""
    lost, one, two = hold(S1), hold(S1), hold(S2)
    lost.take()
    claim = lost.claim(2)
    end_sessions(postgres)
    one.take()
    assert not one.judges()
    one.leave(LaneState.DONE)
    one.held.close()
    lost.meet_the_loss()
    assert lost.sending(lambda queue: queue.release(claim, None))
    two.take()
    two.send(3)
    assert not two.judges()
    two.leave(LaneState.DONE)
    two.held.close()
    assert free(ledger) == [S1]
    again = hold(S1)
    assert again.take() is not None
    again.send(2)
    assert again.judges()


def test_a_given_up_lane_with_first_rows_stops_the_run(ledger: Ledger, postgres: Cluster, hold: Hold) -> None:
    """Else the others would wait for ever. Those that were kept back are taken then, to be ended."""
    for _number in range(LOST_AT_MOST):
        assert hold(S1).take() is not None
        end_sessions(postgres)
    assert hold(S1).take() is None
    submission = ledger.lanes.submission(NAME)
    assert submission is not None
    assert (submission.cause, submission.finding is None) == ("workers_lost", False)
    assert free(ledger) == [S2, S3]
    lane, owner = ledger.for_lane(), Owner.here(NAME)
    with lane.hold([sender_lock(S3, ENDPOINT)], owner):
        taken = lane.lanes.take(run_named(NAME), S3, owner)
    assert taken is not None
    assert dict(taken.rows) == {}
    assert outcomes(ledger) == ["pending"] * 6


def test_fewer_rows_than_are_to_go_alone_wait_for_nothing(postgres: Cluster) -> None:
    """Nothing is left that a look could keep back."""
    for first, limit in ((6, None), (2, 2), (9, None)):
        with Ledger.open(new_ledger(postgres)) as ledger:
            submit(ledger, NAME, PEOPLE, first=first, limit=limit, senders=(S2, S3, S1))
            submission = ledger.lanes.submission(NAME)
            assert submission is not None
            assert submission.canary is None
            assert free(ledger) == [S1, S2, S3]
