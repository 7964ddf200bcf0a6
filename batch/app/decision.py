"""What `settle` and `reconcile` have in common: whose locks they hold, which claims they leave alone, who decides."""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from batch.i18n import N_, _, ngettext, number
from batch.ledger import Ledger, Owner, RowStatus, State, campaign_lock, sender_lock
from batch.model.reasons import Reason
from batch.model.runs import Run

LEEWAY = timedelta(minutes=5)
"""Beyond the time-out: how long an attempt of a run that is gone may still come to something."""
_SHOWN = 20
"""Rows that an error names."""
_ACCEPTED = N_("it is {outcome} ({reason}): the API accepted it.")
_NOT_TO_BE_SENT = N_("it is {outcome} ({reason}): it was not to be sent.")
_KNOWN: Mapping[State | None, str] = {
    State.SUCCESS: _ACCEPTED,
    State.REUSED: _ACCEPTED,
    State.ERROR: N_("it is {outcome} ({reason}): nothing was sent."),
    State.PENDING: N_("it is {outcome} ({reason}): it was not sent; `wegly-batch run` sends it."),
}
"""What the ledger knows of a row about which there is nothing to decide."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A row, and what a person says of its message."""

    row_status: RowStatus
    sent: bool


def oldest_live_claim(now: datetime, read_timeout: float) -> datetime:
    """Claims that began earlier cannot be alive any more. `read_timeout` in seconds."""
    return now - timedelta(seconds=read_timeout) - LEEWAY


def hold_campaign(stack: ExitStack, ledger: Ledger, run: Run, *, before: datetime) -> None:
    """Hold the lock of a run's campaign on `stack`, and make its claims from before `before` unknown. Raises Busy."""
    stack.enter_context(ledger.hold([campaign_lock(run.campaign, run.endpoint)], _owner(run)))
    ledger.settle_dead_claims(endpoint=run.endpoint, campaign=run.campaign, before=before)


def hold_senders(stack: ExitStack, ledger: Ledger, run: Run, row_statuses: Iterable[RowStatus]) -> None:
    """Hold the locks of the rows' senders on `stack`. The campaign's lock is held already. Raises Busy."""
    names = {sender_lock(each.sender, each.endpoint) for each in row_statuses if each.sender}
    stack.enter_context(ledger.hold(names, _owner(run)))


def _owner(run: Run) -> Owner:
    return Owner.here(_("{run} (its unknown rows are being decided)").format(run=run.run))


def user_name() -> str:
    """Who is at this machine; `somebody` where the system does not know (a container without accounts)."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return _("somebody")


def listed(problems: list[str]) -> str:
    """`3 rows cannot be ...:` and a line for each of the first."""
    head = ngettext(
        "{n} row cannot be settled, so nothing was changed:",
        "{n} rows cannot be settled, so nothing was changed:",
        len(problems),
    )
    told = [*problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        told.append(_("and {n} more").format(n=number(len(problems) - _SHOWN)))
    return "\n".join([head.format(n=number(len(problems))), *(f"  {each}" for each in told)])


def of_row(row: int, problem: str) -> str:
    """`row 5: ...`, as `listed` takes it."""
    return _("row {row}: {problem}").format(row=row, problem=problem)


def why_not(row_status: RowStatus) -> str:
    """What is known of a row about which there is nothing to decide: a sentence that goes on after `row 5: `."""
    first = row_status.result.findings[0]
    if first.reason is Reason.DUPLICATE:
        return _("it is a duplicate of row {row}; settle that one.").format(row=first.values["row"])
    if row_status.decided is not None and row_status.result.outcome.messaged:
        said = _("it is {outcome} ({reason}): it was sent again after it had been settled.")
    else:
        said = _(_KNOWN.get(row_status.state, _NOT_TO_BE_SENT))
    return said.format(outcome=row_status.result.outcome.value, reason=first.reason.value)
