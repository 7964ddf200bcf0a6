"""A failover to a standby: one that every commit waited for has all claims; of another, each process finds its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from broken_line import TO_CLIENT, Line, broken_line
from lane_holders import ACCEPTED, NAME, SENDER, Holder, outcomes, submit
from postgres import Cluster, NoServer, serving

from batch.errors import LedgerUnusable
from batch.ledger import Ledger, Owner
from batch.model.lanes import LaneStarts
from batch.model.reasons import Reason
from batch.sandbox import running_sandbox

pytestmark = pytest.mark.long
STANDBY = "second"


class Pair:
    """A server and its standby, and the line to whichever of them is the server."""

    def __init__(self, first: Cluster, second: Cluster, front: Line, between: Line) -> None:
        self.first, self.front, self.between = first, front, between
        self._second = second

    @property
    def url(self) -> str:
        return f"{self.front.url}&accept_async_replica=yes"

    def wait_for_standby(self) -> None:
        """Let every commit wait for the standby from now on."""
        self.first.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'")
        self.first.ask("SELECT pg_reload_conf()")
        until(lambda: self.first.ask("SELECT sync_state FROM pg_stat_replication") == "sync")

    def catch_up(self) -> None:
        """Wait until the standby has all."""
        behind = "SELECT pg_current_wal_flush_lsn() - flush_lsn FROM pg_stat_replication"
        until(lambda: self.first.ask(behind) == 0)

    def fail_over(self) -> None:
        """Lose the first server, and let the second one take its place, with what it has."""
        self.first.stop()
        self.between.cut()
        self._second.promote()
        self.front.folder = self._second.folder


def until(is_so: Callable[[], bool]) -> None:
    latest = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < latest
        time.sleep(0.02)


@contextmanager
def _stopped_at_last(cluster: Cluster) -> Iterator[None]:
    """Begin a failing server's place anew, so that what has started it can stop it."""
    try:
        yield
    finally:
        cluster.start()


@pytest.fixture
def pair() -> Iterator[Pair]:
    with ExitStack() as stack:
        try:
            first = stack.enter_context(serving(durable=True))
        except NoServer as error:
            pytest.skip(str(error))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wegly-pg-", dir="/tmp")))
        front, between = (stack.enter_context(broken_line(first.folder)) for _each in range(2))
        second = first.make_standby(folder, STANDBY, between.port)
        stack.callback(second.stop)
        stack.enter_context(_stopped_at_last(first))
        made = Pair(first, second, front, between)
        made.catch_up()
        yield made


def test_claims_that_a_new_server_lacks_are_found_by_who_made_them(pair: Pair) -> None:
    """Nobody begins to send before that; then all of its runs stop, and the rows in doubt are in doubt."""
    with Ledger.open(pair.url) as mine, Ledger.open(pair.url) as others:
        with Ledger.open(pair.front.url) as plain:
            submit(plain, NAME, (f"+551198888700{number}" for number in range(3)))
            with (
                pytest.raises(LedgerUnusable, match=f"last claims: {STANDBY}"),
                plain.hold(["sender s"], Owner.here("r")),
            ):
                pytest.fail("it holds it")
        first, second = Holder(mine), Holder(others)
        assert first.take() is not None
        first.send(2)
        pair.catch_up()
        pair.between.hold(TO_CLIENT)
        before = datetime.now(UTC)
        held = first.claim(3)
        assert mine.prove_claims() is None
        pair.fail_over()
        taken = second.take()
        assert taken is not None
        assert 4 < taken.wait <= 5
        assert outcomes(others) == ["success", "pending", "pending"]
        assert others.prove_claims() is None
        finding = mine.prove_claims()
        assert finding is not None
        assert finding.reason is Reason.CLAIMS_LOST
        since = datetime.fromisoformat(str(finding.values["since"]))
        assert abs(since - before) < timedelta(seconds=2)
        assert outcomes(others) == ["success", "unknown", "pending"]
        cause, heard = second.sending(lambda queue: queue.beat(SENDER, None, None, LaneStarts()))
        assert (cause, heard) == ("claims_lost", finding)
        first.meet_the_loss()
        first.sending(lambda queue: queue.record(held, ACCEPTED, duration_ms=5))
        assert outcomes(others) == ["success", "reused", "pending"]
        assert mine.prove_claims() is None
        second.held.close()
        first.held.close()


def test_a_standby_that_commits_waited_for_has_every_claim(pair: Pair) -> None:
    """The lane goes on with the new server, once everybody had the time to look."""
    with Ledger.open(pair.front.url) as mine, Ledger.open(pair.front.url) as others:
        submit(mine, NAME, (f"+551198888700{number}" for number in range(3)))
        pair.wait_for_standby()
        first, second = Holder(mine), Holder(others)
        assert first.take() is not None
        first.send(2)
        first.claim(3)
        pair.fail_over()
        assert second.take() is not None
        assert mine.prove_claims() is None
        assert outcomes(others) == ["success", "unknown", "pending"]
        second.send(4)
        second.held.close()
        first.held.close()


def test_a_run_ends_when_its_claims_are_missing(pair: Pair, tmp_path: Path) -> None:
    """With 5, and words on since when; what it knows of is not sent again by the next run."""
    rows = [f"+55119{number:04d}7001" for number in range(400)]
    (tmp_path / "s.csv").write_text("\n".join(["Telefone", *rows, ""]))
    (tmp_path / "c.toml").write_text(_CAMPAIGN)
    with running_sandbox() as sandbox:
        environment = {"WEGLY_TOKEN": "anything", "WEGLY_BASE_URL": sandbox.url, "WEGLY_BATCH_LEDGER": pair.url}
        words = [sys.executable, "-m", "batch", "run", "s.csv", "-c", "c.toml"]
        more: dict[str, Any] = {"cwd": tmp_path, "env": {**os.environ, **environment}, "text": True}
        running = subprocess.Popen([*words, "--yes"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
        until(lambda: len(sandbox.log.applied) > 20)
        pair.between.hold(TO_CLIENT)
        sent = len(sandbox.log.applied)
        until(lambda: len(sandbox.log.applied) > sent + 20)
        pair.fail_over()
        output = running.communicate(timeout=90)[0]
        assert running.returncode == 5, output
        assert "lacks what was claimed since 20" in output
        again = subprocess.run([*words, "--json", "--accept-change"], capture_output=True, check=False, **more)
        people = [each.person for each in sandbox.log.applied]
    counts = json.loads(again.stdout)["counts"]
    assert counts["pending"] == 0, again.stderr
    assert len(set(people)) == len(people) >= counts["success"] >= 300


_CAMPAIGN = """[campaign]
name = "frota"
timezone = "America/Sao_Paulo"
language = "en"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a50001"
[template]
name = "saudacao"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
[throttle]
rate = "40/s"
"""
