"""Output of `submit`, `status` and `cancel`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from batch.app.fleet.watch import CancelledRun, FleetStatus, RunStatus
from batch.cli.output.layout import (
    count_in_flight,
    early_end,
    end_words,
    rows_line,
    run_command,
    section,
    start_worker_line,
    times_line,
    workers_advice,
)
from batch.cli.terminal import bold
from batch.formatting import format_moment, format_rate, format_significant, to_json
from batch.i18n import N_, _, ngettext, number
from batch.model.lanes import ConnectedWorker, Lane, LaneState, Submission
from batch.model.outcomes import Outcome
from batch.model.reasons import sentence
from batch.model.runs import Run, StopCause

if TYPE_CHECKING:
    from batch.app.fleet.submit import SubmittedRun

_STATES = {
    LaneState.WAITING: N_("waits for a worker"),
    LaneState.SENDING: N_("sends"),
    LaneState.RESTING: N_("rests"),
    LaneState.STOPPED: N_("stopped"),
    LaneState.DONE: N_("done"),
}


_NOTHING = N_("No run is with workers now. All runs: {command}")
_NEW = N_("No run was planned in this ledger yet.")
_SOON = timedelta(seconds=10)
"""Within it workers that may have a run take it."""
_At = Callable[[datetime], str]


def submitted_text(given: SubmittedRun, *, attached: bool = False) -> str:
    """Return what was given to workers, and how to see what becomes of it."""
    name = given.run.run
    messages = ngettext("{n} message of {senders} is queued", "{n} messages of {senders} are queued", given.messages)
    senders = ngettext("{n} sender", "{n} senders", given.senders).format(n=number(given.senders))
    lines = [f"{messages.format(n=number(given.messages), senders=senders)}: {name}"]
    if not given.service.able:
        lines.append(start_worker_line(given.run, given.service))
    if given.wait_until is not None:
        when = format_moment(given.wait_until, zone := given.run.timezone)
        words = _("Outside the campaign's hours: workers wait until {when} ({timezone}).")
        lines.append(words.format(when=when, timezone=zone))
    if not attached:
        watch = run_command(given.run, f"watch {name}", "ledger")
        lines.append(_("See how far it is, and write its report: {command}").format(command=watch))
    return "\n".join(lines)


def submitted_json(given: SubmittedRun) -> dict[str, object]:
    """Return the run that was given to workers, for `submit --json`."""
    return {
        "run": given.run.run,
        "campaign": given.run.campaign,
        "messages": given.messages,
        "senders": given.senders,
        "workers": given.service.able,
        "wait_until": given.wait_until,
    }


def status_text(found: FleetStatus) -> str:
    """Return each run with its rows and lanes, then the workers."""

    def at(moment: datetime) -> str:
        return format_moment(moment if found.timezone else moment.astimezone(), found.timezone)

    runs = ["\n".join([*_run_lines(each, at), *_left_lines(each, found)]) for each in found.runs]
    parts = runs or [_(_NOTHING).format(command=found.runs_command) if found.timezone else _(_NEW)]
    workers = [_worker_text(each, at) for each in found.workers]
    parts.append(section(_("Workers"), workers or [_("none is connected")]))
    times = [times_line(found.timezone)] if found.runs or found.workers else []
    parts.append("\n".join([_("Ledger: {place}").format(place=found.ledger), *times]))
    return "\n\n".join(parts)


def _worker_text(worker: ConnectedWorker, at: _At) -> str:
    name, endpoint = worker.name, worker.endpoint
    text = _("{name} since {when}").format(name=name, when=at(worker.since)) if worker.since else name
    return _("{worker}, for {endpoint}").format(worker=text, endpoint=endpoint) if endpoint else text


def _is_open(status: RunStatus) -> bool:
    return status.submission.closed is None


def _run_lines(status: RunStatus, at: _At) -> Iterator[str]:
    run, submission = status.run, status.submission
    messages = ngettext("{done} of {n} message done", "{done} of {n} messages done", submission.total)
    done = messages.format(done=number(sum(status.outcomes.values())), n=number(submission.total))
    yield bold(f"{run.run}  {done}")
    yield f"  {run.campaign}, {', '.join(_stand(status, at))}"
    if status.tally is not None:
        yield f"  {rows_line(status.tally, is_going_on=_is_open(status))}"
    for lane in status.lanes:
        yield f"  {lane.sender}  {_lane_text(lane, status, at)}"
    if submission.closed is not None:
        yield "  " + _its_report(run)


def _left_lines(status: RunStatus, found: FleetStatus) -> Iterator[str]:
    """Say why no worker has taken a run: none may, or those that may had the time to."""
    if status.service is not None and not status.service.able:
        yield "  " + start_worker_line(status.run, status.service)
        return
    begun = [each.since for each in found.workers if each.since and each.queue == status.submission.queue]
    lanes = [lane for lane in status.lanes if lane.state.is_open]
    if not begun or not lanes or found.looked - max(min(begun), status.submission.submitted) < _SOON:
        return
    if all(lane.state is LaneState.WAITING and not lane.is_held for lane in lanes):
        yield "  " + _("Workers that may send it are connected, and none has taken it: they are busy.")


def _stand(status: RunStatus, at: _At) -> Iterator[str]:
    """When it was submitted, and what became of it."""
    submission = status.submission
    yield _("submitted {when}").format(when=at(submission.submitted))
    if submission.closed is not None:
        how, code = early_end(status.run, submitted=True) or _("ended"), status.run.exit_code
        words = [how, at(submission.closed)]
        yield " ".join(words if code is None else [*words, "(" + _("exit {code}").format(code=code) + ")"])
    elif submission.cause == StopCause.INTERRUPTED:
        yield _("being cancelled")
    elif submission.cause is not None:
        yield _("stopping: {cause}").format(cause=_cause_words(submission.cause))


def _cause_words(cause: str) -> str:
    return _("by `cancel`") if cause == StopCause.INTERRUPTED else _(cause.replace("_", " "))


def _lane_text(lane: Lane, status: RunStatus, at: _At) -> str:
    parts = [_state_text(lane, status.submission)]
    if lane.state is LaneState.SENDING and lane.since is not None:
        parts.append(_("{name} since {when}").format(name=f"{lane.host}:{lane.pid}", when=at(lane.since)))
    if lane.state is LaneState.RESTING and lane.next_at is not None:
        parts.append(_("until {when}").format(when=at(lane.next_at)))
    if lane.rate is not None and lane.state.is_open:
        parts.append(_slowed_text(lane.rate, status.run.wanted_rate or lane.rate))
    if lane.sent.cause is not None and lane.finding is None:
        parts.append(_cause_words(lane.sent.cause))
    if lane.taken_over:
        parts.append(
            ngettext("its worker was lost once", "its worker was lost {n} times", lane.taken_over).format(
                n=number(lane.taken_over)
            )
        )
    words = "; ".join(parts)
    return (
        words
        if lane.finding is None
        else " ".join([f"{words}.", sentence(lane.finding), workers_advice(lane.finding)]).rstrip()
    )


def _slowed_text(rate: float, wanted: float) -> str:
    """Say how far the API slowed a sender, in the unit of the rate that was wanted."""

    def write(starts: float) -> str:
        slowed = format_significant(float(f"{starts * rate / wanted:.3g}"))
        words = _("{rate} of {wanted}").format(rate=slowed, wanted=format_significant(starts))
        return words if rate < wanted else slowed

    return _("slowed by the API to {rate}").format(rate=format_rate(wanted, write))


def _state_text(lane: Lane, submission: Submission) -> str:
    if lane.state is LaneState.SENDING and not lane.is_held:
        return _("its worker was lost: waits for another")
    if lane.kept_back and lane.state is LaneState.WAITING and submission.cause is None:
        return _("waits until the first rows have passed")
    if lane.state is LaneState.SENDING and submission.judge == lane.sender:
        return _("looks what became of the first rows")
    return _(_STATES[lane.state])


def status_json(found: FleetStatus) -> str:
    """Return the runs and workers as JSON."""
    runs = [
        {
            "run": each.run.run,
            "campaign": each.run.campaign,
            "submitted": each.submission.submitted,
            "closed": each.submission.closed,
            "cause": each.submission.cause,
            "endpoint": each.run.endpoint,
            "total": each.submission.total,
            "counts": {outcome.value: count for outcome, count in each.outcomes.items()},
            "rows": {outcome.value: each.tally.counts[outcome] for outcome in Outcome} if each.tally else None,
            "in_flight": count_in_flight(each.tally) if each.tally else None,
            "exit_code": each.run.exit_code,
            "lanes": [_lane_json(lane) for lane in each.lanes],
        }
        for each in found.runs
    ]
    workers = [{"name": each.name, "since": each.since, "endpoint": each.endpoint} for each in found.workers]
    return to_json({"ledger": found.ledger, "runs": runs, "workers": workers})


def cancelled_text(ended: CancelledRun) -> str:
    """Return how a run stands that was to be ended, and what to do next."""
    name = ended.run.run
    if not ended.is_noted:
        return "\n".join(
            [
                _("Nothing more of {run} is sent, and workers still finish what is in flight.").format(run=name),
                _("See how it stands: {command}").format(command=run_command(ended.run, f"status {name}", "ledger")),
            ]
        )
    words = _("The run {run} has ended: {end}.")
    if ended.is_too_late:
        words = _("Nothing was left to cancel, for the run {run} had ended before: {end}.")
    lines = [words.format(run=name, end=end_words(ended.run, submitted=True)), rows_line(ended.tally)]
    if ended.tally.counts[Outcome.PENDING]:
        lines.append(_("Submit the sheet again, and what waits is sent: {command}").format(command=ended.command))
    return "\n".join([*lines, _its_report(ended.run)])


def _its_report(run: Run) -> str:
    return _("Its report: {command}").format(command=run_command(run, f"report {run.run}", "ledger"))


def _lane_json(lane: Lane) -> dict[str, object]:
    return {
        "sender": lane.sender,
        "state": lane.state,
        "held": lane.is_held,
        "kept_back": lane.kept_back,
        "host": lane.host,
        "pid": lane.pid,
        "since": lane.since,
        "next_at": lane.next_at,
        "rate": lane.rate,
        "attempts": lane.sent.attempts,
        "cause": lane.sent.cause,
        "taken_over": lane.taken_over,
    }
