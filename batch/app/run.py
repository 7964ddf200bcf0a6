"""`run`: sheets, from the first look to their reports.

Every sheet of a command is opened and copied before anything is sent (`open_runs`), and of several also evaluated: a
sheet that cannot be used stops all of it, and what changes on the disk later changes nothing. Then each is judged,
planned, sent and reported when its turn comes (`SheetRun.execute`), so that it is judged by what the sheets before it
have sent.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from batch.app.check import Check, summarise
from batch.app.inputs.campaign_sheet import Choices, describe_run, keep_options, open_campaign_sheet, report_language
from batch.app.inputs.change_guard import hold_ledger, note_stamp, refuse_changes, traits_of
from batch.app.inputs.recipient_lists import open_lists
from batch.app.inputs.staging import StagedSheet, refuse_missing_rows, stage_sheet, utc_now
from batch.app.runs.finish import FinishedRun, PlannedRun, finish_run, note_standing
from batch.app.runs.progress import Meter, Watcher, tick_every_second
from batch.app.runs.run_folder import RunFolder, fit_run_name
from batch.app.runs.run_log import log_to
from batch.app.settings import Settings
from batch.atomic_file import write_atomic
from batch.campaign import Campaign, CanarySection, load_campaign
from batch.chats import ChatsClient, Token, make_ssl_context
from batch.errors import Declined, LedgerFailed
from batch.event_log import log
from batch.i18n import _
from batch.ledger import Ledger, Owner, StagedRow, sender_lock
from batch.model.contact_limits import ContactLimits
from batch.model.delivery import SAMPLE_AFTER
from batch.model.messages import is_loopback
from batch.model.runs import TEMPLATE, Run, StopCause
from batch.model.sheets import limits_for
from batch.pool import NOTHING_SENT, Pool, PoolResult, StopSignal, precise_loop, stop_on_signals
from batch.spool import Spool

if TYPE_CHECKING:
    from batch.app.runs.run_looks import RunLooks

Submit = Callable[[Ledger, Run, Check, Any, Any], None]
"""Writes down a run for workers, in the transaction of a connection of the ledger, with its jobs."""
_ROWS_IN_MEMORY = 1 << 24
"""Bytes of evaluated rows of one waiting sheet that stay in memory."""


@contextmanager
def open_runs(
    sheets: Sequence[Path], campaign: Path, settings: Settings, choices: Choices
) -> Iterator[tuple[SheetRun, ...]]:
    """Open and copy every sheet; of several, evaluate all rows of all of them. Nothing is sent or planned yet.

    What was not executed leaves nothing behind. Raises InputError for what is wrong with the campaign, a list or any
    sheet as a whole, and for a change that would re-message people.
    """
    with ExitStack() as stack:
        runs: list[SheetRun] = []
        for sheet in sheets:
            now = utc_now()
            run = SheetRun(sheet, load_campaign(campaign, now=now), settings, choices, now)
            runs.append(stack.enter_context(run))
            if len(sheets) > 1:
                run.evaluate()
        yield tuple(runs)


class SheetRun:
    """The run of one sheet. As a context manager it holds the run's folder and the copy of the sheet in it."""

    def __init__(self, sheet: Path, campaign: Campaign, settings: Settings, choices: Choices, now: datetime) -> None:
        self.sheet = sheet
        self.campaign = campaign
        self._settings = settings
        self._choices = choices
        self._started = now
        self.language = report_language(campaign, settings)
        self._resources = ExitStack()
        self._evaluated: Spool[StagedRow, StagedRow] | None = None
        """The rows of a sheet that waits for its turn; None: they are evaluated when they are staged."""

    def __enter__(self) -> SheetRun:
        with self._resources as opening:
            campaign, endpoint = self.campaign, self._settings.endpoint
            reports = self._settings.reports.absolute()
            folder = RunFolder(reports, fit_run_name(reports, self._started, campaign.slug))
            self._folder = opening.enter_context(folder)
            copy = self._folder.copy_sheet(self.sheet, limits_for(trusted=campaign.sheet.trusted))
            if (plan := self._choices.plan) is not None:
                plan.refuse_changes(campaign=campaign, endpoint=endpoint, sheet_sha256=copy.sha256)
            self._source = open_campaign_sheet(
                copy.path,
                campaign,
                endpoint=endpoint,
                shown_as=self.sheet.name,
                sha256=copy.sha256,
                choices=self._choices,
            )
            self._resources = opening.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._resources.close()

    def evaluate(self) -> None:
        """Read the sheet to its end and keep its evaluated rows. Raises InputError as `stage_sheet` does."""
        lists = open_lists(self.campaign, self._settings.only_allowed, self._choices.encoding)
        with Ledger.for_reading(self._settings.ledger) as ledger:
            if not self._choices.accept_change:
                refuse_changes(self.campaign, ledger, self._source.endpoint)
            self._evaluated = spool = Spool(memory_bytes=_ROWS_IN_MEMORY, pack=_pack, unpack=_unpack)
            self._resources.callback(spool.close)
            missing = set(self._choices.rows or ())
            for row in spool.record(self._source.evaluate(ledger, lambda key: key)):
                missing -= {(first, last) for first, last in missing if first <= row.row <= last}
        lists.refuse_unreadable()
        refuse_missing_rows(self._choices.rows, lambda first, last: (first, last) not in missing)

    def execute(self, token: Token, watcher: Watcher) -> FinishedRun:
        """Send what is left of the sheet and write its report. Once.

        Nothing was sent when it raises InputError, ClockWrong, Busy or Declined. All that it did is in the ledger when
        it returns.
        """
        with self._resources:
            planned = self._plan(token, watcher)
            if isinstance(planned, FinishedRun):
                return note_standing(planned, self.campaign.notify)
            run, check, settings = planned.run, planned.check, self._settings
            log_path = planned.folder / "run.log"
            run_log = self._resources.enter_context(log_to(log_path, token=token, verbose=self._choices.verbose))
            log.info("run_begun", run=run.run, campaign=run.campaign, endpoint=run.endpoint, to_send=check.to_send)
            stamped = not check.to_send or note_stamp(self.campaign, planned.ledger, run, to_send=check.to_send)
            senders = len(check.senders)
            closed = check.forecast.seconds_closed if settings.wait else 0.0
            watcher.begin(Meter(total=check.to_send, senders=senders, wanted=check.rate * senders, closed=closed))
            try:
                sent = send(
                    planned.ledger,
                    planned.owner,
                    campaign=self.campaign,
                    token=token,
                    settings=settings,
                    limit=self._choices.message_limit(self.campaign),
                    watcher=watcher,
                    canary=self.campaign.canary,
                    looks_again=self._choices.retry_undelivered,
                )
            finally:
                watcher.end()
            finished = finish_run(planned, sent, stamped=stamped, trust_env=settings.trust_env)
            return replace(finished, problems=(*finished.problems, *watcher.problems, *filter(None, [run_log.problem])))

    def submit(self, token: Token, watcher: Watcher, submit: Submit) -> FinishedRun | Run:
        """Plan the run for workers, and return it; where nothing is left to send, end it here, as `execute` does. Once.

        `submit` writes it down for them in the plan's transaction. Errors as of `execute`.
        """
        self._settings = replace(self._settings, wait=True)  # workers do
        with self._resources:
            planned = self._plan(token, watcher, submit)
            if isinstance(planned, FinishedRun):
                return note_standing(planned, self.campaign.notify)
            stamped = note_stamp(self.campaign, planned.ledger, planned.run, to_send=planned.check.to_send)
            if planned.check.to_send:
                return planned.run
            return finish_run(planned, NOTHING_SENT, stamped=stamped, trust_env=self._settings.trust_env)

    def _plan(self, token: Token, watcher: Watcher, submit: Submit | None = None) -> PlannedRun | FinishedRun:
        """Judge every row and write the plan into the ledger, once the person agrees. Locks and ledger stay held.

        Return the sheet's last run instead when nothing may be sent now and its report stands. `submit`: workers are to
        send it, who hold the locks of its senders while they do.
        """
        settings, source, campaign = self._settings, self._source, self.campaign
        # A sheet that waited for others begins now: what is reported as its duration is its own.
        started = self._started if self._evaluated is None else utc_now()
        name = self._folder.path.name
        owner = Owner.here(name)
        lists = open_lists(campaign, settings.only_allowed, self._choices.encoding)
        ledger = self._resources.enter_context(
            hold_ledger(campaign, owner, settings, now=started, accept_change=self._choices.accept_change)
        )
        ledger.settle_dead_claims(endpoint=source.endpoint, campaign=campaign.name)

        def stage() -> StagedSheet:
            rows = self._evaluated.rows() if self._evaluated and self._evaluated.is_complete else None
            return staging.enter_context(
                stage_sheet(
                    source, ledger, lists=lists, choices=self._choices, now=started, rows=rows, on_read=watcher.read
                )
            )

        def restage() -> StagedSheet:
            staging.close()
            return stage()

        with ExitStack() as staging:
            staged, is_changed = stage(), False
            if staged.due_looks().people:
                from batch.app.runs.due_looks import look_first, look_once  # noqa: PLC0415 - for those that look

                look = partial(look_once, owner=owner, settings=settings, token=token, watcher=watcher)
                staged, is_changed = look_first(staged, restage, look)
            check = summarise(staged, settings)
            watcher.take_check(check)
            if not check.to_send and not is_changed and (standing := self._find_standing(ledger, check)):
                return standing
            senders = [sender_lock(sender, source.endpoint) for sender in (() if submit else check.senders)]
            self._resources.enter_context(ledger.hold(senders, owner))
            staged.staging.pause()
            if check.to_send and not watcher.confirm(check):
                raise Declined(_("Nothing was sent: the question was answered with no."))
            opens = check.forecast.closed_until if check.to_send and not settings.wait else None
            if opens is not None and is_loopback(source.endpoint) and watcher.skip_hours(opens, campaign.timezone):
                self.campaign = campaign.model_copy(update={"window": ()})
            elif opens is not None and watcher.wait_for_hours(opens, campaign.timezone):
                self._settings = settings = replace(settings, wait=True)
            elif opens is not None and not is_changed and (standing := self._find_standing(ledger, check)):
                return standing
            folder, traits = str(self._folder.path), traits_of(campaign)
            options = keep_options(source, settings, self._choices, submitted=submit is not None)
            options[TEMPLATE] = traits.template
            sheet = self._keep_sheet() if self._choices.is_frame else self.sheet
            run = describe_run(name, sheet, source, settings, started, sheet_options=options, report_dir=folder)
            also = partial(submit, ledger, run, check) if submit is not None and check.to_send else None
            staged.staging.plan(run, owner, traits, also)
        self._folder.keep(copy=also is not None)
        return PlannedRun(run=run, owner=owner, ledger=ledger, source=source, check=check, folder=self._folder.path)

    def _find_standing(self, ledger: Ledger, check: Check) -> FinishedRun | None:
        """Return the sheet's last run where its report says all that one of now would; None: it does not."""
        from batch.app.runs.standing_report import find_standing_report  # noqa: PLC0415 - for such nights

        key, clean = self._source.sheet_key, self._settings.clean_report
        standing = find_standing_report(ledger, key, check.reasons, as_clean_report=clean)
        return standing and replace(standing, warnings=check.list_warnings)

    def _keep_sheet(self) -> Path:
        """Copy the sheet into the run's folder, durable on return, and return the copy."""
        with self._source.path.open("rb") as sheet:
            return write_atomic(self._folder.path / "sheet.xlsx", partial(shutil.copyfileobj, sheet))


