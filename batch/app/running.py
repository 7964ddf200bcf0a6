"""`run`: one sheet from the first check to the report."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog

from batch._version import __version__
from batch.app.changes import note_stamp, refuse_changes, traits_of
from batch.app.checking import Check, look
from batch.app.folder import RunFolder, run_name
from batch.app.logs import logging_to
from batch.app.prepared import Prepared, prepare, utc_now
from batch.app.reading import limits_of, reading_of
from batch.app.sending import SendingWatcher, send
from batch.app.settings import Settings
from batch.campaign import Campaign, load_campaign
from batch.chats import Token
from batch.errors import ClockWrong, Declined, LedgerFailed
from batch.ledger import Judging, Ledger, Owner, campaign_lock, sender_lock
from batch.loader import KeptCopy
from batch.model.exit_code import ExitCode, exit_code_of
from batch.model.reason import Finding, Reason
from batch.model.run import Run, Tally
from batch.pool import Sent, StopCause
from batch.reporter import SheetView, Written, write_report

__all__ = ["Choices", "Finished", "Watcher", "run_sheet"]

log = structlog.get_logger()

CLOCK_SLACK = timedelta(minutes=5)
"""How far the wall clock may lie before the ledger's newest entry: clocks are set back a little now and then."""


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
    judging: Judging = field(default_factory=Judging)
    accept_change: bool = False
    """Go on although a change would make everybody of the campaign new."""
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
    last_sent: datetime | None
    """When the last accepted message of the sheet was sent, by whichever run."""
    folder: Path
    ledger: str
    written: Written
    problems: tuple[str, ...] = ()
    """Sentences about what did not go as it should besides."""

    @property
    def hits_all(self) -> bool:
        """What ended the run would end the run of any other sheet as well."""
        of_this_sheet = (None, StopCause.TOO_MANY_ERRORS, StopCause.CANARY, StopCause.TEMPLATE_REFUSED)
        return self.cause not in of_this_sheet


@dataclass(frozen=True, kw_only=True, slots=True)
class _Begun:
    """A run that is in the ledger, every row of its sheet judged."""

    run: Run
    owner: Owner
    ledger: Ledger
    campaign: Campaign
    prepared: Prepared
    copy: KeptCopy
    plan: Check
    folder: Path


def run_sheet(
    sheet: Path, campaign: Path, *, settings: Settings, token: Token, choices: Choices, watcher: Watcher
) -> Finished:
    """Send what is left of a sheet and write its report.

    Nothing was sent when it raises InputError, ClockWrong, Busy or Declined. Everything it did is in the ledger when it
    returns.
    """
    with ExitStack() as stack:
        begun = _begin(stack, sheet, campaign, settings=settings, choices=choices, watcher=watcher)
        run_log = stack.enter_context(logging_to(begun.folder / "run.log", token=token, verbose=choices.verbose))
        run, plan = begun.run, begun.plan
        log.info("run_begun", run=run.run, campaign=run.campaign, endpoint=run.endpoint, to_send=plan.to_send)
        stamped = note_stamp(begun.campaign, begun.ledger, run, to_send=plan.to_send)
        watcher.begin(plan)
        try:
            sent = send(
                begun.ledger,
                begun.owner,
                campaign=begun.campaign,
                endpoint=run.endpoint,
                token=token,
                settings=settings,
                limit=choices.limit,
                watcher=watcher,
            )
        finally:
            watcher.end()
        finished = _close(begun, sent, stamped=stamped)
        return replace(finished, problems=(*finished.problems, *filter(None, [run_log.problem])))


