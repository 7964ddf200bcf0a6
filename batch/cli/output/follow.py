"""Output of `follow`."""

from collections.abc import Mapping

from batch.app.follow import FollowReport
from batch.app.reconcile import MatchedRow, NoMatch, ReconcileReport, UnmatchedRow
from batch.cli.output.layout import row_label, undecided_lines
from batch.cli.output.settle import report_again, row_json, shown_phone
from batch.formatting import format_moment, to_json
from batch.i18n import N_, _, ngettext, number
from batch.model.delivery import failure_words
from batch.model.runs import Run

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


def follow_text(ended: FollowReport) -> str:
    """The end of `follow`."""
    lines = [_settled_text(ended.settled)] if ended.settled else []
    looks = ngettext(
        "{n} look made; {changed} showed a change.", "{n} looks made; {changed} showed a change.", ended.looks
    )
    lines.append(looks.format(n=number(ended.looks), changed=number(ended.changed)))
    if ended.stopped:
        lines.append(_("Stopped: {words}.").format(words=ended.stopped))
    if ended.due:
        left = ngettext(
            "{n} look is due still; give the same command again.",
            "{n} looks are due still; give the same command again.",
            ended.due,
        )
        lines.append(left.format(n=number(ended.due)))
    if ended.headline:
        lines.append(ended.headline)
    lines += failure_lines(ended)
    lines += _opt_out_lines(ended)
    if ended.unknown:
        unknown = ngettext(
            "{n} row is unknown. To look for its message as well: {command}",
            "{n} rows are unknown. To look for their messages as well: {command}",
            ended.unknown,
        )
        run = ended.runs[0].run if len(ended.runs) == 1 else "RUN"
        lines.append(unknown.format(n=number(ended.unknown), command=f"wegly-batch follow {run} -c CAMPAIGN"))
    lines += [_("Report: {folder}").format(folder=report.folder) for report in ended.reports]
    return "\n".join([*lines, *ended.problems])


def failure_lines(ended: FollowReport) -> list[str]:
    """A line for each reason of failures, the most frequent first."""
    failures = ended.delivery.failures if ended.delivery else ()
    reasons = [
        (
            number(each.messages),
            "" if each.code is None else f"{each.code}",
            failure_words(each.code, each.words) or _("the API gave no words"),
        )
        for each in failures
    ]
    width = max((len(count) for count, _code, _words in reasons), default=0)
    failed = _("failed")
    return [f"  {count:>{width}} {failed:<8} {code:<7} {words}" for count, code, words in reasons]


def _opt_out_lines(ended: FollowReport) -> list[str]:
    lines = []
    if ended.opted_out:
        words = ngettext(
            "{n} person opted out and is on the suppression list now.",
            "{n} people opted out and are on the suppression list now.",
            len(ended.opted_out),
        )
        lines.append(words.format(n=number(len(ended.opted_out))))
    return [*lines, *undecided_lines(ended.counts)]


def _settled_text(ended: ReconcileReport) -> str:
    """Say what became of each unknown row."""
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
        lines.append(report_again(ended.run.run))
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
    return f"  {row_label(each.row.row, 6)} {shown_phone(each.row.result.person) or '':<18}  {words}"


def _why(left: UnmatchedRow) -> str:
    return _(_STILL_UNKNOWN[left.why]).format(words=left.words)


def follow_json(ended: FollowReport) -> str:
    """The end of `follow`, for programs: `follow --json`."""
    settled = ended.settled
    return to_json(
        {
            "endpoint": ended.endpoint,
            "ledger": ended.ledger,
            "runs": [run.run for run in ended.runs],
            "since": ended.since,
            "looks": ended.looks,
            "changed": ended.changed,
            "due": ended.due,
            "delivery": ended.delivery,
            "opted_out": [{"phone": shown_phone(each.person), "run": each.run} for each in ended.opted_out],
            "to_decide": [
                {"phone": shown_phone(each.person), "run": each.run, "replied_at": each.at} for each in ended.undecided
            ],
            "settled": [
                {**row_json(match.row.result), "chat_id": match.chat_id, "sent_at": match.at}
                for match in (settled.found if settled else ())
            ],
            "unknown": [
                {**row_json(left.row.result), "reason": left.why, "message": _why(left)}
                for left in (settled.unmatched if settled else ())
            ],
            "reports": [str(report.folder) for report in ended.reports],
            "problems": list(ended.problems),
            "stopped": ended.stopped or None,
            "exit_code": ended.exit_code,
        }
    )
