"""Errors that the program raises on purpose.

    WeglyBatchError
    +-- InputError            wrong input; nothing was sent (exit 2)
    |   +-- SheetError        the sheet cannot be read or used
    |   +-- CampaignError     the campaign file, or how it maps the sheet
    |   +-- SettingsError     an option, the environment, the token, the endpoint
    |   +-- ChangeNotAccepted  people already messaged would be treated as new
    |   +-- PlanChanged       sheet, campaign or messages differ from those of the plan
    |   +-- LedgerUnusable    the ledger cannot be opened, or is of a newer version
    +-- Busy                  another run holds this campaign or sender (exit 75)
    +-- ClockWrong            the clock lies before what the ledger has noted (exit 5)
    +-- Declined              the question before sending was answered with no (exit 130)
    +-- LedgerFailed          the ledger stopped taking writes during the run (exit 5)

`problem` is a sentence that says what happened and where, `remedy` one that says what to do; `str()` gives both.
"""

import difflib
from collections.abc import Callable, Iterable
from traceback import clear_frames
from typing import TypeVar

from batch.i18n import _, describe_os_error

_Result = TypeVar("_Result")


def attempt(work: Callable[[], _Result]) -> _Result | Exception:
    """Return the result of `work`, or what it raised, a defect or the lack of memory included.

    For reports and damaged ledgers: whatever they meet must not hide what was sent.
    """
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - the reason is above
        for each in filter(None, (error, error.__cause__, error.__context__)):
            clear_frames(each.__traceback__)  # they would keep files open as long as the error
        return error


def describe_defect(error: Exception) -> str:
    """Return what a caught error is, as a part of a sentence."""
    if isinstance(error, MemoryError):
        return _("there was not enough memory")
    if isinstance(error, OSError):
        return describe_os_error(error)
    return str(error) if isinstance(error, WeglyBatchError) else _("a defect: {kind}").format(kind=type(error).__name__)


class WeglyBatchError(Exception):
    """Root of the tree. `remedy` may be empty."""

    exit_code = 1
    """With which a command ends that raised it."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}".strip()


class InputError(WeglyBatchError):
    """Wrong input: nothing was sent."""

    exit_code = 2


class SheetError(InputError):
    """The sheet cannot be read, or not be used as it is."""


class CampaignError(InputError):
    """The campaign file is wrong, or does not fit the sheet."""


class SettingsError(InputError):
    """An option, an environment variable, the token or the endpoint is missing or wrong."""


class ChangeNotAccepted(InputError):
    """The run would treat already-contacted recipients as new; needs `--accept-change`."""


class PlanChanged(InputError):
    """The messages to send are not those that the plan froze."""


class LedgerUnusable(InputError):
    """The ledger cannot be opened, or was written by a newer version."""


class Busy(WeglyBatchError):
    """Another run holds the lock of this campaign or sender."""

    exit_code = 75


class ClockWrong(WeglyBatchError):
    """The wall clock cannot be right; nothing was sent."""

    exit_code = 5


class Declined(WeglyBatchError):
    """The question before sending was answered with no."""

    exit_code = 130


class LedgerFailed(WeglyBatchError):
    """The ledger refused a write during a run; nothing more may be sent."""

    exit_code = 5


def nearest(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'Telefone'?` with the most similar known word; empty when none is similar."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return _("; did you mean {word!r}?").format(word=folded[close[0]]) if close else ""
