"""The end of a run that workers have sent: noted by whichever of them, or of its watchers, comes first."""

from collections import Counter

from batch.app.runs.finish import note_end
from batch.errors import Busy
from batch.event_log import log
from batch.ledger import Ledger, Owner, campaign_lock
from batch.model.lanes import LaneState, Submission
from batch.model.runs import StopCause
from batch.pool import PoolResult


def end_run(ledger: Ledger, name: str) -> bool:
    """Note the end of a submitted run all of whose lanes have ended; False when some have not. May be repeated."""
    run, submission = ledger.run(name), ledger.lanes.submission(name)
    if run is None or submission is None or submission.closed is not None:
        return submission is not None
    if any(lane.state.is_open for lane in ledger.lanes.lanes(name)):
        return False
    if ledger.lanes.reopen(name):
        return False
    try:
        with ledger.for_lane().hold([campaign_lock(run.campaign, run.endpoint)], Owner.here(name)):
            is_noted, exit_code, tally = note_end(ledger, run, sent_by_lanes(ledger, submission))
            if is_noted:
                ledger.lanes.close(name)
                counts = {outcome.value: count for outcome, count in tally.counts.items()}
                log.info("run_ended", run=name, exit_code=exit_code.value, counts=counts)
    except Busy:  # another is about it
        return False
    return is_noted


def sent_by_lanes(ledger: Ledger, submission: Submission) -> PoolResult:
    """Return what the lanes of a run have done, as one pool would."""
    lanes = ledger.lanes.lanes(submission.run)
    stopped = [lane for lane in lanes if lane.state is LaneState.STOPPED]
    first = submission if submission.cause else next(iter(stopped), None)
    cause = None if first is None else first.cause if isinstance(first, Submission) else first.sent.cause
    rates = [lane.sent.achieved_rate for lane in lanes if lane.sent.achieved_rate is not None]
    outcomes = Counter(ledger.lanes.outcomes(submission.run))
    senders = tuple(lane.sent for lane in lanes)
    return PoolResult(
        jobs=outcomes.total(),
        attempts=sum(each.attempts for each in senders),
        outcomes=dict(outcomes),
        achieved_rate=sum(rates) if rates else None,
        cause=StopCause(cause) if cause else None,
        finding=first.finding if first is not None else None,
        stopped_all=submission.cause is not None or (bool(stopped) and len(stopped) == len(lanes)),
        next_at=min((lane.next_at for lane in lanes if lane.next_at), default=None),
        senders=senders,
    )
