"""A server that takes no writes for a while: what to do is named, and no outcome is lost."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from lane_holders import ACCEPTED, NAME, SENDER, Holder, outcomes, submit
from postgres import Cluster, new_ledger

from batch.errors import LedgerFailed
from batch.ledger import Ledger
from batch.ledger.send.claims import Claim
from batch.ledger.send.lane_queue import LaneQueue
from batch.model.messages import Job
from batch.model.runs import StopCause
from batch.pool.attempt import Attempt, AttemptRunner
from batch.pool.stop import StopSignal

pytestmark = pytest.mark.long
ROWS = 400
SENT = Attempt(verdict=replace(ACCEPTED, signs=None), milliseconds=5, began=datetime(2026, 11, 3, 12, tzinfo=UTC))


def send(url: str, work: Callable[[LaneQueue, list[Job]], Awaitable[None]]) -> list[str]:
    """Let a worker work on the jobs of a lane; return the outcomes of its rows."""
    with Ledger.open(url) as ledger:
        submit(ledger, NAME, (f"+55119888{number:05d}" for number in range(ROWS)))
        holder = Holder(ledger)
        with holder.held:
            assert holder.take() is not None
            holder.sending(lambda queue: work(queue, list(queue.jobs(SENDER))))
        return outcomes(ledger)


def runner_of(queue: LaneQueue, stop: StopSignal) -> AttemptRunner:
    def client() -> Any:
        raise AssertionError("nothing is posted")

    return AttemptRunner(ledger=queue, client=client, now=lambda: datetime.now(UTC), stop=stop)


async def meet_failure(
    queue: LaneQueue, jobs: list[Job], mend: Callable[[], None], held: list[tuple[Job, Claim]]
) -> StopSignal:
    """Record what was posted, and claim once more, while nothing can be written; it can again a moment later."""
    stop = StopSignal()
    runner = runner_of(queue, stop)
    recording = [asyncio.create_task(runner.record(*each, SENT, lambda *_: None)) for each in held]
    claiming = asyncio.create_task(runner.claim(jobs[-1]))
    await stop.sleep(30)
    await asyncio.to_thread(mend)
    await asyncio.gather(*recording)
    assert await claiming is None
    return stop


def test_a_server_that_only_reads_for_a_while_loses_no_outcome(postgres: Cluster) -> None:
    """As a primary that has become a standby, or was set so for an upgrade (25006)."""

    def only_read(value: str) -> None:
        postgres.ask(f"ALTER SYSTEM {value}")
        postgres.ask("SELECT pg_reload_conf()")

    async def work(queue: LaneQueue, jobs: list[Job]) -> None:
        held = [(job, claim) for job in jobs[:3] if isinstance(claim := await queue.claim(job, SENT.began), Claim)]
        only_read("SET default_transaction_read_only = on")
        try:
            while postgres.ask("SHOW default_transaction_read_only") != "on":
                pass
            with pytest.raises(LedgerFailed, match=r"The server only reads now: .* sends only what is left"):
                await queue.claim(jobs[-2], SENT.began)
            stop = await meet_failure(queue, jobs, lambda: only_read("RESET default_transaction_read_only"), held)
        finally:
            only_read("RESET default_transaction_read_only")
        assert stop.cause is StopCause.LEDGER_FAILED

    assert send(new_ledger(postgres), work) == ["success"] * 3 + ["pending"] * (ROWS - 3)


@pytest.fixture
def small_disk(postgres: Cluster) -> Iterator[Path]:
    """A disk of the server's for tables alone, as the log of the server is on another."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk in memory, which is to be full")
    folder = Path(tempfile.mkdtemp(prefix="wegly-disk-", dir="/tmp"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m,mode=777", "tmpfs", folder], check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("this system lets nobody mount a disk in memory, which is to be full")
    (folder / "tables").mkdir(mode=0o700)
    if postgres.user:
        subprocess.run(["chown", "postgres", folder / "tables"], check=True)
    try:
        postgres.ask(f"CREATE TABLESPACE small LOCATION '{folder / 'tables'}'")
        yield folder
    finally:
        postgres.ask("DROP TABLESPACE IF EXISTS small")
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def test_a_server_whose_disk_is_full_for_a_while_loses_no_outcome(postgres: Cluster, small_disk: Path) -> None:
    """53100: what was claimed and posted before is recorded once there is space again."""
    url = new_ledger(postgres)
    filling = small_disk / "full"

    def fill() -> None:
        with filling.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"0" * 4096)
            except OSError:
                pass

    async def work(queue: LaneQueue, jobs: list[Job]) -> None:
        held = [(job, claim) for job in jobs[:3] if isinstance(claim := await queue.claim(job, SENT.began), Claim)]
        await asyncio.to_thread(fill)
        try:
            with pytest.raises(LedgerFailed, match=r"No space left.*Free what the ledger's server lacks"):  # noqa: PT012
                for job in jobs[3:]:
                    claim = await queue.claim(job, SENT.began)
                    assert isinstance(claim, Claim)
                    held.append((job, claim))
            sent.append(len(held))
            stop = await meet_failure(queue, jobs, filling.unlink, held)
        finally:
            filling.unlink(missing_ok=True)
        assert stop.cause is StopCause.LEDGER_FAILED

    sent: list[int] = []
    try:
        found = send(f"{url}&options=-c%20default_tablespace%3Dsmall", work)
        assert found == ["success"] * sent[0] + ["pending"] * (ROWS - sent[0])
        assert 3 <= sent[0] < ROWS
    finally:
        postgres.ask(f"DROP SCHEMA IF EXISTS {url.rpartition('=')[2]} CASCADE")
