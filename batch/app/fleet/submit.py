"""`submit`: a sheet is checked, planned and queued for workers, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from batch.app.check import Check
from batch.app.fleet.lane_settings import FORM, dump_settings
from batch.app.inputs.campaign_sheet import Choices
from batch.app.run import SheetRun
from batch.app.runs.finish import FinishedRun
from batch.app.runs.progress import Watcher
from batch.app.settings import Settings
from batch.chats import Token
from batch.fleet import LaneJob, enqueue, make_tables
from batch.ledger import Ledger
from batch.model.lanes import Service
from batch.model.runs import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class SubmittedRun:
    """A run that was given to workers."""

    run: Run
    messages: int
    senders: int
    folder: Path
    service: Service
    """By the workers that are connected at the moment."""
    wait_until: datetime | None
    """When the hours begin, which keep it back now."""


def submit(
    run: SheetRun, settings: Settings, choices: Choices, token: Token, watcher: Watcher
) -> SubmittedRun | FinishedRun:
    """Give a sheet's run to workers; where nothing is left to send, end it here. Durable on return.

    Nothing was queued when it raises InputError, ClockWrong, Busy or Declined.
    """
    with Ledger.open(settings.ledger) as ledger:
        ledger.lanes.prepare(make_tables)
    checked: list[Check] = []

    def write(ledger: Ledger, planned: Run, check: Check, connection: Any, jobs: Any) -> None:
        """Write the lanes of the planned run, and their jobs, in the plan's transaction."""
        checked.append(check)
        queue = ledger.lanes.queue(settings.endpoint, token.header())
        ledger.lanes.submit(
            connection,
            planned,
            queue=queue,
            form=FORM,
            settings=dump_settings(run.campaign, settings, looks_again=choices.retry_undelivered),
            jobs=jobs,
            total=check.to_send,
            limit=choices.message_limit(run.campaign),
            first=run.campaign.canary.rows,
        )
        driver = ledger.lanes.driver_of(connection)
        enqueue(driver, queue, [LaneJob(run=planned.run, sender=sender) for sender in jobs])

    ended = run.submit(token, watcher, write)
    if isinstance(ended, FinishedRun):
        return ended
    with Ledger.for_reading(settings.ledger) as ledger:
        queue = ledger.lanes.queue(settings.endpoint, token.header())
        service = Service.of(ledger.lanes.workers(), queue=queue, endpoint=settings.endpoint)
    return SubmittedRun(
        run=ledger.locate(ended),
        messages=checked[0].to_send,
        senders=len(checked[0].senders),
        folder=Path(ended.report_dir or ""),
        service=service,
        wait_until=checked[0].forecast.closed_until,
    )
