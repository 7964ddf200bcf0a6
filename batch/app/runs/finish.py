"""The end of a run: its outcome is noted in the ledger, the report is written, and [notify] is carried out."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from batch.app.check import Check
from batch.app.inputs.campaign_sheet import CampaignSheet, sent_renderer
from batch.app.inputs.change_guard import note_stamp
from batch.app.inputs.staging import utc_now
from batch.campaign import NotifySection, Webhook
from batch.chats import WebhookFailure, post_webhook
from batch.control_characters import show_controls
from batch.errors import LedgerFailed, attempt, describe_defect
from batch.event_log import log
from batch.i18n import _, describe_os_error
from batch.ledger import Ledger, Owner
from batch.model.outcomes import ExitCode, exit_code_of
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run, SenderRun, StopCause, Tally
from batch.pool import NEVER, PoolResult, StopSignal, stop_on_signals
from batch.reporter import (
    ReportFiles,
    RunSummary,
    SourceSheet,
    command_again,
    headline,
    rehearsal,
    summarize_run,
    summary_bytes,
    write_index,
    write_metrics,
    write_report,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunReport:
    """A report that was written, and the counts it was written by."""

    run: Run
    tally: Tally
    folder: Path
    written: ReportFiles
    was_there: bool = False
    """Another program had written it already."""
    host: str = ""
    """The machine on which it is to be written; empty: it was written here."""

    @property
    def summary(self) -> RunSummary:
        """The content of summary.json."""
        return summarize_run(self.run, self.tally)


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedRun(RunReport):
    """A run that has ended."""

    exit_code: ExitCode
    sent: PoolResult
    """What was sent, and why it ended before its rows were done."""
    warnings: tuple[str, ...] = ()
    """Sentences about lists and people, which `check` gives as well."""
    problems: tuple[str, ...] = ()
    """Sentences about what did not go as it should besides."""
    notify_problems: tuple[str, ...] = ()
    """Sentences about who could not be notified of the run's end ([notify])."""
    is_new: bool = True
    """False: it is an earlier run, whose report stands, for nothing was left to send and nothing has changed."""

    @property
    def hits_all(self) -> bool:
        """True when the cause would end the run of any other sheet as well."""
        of_this_sheet = (None, StopCause.TOO_MANY_ERRORS, StopCause.CANARY, StopCause.TEMPLATE_REFUSED)
        return self.sent.stopped_all and self.sent.cause not in of_this_sheet

    @property
    def has_no_hours(self) -> bool:
        """True when no moment suits what waits: no hour of the campaign, or none within two years."""
        return self.sent.next_at is None or self.sent.next_at.year == NEVER.year

    @property
    def rehearsal(self) -> str:
        """The mark of a run at an address of this machine; empty for any other."""
        return rehearsal(self.run.endpoint)

    @property
    def check_command(self) -> str:
        """Shows the warnings again."""
        return command_again(self.run, "check")

    @property
    def headline(self) -> Sequence[str]:
        """The first lines of the report: how many rows were messaged."""
        return headline(self.run, self.tally, last_sent=self.tally.last_sent)


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRun:
    """A run that is in the ledger, every row of its sheet judged."""

    run: Run
    owner: Owner
    ledger: Ledger
    source: CampaignSheet
    """Of the private copy of the sheet."""
    check: Check
    folder: Path


def finish_run(planned: PlannedRun, sent: PoolResult, *, stamped: bool, trust_env: bool = False) -> FinishedRun:
    """Note the run's end, write its report, and notify whom [notify] names.

    Durable on return, unless the ledger takes no writes any more: then the run counts as stopped, and the outcomes that
    were recorded stay.
    """
    ledger, run, campaign = planned.ledger, planned.run, planned.source.campaign
    is_noted, exit_code, tally = note_end(ledger, run, sent)
    if is_noted:
        stamped = note_stamp(campaign, ledger, run) and stamped
    ended = ledger.locate(ledger.run(run.run) or run)
    ended = replace(ended, exit_code=exit_code, finished=ended.finished or utc_now())
    sheet = planned.source.sheet
    name = show_controls(Path(run.sheet_path).name)
    render = sent_renderer(planned.source, ledger)
    source = SourceSheet(path=planned.source.path, info=sheet.info, rows=sheet.rows, name=name, message=render)
    results = partial(ledger.results, run.run)
    written = attempt(
        lambda: write_report(
            planned.folder, run=ended, tally=tally, sheet=source, results=results, origin_mac=ledger.hashes.origin
        )
    )
    if isinstance(written, Exception):
        log.error("report_not_written", exc_info=written)
        problem = _("The report could not be written ({error}).").format(error=describe_defect(written))
        written = ReportFiles(files=(), problems=(problem,), missing=("report.xlsx",))
    if written.missing and (damage := ledger.find_damage()):
        written = replace(written, problems=(*written.problems, str(damage)))
    index_problems = attempt(lambda: write_index(planned.folder.parent, ended.language))
    if isinstance(index_problems, Exception):
        log.error("index_not_written", exc_info=index_problems)
        words = _("The list of runs, {file}, could not be written: {error}.")
        index_problems = (words.format(file="index.html", error=describe_defect(index_problems)),)
    counts = {outcome.value: count for outcome, count in tally.counts.items()}
    log.info("run_ended", exit_code=exit_code.value, cause=sent.cause, counts=counts, problems=written.problems)
    stamp_problem = _(
        "The note {file} could not be written beside the campaign file: a later run with another "
        "ledger would not be noticed. See that the disk has space and that you may write to the campaign's folder."
    )
    stamp_problems = () if stamped else (stamp_problem.format(file=f"{campaign.path.name}.stamp"),)
    return FinishedRun(
        run=ended,
        tally=tally,
        folder=planned.folder,
        written=written,
        exit_code=exit_code,
        sent=sent,
        warnings=planned.check.list_warnings,
        problems=(*stamp_problems, *index_problems),
        notify_problems=notify(campaign.notify, ended, tally, trust_env=trust_env),
    )