def _begin(
    stack: ExitStack, sheet: Path, campaign: Path, *, settings: Settings, choices: Choices, watcher: Watcher
) -> _Begun:
    """Check every row and write the run's plan into the ledger. Locks and ledger are held on `stack`."""
    started = utc_now()
    loaded = load_campaign(campaign, now=started)
    endpoint = settings.endpoint
    name = run_name(started, loaded.slug)
    owner = Owner.here(name)
    folder = stack.enter_context(RunFolder(settings.reports, name))
    copy = folder.take(sheet, limits_of(loaded))
    prepared = prepare(copy.path, loaded, endpoint=endpoint, shown_as=sheet.name)
    ledger = stack.enter_context(Ledger.open(settings.ledger))
    stack.enter_context(ledger.hold([campaign_lock(loaded.name, endpoint)], owner))
    _refuse_early(ledger, loaded, endpoint, now=started, accept_change=choices.accept_change)
    with ledger.stage(choices.judging) as staging:
        prepared.stage(staging, ledger.knows_run)
        plan = look(prepared, staging, settings, ledger.where, choices.limit)
        stack.enter_context(ledger.hold([sender_lock(sender, endpoint) for sender in plan.senders], owner))
        if plan.to_send and not watcher.confirm(plan):
            raise Declined("Nothing was sent: the question was answered with no.")
        run = Run(
            run=name,
            campaign=loaded.name,
            endpoint=endpoint,
            sheet_path=str(sheet.absolute()),
            sheet_sha256=copy.sha256,
            sheet_options=reading_of(loaded, prepared.sheet.info),
            version=__version__,
            started=started,
            timezone=loaded.timezone,
            language=loaded.language,
            wanted_rate=plan.rate,
            report_dir=str(folder.path),
        )
        staging.plan(run, owner, traits_of(loaded))
    folder.keep()
    return _Begun(
        run=run,
        owner=owner,
        ledger=ledger,
        campaign=loaded,
        prepared=prepared,
        copy=copy,
        plan=plan,
        folder=folder.path,
    )


def _refuse_early(ledger: Ledger, campaign: Campaign, endpoint: str, *, now: datetime, accept_change: bool) -> None:
    """What can be found out before the sheet's rows are checked. The campaign's lock is held."""
    newest = ledger.newest()
    if newest is not None and now < newest - CLOCK_SLACK and not accept_change:
        raise ClockWrong(
            f"This machine's clock says {now:%d/%m/%Y %H:%M} UTC, but the ledger has entries of "
            f"{newest:%d/%m/%Y %H:%M} UTC.",
            "Set the clock, then run again; if it is right now and was wrong before, use --accept-change.",
        )
    ledger.settle_dead_claims(endpoint=endpoint, campaign=campaign.name)
    if not accept_change:
        refuse_changes(campaign, ledger, endpoint)


def _close(begun: _Begun, sent: Sent, *, stamped: bool) -> Finished:
    """Note the run's end, and write its report."""
    ledger, run = begun.ledger, begun.run
    noted = _note_end(ledger, run, sent)
    tally = ledger.tally(run.run)
    exit_code = exit_code_of(tally.counts, _stopped(sent) if noted else ExitCode.STOPPED)
    if noted:
        _note_exit(ledger, run, exit_code)
        stamped = note_stamp(begun.campaign, ledger, run) and stamped
    ended = ledger.run(run.run) or run
    ended = replace(ended, exit_code=exit_code, finished=ended.finished or utc_now(), ledger=ledger.where)
    sheet = begun.prepared.sheet
    view = SheetView(path=begun.copy.path, info=sheet.info, rows=sheet.rows, name=Path(run.sheet_path).name)
    written = write_report(begun.folder, run=ended, tally=tally, sheet=view, results=lambda: ledger.results(run.run))
    counts = {outcome.value: count for outcome, count in tally.counts.items()}
    log.info("run_ended", exit_code=exit_code.value, cause=sent.cause, counts=counts, problems=written.problems)
    return Finished(
        run=ended,
        tally=tally,
        exit_code=exit_code,
        cause=sent.cause,
        finding=sent.finding,
        last_sent=ledger.last_sent(run.run),
        folder=begun.folder,
        ledger=ledger.where,
        written=written,
        problems=() if stamped else (_not_stamped(begun.campaign.path),),
    )


def _note_end(ledger: Ledger, run: Run, sent: Sent) -> bool:
    """False when the ledger takes no writes: the outcomes that were recorded stay, and the run counts as stopped."""
    try:
        ledger.finish_run(
            run.run,
            finished=utc_now(),
            attempts=sent.attempts,
            achieved_rate=sent.achieved_rate,
            pending=_why_pending(sent),
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


def _not_stamped(campaign: Path) -> str:
    return (
        f"The note {campaign.name}.stamp could not be written beside the campaign file: a later run with another "
        "ledger would not be noticed. See that the disk has space and that you may write to the campaign's folder."
    )
