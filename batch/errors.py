"""Every error this program raises on purpose.

    WeglyBatchError
    +-- InputError            wrong input; nothing was sent (exit 2)
    |   +-- SheetError        the sheet cannot be read or used
    |   +-- CampaignError     the campaign file, or how it maps the sheet
    |   +-- SettingsError     an option, the environment, the token, the endpoint
    |   +-- ChangeNotAccepted  everybody would become new, and nobody has accepted that
    |   +-- PlanChanged       what a plan was made of is not the same any more
    |   +-- LedgerUnusable    the ledger cannot be opened, or is of a newer version
    +-- Busy                  another run holds this campaign or sender (exit 75)
    +-- ClockWrong            the clock lies before what the ledger has noted (exit 5)
    +-- Declined              the person said no before anything was sent (exit 130)
    +-- LedgerFailed          the ledger stopped taking writes during the run (exit 5)

An error is built from values; `problem` says what happened and where, `remedy` says what to do. `str()` gives both.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from batch.i18n import _


class WeglyBatchError(Exception):
    """Root of the tree. `problem`: what and where, one sentence. `remedy`: what to do, one sentence or empty."""

    exit_code = 1
    """With which a command ends that raised it."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}".strip()


class InputError(WeglyBatchError):
    """What was given is wrong, and nothing was sent."""

    exit_code = 2


class SheetError(InputError):
    """The sheet cannot be read, or not be used as it is."""


class CampaignError(InputError):
    """The campaign file is wrong, or does not fit the sheet."""


class SettingsError(InputError):
    """An option, an environment variable, the token or the endpoint is missing or wrong."""


class ChangeNotAccepted(InputError):
    """A campaign that has sent before would take the same people for new ones."""


class PlanChanged(InputError):
    """What was frozen in a plan is not what would be sent now."""


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
    """`; did you mean 'Telefone'?` for the known word most like `word`, or an empty string when none is alike."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=0.6)
    return _("; did you mean {word!r}?").format(word=folded[close[0]]) if close else ""