def note_end(ledger: Ledger, run: Run, sent: PoolResult) -> tuple[bool, ExitCode, Tally]:
    """Note the end of a run, and return the exit code and the counts; the first is False when it could not be noted."""
    is_noted = _note_sent(ledger, run, sent)
    tally = ledger.tally(run.run)
    exit_code = exit_code_of(tally.counts, stop_exit_code(sent.cause) if is_noted else ExitCode.STOPPED)
    if is_noted:
        try:
            ledger.note_exit(run.run, exit_code)
        except LedgerFailed:  # only `runs` shows it
            log.exception("exit_code_not_noted")
    return is_noted, exit_code, tally


def _note_sent(ledger: Ledger, run: Run, sent: PoolResult) -> bool:
    """Note the end of the sending; False when the ledger takes no writes."""
    try:
        ledger.finish_run(
            run.run,
            finished=utc_now(),
            attempts=sent.attempts,
            achieved_rate=sent.achieved_rate,
            pending=pending_finding(sent.cause, sent.finding),
            senders=[_with_pending(sender, sent.finding) for sender in sent.senders],
        )
    except LedgerFailed:
        log.exception("run_end_not_noted")
        return False
    return True


def _with_pending(sender: SenderRun, finding: Finding | None) -> SenderRun:
    """Add why rows were not attempted: the sender stopped, a rule kept them back, or the limit was reached."""
    cause = StopCause(sender.cause) if sender.cause else None
    pending = pending_finding(cause, finding) if cause or sender.pending is None else sender.pending
    return replace(sender, pending=pending)


def pending_finding(cause: StopCause | None, finding: Finding | None = None) -> Finding:
    """Return why rows were not attempted. Without a stop only a limit leaves any. `finding`: of the stop."""
    if cause is StopCause.CLAIMS_LOST and finding is not None:  # they may have their message all the same
        return finding
    if cause is None:
        return Finding(Reason.LIMIT)
    interrupted = cause in (StopCause.INTERRUPTED, StopCause.TERMINATED)
    return Finding(Reason.INTERRUPTED if interrupted else Reason.STOPPED)


def stop_exit_code(cause: StopCause | None) -> ExitCode | None:
    """Return the exit code of what ended a run early; None when nothing did."""
    codes = {None: None, StopCause.INTERRUPTED: ExitCode.INTERRUPTED, StopCause.TERMINATED: ExitCode.TERMINATED}
    return codes.get(cause, ExitCode.STOPPED)


def note_standing(ended: FinishedRun, targets: NotifySection) -> FinishedRun:
    """Write the metrics of a campaign for which a run found nothing new; nothing else is notified."""
    path = targets.prometheus
    problem = _write_metrics(path, ended.run, ended.tally, checked=utc_now()) if path else ""
    return replace(ended, notify_problems=tuple(filter(None, [problem])))


def notify(targets: NotifySection, run: Run, tally: Tally, *, trust_env: bool) -> tuple[str, ...]:
    """Write the metrics and post the summary, as far as the campaign asks for it; return a sentence for each failure.

    Takes some ten seconds at most; a signal ends it at once. Raises nothing for what fails.
    """
    problems = []
    if targets.prometheus is not None:
        problems.append(_write_metrics(targets.prometheus, run, tally))
    if targets.webhook is not None:
        problems.append(_post_summary(targets.webhook, summary_bytes(run, tally), trust_env=trust_env))
    return tuple(filter(None, problems))


def _write_metrics(target: Path, run: Run, tally: Tally, *, checked: datetime | None = None) -> str:
    """Write the metrics; `checked`: when it was seen that nothing is left since the run."""
    try:
        write_metrics(target, run, tally, checked=checked)
    except OSError as error:
        log.warning("metrics_not_written", file=target.name, problem=error.strerror or str(error))
        problem = _("The metrics file {path} ([notify] prometheus) could not be written: {words}.")
        return problem.format(path=target, words=describe_os_error(error))
    log.info("metrics_written", file=target.name)
    return ""


def _post_summary(hook: Webhook, body: bytes, *, trust_env: bool) -> str:
    failure = asyncio.run(_post_until_signal(hook.url, body, trust_env=trust_env))
    if failure is not None:
        log.warning("webhook_failed", host=hook.host, reason=failure.reason, http_status=failure.http_status)
        problem = _("The webhook at {host} ([notify] webhook) did not take the summary: {words}.")
        return problem.format(host=hook.host, words=failure.words)
    log.info("webhook_told", host=hook.host)
    return ""


async def _post_until_signal(url: str, body: bytes, *, trust_env: bool) -> WebhookFailure | None:
    stop = StopSignal()
    with stop_on_signals(stop, lambda _again: None):
        delivery = asyncio.create_task(post_webhook(url, body, trust_env=trust_env))
        signal = asyncio.create_task(stop.out_of_patience(0))
        try:
            await asyncio.wait({delivery, signal}, return_when=asyncio.FIRST_COMPLETED)
            if delivery.done():
                return delivery.result()
            return WebhookFailure(reason="signal", words=_("a signal ended it"))
        finally:
            signal.cancel()
            delivery.cancel()
            await asyncio.gather(delivery, signal, return_exceptions=True)
