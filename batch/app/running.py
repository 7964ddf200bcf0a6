"""`run`: one sheet from the first check to the report."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from batch._version import __version__
from batch.app.checking import Check, look
from batch.app.folder import RunFolder, run_name
from batch.app.logs import logging_to
from batch.app.prepared import Prepared, prepare, utc_now
from batch.app.sending import SendingWatcher, pool_settings, send
from batch.app.settings import Settings
from batch.campaign import load_campaign
from batch.chats import Token
from batch.errors import Declined, LedgerFailed
from batch.ledger import Ledger, Owner
from batch.loader import KeptCopy
from batch.model.exit_code import ExitCode, exit_code_of
from batch.model.message import campaign_scope
from batch.model.reason import Finding, Reason
from batch.model.run import Run, Tally
from batch.model.sheet import SheetInfo
from batch.pool import Sent, StopCause
from batch.reporter import SheetView, Written, write_report

__all__ = ["Choices", "Finished", "Watcher", "run_sheet"]

log = structlog.get_logger()


class Watcher(SendingWatcher, Protocol):
    """Who is asked before sending and told while it goes on."""

    def confirm(self, plan: Check) -> bool: ...
    def begin(self, plan: Check) -> None: ...
    def end(self) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """Choices of one moment, never from the environment."""

    limit: int | None = None
    """Messages of this run at most."""
    retry_errors: bool = False
    """Try rows in error again as they are."""
    verbose: bool = False
    """Log to stderr as well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """A run that has ended."""

    run: Run
    tally: Tally
    exit_code: ExitCode
    cause: StopCause | None
    """Why it ended before its rows were done; None when they are."""
    finding: Finding | None
    """What the API or the system said at that."""
    folder: Path
    ledger: str
    written: Written


def run_sheet(
    sheet: Path, campaign: Path, *, settings: Settings, token: Token, choices: Choices, watcher: Watcher
) -> Finished:
    """Send what is left of a sheet and write its report.

    Nothing was sent when it raises InputError, Busy or Declined. Everything it did is in the ledger when it returns.
    """
    started = utc_now()
    loaded = load_campaign(campaign, now=started)
    endpoint = settings.endpoint
    name = run_name(started, loaded.slug)
    owner = Owner.here(name)
    with ExitStack() as stack:
        folder = stack.enter_context(RunFolder(settings.reports, name))
        copy = folder.take(sheet)
        prepared = prepare(copy.path, loaded, endpoint=endpoint)
        ledger = stack.enter_context(Ledger.open(settings.ledger))
        stack.enter_context(ledger.hold([f"campaign {campaign_scope(loaded.name)} ({endpoint})"], owner))
        ledger.settle_dead_claims(endpoint=endpoint, campaign=loaded.name)
        pool = pool_settings(loaded, settings)
        run = Run(
            run=name,
            campaign=loaded.name,
            endpoint=endpoint,
            sheet_path=str(sheet.absolute()),
            sheet_sha256=copy.sha256,
            sheet_options=_reading(prepared.sheet.info),
            version=__version__,
            started=started,
            timezone=loaded.timezone,
            language=loaded.language,
            wanted_rate=pool.rate,
            report_dir=str(folder.path),
        )
        with ledger.stage(retry_errors=choices.retry_errors) as staging:
            prepared.stage(staging)
            plan = look(prepared, staging, settings, ledger.where, choices.limit)
            stack.enter_context(ledger.hold([f"sender {sender} ({endpoint})" for sender in plan.senders], owner))
            if plan.to_send and not watcher.confirm(plan):
                raise Declined("Nothing was sent: the question was answered with no.")
            staging.plan(run, owner)
        folder.keep()
        stack.enter_context(logging_to(folder.path / "run.log", token=token, verbose=choices.verbose))
        log.info("run_begun", run=name, campaign=loaded.name, endpoint=endpoint, to_send=plan.to_send, rate=pool.rate)
        watcher.begin(plan)
        try:
            sent = send(
                ledger,
                owner,
                endpoint=endpoint,
                token=token,
                settings=settings,
                pool=pool,
                limit=choices.limit,
                watcher=watcher,
            )
        finally:
            watcher.end()
        return _close(ledger, run, sent, prepared=prepared, copy=copy, folder=folder.path)


def _reading(info: SheetInfo) -> dict[str, str]:
    """How the sheet was read, for reading it again just so."""
    options = {"name": info.sheet, "header_row": info.header_row}
    return {name: str(value) for name, value in options.items() if value is not None}


def _close(ledger: Ledger, run: Run, sent: Sent, *, prepared: Prepared, copy: KeptCopy, folder: Path) -> Finished:
    """Note the run's end, and write its report."""
    try:
        ledger.finish_run(
            run.run,
            finished=utc_now(),
            attempts=sent.attempts,
            achieved_rate=sent.achieved_rate,
            pending=_why_pending(sent),
        )
        noted = True
    except LedgerFailed:
        log.exception("run_end_not_noted")
        noted = False
    tally = ledger.tally(run.run)
    exit_code = exit_code_of(tally.counts, _stopped(sent) if noted else ExitCode.STOPPED)
    if noted:
        ledger.note_exit(run.run, exit_code)
    ended = ledger.run(run.run) or run
    view = SheetView(path=copy.path, info=prepared.sheet.info, rows=prepared.sheet.rows, name=Path(run.sheet_path).name)
    written = write_report(folder, run=ended, tally=tally, sheet=view, results=lambda: ledger.results(run.run))
    counts = {outcome.value: count for outcome, count in tally.counts.items()}
    log.info("run_ended", exit_code=exit_code.value, cause=sent.cause, counts=counts, problems=written.problems)
    return Finished(
        run=ended,
        tally=tally,
        exit_code=exit_code,
        cause=sent.cause,
        finding=sent.finding,
        folder=folder,
        ledger=ledger.where,
        written=written,
    )


def _stopped(sent: Sent) -> ExitCode | None:
    early = {
        None: None,
        StopCause.INTERRUPTED: ExitCode.INTERRUPTED,
        StopCause.TERMINATED: ExitCode.TERMINATED,
    }
    return early.get(sent.cause, ExitCode.STOPPED)


def _why_pending(sent: Sent) -> Finding:
    """Why rows that were not attempted were not: without a stop only a limit leaves any."""
    if sent.cause is None:
        return Finding(Reason.LIMIT)
    interrupted = sent.cause in (StopCause.INTERRUPTED, StopCause.TERMINATED)
    return Finding(Reason.INTERRUPTED if interrupted else Reason.STOPPED)
