"""`run`: one sheet from the first check to the report."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog

from batch._version import __version__
from batch.app.check import Check, look
from batch.app.inputs.change_guard import note_stamp, refuse_changes, traits_of
from batch.app.inputs.recipient_lists import run_lists
from batch.app.inputs.staging import ALL_ROWS, ChosenRows, choose, limit_of, limits_of, prepare, reading_of, utc_now
from batch.app.runs.finish import Begun, Finished, close
from batch.app.runs.progress import Meter, Metered, SendingWatcher, tell_as_time_passes
from batch.app.runs.run_folder import RunFolder, run_name
from batch.app.runs.run_log import defects_logged, logging_to
from batch.app.settings import Settings
from batch.campaign import Campaign, load_campaign
from batch.chats import ChatsClient, Token, make_ssl_context, warm_up
from batch.errors import ClockWrong, Declined
from batch.i18n import _
from batch.ledger import Ledger, Owner, RetryOptions, campaign_lock, sender_lock
from batch.model.contact_limits import OutreachRules
from batch.model.runs import Run
from batch.pool import Pool, PoolResult, PoolSettings, RetryRules, StopCause, StopRules, StopSignal, stop_on_signals


def send(
    ledger: Ledger,
    owner: Owner,
    *,
    campaign: Campaign,
    endpoint: str,
    token: Token,
    settings: Settings,
    limit: int | None,
    watcher: SendingWatcher,
    canary: int | None,
    meter: Meter | None = None,
    rules: OutreachRules | None = None,
) -> PoolResult:
    """Send the pending messages of the owner's run, at most `limit`. Every outcome is durable when it returns.

    With a canary so many rows are sent alone, and the rest only when all of them were accepted. `meter` is told how it
    goes. `rules`: those of outreach; None: the campaign's.
    """
    warm_up()
    client = _client_maker(endpoint, token, settings)
    meter = meter or Meter(total=0)
    metered = Metered(meter, watcher)

    async def work() -> PoolResult:
        stop = StopSignal()
        sending_by = ledger.open_queue(owner, rules or campaign.outreach, endpoint=endpoint)
        with sending_by as sending, stop_on_signals(stop, lambda again: metered.signalled(again=again)):
            pool = Pool(
                ledger=sending,
                client=client,
                settings=_pool_settings(campaign, settings),
                now=utc_now,
                progress=metered,
                stop=stop,
            )
            telling = asyncio.create_task(tell_as_time_passes(meter, watcher))
            try:
                return await _with_canary(pool, stop, canary, limit, metered)
            finally:
                telling.cancel()

    # What is loaded stays: to look it through again and again for garbage would halt everybody for a tenth of a second.
    gc.collect()
    gc.freeze()
    try:
        return asyncio.run(work())
    finally:
        gc.unfreeze()


async def _with_canary(
    pool: Pool, stop: StopSignal, canary: int | None, limit: int | None, watcher: Metered
) -> PoolResult:
    if canary is None or (limit is not None and limit <= canary):
        return await pool.run(limit)
    first = await pool.run(canary)
    if first.cause is not None or first.jobs < canary:
        return first
    if any(not outcome.messaged for outcome in first.outcomes):
        stop.request(StopCause.CANARY)
    elif not watcher.go_on(sum(first.outcomes.values())):
        stop.request(StopCause.INTERRUPTED)
    return await pool.run(None if limit is None else limit - canary)


def _pool_settings(campaign: Campaign, settings: Settings) -> PoolSettings:
    """The campaign's numbers; options and environment win."""
    return PoolSettings(
        rate=settings.rate or campaign.throttle.rate,
        concurrency=settings.concurrency or campaign.throttle.concurrency,
        retries=RetryRules(tries=campaign.stop.retries, seconds=campaign.stop.retry_for),
        stop=StopRules(errors=campaign.stop.errors, unknowns=campaign.stop.unknowns),
        hours=campaign.hours,
        home=campaign.timezone,
        wait=settings.wait,
    )


def _client_maker(endpoint: str, token: Token, settings: Settings) -> Callable[[], ChatsClient]:
    context = make_ssl_context(trust_env=settings.trust_env) if endpoint.startswith("https:") else None

    def make() -> ChatsClient:
        return ChatsClient(
            endpoint=endpoint,
            token=token,
            origin=settings.origin,
            read_timeout=settings.read_timeout,
            ssl_context=context,
            trust_env=settings.trust_env,
        )

    return make


log = structlog.get_logger()

