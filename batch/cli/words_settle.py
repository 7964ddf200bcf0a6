"""What `settle` and `reconcile` print."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from batch.app.attempts import Left, Match, Why
from batch.app.deciding import local_time
from batch.app.reconciling import Reconciled
from batch.app.settling import Change, Settled
from batch.cli import phrases
from batch.model.exit_code import ExitCode
from batch.model.outcome import Outcome
from batch.model.phone import shown

__all__ = ["reconcile_json", "reconcile_text", "settle_json", "settle_question", "settle_text"]

_WHY: Mapping[Why, str] = {
    Why.LIVE: "it began to be sent a moment ago; come back in some minutes",
    Why.NO_BODY: "the campaign does not give the template's text ([template] body), so no message can be known again",
    Why.NO_CHAT: "no run of this ledger has recorded a chat with this person",
    Why.NO_TEXT: "the sheet has no good row for it any more, so its text is not known",
    Why.REFUSED: "the API did not give the chat: {words}",
    Why.NOTHING: "not found in the chat, which proves nothing: it may be on its way, or the row was changed since",
    Why.FAILED: "it is in the chat, but marked there as failed",
    Why.ANOTHERS: "a message like it is in the chat, but may be that of another attempt at this person",
}


def settle_question(plan: Settled) -> str:
    """What `settle` asks before it writes."""
    lines = [f"Run     {plan.run.run}", f"Ledger  {plan.ledger}", _table(plan.changes)]
    return "\n".join([*lines, f"Settle {phrases.rows(len(plan.changes))} so?"])


def settle_text(ended: Settled, *, shown_before: bool) -> str:
    """What `settle` says at its end; the rows only when the question did not show them."""
    parts = [_table(ended.changes)] if ended.changes and not shown_before else []
    return "\n".join([*parts, *_settle_lines(ended)])


def _settle_lines(ended: Settled) -> list[str]:
    sent = sum(change.becomes is Outcome.SUCCESS for change in ended.changes)
    waiting = len(ended.changes) - sent
    lines = []
    if ended.changes:
        lines.append(f"Settled {phrases.rows(len(ended.changes))}: {sent:,} as sent, {waiting:,} as not sent.")
    if ended.same:
        were = "was" if len(ended.same) == 1 else "were"
        lines.append(f"{phrases.rows(len(ended.same))} {were} settled so before; nothing changes.")
    if waiting:
        lines.append("What is settled as not sent goes out with the next `wegly-batch run` of this campaign.")
    if ended.changes:
        lines.append(f"Until it is sent again it can be settled the other way. {_report_again(ended.run.run)}")
    return lines


def settle_json(ended: Settled) -> str:
    """`settle --json`."""
    return json.dumps(
        {
            "run": ended.run.run,
            "campaign": ended.run.campaign,
            "endpoint": ended.run.endpoint,
            "ledger": ended.ledger,
            "settled": [_change_json(change) for change in ended.changes],
            "settled_before": [_change_json(change) for change in ended.same],
            "exit_code": ExitCode.DONE.value,
        },
        ensure_ascii=False,
        indent=2,
    )


def _change_json(change: Change) -> dict[str, object]:
    return {
        "row": change.row,
        "phone": shown(change.person) if change.person else None,
        "was": change.was.value,
        "was_reason": change.was_reason,
        "becomes": change.becomes.value,
    }


def _table(changes: Sequence[Change]) -> str:
    lines = [("row", "phone", "was", "becomes")]
    for change in changes:
        becomes = "success: sent" if change.becomes is Outcome.SUCCESS else "pending: not sent"
        phone = shown(change.person) if change.person else ""
        lines.append((f"{change.row}", phone, f"{change.was.value} ({change.was_reason})", becomes))
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        f"  {line[0]:>{widths[0]}}  {line[1]:<{widths[1]}}  {line[2]:<{widths[2]}}  {line[3]}" for line in lines
    )


def reconcile_text(ended: Reconciled) -> str:
    """`reconcile`: what became of each unknown row."""
    if not ended.found and not ended.left:
        return f"The run {ended.run.run} has no unknown rows."
    told = {match.standing.row: _found_line(match, ended) for match in ended.found}
    told |= {left.standing.row: _left_line(left) for left in ended.left}
    lines = [told[row] for row in sorted(told)]
    lines.append(f"{phrases.rows(len(ended.found))} settled as sent, {len(ended.left):,} still unknown.")
    if ended.found:
        lines.append(_report_again(ended.run.run))
    if ended.left:
        lines.append(
            "A row that is still unknown may have been sent all the same. Look in WhatsApp, then say so:\n"
            f"  wegly-batch settle {ended.run.run} --sent ROWS --not-sent ROWS"
        )
    return "\n".join(lines)


def _found_line(match: Match, ended: Reconciled) -> str:
    return f"{_who(match)}  settled as sent: it is in the chat, of {local_time(match.at, ended.run)}"


def _left_line(left: Left) -> str:
    return f"{_who(left)}  still unknown: {_WHY[left.why].format(words=left.words)}"


def _who(each: Match | Left) -> str:
    person = each.standing.result.person
    return f"  row {each.standing.row:<6} {shown(person) if person else '':<18}"


def _report_again(run: str) -> str:
    return f"The report as it stands now: wegly-batch report {run}"


def reconcile_json(ended: Reconciled) -> str:
    """`reconcile --json`."""
    return json.dumps(
        {
            "run": ended.run.run,
            "campaign": ended.run.campaign,
            "endpoint": ended.run.endpoint,
            "ledger": ended.ledger,
            "settled": [
                {**_row_json(match), "chat_id": match.chat_id, "sent_at": match.at.isoformat(timespec="seconds")}
                for match in ended.found
            ],
            "unknown": [
                {**_row_json(left), "reason": left.why.value, "message": _WHY[left.why].format(words=left.words)}
                for left in ended.left
            ],
            "exit_code": ended.exit_code.value,
        },
        ensure_ascii=False,
        indent=2,
    )


def _row_json(each: Match | Left) -> dict[str, object]:
    person = each.standing.result.person
    return {"row": each.standing.row, "phone": shown(person) if person else None}
