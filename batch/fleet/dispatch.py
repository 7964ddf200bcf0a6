"""Jobs for lanes: put into a queue in the ledger's own database, and fetched by workers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from batch.errors import LedgerUnusable
from batch.event_log import log
from batch.i18n import _

try:
    import psycopg
    from procrastinate import App, PsycopgConnector
    from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
    from procrastinate.jobs import Job
    from procrastinate.schema import SchemaManager
    from psycopg.rows import tuple_row
except ImportError:
    raise LedgerUnusable(
        _("To send by many workers needs Procrastinate, which is not installed."),
        _(
            "Install it beside wegly-batch: pip install 'procrastinate<3.11' 'psycopg[binary]', with pipx: pipx inject "
            "wegly-batch 'procrastinate<3.11' 'psycopg[binary]'."
        ),
    ) from None

Serve = Callable[[str, str], Awaitable[None]]
"""Serves the lane of (run, sender) until it has ended or was given up. Raises nothing that it can heed itself."""
_TASK = "wegly_lane"
_OF_US = "task_name = 'wegly_lane'"
_POLL = 1.0
"""Seconds between two looks for jobs, should a notification be lost, and between two tries to reach the server."""
_BEAT = 5.0
_CONNECTIONS = 2
_LOST = (ConnectorException, psycopg.Error, OSError)

logging.getLogger("procrastinate").setLevel(logging.CRITICAL)  # its lines would go to the terminal
logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneJob:
    """A job to serve a lane."""

    run: str
    sender: str
    at: datetime | None = None
    """Not before this moment."""
    priority: int = 0


def make_tables(driver: Any) -> None:
    """Make Procrastinate's tables where there are none, in the schema of a psycopg connection. The caller commits."""
    if driver.execute("SELECT to_regclass('procrastinate_jobs')").fetchone()[0] is None:
        driver.execute(SchemaManager.get_schema())


def enqueue(driver: Any, queue: str, jobs: Collection[LaneJob]) -> None:
    """Put jobs into a queue, in the transaction of a psycopg connection; passes over lanes that have a waiting one."""
    manager = App(connector=PsycopgConnector()).job_manager
    for each in jobs:
        job = Job(
            id=None,
            queue=queue,
            task_name=_TASK,
            lock=None,  # would keep a lane from being taken over until the dead worker's job is ended
            queueing_lock=f"{each.run} {each.sender}",
            task_kwargs={"run": each.run, "sender": each.sender},
            scheduled_at=each.at,
            priority=each.priority,
        )
        with suppress(AlreadyEnqueued, psycopg.errors.UniqueViolation), driver.transaction():
            manager.batch_defer_jobs([job], connection=driver)


def queued_lanes(driver: Any, queue: str) -> dict[tuple[str, str], datetime | None]:
    """Return the lanes that have a waiting job, each with the moment for which it waits."""
    query = "SELECT args->>'run', args->>'sender', scheduled_at FROM procrastinate_jobs"
    found = driver.cursor(row_factory=tuple_row).execute(
        f"{query} WHERE {_OF_US} AND queue_name = %s AND status = 'todo'", [queue]
    )
    return {(run, sender): at for run, sender, at in found}


def forget_lost(driver: Any) -> None:
    """Remove the jobs of workers that were lost: nothing depends on them."""
    driver.execute(
        f"DELETE FROM procrastinate_jobs AS job WHERE {_OF_US} AND status <> 'todo' AND NOT EXISTS"  # noqa: S608 - constants
        " (SELECT FROM procrastinate_workers AS worker WHERE worker.id = job.worker_id"
        " AND last_heartbeat > now() - interval '1 min')"
    )


async def work(conninfo: str, queue: str, *, lanes: int, serve: Serve, stopped: asyncio.Event) -> None:
    """Fetch jobs of a queue and serve their lanes, so many at a time, until `stopped` is set and all of them ended.

    Where the server is lost it is tried again: what was being served has lost its locks by itself.
    """
    stopping = asyncio.ensure_future(stopped.wait())
    try:
        while not stopped.is_set():
            try:
                await _work_until(conninfo, queue, lanes, serve, stopping)
            except _LOST as error:
                log.warning("queue_lost", problem=type(error).__name__)
                await asyncio.wait({stopping}, timeout=_POLL)
    finally:
        stopping.cancel()


async def _work_until(conninfo: str, queue: str, lanes: int, serve: Serve, stopping: asyncio.Future[Any]) -> None:
    app = App(connector=PsycopgConnector(conninfo=conninfo, min_size=1, max_size=_CONNECTIONS, timeout=10.0))

    @app.task(name=_TASK)
    async def _lane(run: str, sender: str) -> None:
        await serve(run, sender)

    async with app.open_async():
        working = asyncio.ensure_future(
            app.run_worker_async(
                queues=[queue],
                concurrency=lanes,
                fetch_job_polling_interval=_POLL,
                abort_job_polling_interval=3600.0,  # lanes are stopped by the ledger
                update_heartbeat_interval=_BEAT,
                install_signal_handlers=False,
                delete_jobs="always",
            )
        )
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        working.cancel()  # it fetches no more, and waits for what is being served
        with suppress(asyncio.CancelledError):
            await working
