"""The few sentences that tell how a run went. Pure."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from batch.model.outcome import Outcome
from batch.model.run import Run, Tally

__all__ = ["counted", "ended", "headline"]

_ENDED = {
    0: "Every row is done",
    1: "A defect in wegly-batch ended the run; see run.log",
    2: "The input was refused; nothing was sent",
    3: "Some rows are errors",
    4: "Some rows are unknown",
    5: "The run stopped early",
    6: "Some rows are waiting for a later run",
    75: "Another run held the campaign or the sender",
    130: "The run was interrupted",
    143: "The run was ended from outside",
}


def headline(run: Run, tally: Tally, *, last_sent: datetime | None = None) -> tuple[str, ...]:
    """What this run did, then how many are messaged, then what is left to do, if anything.

    `last_sent`: when the last message of the sheet was sent (aware), for a run that sent nothing itself.
    """
    return tuple(filter(None, (_this_run(run, tally, last_sent), _messaged(tally), _left(tally))))


def ended(exit_code: int | None) -> str:
    """What the exit code says about the run."""
    if exit_code is None:
        return "The run has not ended, or was killed."
    return f"{_ENDED.get(exit_code, 'The run ended')} (exit code {exit_code})."


def counted(number: int, noun: str) -> str:
    """`1 row`, `1,200 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _this_run(run: Run, tally: Tally, last_sent: datetime | None) -> str:
    now = sum(number for outcome, number in tally.this_run.outcomes.items() if outcome.messaged)
    before = _all_messaged(tally) - now
    if before <= 0:
        return f"This run: {now:,} sent."
    when = f", the last on {last_sent.astimezone(ZoneInfo(run.timezone)):%d/%m/%Y}" if last_sent and not now else ""
    return f"This run: {now:,} sent now; {before:,} {'was' if before == 1 else 'were'} sent before{when}."


def _messaged(tally: Tally) -> str:
    new, existing = tally.counts.get(Outcome.SUCCESS, 0), tally.counts.get(Outcome.REUSED, 0)
    return f"Messaged: {new + existing:,} of {counted(tally.rows, 'row')} (new {new:,}, existing {existing:,})."


def _left(tally: Tally) -> str:
    words = {Outcome.ERROR: "to correct", Outcome.UNKNOWN: "to decide", Outcome.PENDING: "not sent yet"}
    left = [
        f"{counted(tally.counts.get(outcome, 0), 'row')} {what}"
        for outcome, what in words.items()
        if tally.counts.get(outcome, 0)
    ]
    return f"Left: {', '.join(left)}." if left else ""


def _all_messaged(tally: Tally) -> int:
    return sum(number for outcome, number in tally.counts.items() if outcome.messaged)
