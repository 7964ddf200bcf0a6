"""Output of `submit` and `status`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from batch.app.fleet.watch import FleetStatus, RunStatus
from batch.cli.output.layout import section
from batch.cli.terminal import bold
from batch.formatting import format_moment, format_rate, to_json
from batch.i18n import N_, _, ngettext, number
from batch.model.lanes import Lane, LaneState, Submission
from batch.model.outcomes import Outcome
from batch.model.reasons import advice, sentence

if TYPE_CHECKING:
    from batch.app.fleet.submit import SubmittedRun

_STATES = {
    LaneState.WAITING: N_("waits for a worker"),
    LaneState.SENDING: N_("sends"),
    LaneState.RESTING: N_("rests"),
    LaneState.STOPPED: N_("stopped"),
    LaneState.DONE: N_("done"),
}


def submitted_text(given: SubmittedRun, *, attached: bool = False) -> str:
    """Return what was given to workers, and how to see what becomes of it."""
    name = given.run.run
    messages = ngettext("{n} message of {senders} is queued", "{n} messages of {senders} are queued", given.messages)
    senders = ngettext("{n} sender", "{n} senders", given.senders).format(n=number(given.senders))
    lines = [f"{messages.format(n=number(given.messages), senders=senders)}: {name}"]
    if not given.workers:
        lines.append(
            _("No worker is connected. Start one, on any machine: wegly-batch worker --ledger {ledger}").format(
                ledger=given.ledger
            )
        )
    if given.wait_until is not None:
        when = format_moment(given.wait_until, given.run.timezone)
        lines.append(_("Outside the campaign's hours: workers wait until {when}.").format(when=when))
    if not attached:
        lines.append(_("See how far it is, and write its report: wegly-batch watch {run}").format(run=name))
    return "\n".join(lines)


def submitted_json(given: SubmittedRun) -> dict[str, object]:
    """Return the run that was given to workers, for `submit --json`."""
    return {
        "run": given.run.run,
        "campaign": given.run.campaign,
        "messages": given.messages,
        "senders": given.senders,
        "workers": given.workers,
        "wait_until": given.wait_until,
    }


def status_text(found: FleetStatus) -> str:
    """Return each run with its lanes, then the workers, by the clock of the first run where there is one."""
    parts = ["\n".join(_run_lines(each)) for each in found.runs] or [_("Nothing that was submitted is open.")]
    zone = found.runs[0].run.timezone if found.runs else None
    workers = [f"{name}, {format_moment(since if zone else since.astimezone(), zone)}" for name, since in found.workers]
    parts.append(section(_("Workers, and since when"), workers or [_("none is connected")]))
    return "\n\n".join([*parts, _("Ledger: {place}").format(place=found.ledger)])


def _run_lines(status: RunStatus) -> Iterator[str]:
    run, submission = status.run, status.submission
    done = sum(status.outcomes.values())
    yield bold("  ".join([run.run, f"{number(done)}/{number(submission.total)}"]))
    counts = [
        f"{outcome.word} {number(status.outcomes[outcome])}" for outcome in Outcome if status.outcomes.get(outcome)
    ]
    if submission.closed is not None:
        counts.append(_("ended {when}").format(when=format_moment(submission.closed, run.timezone)))
    elif submission.cause is not None:
        counts.append(_("stopping: {cause}").format(cause=_(submission.cause.replace("_", " "))))
    yield f"  {run.campaign}" + (f": {', '.join(counts)}" if counts else "")
    for lane in status.lanes:
        yield f"  {lane.sender}  {_lane_text(lane, submission, run.timezone)}"


def _lane_text(lane: Lane, submission: Submission, timezone: str) -> str:
    parts = [_state_text(lane, submission)]
    if lane.state is LaneState.SENDING and lane.since is not None:
        parts.append(f"{lane.host}:{lane.pid}, {format_moment(lane.since, timezone)}")
    if lane.state is LaneState.RESTING and lane.next_at is not None:
        parts.append(_("until {when}").format(when=format_moment(lane.next_at, timezone)))
    if lane.rate is not None and lane.state.is_open:
        parts.append(format_rate(float(f"{lane.rate:.3g}")))
    if lane.sent.cause is not None:
        parts.append(_(lane.sent.cause.replace("_", " ")))
    if lane.finding is not None:
        parts += filter(None, (sentence(lane.finding), advice(lane.finding)))
    if lane.taken_over:
        parts.append(
            ngettext("taken over once", "taken over {n} times", lane.taken_over).format(n=number(lane.taken_over))
        )
    return "; ".join(parts)


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
            "total": each.submission.total,
            "counts": {outcome.value: count for outcome, count in each.outcomes.items()},
            "lanes": [_lane_json(lane) for lane in each.lanes],
        }
        for each in found.runs
    ]
    workers = [{"name": name, "since": since} for name, since in found.workers]
    return to_json({"ledger": found.ledger, "runs": runs, "workers": workers})


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
