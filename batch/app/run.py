"""`run`: one sheet from the first check to the report."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog

from batch._version import __version__
from batch.app.check import Check, look
from batch.app.inputs.change_guard import note_stamp, refuse_changes, traits_of
from batch.app.inputs.choosing import ALL_ROWS, ChosenRows, choose, limit_of
from batch.app.inputs.reading import limits_of, reading_of
from batch.app.inputs.run_lists import run_lists
from batch.app.inputs.staging import prepare, utc_now
from batch.app.runs.finish import Begun, Finished, close
from batch.app.runs.metered import SendingWatcher
from batch.app.runs.progress import Meter
from batch.app.runs.run_folder import RunFolder, run_name
from batch.app.runs.run_log import defects_logged, logging_to
from batch.app.sending import send
from batch.app.settings import Settings
from batch.campaign import Campaign, load_campaign
from batch.chats import Token
from batch.errors import ClockWrong, Declined
from batch.i18n import _
from batch.ledger import Judging, Ledger, Owner, campaign_lock, sender_lock
from batch.model.runs import Run

__all__ = ["Choices", "Finished", "Watcher", "refuse_wrong_clock", "run_sheet"]

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
    judging: Judging = field(default_factory=Judging)
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
    with ledger.stage(choices.judging) as staging:
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
    newest = ledger.newest()
    if newest is not None and now < newest - CLOCK_SLACK and not accepted:
        problem = _("This machine's clock says {now} UTC, but the ledger has entries of {newest} UTC.")
        raise ClockWrong(
            problem.format(now=f"{now:%d/%m/%Y %H:%M}", newest=f"{newest:%d/%m/%Y %H:%M}"),
            _("Set the clock, then run again; if it is right now and was wrong before, use --accept-change."),
        )
