"""What `run`, `demo` and `report` print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import indent

from batch.app.runs.finish import FinishedRun, RunReport
from batch.app.trial import TrialResult
from batch.cli.output.layout import labelled_lines, outcome_table
from batch.formatting import format_duration, format_moment, format_rate
from batch.i18n import N_, _, ngettext, number
from batch.json_output import to_json
from batch.model.outcomes import Outcome
from batch.model.phone.cells import format_phone
from batch.model.phrases import fill
from batch.model.reasons import Finding, Reason, advice, sentence
from batch.model.runs import Result, SenderRun, StopCause, Tally

_STOPPED = {
    StopCause.INTERRUPTED: N_("Interrupted: what was in flight is finished and recorded."),
    StopCause.TERMINATED: N_("Ended by a signal: what was in flight is finished and recorded."),
    StopCause.FATAL_ANSWER: N_("Stopped: every row would have met the same answer."),
    StopCause.TOO_MANY_ERRORS: N_("Stopped: too many rows in a hundred were refused ([stop] errors in the campaign)."),
    StopCause.UNKNOWNS_IN_A_ROW: N_("Stopped: too many unknown outcomes in a row ([stop] unknowns in the campaign)."),
    StopCause.TEMPLATE_REFUSED: N_("Stopped: WhatsApp refused the template's values several times in a row."),
    StopCause.RETRIES_USED_UP: N_("Stopped: a row was tried as often as [stop] retries and retry_for allow."),
    StopCause.LEDGER_FAILED: N_("Stopped: the ledger could not be written, and without it nothing may be sent."),
    StopCause.CANARY: N_("Stopped: not all of the first rows ([canary] in the campaign) were accepted."),
    StopCause.CLOCK_WRONG: N_("Stopped: this machine's clock went back, or is more than 5 minutes off the API's."),
}

_SOMEHOW = N_("Stopped.")
_CAUSES = (
    N_("interrupted"),
    N_("terminated"),
    N_("fatal answer"),
    N_("too many errors"),
    N_("unknowns in a row"),
    N_("template refused"),
    N_("retries used up"),
    N_("ledger failed"),
    N_("clock wrong"),
    N_("canary"),
    N_("defect"),
)
"""The causes in words, as the line of a sender has them."""


def summary_text(ended: FinishedRun) -> str:
    """What a run says at its end."""
    parts = []
    if ended.cause is not None:
        parts.append(_why_stopped(ended))
    if ended.next_at is not None:
        parts.append(_when_next(ended))
    parts.append("\n".join(ended.headline))
    parts.append(outcome_table(ended.tally.counts, ended.tally.reasons))
    parts += _rates(ended.tally)
    parts.append(written_text(ended, ledger=ended.ledger))
    parts += [*ended.problems, *ended.notify_problems]
    return "\n\n".join(parts)


def alarm_text(ended: FinishedRun) -> str:
    """What somebody must know of a run also where no summary is printed: why it stopped, what could not be written."""
    parts = [_why_stopped(ended)] if ended.cause is not None else []
    if ended.next_at is not None:
        parts.append(_when_next(ended))
    if ended.written.missing:
        parts.append(written_text(ended))
    return "\n".join([*parts, *ended.problems, *ended.notify_problems])


def demo_text(ended: FinishedRun, samples: Path) -> str:
    """What the demo says at its end: the summary is already printed, so only where to look."""
    said = _(
        "This was a rehearsal against an imitation on this machine: nobody was messaged.\n"
        "Open report.xlsx to see what became of each row. The sheet and the campaign file that were used are in\n"
        "{folder}"
    )
    return f"{summary_text(ended)}\n\n{said.format(folder=samples)}"


def written_text(report: RunReport, *, ledger: str | None = None) -> str:
    """Where the report is, what could not be written, and where the ledger is, if that is to be told."""
    written = report.written
    workbook = next((str(file) for file in written.files if file.suffix in (".xlsx", ".xlsm")), str(report.folder))
    page = [("", str(written.page))] if written.page else []
    problems = [*written.problems]
    if written.missing:
        again = f"`wegly-batch report {report.run.run}`"
        kept = _("No results were lost. Fix the problem, then run {command} to write the report.")
        problems.append(kept.format(command=again))
    correct = [str(file) for file in written.files if file.stem.startswith("retry")]
    retries = [
        (_("Retry"), _("{file}: correct its rows and run it, like a sheet").format(file=file)) for file in correct
    ]
    told = [(_("Report"), workbook), *page, *retries, *(("", problem) for problem in problems)]
    return "\n".join(labelled_lines([*told, *([(_("Ledger"), ledger)] if ledger is not None else [])]))


def waiting_text(seconds: float, finding: Finding) -> str:
    """Why everybody waits now."""
    if finding.reason is Reason.WINDOW:
        said = _(
            "Outside the campaign's hours: waiting until {when}, for {time}. "
            "Ctrl+C ends it; the same command goes on later."
        )
    elif finding.reason is Reason.CAP:
        said = _("{people:,} people in 24 hours are reached: the next goes in {time}.")
    elif "status" in finding.values:
        said = _("The API asked to slow down (HTTP {status}): nothing is sent for {time}.")
    else:
        said = _("The API asked to slow down: nothing is sent for {time}.")
    return fill(said, {**finding.values, "time": format_duration(seconds)})


def _when_next(ended: FinishedRun) -> str:
    """When what the hours or a cap kept back may go."""
    kept = {sender.pending.reason: sender.pending for sender in ended.tally.this_run.senders if sender.pending}
    said = [sentence(kept[reason]) for reason in (Reason.WINDOW, Reason.CAP) if reason in kept]
    if ended.next_at is None or ended.has_no_hours:
        finding = Finding(Reason.NO_HOURS)
        return f"{sentence(finding)} {advice(finding)}"
    when = format_moment(ended.next_at, ended.run.timezone)
    again = _("Run the same command again at {when} ({timezone}) or later.")
    return "\n".join([*said, again.format(when=when, timezone=ended.run.timezone)])


def _rates(tally: Tally) -> list[str]:
    """Wanted and achieved rate, for each sender where there are several, and whatever slowed it down."""
    done = tally.this_run
    several = len(done.senders) > 1
    lines = [_rate_of(sender, done.wanted_rate, several=several) for sender in done.senders]
    return ["\n".join([_("Rate"), *filter(None, lines)])] if any(lines) else []


def _rate_of(sender: SenderRun, wanted: float | None, *, several: bool) -> str:
    if wanted is None or (sender.achieved_rate is None and not several):
        return ""
    if sender.achieved_rate is not None:
        rates = _("{achieved} of {wanted} wanted")
        told = [rates.format(achieved=format_rate(sender.achieved_rate), wanted=format_rate(wanted))]
    else:
        attempts = ngettext("{n} attempt, {wanted} wanted", "{n} attempts, {wanted} wanted", sender.attempts)
        told = [attempts.format(n=number(sender.attempts), wanted=format_rate(wanted))]
    if sender.slowed:
        slowed = ngettext(
            "slowed down once because the API asked for it",
            "slowed down {n} times because the API asked for it",
            sender.slowed,
        )
        told.append(slowed.format(n=number(sender.slowed)))
    if sender.cause and several:
        told.append(_("stopped: {cause}").format(cause=_(sender.cause.replace("_", " "))))
    who = f"{sender.sender}  " if several else ""
    return f"  {who}{', '.join(told)}"


def _why_stopped(ended: FinishedRun) -> str:
    said = _(_STOPPED.get(ended.cause, _SOMEHOW)) if ended.cause else ""
    stopped = [sender.sender for sender in ended.tally.this_run.senders if sender.cause]
    if stopped and not ended.stopped_all:
        why = "" if ended.cause is StopCause.FATAL_ANSWER else f" {said}"
        some = ngettext(
            "The sender {senders} stopped, and the other senders went on.",
            "The senders {senders} stopped, and the other senders went on.",
            len(stopped),
        )
        said = f"{some.format(senders=', '.join(stopped))}{why}"
    cut_off = ended.tally.reasons.get((Outcome.UNKNOWN, Reason.CUT_OFF.value), 0)
    if cut_off and ended.cause in (StopCause.INTERRUPTED, StopCause.TERMINATED):
        cut = ngettext(
            "Ended at once: {n} row was cut off while being sent, and may have arrived.",
            "Ended at once: {n} rows were cut off while being sent, and may have arrived.",
            cut_off,
        )
        said = cut.format(n=number(cut_off))
    if ended.finding is None:
        return said
    return "\n".join(filter(None, [said, sentence(ended.finding), advice(ended.finding)]))


def trial_question(row: int, people: Sequence[str], endpoint: str) -> str:
    """What is asked before a trial."""
    asked = _("Send the message of row {row} to {people} through {endpoint} now?")
    return asked.format(row=row, people=", ".join(map(format_phone, people)), endpoint=endpoint)


def trial_text(tried: TrialResult) -> str:
    """A trial for people."""
    lines = [_("A trial: the message of row {row}. It counts as sent to nobody of the sheet.").format(row=tried.row)]
    if tried.text is not None:
        lines.append(indent(tried.text, "    "))
    return "\n".join([*lines, *map(_line, tried.results)])


def trial_json(tried: TrialResult) -> str:
    """`run --to ... --json`."""
    return to_json(
        {
            "trial": tried.run,
            "row": tried.row,
            "text": tried.text,
            "results": [
                {
                    "phone": format_phone(result.person or ""),
                    "status": result.outcome,
                    "reason": result.reason,
                    "chat_id": result.chat_id,
                }
                for result in tried.results
            ],
            "exit_code": tried.exit_code,
        }
    )


def _line(result: Result) -> str:
    said = sentence(result.findings[0])
    if result.outcome.messaged:
        remedy = _("Look at it in WhatsApp, then run without --to.")
    elif result.outcome is Outcome.UNKNOWN:
        remedy = _("Look in WhatsApp.")
    else:
        remedy = advice(result.findings[0])
    return f"{format_phone(result.person or '')}  {said} {remedy}".rstrip()
