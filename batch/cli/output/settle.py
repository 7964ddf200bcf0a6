"""Output of `settle`."""

from collections.abc import Sequence

from batch.app.records.people import shown_phone
from batch.app.settle import SettlementReport
from batch.app.settlement import RowDecision
from batch.cli.output.layout import labelled_lines, run_command, step_lines
from batch.i18n import _, ngettext, number
from batch.model.runs import Run


def settle_plan(plan: SettlementReport) -> str:
    """The rows that `settle` is to write, as they are and as they would be."""
    about = labelled_lines([(_("Run"), plan.run.run), (_("Ledger"), plan.run.ledger)])
    return "\n".join([*about, _table(plan.changes)])


def settle_question(plan: SettlementReport) -> str:
    """The question of `settle` before it writes."""
    count = len(plan.changes)
    asked = ngettext("Settle {n} row so?", "Settle {n} rows so?", count).format(n=number(count))
    return f"{settle_plan(plan)}\n{asked}"


def settle_text(ended: SettlementReport, *, shown_before: bool) -> str:
    """The end of `settle`; with the rows, unless the question has shown them."""
    parts = [_table(ended.changes)] if ended.changes and not shown_before else []
    return "\n".join([*parts, *_settle_lines(ended)])


def _settle_lines(ended: SettlementReport) -> list[str]:
    sent = sum(change.sent for change in ended.changes)
    waiting = len(ended.changes) - sent
    lines = []
    if ended.changes:
        settled = ngettext(
            "Settled {n} row: {sent} as sent, {waiting} as not sent.",
            "Settled {n} rows: {sent} as sent, {waiting} as not sent.",
            len(ended.changes),
        )
        lines.append(settled.format(n=number(len(ended.changes)), sent=number(sent), waiting=number(waiting)))
    if ended.same:
        same = ngettext(
            "{n} row was settled so before; nothing changes.",
            "{n} rows were settled so before; nothing changes.",
            len(ended.same),
        )
        lines.append(same.format(n=number(len(ended.same))))
    if ended.changes:
        report = run_command(ended.run, f"report {ended.run.run} --open", "ledger")
        lines.append(_("Until it is sent again it can be settled the other way."))
        send = [(_("Send what is settled as not sent"), ended.command)] if waiting else []
        lines += ["", *step_lines((), *send, (_("Write the report as it stands now, and see it"), report))]
    return lines


def _table(changes: Sequence[RowDecision]) -> str:
    lines = [(_("row"), _("phone"), _("was"), _("becomes"))]
    for change in changes:
        was = change.row.result
        becomes = _("sent") if change.sent else _("not sent: it waits")
        lines.append((f"{was.row}", shown_phone(was.person) or "", f"{was.outcome.word} ({was.reason})", becomes))
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        f"  {line[0]:>{widths[0]}}  {line[1]:<{widths[1]}}  {line[2]:<{widths[2]}}  {line[3]}" for line in lines
    )


def report_again(run: Run) -> str:
    """Name the command that writes a run's report again."""
    return _("The report as it stands now: {command}").format(command=run_command(run, f"report {run.run}", "ledger"))
