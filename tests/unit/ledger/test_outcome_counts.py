"""Counts of a run that others send: what came since the look before is added to what does not change any more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from lane_holders import ACCEPTED, NAME, Holder, end_sessions, holders, run_named, submit
from postgres import Cluster, new_ledger

from batch.ledger import Ledger
from batch.ledger.read import outcome_counts
from batch.model.outcomes import Outcome

PEOPLE = tuple(f"+55119888870{number:02d}" for number in range(12))


@pytest.fixture
def url(postgres: Cluster) -> str:
    return new_ledger(postgres)


@pytest.fixture
def ledger(url: str) -> Iterator[Ledger]:
    """A ledger with a submitted run of twelve rows of one sender."""
    with Ledger.open(url) as opened:
        submit(opened, NAME, PEOPLE)
        yield opened


@pytest.fixture
def hold(ledger: Ledger) -> Iterator[Callable[[], Holder]]:
    with holders(ledger) as make:
        yield make


@pytest.fixture(autouse=True)
def no_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of this is done in a moment, by one clock."""
    monkeypatch.setattr(outcome_counts, "_MARGIN", timedelta())


def test_each_look_counts_as_one_at_all_of_it(ledger: Ledger, hold: Callable[[], Holder]) -> None:
    """Also of a message that began before others, and whose outcome came after theirs."""
    counts, holder = ledger.lanes.outcome_counts(run_named(NAME)), hold()
    holder.take()
    slow = holder.claim(2)
    for row in range(3, 2 + len(PEOPLE)):
        assert counts.look() == ledger.lanes.outcomes(NAME)
        holder.send(row)
    assert counts.look().total() == len(PEOPLE) - 1
    holder.sending(lambda queue: queue.record(slow, ACCEPTED, duration_ms=5))
    assert counts.look() == ledger.lanes.outcomes(NAME)
    assert counts.look().total() == len(PEOPLE)


def test_what_has_its_outcome_for_good_is_not_read_again(ledger: Ledger, url: str, hold: Callable[[], Holder]) -> None:
    """However many rows a run has: with them gone from the table the counts are the same, until all are counted."""
    counts, holder = ledger.lanes.outcome_counts(run_named(NAME)), hold()
    holder.take()
    for row in (2, 3, 4):
        holder.send(row)
    assert counts.look().total() == 3
    place, _and, schema = url.partition("&schema=")
    with closing(psycopg.connect(place, autocommit=True, options=f"-c search_path={schema}")) as other:
        other.execute("DELETE FROM messages WHERE run IS NOT NULL")
    holder.send(5)
    assert counts.look().total() == 4


def test_a_row_to_decide_that_is_corrected_shows_when_all_are_counted_again(
    ledger: Ledger, postgres: Cluster, hold: Callable[[], Holder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that was taken for dead knows better, long after others went on."""
    monkeypatch.setattr(outcome_counts, "_RECOUNT", 0.0)
    monkeypatch.setattr(outcome_counts, "_SHARE", 0)
    counts, first, second = ledger.lanes.outcome_counts(run_named(NAME)), hold(), hold()
    first.take()
    held = first.claim()
    end_sessions(postgres)
    second.take()
    second.send(3)
    assert counts.look() == {Outcome.SUCCESS: 1, Outcome.UNKNOWN: 1}
    first.meet_the_loss()
    first.sending(lambda queue: queue.record(held, ACCEPTED, duration_ms=5))
    assert counts.look() == {Outcome.SUCCESS: 1, Outcome.REUSED: 1}
