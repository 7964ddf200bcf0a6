"""The exit codes, and how one follows from the whole sheet's outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum

from batch.i18n import N_
from batch.model.outcomes import Outcome

__all__ = ["EXIT_MEANINGS", "ExitCode", "exit_code_of", "worst"]


class ExitCode(IntEnum):
    """What a command tells the shell."""

    DONE = 0
    DEFECT = 1
    REFUSED = 2
    ERRORS = 3
    UNKNOWN = 4
    STOPPED = 5
    PENDING = 6
    BUSY = 75
    INTERRUPTED = 130
    TERMINATED = 143


EXIT_MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.DONE: N_("every row is success, reused or skipped (check: every row is good)"),
    ExitCode.DEFECT: N_("a defect in this program; the traceback is in run.log"),
    ExitCode.REFUSED: N_("usage, campaign, sheet or configuration is wrong; nothing was sent"),
    ExitCode.ERRORS: N_("some rows are error"),
    ExitCode.UNKNOWN: N_("some rows are unknown"),
    ExitCode.STOPPED: N_("stopped early: see why in the summary"),
    ExitCode.PENDING: N_("rows are pending by rule (a limit), and nothing worse"),
    ExitCode.BUSY: N_("another run holds this campaign or sender"),
    ExitCode.INTERRUPTED: N_("interrupted (Ctrl+C): what was in flight is recorded, the report is written"),
    ExitCode.TERMINATED: N_("ended by SIGTERM: likewise"),
}

_WORST_FIRST = (
    ExitCode.DEFECT,
    ExitCode.REFUSED,
    ExitCode.BUSY,
    ExitCode.STOPPED,
    ExitCode.INTERRUPTED,
    ExitCode.TERMINATED,
    ExitCode.UNKNOWN,
    ExitCode.ERRORS,
    ExitCode.PENDING,
    ExitCode.DONE,
)


def exit_code_of(counts: Mapping[Outcome, int], stopped: ExitCode | None = None) -> ExitCode:
    """The code for a sheet with these counts. `stopped`: what ended the run early, if anything; it wins."""
    if stopped is not None:
        return stopped
    by_outcome = (
        (Outcome.UNKNOWN, ExitCode.UNKNOWN),
        (Outcome.ERROR, ExitCode.ERRORS),
        (Outcome.PENDING, ExitCode.PENDING),
    )
    return next((code for outcome, code in by_outcome if counts.get(outcome)), ExitCode.DONE)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Of several sheets: the first that occurs of 1, 2, 75, 5, 130, 143, 4, 3, 6, 0."""
    return min(codes, key=_WORST_FIRST.index, default=ExitCode.DONE)
