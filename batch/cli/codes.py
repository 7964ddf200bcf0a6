"""The exit code of each kind of error."""

from __future__ import annotations

from batch.errors import Busy, ClockWrong, Declined, InputError, LedgerFailed, WeglyBatchError
from batch.model.exit_code import ExitCode

__all__ = ["exit_code_for"]

_CODES: tuple[tuple[type[WeglyBatchError], ExitCode], ...] = (
    (InputError, ExitCode.REFUSED),
    (Busy, ExitCode.BUSY),
    (LedgerFailed, ExitCode.STOPPED),
    (ClockWrong, ExitCode.STOPPED),
    (Declined, ExitCode.INTERRUPTED),
)


def exit_code_for(error: WeglyBatchError) -> ExitCode:
    """What a command ends with that raised `error`."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.DEFECT)