CLOCK_SLACK = timedelta(minutes=5)
"""How far the wall clock may lie before the ledger's newest entry: clocks are set back a little now and then."""


class Watcher(SendingWatcher, Protocol):
    """Who is asked before sending and told while it goes on."""

    def confirm(self, plan: Check) -> bool: ...
    def begin(self, plan: Check, meter: Meter) -> None: ...
    def end(self) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """Choices of one moment, never from the environment."""

    rows: ChosenRows = ALL_ROWS
    """Which rows the run is for, and how many of them."""
    retries: RetryOptions = field(default_factory=RetryOptions)
    accept_change: bool = False
    """Go on although a change would make everybody of the campaign new."""
    verbose: bool = False
    """Log to stderr as well."""


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
        stack.enter_context(defects_logged())
        run, plan = begun.run, begun.plan
        log.info("run_begun", run=run.run, campaign=run.campaign, endpoint=run.endpoint, to_send=plan.to_send)
        stamped = not plan.to_send or note_stamp(begun.campaign, begun.ledger, run, to_send=plan.to_send)
        meter = Meter(total=plan.to_send, senders=len(plan.senders), wanted=plan.rate * len(plan.senders))
        watcher.begin(plan, meter)
        try:
            sent = send(
                begun.ledger,
                begun.owner,
                campaign=begun.campaign,
                endpoint=run.endpoint,
                token=token,
                settings=settings,
                limit=limit_of(begun.campaign, choices.rows.limit),
                watcher=watcher,
                canary=begun.campaign.canary.rows,
                meter=meter,
            )
        finally:
            watcher.end()
        finished = close(begun, sent, stamped=stamped, trust_env=settings.trust_env)
        return replace(finished, problems=(*finished.problems, *filter(None, [run_log.problem])))


def _begin(
    stack: ExitStack, sheet: Path, campaign: Path, *, settings: Settings, choices: Choices, watcher: Watcher
) -> Begun:
    """Check every row and write the run's plan into the ledger. Locks and ledger are held on `stack`."""
    started = utc_now()
    loaded = load_campaign(campaign, now=started)
    endpoint = settings.endpoint
    name = run_name(started, loaded.slug)
    owner = Owner.here(name)
    folder = stack.enter_context(RunFolder(settings.reports, name))
    copy = folder.take(sheet, limits_of(loaded))
    if (frozen := choices.rows.plan) is not None:
        frozen.refuse_changes(campaign=loaded, endpoint=endpoint, sheet_sha256=copy.sha256)
    prepared = prepare(copy.path, loaded, endpoint=endpoint, shown_as=sheet.name, sha256=copy.sha256)
    lists = run_lists(loaded, settings.only_allowed)
    ledger = stack.enter_context(Ledger.open(settings.ledger))
    stack.enter_context(ledger.hold([campaign_lock(loaded.name, endpoint)], owner))
    _refuse_early(ledger, loaded, endpoint, now=started, accept_change=choices.accept_change)
    with ledger.stage(choices.retries) as staging:
        warnings = prepared.stage(staging, ledger.run, now=started, lists=lists)
        choose(staging, choices.rows)
        asked = choices.rows.limit
        plan = look(prepared, staging, settings, ledger, now=started, asked=asked, warnings=warnings)
        stack.enter_context(ledger.hold([sender_lock(sender, endpoint) for sender in plan.senders], owner))
        if plan.to_send and not watcher.confirm(plan):
            raise Declined(_("Nothing was sent: the question was answered with no."))
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
            language=settings.language_of_reports(loaded.language),
            wanted_rate=plan.rate,
            report_dir=str(folder.path),
        )
        staging.plan(run, owner, traits_of(loaded))
    folder.keep()
    return Begun(
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
    refuse_wrong_clock(ledger, now=now, accepted=accept_change)
    ledger.settle_dead_claims(endpoint=endpoint, campaign=campaign.name)
    if not accept_change:
        refuse_changes(campaign, ledger, endpoint)


def refuse_wrong_clock(ledger: Ledger, *, now: datetime, accepted: bool) -> None:
    """Raise ClockWrong when the wall clock lies before what the ledger has noted."""
    newest = ledger.latest_time()
    if newest is not None and now < newest - CLOCK_SLACK and not accepted:
        problem = _("This machine's clock says {now} UTC, but the ledger has entries of {newest} UTC.")
        raise ClockWrong(
            problem.format(now=f"{now:%d/%m/%Y %H:%M}", newest=f"{newest:%d/%m/%Y %H:%M}"),
            _("Set the clock, then run again; if it is right now and was wrong before, use --accept-change."),
        )
