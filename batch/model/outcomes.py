"""The six outcomes. Every row has exactly one, and they add up to the rows of the sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum

from batch.i18n import N_


class Outcome(StrEnum):
    """What became of a row. The order is the order of every table that lists outcomes."""

    SUCCESS = "success"
    """Accepted; a new chat (no sign of an older one)."""
    REUSED = "reused"
    """Accepted; the chat was already there."""
    ERROR = "error"
    """The row is wrong, or the API refused it; nothing was sent."""
    UNKNOWN = "unknown"
    """It may have been sent, nobody can know."""
    SKIPPED = "skipped"
    """Left out by a rule."""
    PENDING = "pending"
    """Not attempted yet."""

    @property
    def messaged(self) -> bool:
        """True when the person certainly has a message."""
        return self in (Outcome.SUCCESS, Outcome.REUSED)


class Evidence(StrEnum):
    """What told a new chat from one that was already there, strongest first; the last two told that it was sent."""

    HTTP_201 = "http_201"
    """The answer was 201: created."""
    KNOWN_CHAT = "known_chat"
    """The chat's id is already in this ledger: reused."""
    OLDER_DATE = "older_date"
    """A date in the answer is clearly older than the request: reused."""
    EARLIER_LIFE = "earlier_life"
    """Unread messages, an archive date, a last message not from us, or another status than asked for: reused."""
    NONE = "none"
    """No sign either way: taken as created."""
    SETTLED = "settled"
    """No answer came; a person looked and said that it was sent."""
    TIMELINE = "timeline"
    """No answer came; the message was found in the chat."""


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


def worst_exit_code(codes: Iterable[ExitCode]) -> ExitCode:
    """Of several sheets: the first that occurs of 1, 2, 75, 5, 130, 143, 4, 3, 6, 0."""
    return min(codes, key=_WORST_FIRST.index, default=ExitCode.DONE)
