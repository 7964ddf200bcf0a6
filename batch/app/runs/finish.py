"""The end of a run: what it came to is noted, and the report written."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import structlog

from batch.app.check import Check
from batch.app.inputs.change_guard import note_stamp
from batch.app.inputs.staging import CampaignSheet, utc_now
from batch.campaign import NotifyTargets, Webhook
from batch.chats import WebhookFailure, post_webhook
from batch.errors import LedgerFailed
from batch.i18n import _, describe_os_error
from batch.ledger import Ledger, Owner
from batch.model.outcomes import ExitCode, exit_code_of
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run, SenderRun, Tally
from batch.pool import PoolResult, StopCause, StopSignal, stop_on_signals
from batch.reporter import ReportFiles, SourceSheet, summary_bytes, write_index, write_metrics, write_report

log = structlog.get_logger()


def notify(told: NotifyTargets, run: Run, tally: Tally, *, trust_env: bool) -> tuple[str, ...]:
    """Write the metrics and post the summary, as far as the campaign asks for it. Gives a sentence for what failed.

    Takes some ten seconds at most; a signal ends it at once. Raises nothing for what fails.
    """
    failed = []
    if told.prometheus is not None:
        failed.append(_write(told.prometheus, run, tally))
    if told.webhook is not None:
        failed.append(_post(told.webhook, summary_bytes(run, tally), trust_env=trust_env))
    return tuple(filter(None, failed))


def _write(target: Path, run: Run, tally: Tally) -> str:
    try:
        write_metrics(target, run, tally)
    except OSError as error:
        log.warning("metrics_not_written", file=target.name, problem=error.strerror or str(error))
        said = _("The metrics file {path} ([notify] prometheus) could not be written: {words}.")
        return said.format(path=target, words=describe_os_error(error))
    log.info("metrics_written", file=target.name)
    return ""


def _post(hook: Webhook, body: bytes, *, trust_env: bool) -> str:
    problem = asyncio.run(_until_signalled(hook.url, body, trust_env=trust_env))
    if problem is not None:
        log.warning("webhook_failed", host=hook.host, reason=problem.reason, http_status=problem.http_status)
        said = _("The webhook at {host} ([notify] webhook) did not take the summary: {words}.")
        return said.format(host=hook.host, words=problem.words)
    log.info("webhook_told", host=hook.host)
    return ""


async def _until_signalled(url: str, body: bytes, *, trust_env: bool) -> WebhookFailure | None:
    stop = StopSignal()
    with stop_on_signals(stop, lambda _again: None):
        delivery = asyncio.create_task(post_webhook(url, body, trust_env=trust_env))
        signalled = asyncio.create_task(stop.out_of_patience(0))
        try:
            await asyncio.wait({delivery, signalled}, return_when=asyncio.FIRST_COMPLETED)
            return (
                delivery.result() if delivery.done() else WebhookFailure(reason="signal", words=_("a signal ended it"))
            )
        finally:
            signalled.cancel()
            delivery.cancel()
            await asyncio.gather(delivery, signalled, return_exceptions=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishedRun:
    """A run that has ended."""

    run: Run
    tally: Tally
    exit_code: ExitCode
    cause: StopCause | None
    """Why it ended before its rows were done; None when they are."""
    finding: Finding | None
    """What the API or the system said at that."""
    stopped_all: bool
    """What ended it ended it for every sender."""
    next_at: datetime | None
    """When the first message may go that the hours or a cap kept back; None when none was."""
    last_sent: datetime | None
    """When the last accepted message of the sheet was sent, by whichever run."""
    folder: Path
    ledger: str
    written: ReportFiles
    problems: tuple[str, ...] = ()
    """Sentences about what did not go as it should besides."""
    untold: tuple[str, ...] = ()
    """Sentences about who could not be told of the run's end ([notify])."""

    @property
    def hits_all(self) -> bool:
        """What ended the run would end the run of any other sheet as well."""
        of_this_sheet = (None, StopCause.TOO_MANY_ERRORS, StopCause.CANARY, StopCause.TEMPLATE_REFUSED)
        return self.stopped_all and self.cause not in of_this_sheet


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRun:
    """A run that is in the ledger, every row of its sheet judged."""

    run: Run
    owner: Owner
    ledger: Ledger
    source: CampaignSheet
    copy: Path
    """The private copy of the sheet."""
    check: Check
    folder: Path