def _pack(row: StagedRow) -> tuple[bytes]:
    return (pickle.dumps(row),)


def _unpack(values: tuple[bytes]) -> StagedRow:
    row: StagedRow = pickle.loads(*values)  # noqa: S301 - packed by this process, in a file without a name
    return row


def send(
    ledger: Ledger,
    owner: Owner,
    *,
    campaign: Campaign,
    token: Token,
    settings: Settings,
    watcher: Watcher,
    limit: int | None = None,
    canary: CanarySection | None = None,
    looks_again: bool = False,
    rules: ContactLimits | None = None,
) -> PoolResult:
    """Send the pending messages of the owner's run, at most `limit`. Every outcome is durable when it returns.

    With a canary some rows are sent alone, and the rest only when these were accepted, and sent on. `looks_again`: some
    replace failed messages, and are looked at right before. `rules`: contact limits; None: the campaign's.
    """
    context = make_ssl_context(trust_env=settings.trust_env) if settings.endpoint.startswith("https:") else None

    async def work() -> PoolResult:
        stop = StopSignal()
        watcher.interrupt = partial(
            asyncio.get_running_loop().call_soon_threadsafe, stop.request, StopCause.INTERRUPTED
        )
        sending_by = ledger.open_queue(owner, rules or campaign.contact_limits, endpoint=settings.endpoint)
        with sending_by as sending, stop_on_signals(stop, lambda again: watcher.on_signal(again=again)):

            @cache
            def looks() -> RunLooks:
                from batch.app.runs.run_looks import RunLooks  # noqa: PLC0415 - for those that look

                share = campaign.stop.undelivered
                return RunLooks(ledger, owner.run, settings, token, stop=stop, watcher=watcher, undelivered=share)

            pool = Pool(
                ledger=sending,
                client=lambda: settings.make_client(ChatsClient, token, ssl_context=context),
                settings=settings.pool(campaign),
                now=utc_now,
                progress=watcher,
                stop=stop,
                look=looks().look_again if looks_again else None,
                follows_claims=ledger.is_on_server,
            )
            tasks = [asyncio.create_task(each) for each in (tick_every_second(watcher), _sample(stop, looks))]
            try:
                if canary is None or canary.rows is None or (limit is not None and limit <= canary.rows):
                    return await pool.run(limit)
                template = traits_of(campaign).template
                return await looks().send_canary(pool, sending, canary.rows, canary.look, limit, template=template)
            finally:
                for task in tasks:
                    task.cancel()
                for ended in await asyncio.gather(*tasks, return_exceptions=True):
                    if isinstance(ended, Exception):
                        log.error("looks_failed", exc_info=ended)

    # What is loaded stays: a collection of all of it would halt every worker for a tenth of a second.
    gc.collect()
    gc.freeze()
    try:
        with asyncio.Runner(loop_factory=precise_loop) as runner:
            result = runner.run(work())
    finally:
        gc.unfreeze()
    if result.cause is not StopCause.LEDGER_FAILED:
        return result
    lost = None
    with suppress(LedgerFailed):  # it cannot be reached
        lost = ledger.prove_claims()
    return result if lost is None else replace(result, cause=StopCause.CLAIMS_LOST, finding=lost)


async def _sample(stop: StopSignal, looks: Callable[[], RunLooks]) -> None:
    """Look at some of a long run's messages while it sends."""
    began = utc_now()
    if await stop.sleep(SAMPLE_AFTER.total_seconds()):
        await looks().sample(began)
