"""Output of `follow`."""

from batch.app.follow import FollowReport
from batch.app.reconcile import MatchedRow, ReconcileReport, UnmatchedRow
from batch.app.records.people import shown_phone
from batch.cli.output.layout import row_label, run_command, step_lines, undecided_lines
from batch.cli.output.run import next_lines
from batch.cli.output.settle import report_again
from batch.cli.terminal import bold, path_text
from batch.formatting import format_moment
from batch.i18n import _, ngettext, number
from batch.model.delivery import failure_words
from batch.model.messages import command_options
from batch.model.runs import Run


def follow_text(ended: FollowReport) -> str:
    """The end of `follow`."""
    options = command_options(ended.endpoint, ended.ledger_option, "base-url", "ledger")
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
        lines.append(bold(ended.headline))
    lines += failure_lines(ended)
    lines += _opt_out_lines(ended)
    if ended.unknown:
        unknown = ngettext(
            "{n} row is to decide. To look for its message as well: {command}",
            "{n} rows are to decide. To look for their messages as well: {command}",
            ended.unknown,
        )
        run = ended.runs[0].run if len(ended.runs) == 1 else _("RUN")
        again = f"wegly-batch follow {run} -c " + _("CAMPAIGN") + options
        lines.append(unknown.format(n=number(ended.unknown), command=again))
    lines += [_("Report: {folder}").format(folder=path_text(report.folder)) for report in ended.reports]
    lines += ended.problems
    later = []
    if ended.next_look and not ended.due and not ended.stopped:
        about = _("No look is due before {when}; look then").format(when=format_moment(ended.next_look, ended.timezone))
        later.append((about, " ".join(["wegly-batch follow", *(run.run for run in ended.runs)]) + options))
    if len(ended.reports) == 1:
        lines += ["", *next_lines(ended.reports[0], *later)]
    elif later:
        lines += ["", *step_lines((), *later)]
    return "\n".join(lines)


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
    # Of one run its next steps have these.
    one_run = len(ended.reports) == 1
    return lines if one_run else [*lines, *undecided_lines(ended.counts, ended.endpoint, ended.ledger_option)]


def _settled_text(ended: ReconcileReport) -> str:
    """Say what became of each unknown row."""
    if not ended.found and not ended.unmatched:
        return _("The run {run} has no rows to decide.").format(run=ended.run.run)
    judged: list[MatchedRow | UnmatchedRow] = [*ended.found, *ended.unmatched]
    lines = [_row_line(each, ended.run) for each in sorted(judged, key=lambda each: each.row.row)]
    count = ngettext(
        "{n} row settled as sent, {left} still to decide.",
        "{n} rows settled as sent, {left} still to decide.",
        len(ended.found),
    )
    lines.append(count.format(n=number(len(ended.found)), left=number(len(ended.unmatched))))
    if ended.found:
        lines.append(report_again(ended.run))
    if ended.unmatched:
        lines.append(_("A row that is still to decide may have been sent all the same. Look in WhatsApp, then say so:"))
        rows = _("ROWS")
        settle = run_command(ended.run, f"settle {ended.run.run} --sent {rows} --not-sent {rows}", "ledger")
        lines.append(f"  {settle}")
    return "\n".join(lines)


def _row_line(each: MatchedRow | UnmatchedRow, run: Run) -> str:
    if isinstance(each, MatchedRow):
        found = _("settled as sent: it is in the chat, of {when}")
        words = found.format(when=format_moment(each.at, run.timezone))
    else:
        words = _("still to decide: {why}").format(why=each.explanation)
    return f"  {row_label(each.row.row, 6)} {shown_phone(each.row.result.person) or '':<18}  {words}"
