"""Settling unknown rows, as far as `settle` and `follow` share it: locks, claims that may be alive, and wording."""

import getpass
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from batch.errors import SettingsError, SheetError
from batch.i18n import N_, _, ngettext, number
from batch.ledger import Ledger, Owner, RowStatus, SettlementCheck, State, campaign_lock, check_settlement, sender_lock
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason
from batch.model.runs import Run

LEEWAY = timedelta(minutes=5)
"""How long beyond its time-out an attempt of a run that is gone may still reach the API."""
_PROBLEMS_SHOWN = 20
_ACCEPTED = N_("it is {outcome} ({reason}): the API accepted it.")
_NOT_TO_BE_SENT = N_("it is {outcome} ({reason}): it was not to be sent.")
_REFUSALS: Mapping[State | None, str] = {
    State.SUCCESS: _ACCEPTED,
    State.REUSED: _ACCEPTED,
    State.ERROR: N_("it is {outcome} ({reason}): nothing was sent."),
    State.PENDING: N_("it is {outcome} ({reason}): it was not sent; `wegly-batch run` sends it."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RowDecision:
    """A row, and whether a person found its message in the chat."""

    row: RowStatus
    sent: bool

    @property
    def check(self) -> SettlementCheck:
        return check_settlement(self.row, sent=self.sent)

    @property
    def becomes(self) -> Outcome:
        return Outcome.SUCCESS if self.sent else Outcome.PENDING


def claim_cutoff(now: datetime, read_timeout: float) -> datetime:
    """Return the moment before which a claim must have begun to be certainly dead. `read_timeout` in seconds."""
    return now - timedelta(seconds=read_timeout) - LEEWAY


def hold_campaign(stack: ExitStack, ledger: Ledger, run: Run, *, now: datetime, read_timeout: float) -> None:
    """Hold the lock of a run's campaign on `stack`, and make its dead claims unknown. Raises Busy."""
    stack.enter_context(ledger.hold([campaign_lock(run.campaign, run.endpoint)], _owner(run)))
    before = claim_cutoff(now, read_timeout)
    ledger.settle_dead_claims(endpoint=run.endpoint, campaign=run.campaign, before=before)


def hold_senders(stack: ExitStack, ledger: Ledger, run: Run, rows: Iterable[RowStatus]) -> None:
    """Hold the locks of the rows' senders on `stack`. The campaign's lock is held already. Raises Busy."""
    names = {sender_lock(each.sender, each.endpoint) for each in rows if each.sender}
    stack.enter_context(ledger.hold(names, _owner(run)))


def _owner(run: Run) -> Owner:
    return Owner.here(_("{run} (its rows to decide are being settled)").format(run=run.run))


def user_name() -> str:
    """Return the login name, or a word for a person where the system knows none (a container without accounts)."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return _("somebody")


def row_problem(row: int, problem: str) -> str:
    """`row 5: ...`, as `refuse_rows` takes it."""
    return _("row {row}: {problem}").format(row=row, problem=problem)


def refuse_rows(problems: Sequence[str], remedy: str, *, file: str | None = None) -> None:
    """Raise InputError for rows that cannot be settled, with a line for each of the first; `file`: a report's name."""
    count = len(problems)
    if not count:
        return
    head = ngettext(
        "{n} row cannot be settled, so nothing was changed:",
        "{n} rows cannot be settled, so nothing was changed:",
        count,
    )
    lines = [*problems[:_PROBLEMS_SHOWN]]
    if count > _PROBLEMS_SHOWN:
        lines.append(_("and {n} more").format(n=number(count - _PROBLEMS_SHOWN)))
    problem = "\n".join([head.format(n=number(count)), *(f"  {line}" for line in lines)])
    raise SettingsError(problem, remedy) if file is None else SheetError(f"{file}: {problem}", remedy)


def explain_refusal(row: RowStatus) -> str:
    """Say why there is nothing to decide about a row: a sentence that goes on after `row 5: `."""
    first = row.result.findings[0]
    if first.reason is Reason.DUPLICATE:
        return _("it is a duplicate of row {row}; settle that one.").format(row=first.values["row"])
    if row.decided is not None and row.result.outcome.is_accepted:
        refusal = _("it is {outcome} ({reason}): it was sent again after it had been settled.")
    else:
        refusal = _(_REFUSALS.get(row.state, _NOT_TO_BE_SENT))
    return refusal.format(outcome=row.result.outcome.value, reason=first.reason.value)
