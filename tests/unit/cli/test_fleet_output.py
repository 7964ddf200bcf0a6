"""What `status` says of a run whose lanes wait, and of one that is ended by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from batch.app.fleet.watch import CancelledRun, FleetStatus, RunStatus
from batch.cli.output.fleet import cancelled_text, status_text
from batch.cli.output.layout import start_worker_line
from batch.model.lanes import ConnectedWorker, Lane, LaneState, Service, Submission
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run, SenderRun, Tally

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
TALLY = Tally(counts=dict.fromkeys(Outcome, 0) | {Outcome.SUCCESS: 2, Outcome.REUSED: 1}, reasons={})
BUSY = "none has taken it: they are busy"


def status(
    lane: Lane = LANE, *, given: Submission = GIVEN, seconds: int = 60, worker_for: int | None = 60, of: Run = RUN
) -> str:
    """The text so many seconds after noon, of a run with two lanes, with a worker that began so long ago, or none."""
    looked = NOON + timedelta(seconds=seconds)
    workers = () if worker_for is None else (replace(ABLE, since=looked - timedelta(seconds=worker_for)),)
    lanes = (LANE, replace(lane, sender="s2"))
    service = None if lane.is_held else Service.of(workers, queue=given.queue, endpoint=RUN.endpoint)
    run = RunStatus(run=of, submission=given, outcomes={}, lanes=lanes, service=service)
    return status_text(
        FleetStatus(
            ledger="l", looked=looked, runs_command="", timezone="America/Sao_Paulo", runs=(run,), workers=workers
        )
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


@pytest.mark.parametrize(
    ("rate", "wanted", "words"),
    [
        (2.1234, 3.0, "; slowed by the API to 2.12 of 3 a second"),
        (0.25, 0.5, "; slowed by the API to 15 of 30 a minute"),
        (0.125, 3.0, "; slowed by the API to 0.125 of 3 a second"),
        (2.0, None, "; slowed by the API to 2 a second"),
    ],
)
def test_a_sender_that_the_api_slowed_says_so(rate: float, wanted: float | None, words: str) -> None:
    """With the rate that was wanted, which the run has."""
    text = status(replace(LANE, state=LaneState.SENDING, is_held=True, rate=rate), of=replace(RUN, wanted_rate=wanted))
    assert f"s2  sends{words}\n" in text


def test_a_token_that_is_not_accepted_is_to_be_given_to_all_workers() -> None:
    """A new one in the environment of one of them would serve nothing."""
    text = status(replace(LANE, state=LaneState.STOPPED, finding=Finding(Reason.NOT_AUTHORIZED)))
    assert "(HTTP 401). Give all workers the new token and start them again, then submit the sheet again" in text


@pytest.mark.parametrize(("lost", "words"), [(1, "its worker was lost once"), (2, "its worker was lost 2 times")])
def test_a_sender_says_how_often_its_worker_was_lost(lost: int, words: str) -> None:
    """A worker that drains is none: the next one takes its lanes in the same way."""
    assert f"s2  done; {words}" in status(replace(LANE, state=LaneState.DONE, taken_over=lost))


def test_a_run_that_ended_while_it_was_to_be_cancelled_was_not_cancelled() -> None:
    """The last message was recorded just then; or it had ended long before."""
    ended = CancelledRun(run=replace(RUN, exit_code=0), was_over=False, is_noted=True, tally=TALLY)
    late = "Nothing was left to cancel, for the run 20261103T150000Z-c-0a1b had ended before: exit 0."
    assert late in cancelled_text(ended)
    assert late in cancelled_text(replace(ended, was_over=True))
    assert "\n3 rows: Accepted 3 (1 existing)\n" in cancelled_text(ended)
    stopped = replace(ended, run=replace(RUN, exit_code=130))
    assert "The run 20261103T150000Z-c-0a1b has ended: cancelled (exit 130)." in cancelled_text(stopped)


def test_a_run_that_is_being_cancelled_says_so() -> None:
    """And its lanes name the command."""
    lane = replace(LANE, state=LaneState.STOPPED, sent=replace(LANE.sent, cause="interrupted"))
    text = status(lane, given=replace(GIVEN, cause="interrupted"))
    assert "c, submitted 03/11/2026 12:00, being cancelled" in text
    assert "s2  stopped; by `cancel`" in text
    assert "stopping: too many errors" in status(given=replace(GIVEN, cause="too_many_errors"))
