"""Outcomes of rows, the evidence for them, and the exit codes that follow from them.

Every row has exactly one outcome, and in every report the outcomes add up to the rows of the sheet.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum, StrEnum

from batch.i18n import N_, _


class Outcome(StrEnum):
    """Outcome of a row. Tables list outcomes in this order."""

    SUCCESS = "success"
    """Accepted; a new chat (no sign of an older one)."""
    REUSED = "reused"
    """Accepted; the chat was already there."""
    ERROR = "error"
    """The row is wrong, or the API refused it; nothing was sent."""
    UNKNOWN = "unknown"
    """It may have been sent; it cannot be known."""
    SKIPPED = "skipped"
    """Left out by a rule."""
    PENDING = "pending"
    """Not attempted yet."""

    @property
    def is_accepted(self) -> bool:
        """True when the API certainly accepted a message to the recipient."""
        return self in (Outcome.SUCCESS, Outcome.REUSED)

    @property
    def word(self) -> str:
        """Its name for people, in the current language; machines read the code."""
        return _(_WORDS[self])

    @property
    def label(self) -> str:
        """The word, and the code beside it."""
        return f"{self.word} ({self.value})"


_WORDS = {
    Outcome.SUCCESS: N_("Accepted"),
    Outcome.REUSED: N_("Accepted, existing chat"),
    Outcome.ERROR: N_("Fix"),
    Outcome.UNKNOWN: N_("Decide"),
    Outcome.SKIPPED: N_("Left out"),
    Outcome.PENDING: N_("Waiting"),
}


class Evidence(StrEnum):
    """Evidence for `success` or `reused`, strongest first; for the last two no answer of the API came."""

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
    """A person looked into the chat and settled the row as sent."""
    TIMELINE = "timeline"
    """The message was found in the history of the chat."""


DECIDED = frozenset({Evidence.SETTLED, Evidence.TIMELINE})
"""Evidence of a decision; the attempt itself had no answer."""


class ExitCode(IntEnum):
    """Exit code of a command; the meanings are in `EXIT_MEANINGS`."""

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
    ExitCode.DONE: N_("every row is accepted or left out (check: every row is good)"),
    ExitCode.DEFECT: N_("a defect in this program; the traceback is in run.log"),
    ExitCode.REFUSED: N_("usage, campaign, sheet or configuration is wrong; nothing was sent"),
    ExitCode.ERRORS: N_("some rows are to fix (error)"),
    ExitCode.UNKNOWN: N_("some rows are to decide (unknown)"),
    ExitCode.STOPPED: N_("stopped early: see why in the summary"),
    ExitCode.PENDING: N_("rows wait by rule (pending: a limit), and nothing worse"),
    ExitCode.BUSY: N_("another run holds this campaign or sender"),
    ExitCode.INTERRUPTED: N_("interrupted (Ctrl+C): what was sent is recorded and reported"),
    ExitCode.TERMINATED: N_("ended by SIGTERM: likewise"),
}

_WORST_FIRST = (1, 2, 75, 5, 130, 143, 4, 3, 6, 0)


def exit_code_of(counts: Mapping[Outcome, int], stopped: ExitCode | None = None) -> ExitCode:
    """Return the exit code for the counts of a sheet. `stopped`: the code of what ended the run early, which wins."""
    if stopped is not None:
        return stopped
    by_outcome = (
        (Outcome.UNKNOWN, ExitCode.UNKNOWN),
        (Outcome.ERROR, ExitCode.ERRORS),
        (Outcome.PENDING, ExitCode.PENDING),
    )
    return next((code for outcome, code in by_outcome if counts.get(outcome)), ExitCode.DONE)


def worst_exit_code(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the exit code of several sheets: the worst of theirs."""
    return min(codes, key=_WORST_FIRST.index, default=ExitCode.DONE)