def finish_run(planned: PlannedRun, sent: PoolResult, *, stamped: bool, trust_env: bool = False) -> FinishedRun:
    """Note the run's end, write its report, and notify whom [notify] names."""
    ledger, run, campaign = planned.ledger, planned.run, planned.source.campaign
    noted = _note_end(ledger, run, sent)
    tally = ledger.tally(run.run)
    exit_code = exit_code_of(tally.counts, stopped_by(sent.cause) if noted else ExitCode.STOPPED)
    if noted:
        _note_exit(ledger, run, exit_code)
        stamped = note_stamp(campaign, ledger, run) and stamped
    ended = ledger.run(run.run) or run
    ended = replace(ended, exit_code=exit_code, finished=ended.finished or utc_now(), ledger=ledger.location)
    sheet = planned.source.sheet
    view = SourceSheet(path=planned.copy, info=sheet.info, rows=sheet.rows, name=Path(run.sheet_path).name)
    written = write_report(planned.folder, run=ended, tally=tally, sheet=view, results=lambda: ledger.results(run.run))
    unlisted = write_index(planned.folder.parent, ended.language)
    counts = {outcome.value: count for outcome, count in tally.counts.items()}
    log.info("run_ended", exit_code=exit_code.value, cause=sent.cause, counts=counts, problems=written.problems)
    untold = notify(campaign.notify, ended, tally, trust_env=trust_env)
    return FinishedRun(
        run=ended,
        tally=tally,
        exit_code=exit_code,
        cause=sent.cause,
        finding=sent.finding,
        stopped_all=sent.stopped_all,
        next_at=sent.next_at,
        last_sent=tally.last_sent,
        folder=planned.folder,
        ledger=ledger.location,
        written=written,
        problems=(*planned.check.list_warnings, *([] if stamped else [_not_stamped(campaign.path)]), *unlisted),
        untold=untold,
    )


def _note_end(ledger: Ledger, run: Run, sent: PoolResult) -> bool:
    """False when the ledger takes no writes: the outcomes that were recorded stay, and the run counts as stopped."""
    try:
        ledger.finish_run(
            run.run,
            finished=utc_now(),
            attempts=sent.attempts,
            achieved_rate=sent.achieved_rate,
            pending=why_pending(sent.cause),
            senders=[_why_pending_of(sender) for sender in sent.senders],
        )
    except LedgerFailed:
        log.exception("run_end_not_noted")
        return False
    return True


def _note_exit(ledger: Ledger, run: Run, exit_code: ExitCode) -> None:
    """Only `runs` shows it: without it nothing is lost but that."""
    try:
        ledger.note_exit(run.run, exit_code)
    except LedgerFailed:
        log.exception("exit_code_not_noted")


def stopped_by(cause: StopCause | None) -> ExitCode | None:
    """The exit code of what ended a run early; None when nothing did."""
    early = {
        None: None,
        StopCause.INTERRUPTED: ExitCode.INTERRUPTED,
        StopCause.TERMINATED: ExitCode.TERMINATED,
    }
    return early.get(cause, ExitCode.STOPPED)


def _why_pending_of(sender: SenderRun) -> SenderRun:
    """A sender with why its rows were not attempted: it stopped, or a rule kept them back, or the limit was reached."""
    cause = StopCause(sender.cause) if sender.cause else None
    pending = why_pending(cause) if cause or sender.pending is None else sender.pending
    return replace(sender, pending=pending)


def why_pending(cause: StopCause | None) -> Finding:
    """Why rows that were not attempted were not: without a stop only a limit leaves any."""
    if cause is None:
        return Finding(Reason.LIMIT)
    interrupted = cause in (StopCause.INTERRUPTED, StopCause.TERMINATED)
    return Finding(Reason.INTERRUPTED if interrupted else Reason.STOPPED)


def _not_stamped(campaign: Path) -> str:
    said = _(
        "The note {file} could not be written beside the campaign file: a later run with another "
        "ledger would not be noticed. See that the disk has space and that you may write to the campaign's folder."
    )
    return said.format(file=f"{campaign.name}.stamp")
