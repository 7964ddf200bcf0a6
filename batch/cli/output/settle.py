"""Output of `settle` and `reconcile`."""

from collections.abc import Mapping, Sequence

from batch.app.reconcile import MatchedRow, NoMatch, ReconcileReport, UnmatchedRow
from batch.app.settle import SettlementReport
from batch.app.settlement import RowDecision
from batch.cli.output.layout import labelled_lines, row_label
from batch.formatting import format_moment, to_json
from batch.i18n import N_, _, ngettext, number
from batch.model.outcomes import ExitCode
from batch.model.phone.cells import format_phone
from batch.model.runs import Result, Run

_STILL_UNKNOWN: Mapping[NoMatch, str] = {
    NoMatch.LIVE: N_("it began to be sent a moment ago; come back in some minutes"),
    NoMatch.NO_BODY: N_(
        "the campaign does not give the template's text ([template] body), so no message can be known again"
    ),
    NoMatch.NO_CHAT: N_("no run of this ledger has recorded a chat with this person"),
    NoMatch.NO_TEXT: N_("the sheet has no good row for it any more, so its text is not known"),
    NoMatch.REFUSED: N_("the API did not give the chat: {words}"),
    NoMatch.NOTHING: N_(
        "not found in the chat, which proves nothing: it may be on its way, or the row was changed since"
    ),
    NoMatch.FAILED: N_("it is in the chat, but marked there as failed"),
    NoMatch.ANOTHERS: N_("a message like it is in the chat, but may be that of another attempt at this person"),
}


def settle_question(plan: SettlementReport) -> str:
    """The question of `settle` before it writes."""
    lines = [*labelled_lines([(_("Run"), plan.run.run), (_("Ledger"), plan.run.ledger)]), _table(plan.changes)]
    count = len(plan.changes)
    return "\n".join([*lines, ngettext("Settle {n} row so?", "Settle {n} rows so?", count).format(n=number(count))])


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
    if waiting:
        lines.append(_("What is settled as not sent goes out with the next `wegly-batch run` of this campaign."))
    if ended.changes:
        other = _("Until it is sent again it can be settled the other way.")
        lines.append(f"{other} {_report_again(ended.run.run)}")
    return lines


def settle_json(ended: SettlementReport) -> str:
    """The end of `settle`, for programs: `settle --json`."""
    return to_json(
        {
            **_run_json(ended.run),
            "settled": [_change_json(change) for change in ended.changes],
            "settled_before": [_change_json(change) for change in ended.same],
            "exit_code": ExitCode.DONE,
        }
    )


def _run_json(run: Run) -> dict[str, object]:
    return {"run": run.run, "campaign": run.campaign, "endpoint": run.endpoint, "ledger": run.ledger}


def _change_json(change: RowDecision) -> dict[str, object]:
    was = change.row.result
    return {**_row_json(was), "was": was.outcome, "was_reason": was.reason, "becomes": change.becomes}


def _table(changes: Sequence[RowDecision]) -> str:
    lines = [(_("row"), _("phone"), _("was"), _("becomes"))]
    for change in changes:
        was = change.row.result
        becomes = _("success: sent") if change.sent else _("pending: not sent")
        lines.append((f"{was.row}", _phone(was.person) or "", f"{was.outcome.value} ({was.reason})", becomes))
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        f"  {line[0]:>{widths[0]}}  {line[1]:<{widths[1]}}  {line[2]:<{widths[2]}}  {line[3]}" for line in lines
    )


def reconcile_text(ended: ReconcileReport) -> str:
    """The result of `reconcile` for each unknown row."""
    if not ended.found and not ended.unmatched:
        return _("The run {run} has no unknown rows.").format(run=ended.run.run)
    rows: list[MatchedRow | UnmatchedRow] = [*ended.found, *ended.unmatched]
    lines = [_row_line(each, ended.run) for each in sorted(rows, key=lambda each: each.row.row)]
    count = ngettext(
        "{n} row settled as sent, {left} still unknown.",
        "{n} rows settled as sent, {left} still unknown.",
        len(ended.found),
    )
    lines.append(count.format(n=number(len(ended.found)), left=number(len(ended.unmatched))))
    if ended.found:
        lines.append(_report_again(ended.run.run))
    if ended.unmatched:
        lines.append(_("A row that is still unknown may have been sent all the same. Look in WhatsApp, then say so:"))
        lines.append(f"  wegly-batch settle {ended.run.run} --sent ROWS --not-sent ROWS")
    return "\n".join(lines)


def _row_line(each: MatchedRow | UnmatchedRow, run: Run) -> str:
    if isinstance(each, MatchedRow):
        found = _("settled as sent: it is in the chat, of {when}")
        words = found.format(when=format_moment(each.at, run.timezone))
    else:
        words = _("still unknown: {why}").format(why=_why(each))
    return f"  {row_label(each.row.row, 6)} {_phone(each.row.result.person) or '':<18}  {words}"


def _why(left: UnmatchedRow) -> str:
    return _(_STILL_UNKNOWN[left.why]).format(words=left.words)


def _report_again(run: str) -> str:
    return _("The report as it stands now: {command}").format(command=f"wegly-batch report {run}")


def reconcile_json(ended: ReconcileReport) -> str:
    """The result of `reconcile`, for programs: `reconcile --json`."""
    return to_json(
        {
            **_run_json(ended.run),
            "settled": [
                {**_row_json(match.row.result), "chat_id": match.chat_id, "sent_at": match.at} for match in ended.found
            ],
            "unknown": [
                {**_row_json(left.row.result), "reason": left.why, "message": _why(left)} for left in ended.unmatched
            ],
            "exit_code": ended.exit_code,
        }
    )


def _row_json(result: Result) -> dict[str, object]:
    return {"row": result.row, "phone": _phone(result.person)}


def _phone(person: str | None) -> str | None:
    return format_phone(person) if person else None
