"""What `status` says of a run whose lanes wait, and of one that is ended by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from batch.app.fleet.watch import FleetStatus, RunStatus
from batch.cli.output.fleet import status_text
from batch.model.lanes import Lane, LaneState, Submission
from batch.model.runs import Run, SenderRun

NOON = datetime(2026, 11, 3, 15, tzinfo=UTC)
RUN = Run(
    run="20261103T150000Z-c-0a1b",
    campaign="c",
    endpoint="https://api.wegly.com.br",
    sheet_path="/data/contatos.xlsx",
    sheet_sha256="ab" * 32,
    version="0.4.0",
    started=NOON,
)
GIVEN = Submission(run=RUN.run, queue="q", format=1, settings="{}", upto=None, total=3, submitted=NOON)
LANE = Lane(
    run=RUN.run,
    sender="s1",
    state=LaneState.WAITING,
    is_held=False,
    sent=SenderRun(sender="s1", attempts=0, achieved_rate=None),
)
LEFT = "Workers are connected, and none has taken it"


def status(lane: Lane = LANE, *, given: Submission = GIVEN, seconds: int = 60, worker_for: int | None = 60) -> str:
    """The text so many seconds after noon, of a run with two lanes, with a worker that began so long ago, or none."""
    looked = NOON + timedelta(seconds=seconds)
    workers = () if worker_for is None else (("host:7 0.4.0", looked - timedelta(seconds=worker_for)),)
    run = RunStatus(run=RUN, submission=given, outcomes={}, lanes=(LANE, replace(lane, sender="s2")))
    return status_text(
        FleetStatus(ledger="l", looked=looked, timezone="America/Sao_Paulo", runs=(run,), workers=workers)
    )


def test_a_run_that_no_worker_takes_says_what_may_be_the_cause() -> None:
    """Once they had the time to take it; the queue's name, which tells them apart, says nothing to a person."""
    assert LEFT in status()
    assert LEFT not in status(seconds=3)
    assert LEFT not in status(worker_for=3)
    assert LEFT not in status(worker_for=None)


@pytest.mark.parametrize(
    "lane",
    [
        replace(LANE, is_held=True),
        replace(LANE, state=LaneState.SENDING, is_held=True),
        replace(LANE, state=LaneState.RESTING, next_at=NOON),
    ],
)
def test_a_run_of_which_a_lane_was_taken_waits_for_room(lane: Lane) -> None:
    """So it has the right workers."""
    assert LEFT not in status(lane)


def test_a_run_that_is_being_cancelled_says_so() -> None:
    """And its lanes name the command."""
    lane = replace(LANE, state=LaneState.STOPPED, sent=replace(LANE.sent, cause="interrupted"))
    text = status(lane, given=replace(GIVEN, cause="interrupted"))
    assert "c, submitted 03/11/2026 12:00, being cancelled" in text
    assert "s2  stopped; by `cancel`" in text
    assert "stopping: too many errors" in status(given=replace(GIVEN, cause="too_many_errors"))
