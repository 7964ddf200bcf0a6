"""Output of `run`, `demo` and `report`, and of a trial."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent
from typing import TYPE_CHECKING

from batch.cli.output.layout import labelled_lines, outcome_table, run_command, section, step_lines, workers_advice
from batch.cli.terminal import bold, path_text
from batch.formatting import format_duration, format_moment, format_rate, to_json
from batch.i18n import N_, _, ngettext, number
from batch.model.outcomes import Outcome
from batch.model.phone.cells import format_phone
from batch.model.phrases import fill
from batch.model.reasons import Finding, Reason, advice, sentence
from batch.model.runs import Result, SenderRun, StopCause, Tally

if TYPE_CHECKING:  # a check, which sends nothing, loads nothing that does
    from batch.app.runs.finish import FinishedRun, RunReport
    from batch.app.trial import TrialResult

_STOPPED = {
    StopCause.INTERRUPTED: N_("Interrupted: what was in flight is finished and recorded."),
    StopCause.TERMINATED: N_("Ended by a signal: what was in flight is finished and recorded."),
    StopCause.FATAL_ANSWER: N_("Stopped: every row would have met the same answer."),
    StopCause.TOO_MANY_ERRORS: N_("Stopped: too many rows in a hundred were refused ([stop] errors in the campaign)."),
    StopCause.UNKNOWNS_IN_A_ROW: N_(
        "Stopped: too many rows one after another that may have been sent ([stop] unknowns in the campaign)."
    ),
    StopCause.TEMPLATE_REFUSED: N_("Stopped: WhatsApp refused the template's values several times in a row."),
    StopCause.RETRIES_USED_UP: N_("Stopped: a row was tried as often as [stop] retries and retry_for allow."),
    StopCause.LEDGER_FAILED: N_("Stopped: the ledger could not be written, and without it nothing may be sent."),
    StopCause.CANARY: N_("Stopped: not all of the first rows ([canary] in the campaign) were accepted."),
    StopCause.UNDELIVERED: N_(
        "Stopped: the messages that were looked at failed, or were not sent on ([canary], or [stop] undelivered in the "
        "campaign)."
    ),
    StopCause.LOOKS_REFUSED: N_("Stopped: the API does not let us look what became of the first rows ([canary] look)."),
    StopCause.CLAIMS_LOST: N_("Stopped: the ledger's server lacks claims that were made."),
    StopCause.WORKERS_LOST: N_("Stopped: workers were lost one after the other while they sent."),
    StopCause.CLOCK_WRONG: N_("Stopped: this machine's clock went back, or is more than 5 minutes off the API's."),
}
_STOPPED_OTHERWISE = N_("Stopped.")


def summary_text(ended: FinishedRun, *, opens: bool = False) -> str:
    """The end of a run: why it stopped, the headline, the outcomes, the rates, and where the report is.

    `opens`: as of `next_lines`.
    """
    parts = _stop_lines(ended)
    if not ended.is_new:
        stands = _("Nothing was left to send, and nothing has changed since the run {run}: its report stands.")
        parts.append(stands.format(run=ended.run.run))
    parts.append(bold("\n".join(filter(None, (*ended.headline, ended.rehearsal)))))
    parts.append(outcome_table(ended.tally.counts, ended.tally.reasons))
    parts += _rates(ended.tally)
    parts.append(written_text(ended, ledger=None if ended.run.is_demo else ended.run.ledger))
    parts += [*ended.warnings, *ended.problems, *ended.notify_problems]
    if not ended.run.is_demo:
        parts.append("\n".join(next_lines(ended, opens=opens)))
    return "\n\n".join(filter(None, parts))


def next_lines(report: RunReport, *more: tuple[str, str], opens: bool = False) -> list[str]:
    """Return what to do next about a report, with the commands to type. `more`: as of `step_lines`, before its page;
    `opens`: it is opened now."""
    if report.host:
        words = _("Write the report where the sheet is, on {host}; here it has only what the ledger knows")
        command = run_command(report.run, f"report {report.run.run}", "ledger")
        return step_lines((), (words.format(host=report.host), command))
    show = _("See the report in the browser"), run_command(report.run, f"report {report.run.run} --open", "ledger")
    page = [show] if report.written.page and report.written.steps and not opens else []
    return step_lines(report.written.steps, *more, *page)


def brief_text(ended: FinishedRun) -> str:
    """Three lines about the end of a run, for cron: the campaign and the run, how it stands, the report.

    What `check` says of lists and people every night is counted there, and not printed.
    """
    workbook = next((str(file) for file in ended.written.files), str(ended.folder))
    head = f"{ended.run.campaign}: {ended.run.run}"
    stands, count = list(ended.headline), len(ended.warnings)
    if count:
        about = ngettext("{n} note on the sheet: {command}", "{n} notes on the sheet: {command}", count)
        stands.append(about.format(n=number(count), command=ended.check_command))
    return "\n".join([head, " ".join(stands), _("Report: {folder}").format(folder=workbook)])


def alarm_text(ended: FinishedRun, *, brief: bool = False) -> str:
    """The part of the end that needs a person, for where no summary is printed; empty when nothing does.

    `brief`: without what `brief_text` counts.
    """
    parts = _stop_lines(ended)
    if ended.written.missing:
        parts.append(written_text(ended))
    return "\n".join([*parts, *([] if brief else ended.warnings), *ended.problems, *ended.notify_problems])


def _stop_lines(ended: FinishedRun) -> list[str]:
    parts = [_why_stopped(ended)] if ended.sent.cause is not None else []
    return [*parts, _when_next(ended)] if ended.sent.next_at is not None else parts


def written_text(report: RunReport, *, ledger: str | None = None) -> str:
    """The places of the report and, where it is given, of the ledger; and what could not be written."""
    written = report.written
    workbook = next((file for file in written.files if file.suffix in (".xlsx", ".xlsm")), report.folder)
    lines = [] if report.host else [(_("Report"), path_text(workbook))]
    if written.page:
        lines.append(("", path_text(written.page)))
    lines += [(_("Retry"), path_text(file)) for file in written.files if file.stem.startswith("retry")]
    lines += [("", problem) for problem in written.problems]
    if written.missing:
        again = run_command(report.run, f"report {report.run.run}", "ledger")
        kept = _("No results were lost. Fix the problem, then run {command} to write the report.")
        lines.append(("", kept.format(command=f"`{again}`")))
    if ledger is not None:
        lines.append((_("Ledger"), ledger))
    return "\n".join(labelled_lines(lines))


def waiting_text(seconds: float, finding: Finding) -> str:
    """The reason for which nothing is sent for a while."""
    if finding.reason is Reason.WINDOW:
        words = _(
            "Outside the campaign's hours: waiting until {when}, for {time}. "
            "Ctrl+C ends it; the same command goes on later."
        )
    elif finding.reason is Reason.CAP:
        words = _("{people:,} people in 24 hours are reached: the next goes in {time}.")
    elif "status" in finding.values:
        words = _("The API asked to slow down (HTTP {status}): nothing is sent for {time}.")
    else:
        words = _("The API asked to slow down: nothing is sent for {time}.")
    return fill(words, {**finding.values, "time": format_duration(seconds)})


def _when_next(ended: FinishedRun) -> str:
    """The time from which messages may go that the hours or a cap kept back."""
    kept = {sender.pending.reason: sender.pending for sender in ended.tally.this_run.senders if sender.pending}
    reasons = [sentence(kept[reason]) for reason in (Reason.WINDOW, Reason.CAP) if reason in kept]
    if ended.sent.next_at is None or ended.has_no_hours:
        finding = Finding(Reason.NO_HOURS)
        return f"{sentence(finding)} {advice(finding)}"
    when = format_moment(ended.sent.next_at, ended.run.timezone)
    again = _("Run the same command again at {when} ({timezone}) or later.")
    return "\n".join([*reasons, again.format(when=when, timezone=ended.run.timezone)])


def _rates(tally: Tally) -> list[str]:
    """The section of rates, or nothing: wanted and achieved by each sender, and what slowed it down."""
    done = tally.this_run
    several = len(done.senders) > 1
    lines = list(filter(None, (_rate_line(sender, done.wanted_rate, several=several) for sender in done.senders)))
    return [section(_("Rate"), lines)] if lines else []


def _rate_line(sender: SenderRun, wanted: float | None, *, several: bool) -> str:
    if wanted is None or (sender.achieved_rate is None and not several):
        return ""
    if sender.achieved_rate is not None:
        rates = _("{achieved} of {wanted} wanted")
        parts = [rates.format(achieved=format_rate(sender.achieved_rate), wanted=format_rate(wanted))]
    else:
        attempts = ngettext("{n} attempt, {wanted} wanted", "{n} attempts, {wanted} wanted", sender.attempts)
        parts = [attempts.format(n=number(sender.attempts), wanted=format_rate(wanted))]
    if sender.slowed:
        slowed = ngettext(
            "slowed down once because the API asked for it",
            "slowed down {n} times because the API asked for it",
            sender.slowed,
        )
        parts.append(slowed.format(n=number(sender.slowed)))
    if sender.cause and several:
        parts.append(_("stopped: {cause}").format(cause=_(sender.cause.replace("_", " "))))
    return f"{sender.sender}  {', '.join(parts)}" if several else ", ".join(parts)


def _why_stopped(ended: FinishedRun) -> str:
    cause, finding = ended.sent.cause, ended.sent.finding
    words = _(_STOPPED.get(cause, _STOPPED_OTHERWISE)) if cause else ""
    stopped = [sender.sender for sender in ended.tally.this_run.senders if sender.cause]
    if stopped and not ended.sent.stopped_all:
        why = "" if cause is StopCause.FATAL_ANSWER else f" {words}"
        some = ngettext(
            "The sender {senders} stopped, and the other senders went on.",
            "The senders {senders} stopped, and the other senders went on.",
            len(stopped),
        )
        words = f"{some.format(senders=', '.join(stopped))}{why}"
    cut_off = ended.tally.reasons.get((Outcome.UNKNOWN, Reason.CUT_OFF.value), 0)
    if cut_off and cause in (StopCause.INTERRUPTED, StopCause.TERMINATED):
        cut = ngettext(
            "Ended while {n} row had no answer yet: it may have arrived.",
            "Ended while {n} rows had no answer yet: they may have arrived.",
            cut_off,
        )
        words = cut.format(n=number(cut_off))
    if finding is None:
        return words
    advise = workers_advice if ended.run.command == "submit" else advice
    return "\n".join(filter(None, [words, sentence(finding), advise(finding)]))


def trial_question(row: int, people: Sequence[str], endpoint: str) -> str:
    """The question before a trial."""
    question = _("Send the message of row {row} to {people} through {endpoint} now?")
    return question.format(row=row, people=", ".join(map(format_phone, people)), endpoint=endpoint)


def trial_text(tried: TrialResult) -> str:
    """The results of a trial, for people."""
    lines = [_("A trial: the message of row {row}. It counts as sent to nobody of the sheet.").format(row=tried.row)]
    if tried.text is not None:
        lines.append(indent(tried.text, "    "))
    return "\n".join([*lines, *map(_trial_line, tried.results)])


def trial_json(tried: TrialResult) -> str:
    """The results of a trial, for programs: `run --to ... --json`."""
    return to_json(
        {
            "trial": tried.run,
            "row": tried.row,
            "text": tried.text,
            "results": [_trial_row(result) for result in tried.results],
            "exit_code": tried.exit_code,
        }
    )


def _trial_row(result: Result) -> dict[str, object]:
    phone = format_phone(result.person or "")
    return {"phone": phone, "status": result.outcome, "reason": result.reason, "chat_id": result.chat_id}


def _trial_line(result: Result) -> str:
    happened = sentence(result.findings[0])
    if result.outcome.is_accepted:
        remedy = _("Look at it in WhatsApp, then run without --to.")
    elif result.outcome is Outcome.UNKNOWN:
        remedy = _("Look in WhatsApp.")
    else:
        remedy = advice(result.findings[0])
    return f"{format_phone(result.person or '')}  {happened} {remedy}".rstrip()
