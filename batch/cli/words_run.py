"""What `run`, `demo`, `report` and `runs` print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from batch.app.running import Finished
from batch.app.samples import samples
from batch.cli import phrases
from batch.language import _
from batch.model.outcome import Outcome
from batch.model.reason import Finding, Reason, advice, sentence
from batch.model.run import Run, SenderRun, Tally
from batch.pool import NEVER, StopCause
from batch.reporter import Written, headline, summary

__all__ = ["alarm_text", "demo_text", "runs_text", "summary_json", "summary_text", "waiting_text", "written_text"]

_STOPPED = {
    StopCause.INTERRUPTED: "Interrupted: what was in flight is finished and recorded.",
    StopCause.TERMINATED: "Ended by a signal: what was in flight is finished and recorded.",
    StopCause.FATAL_ANSWER: "Stopped: every row would have met the same answer.",
    StopCause.TOO_MANY_ERRORS: "Stopped: too many rows in a hundred were refused ([stop] errors in the campaign).",
    StopCause.UNKNOWNS_IN_A_ROW: "Stopped: too many unknown outcomes in a row ([stop] unknowns in the campaign).",
    StopCause.TEMPLATE_REFUSED: "Stopped: WhatsApp refused the template's values several times in a row.",
    StopCause.RETRIES_USED_UP: "Stopped: a row was tried as often as [stop] retries and retry_for allow.",
    StopCause.LEDGER_FAILED: "Stopped: the ledger could not be written, and without it nothing may be sent.",
    StopCause.CANARY: "Stopped: not all of the first rows ([canary] in the campaign) were accepted.",
    StopCause.CLOCK_WRONG: "Stopped: this machine's clock went back, or is more than 5 minutes off the API's.",
}


def summary_text(ended: Finished) -> str:
    """What a run says at its end."""
    parts = []
    if ended.cause is not None:
        parts.append(_why_stopped(ended))
    if ended.next_at is not None:
        parts.append(_when_next(ended))
    parts.append("\n".join(headline(ended.run, ended.tally, last_sent=ended.last_sent)))
    parts.append(phrases.counts(ended.tally.counts, ended.tally.reasons))
    parts += _rates(ended.tally)
    parts.append(f"{written_text(ended.run, ended.folder, ended.written)}\nLedger  {ended.ledger}")
    parts += ended.problems
    return "\n\n".join(parts)


def alarm_text(ended: Finished) -> str:
    """What somebody must know of a run also where no summary is printed: why it stopped, what could not be written."""
    parts = [_why_stopped(ended)] if ended.cause is not None else []
    if ended.next_at is not None:
        parts.append(_when_next(ended))
    if ended.written.missing:
        parts.append(written_text(ended.run, ended.folder, ended.written))
    return "\n".join([*parts, *ended.problems])


def summary_json(ended: Finished) -> dict[str, object]:
    """What `run --json` prints of one sheet: the content of summary.json."""
    return summary(ended.run, ended.tally)


def demo_text(ended: Finished) -> str:
    """What the demo says at its end: the summary is already printed, so only where to look."""
    return (
        f"{summary_text(ended)}\n\nThis was a rehearsal against an imitation on this machine: nobody was messaged.\n"
        "Open report.xlsx to see what became of each row. The sheet and the campaign file that were used are in\n"
        f"{samples()}"
    )


def written_text(run: Run, folder: Path, written: Written) -> str:
    """Where the report is, and what could not be written."""
    workbook = next((str(file) for file in written.files if file.suffix in (".xlsx", ".xlsm")), str(folder))
    problems = [*written.problems]
    if written.missing:
        again = f"`wegly-batch report {run.run}`"
        problems.append(f"Nothing of it is lost, for the ledger has it: mend that, and {again} writes the report.")
    correct = [file for file in written.files if file.stem.startswith("retry")]
    retries = [_("Retry   {file}: correct its rows and run it, like a sheet").format(file=file) for file in correct]
    return "\n".join([f"Report  {workbook}", *retries, *(f"        {problem}" for problem in problems)])


def runs_text(found: Sequence[tuple[Run, Tally]]) -> str:
    """`runs` as a table."""
    if not found:
        return "There are no runs yet."
    width = max(len(run.run) for run, _ in found)
    head = (
        f"{'run':<{width}}  {'started':<16}  {'rows':>7}" + "".join(f"  {kind.value:>7}" for kind in Outcome) + "  exit"
    )
    return "\n".join([head, *(_run_line(run, tally, width) for run, tally in found)])


def waiting_text(seconds: float, finding: Finding) -> str:
    """Why everybody waits now."""
    if finding.reason is Reason.WINDOW:
        return (
            f"Outside the campaign's hours: waiting until {finding.values['when']}, for {phrases.time(seconds)}. "
            "Ctrl+C ends it; the same command goes on later."
        )
    if finding.reason is Reason.CAP:
        return f"{finding.values['people']} people in 24 hours are reached: the next goes in {phrases.time(seconds)}."
    asked = f" (HTTP {finding.values['status']})" if "status" in finding.values else ""
    return f"The API asked to slow down{asked}: nothing is sent for {phrases.time(seconds)}."


def _run_line(run: Run, tally: Tally, width: int) -> str:
    started = run.started.astimezone(ZoneInfo(run.timezone))
    counts = "".join(f"  {tally.counts[kind]:>7,}" for kind in Outcome)
    code = "-" if run.exit_code is None else str(run.exit_code)
    return f"{run.run:<{width}}  {started:%d/%m/%Y %H:%M}  {tally.rows:>7,}{counts}  {code:>4}"


def _when_next(ended: Finished) -> str:
    """When what the hours or a cap kept back may go."""
    zone = ZoneInfo(ended.run.timezone)
    kept = {sender.pending.reason: sender.pending for sender in ended.tally.this_run.senders if sender.pending}
    said = [sentence(kept[reason]) for reason in (Reason.WINDOW, Reason.CAP) if reason in kept]
    if ended.next_at is None or ended.next_at.year == NEVER.year:
        finding = Finding(Reason.NO_HOURS)
        return f"{sentence(finding)} {advice(finding)}"
    when = f"{ended.next_at.astimezone(zone):%d/%m/%Y %H:%M}"
    return "\n".join([*said, f"Run the same command again at {when} ({ended.run.timezone}) or later."])


def _rates(tally: Tally) -> list[str]:
    """Wanted and achieved rate, for each sender where there are several, and whatever slowed it down."""
    done = tally.this_run
    several = len(done.senders) > 1
    lines = [_rate_of(sender, done.wanted_rate, several=several) for sender in done.senders]
    return ["\n".join(["Rate", *filter(None, lines)])] if any(lines) else []


def _rate_of(sender: SenderRun, wanted: float | None, *, several: bool) -> str:
    if wanted is None or (sender.achieved_rate is None and not several):
        return ""
    rate = f"{phrases.rate(sender.achieved_rate)} of " if sender.achieved_rate is not None else ""
    made = "" if rate else f"{sender.attempts} attempt{'' if sender.attempts == 1 else 's'}, "
    times = "once" if sender.slowed == 1 else f"{sender.slowed} times"
    slowed = f", slowed down {times} because the API asked for it" if sender.slowed else ""
    stopped = f", stopped: {sender.cause.replace('_', ' ')}" if sender.cause and several else ""
    who = f"{sender.sender}  " if several else ""
    return f"  {who}{made}{rate}{phrases.rate(wanted)} wanted{slowed}{stopped}"


def _why_stopped(ended: Finished) -> str:
    said = _STOPPED.get(ended.cause, "Stopped.") if ended.cause else ""
    stopped = [sender.sender for sender in ended.tally.this_run.senders if sender.cause]
    if stopped and not ended.stopped_all:
        who = "The sender" if len(stopped) == 1 else "The senders"
        why = "" if ended.cause is StopCause.FATAL_ANSWER else f" {said}"
        said = f"{who} {', '.join(stopped)} stopped, and the other senders went on.{why}"
    cut_off = ended.tally.reasons.get((Outcome.UNKNOWN, Reason.CUT_OFF.value), 0)
    if cut_off and ended.cause in (StopCause.INTERRUPTED, StopCause.TERMINATED):
        were = "was" if cut_off == 1 else "were"
        said = f"Ended at once: {phrases.rows(cut_off)} {were} cut off while being sent, and may have arrived."
    if ended.finding is None:
        return said
    return "\n".join(filter(None, [said, sentence(ended.finding), advice(ended.finding)]))
