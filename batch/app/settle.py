"""`settle`: a person who looked into the chats decides what became of unknown rows.

All the rows named are settled, or none: whatever is wrong with one of them is found before the first is written.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from batch.app.inputs.staging import utc_now
from batch.app.report import find_run
from batch.app.settings import Settings
from batch.app.settle_report import find_runs, match_entries, read_decisions
from batch.app.settlement import (
    LEEWAY,
    RowDecision,
    explain_refusal,
    hold_campaign,
    hold_senders,
    refuse_rows,
    row_problem,
    user_name,
)
from batch.errors import Busy, Declined, SettingsError
from batch.formatting import format_moment
from batch.i18n import _
from batch.ledger import Ledger, Settlement, SettlementCheck, State
from batch.model.outcomes import Evidence
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run
from batch.reporter import command_again

Confirm = Callable[["SettlementReport"], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class SettlementReport:
    """The rows that are settled, or would be once it is confirmed."""

    run: Run
    changes: tuple[RowDecision, ...]
    """Each with its row as it was before."""
    same: tuple[RowDecision, ...]
    """Rows that were settled so before; nothing changes."""

    @property
    def command(self) -> str:
        """Sends what is left of the run's sheet."""
        return command_again(self.run)


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
    wanted = {**dict.fromkeys(sent, True), **dict.fromkeys(not_sent, False)}
    with Ledger.for_reading(settings.ledger) as ledger:
        run = find_run(ledger, name)
        decide = partial(_find_rows, ledger, run, wanted)
        return _settle(ledger, run, decide, how=f"settle {run.run}", settings=settings, confirm=confirm)


def _find_rows(ledger: Ledger, run: Run, wanted: Mapping[int, bool]) -> list[RowDecision]:
    """Look the rows of a run up. Raises SettingsError naming those that its sheet does not have."""
    found = {row.row: row for row in ledger.settlements.row_statuses(run.run, list(wanted))}
    missing = [row_problem(row, _("the sheet of this run has no such row.")) for row in wanted if row not in found]
    refuse_rows(missing, _("The run is {run}; its report names the rows.").format(run=run.run))
    return [RowDecision(row=found[row], sent=sent) for row, sent in sorted(wanted.items())]


def settle_report(report: Path, *, settings: Settings, confirm: Confirm) -> SettlementReport:
    """Settle the rows whose `wegly_settle` a person filled in, in a report that a run wrote.

    Each row's number, phone and run must be as the ledger has them. Otherwise as `settle_rows`.
    """
    entries = read_decisions(report)
    with Ledger.for_reading(settings.ledger) as ledger:
        runs = find_runs(ledger, entries, report.name)
        decide = partial(match_entries, ledger, entries, runs, report.name)
        run = next(iter(runs.values()))[0]
        return _settle(ledger, run, decide, how=f"settle {report.name}", settings=settings, confirm=confirm)


def _settle(
    ledger: Ledger, run: Run, decide: Callable[[], list[RowDecision]], *, how: str, settings: Settings, confirm: Confirm
) -> SettlementReport:
    """Look under the campaign's lock, check everything, ask, write. `decide` reads the ledger under the lock."""
    now = utc_now()
    with ExitStack() as stack:
        hold_campaign(stack, ledger, run, now=now, read_timeout=settings.read_timeout)
        decisions = decide()
        _refuse_live(decisions, run, settings.read_timeout)
        hold_senders(stack, ledger, run, [each.row for each in decisions])
        _refuse_decided(decisions)
        found = SettlementReport(
            run=ledger.locate(run),
            changes=tuple(each for each in decisions if each.check is SettlementCheck.OPEN),
            same=tuple(each for each in decisions if each.check is SettlementCheck.SAME),
        )
        if found.changes:
            if not confirm(found):
                raise Declined(_("Nothing was settled: the question was answered with no."))
            who = user_name()
            settlements = [_settlement(each, who, format_moment(now, run.timezone)) for each in found.changes]
            ledger.settlements.settle(settlements, now=now, who=who, how=how)
        return found


def _settlement(decision: RowDecision, who: str, when: str) -> Settlement:
    reason = Reason.SETTLED_SENT if decision.sent else Reason.SETTLED_NOT_SENT
    return Settlement(
        row_status=decision.row,
        outcome=decision.becomes,
        finding=Finding(reason, {"who": who, "when": when}),
        evidence=Evidence.SETTLED if decision.sent else None,
    )


def _refuse_live(decisions: Sequence[RowDecision], run: Run, read_timeout: float) -> None:
    """Raise Busy for claims that were too young to be made unknown."""

    def start(decision: RowDecision) -> datetime:
        return decision.row.result.sent_at or run.started

    live = [each for each in decisions if each.row.state is State.CLAIMED]
    if live:
        last = max(live, key=start)
        until = start(last) + timedelta(seconds=read_timeout) + LEEWAY + timedelta(minutes=1)
        problem = _("Row {row} began to be sent on {when}, and that may still come to something; nothing was settled.")
        remedy = _("Come back after {when} and give the same command again.")
        raise Busy(
            problem.format(row=last.row.row, when=format_moment(start(last), run.timezone)),
            remedy.format(when=format_moment(until, run.timezone)),
        )


def _refuse_decided(decisions: Sequence[RowDecision]) -> None:
    """Raise SettingsError naming every row about which there is nothing to decide."""
    refused = [each.row for each in decisions if each.check is SettlementCheck.REFUSED]
    problems = [row_problem(row.row, explain_refusal(row)) for row in refused]
    refuse_rows(problems, _("Only rows to decide (unknown) can be settled. Leave these out, then try again."))
