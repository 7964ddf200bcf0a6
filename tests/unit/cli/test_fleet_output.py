"""What `status` says of a run whose lanes wait, and of one that is ended by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from batch.app.fleet.watch import FleetStatus, RunStatus
from batch.cli.output.fleet import status_text
from batch.cli.output.layout import start_worker_line
from batch.model.lanes import ConnectedWorker, Lane, LaneState, Service, Submission
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
ABLE = ConnectedWorker(name="host:7 0.4.0", endpoint=RUN.endpoint, queue="q")
BUSY = "none has taken it: they are busy"


def status(lane: Lane = LANE, *, given: Submission = GIVEN, seconds: int = 60, worker_for: int | None = 60) -> str:
    """The text so many seconds after noon, of a run with two lanes, with a worker that began so long ago, or none."""
    looked = NOON + timedelta(seconds=seconds)
    workers = () if worker_for is None else (replace(ABLE, since=looked - timedelta(seconds=worker_for)),)
    lanes = (LANE, replace(lane, sender="s2"))
    service = None if lane.is_held else Service.of(workers, queue=given.queue, endpoint=RUN.endpoint)
    run = RunStatus(run=RUN, submission=given, outcomes={}, lanes=lanes, service=service)
    return status_text(
        FleetStatus(ledger="l", looked=looked, timezone="America/Sao_Paulo", runs=(run,), workers=workers)
    )


def test_a_run_that_no_worker_takes_says_what_may_be_the_cause() -> None:
    """Once those that may send it had the time to take it."""
    assert BUSY in status()
    assert BUSY not in status(seconds=3)
    assert BUSY not in status(worker_for=3)
    assert BUSY not in status(worker_for=None)


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
    assert BUSY not in status(lane)


@pytest.mark.parametrize(
    ("workers", "words"),
    [
        ([], "No worker is connected. Start one, on any machine: wegly-batch worker"),
        ([replace(ABLE, queue="other")], "No worker for https://api.wegly.com.br has the token that `submit` had."),
        (
            [replace(ABLE, endpoint="https://x", queue="x")] * 2,
            "No worker that is connected serves https://api.wegly.com.br.",
        ),
        ([ConnectedWorker(name="host:7 0.4.0")], "No worker that is connected serves https://api.wegly.com.br."),
    ],
)
def test_a_run_that_no_worker_serves_says_why_and_what_to_type(workers: list[ConnectedWorker], words: str) -> None:
    """The command names the address where it is not the usual one."""
    service = Service.of(workers, queue="q", endpoint=RUN.endpoint)
    assert words in start_worker_line(RUN, service)
    assert "--base-url" not in start_worker_line(RUN, service)
    elsewhere = start_worker_line(replace(RUN, endpoint="https://staging.wegly.com.br"), service)
    assert elsewhere.endswith("wegly-batch worker --base-url https://staging.wegly.com.br")


def test_a_run_that_is_being_cancelled_says_so() -> None:
    """And its lanes name the command."""
    lane = replace(LANE, state=LaneState.STOPPED, sent=replace(LANE.sent, cause="interrupted"))
    text = status(lane, given=replace(GIVEN, cause="interrupted"))
    assert "c, submitted 03/11/2026 12:00, being cancelled" in text
    assert "s2  stopped; by `cancel`" in text
    assert "stopping: too many errors" in status(given=replace(GIVEN, cause="too_many_errors"))
