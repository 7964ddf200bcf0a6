"""`settle`: a person who looked says what became of unknown rows.

All the rows named are settled, or none: whatever is wrong with one of them is found before the first is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from batch.app.decision import (
    LEEWAY,
    Wish,
    hold_campaign,
    hold_senders,
    listed,
    of_row,
    oldest_live_claim,
    user_name,
    why_not,
)
from batch.app.inputs.staging import utc_now
from batch.app.report import find_run
from batch.app.settings import Settings
from batch.app.settle_report import matched, read_decisions, runs_of
from batch.errors import Busy, Declined, SettingsError
from batch.formatting import format_moment
from batch.i18n import _
from batch.ledger import Ledger, Settlement, SettlementCheck, State, check_settlement
from batch.model.outcomes import Evidence, Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run

Confirm = Callable[["SettlementReport"], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One row: what it was, and what it becomes."""

    row: int
    person: str
    was: Outcome
    was_reason: str
    becomes: Outcome
    """SUCCESS (sent) or PENDING (not sent)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SettlementReport:
    """What is settled, or would be when it is asked for."""

    run: Run
    ledger: str
    changes: tuple[Change, ...]
    same: tuple[Change, ...]
    """Rows that were settled so before; nothing changes."""


def settle_rows(
    name: str, *, sent: Sequence[int], not_sent: Sequence[int], settings: Settings, confirm: Confirm
) -> SettlementReport:
    """Settle rows of a run, named by their numbers in its sheet. `confirm` is asked before anything is written.

    Durable on return. Raises InputError (nothing was changed) for a row that cannot be settled, Busy when the campaign
    or a sender is in use or a row may still be on its way, Declined when `confirm` says no.
    """
    both = sorted(set(sent) & set(not_sent))
    if both:
        problem = _("Row {row} is named as sent and as not sent.").format(row=both[0])
        raise SettingsError(problem, _("Name each row once. Nothing was changed."))
    decisions = {**dict.fromkeys(sent, True), **dict.fromkeys(not_sent, False)}
    with Ledger.for_reading(settings.ledger) as ledger:
        run = find_run(ledger, name)
        wishes = partial(_named, ledger, run, decisions)
        return _settle(ledger, run, wishes, how=f"settle {run.run}", settings=settings, confirm=confirm)


def _named(ledger: Ledger, run: Run, decisions: Mapping[int, bool]) -> list[Wish]:
    """The rows of a run by their numbers. Raises SettingsError naming those that its sheet does not have."""
    found = {row_status.row: row_status for row_status in ledger.settlements.row_statuses(run.run, list(decisions))}
    none = _("the sheet of this run has no such row.")
    missing = [of_row(row, none) for row in decisions if row not in found]
    if missing:
        raise SettingsError(listed(missing), _("The run is {run}; its report names the rows.").format(run=run.run))
    return [Wish(row_status=found[row], sent=sent) for row, sent in sorted(decisions.items())]


def settle_report(report: Path, *, settings: Settings, confirm: Confirm) -> SettlementReport:
    """Settle the rows whose `wegly_settle` a person filled in, in a report that a run wrote.

    Each row's number, phone and run must be as the ledger has them. Otherwise as `settle_rows`.
    """
    entries = read_decisions(report)
    with Ledger.for_reading(settings.ledger) as ledger:
        runs = runs_of(ledger, entries, report.name)
        wishes = partial(matched, ledger, entries, runs, report.name)
        run = next(iter(runs.values()))[0]
        return _settle(ledger, run, wishes, how=f"settle {report.name}", settings=settings, confirm=confirm)


def _settle(
    ledger: Ledger,
    run: Run,
    wishes: Callable[[], list[Wish]],
    *,
    how: str,
    settings: Settings,
    confirm: Confirm,
) -> SettlementReport:
    """Look under the campaign's lock, judge everything, ask, write."""
    now = utc_now()
    before = oldest_live_claim(now, settings.read_timeout)
    with ExitStack() as stack:
        hold_campaign(stack, ledger, run, before=before)
        wished = wishes()
        _refuse_live(wished, run, settings.read_timeout)
        hold_senders(stack, ledger, run, [wish.row_status for wish in wished])
        _refuse_decided(wished)
        rulings = [(wish, check_settlement(wish.row_status, sent=wish.sent)) for wish in wished]
        found = SettlementReport(
            run=run,
            ledger=ledger.location,
            changes=tuple(_change(wish) for wish, ruled in rulings if ruled is SettlementCheck.OPEN),
            same=tuple(_change(wish) for wish, ruled in rulings if ruled is SettlementCheck.SAME),
        )
        if not found.changes:
            return found
        if not confirm(found):
            raise Declined(_("Nothing was settled: the question was answered with no."))
        who = user_name()
        settlements = [_settlement(wish, who, now, run) for wish, ruled in rulings if ruled is SettlementCheck.OPEN]
        ledger.settlements.settle(settlements, now=now, who=who, how=how)
        return found


def _change(wish: Wish) -> Change:
    result = wish.row_status.result
    return Change(
        row=result.row,
        person=result.person or "",
        was=result.outcome,
        was_reason=result.reason,
        becomes=Outcome.SUCCESS if wish.sent else Outcome.PENDING,
    )


def _settlement(wish: Wish, who: str, now: datetime, run: Run) -> Settlement:
    finding = Finding(
        Reason.SETTLED_SENT if wish.sent else Reason.SETTLED_NOT_SENT,
        {"who": who, "when": format_moment(now, run.timezone)},
    )
    return Settlement(
        row_status=wish.row_status,
        outcome=Outcome.SUCCESS if wish.sent else Outcome.PENDING,
        finding=finding,
        evidence=Evidence.SETTLED if wish.sent else None,
    )


def _refuse_live(wished: Iterable[Wish], run: Run, read_timeout: float) -> None:
    """Claims that were too young to be made unknown are still open."""
    live = [wish.row_status for wish in wished if wish.row_status.state is State.CLAIMED]
    if not live:
        return
    row = max(live, key=lambda row_status: row_status.result.sent_at or run.started)
    began = row.result.sent_at or run.started
    until = began + timedelta(seconds=read_timeout) + LEEWAY
    problem = _("Row {row} began to be sent on {when}, and that may still come to something; nothing was settled.")
    raise Busy(
        problem.format(row=row.row, when=format_moment(began, run.timezone)),
        _("Come back after {when} and give the same command again.").format(
            when=format_moment(until + timedelta(minutes=1), run.timezone)
        ),
    )


def _refuse_decided(wished: Sequence[Wish]) -> None:
    """Name every row about which there is nothing to decide."""
    problems = [
        of_row(wish.row_status.row, why_not(wish.row_status))
        for wish in wished
        if check_settlement(wish.row_status, sent=wish.sent) is SettlementCheck.REFUSED
    ]
    if problems:
        raise SettingsError(listed(problems), _("Only unknown rows can be settled. Leave these out, then try again."))
