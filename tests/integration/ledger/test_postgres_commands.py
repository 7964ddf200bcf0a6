"""The commands on a ledger in a database of PostgreSQL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from office import CREATED, Office, phones
from postgres import Cluster, new_ledger
from sqlalchemy import text

from batch.ledger import Ledger


@pytest.fixture
def shared(office: Office, postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office whose ledger is there."""
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", new_ledger(postgres))
    return office


LOST = "11 90001-0900"
"""The sandbox applies the message, and its answer is lost."""


def age(hours: int) -> None:
    """Let all that was sent have been sent earlier."""
    moments = ("messages.sent_at", "runs.started", "runs.finished", "decisions.decided_at")
    with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger, ledger._engine.begin() as connection:
        for table, column in (moment.split(".") for moment in moments):
            by = {"by": hours * 3_600_000_000}
            connection.execute(text(f"UPDATE {table} SET {column} = {column} - :by"), by)  # noqa: S608 - our own names


def test_a_campaign_from_its_check_to_its_purge(shared: Office) -> None:
    """Sent once, whatever is started again; reported, settled, suppressed and purged as with a file."""
    known, *_others = people = [*phones(3), LOST]
    sheet, campaign = shared.sheet(people), shared.campaign()
    assert shared.type("check", sheet, "-c", campaign, "--json")[0] == 0
    assert json.loads(shared.type("runs", "--json")[1]) == []
    ran = shared.run(sheet, campaign)
    assert ran.rows == [CREATED, CREATED, CREATED, ("unknown", "answer_lost")]
    age(hours=1)
    assert shared.type("settle", ran.summary["run"], "--sent", "5", "--yes")[0] == 0
    assert shared.run(sheet, campaign).code == 0
    assert shared.type("report", ran.summary["run"])[0] == 0
    assert shared.type("suppress", "add", known, "--reason", "asked")[0] == 0
    assert known[-4:] in shared.type("suppress", "list")[1]
    assert len(json.loads(shared.type("person", known, "--json")[1])["messages"]) == 1
    info = json.loads(shared.type("ledger", "info", "--json")[1])
    assert info["messages"] == {"success": 4}
    age(hours=72)
    code, out, err = shared.type("purge", "--older-than", "2d", "--json")
    assert code == 0, err
    assert [each["messages"] for each in json.loads(out)["campaigns"]] == [4]
    assert shared.run(sheet, campaign, "--accept-change").code == 0
    assert set(shared.sent().values()) == {1}


def test_a_copy_is_made_by_the_servers_own_means(shared: Office) -> None:
    """The command names them, and why an older copy is dangerous."""
    shared.run(shared.sheet(phones(1)), shared.campaign())
    refused = shared.refused("ledger", "backup", "copy.sqlite3")
    assert "pg_dump" in refused
    assert "older copy" in refused


@pytest.mark.parametrize("url", ["postgresql://ana:hidden@h/d", "postgresql://ana@h/d?password=hidden"])
def test_a_password_is_not_typed(bare_office: Office, url: str) -> None:
    """Every user of the machine could read the command line."""
    refused = bare_office.refused("runs", "--ledger", url)
    assert "PGPASSFILE" in refused
    assert "hidden" not in refused


@contextmanager
def pooling(cluster: Cluster, *, mode: str, ignored: str) -> Iterator[str]:
    """Start PgBouncer before a server, and give the ledger's address through it."""
    if (program := shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")) is None:
        pytest.skip("pgbouncer is not installed (Debian: apt-get install pgbouncer)")
    config = cluster.folder / "pgbouncer.ini"
    settings = {
        "unix_socket_dir": cluster.folder,
        "listen_port": 6432,
        "auth_type": "any",
        "pool_mode": mode,
        "logfile": cluster.folder / "pgbouncer.log",
        "ignore_startup_parameters": ignored,
    }
    lines = [f"{name} = {value}" for name, value in settings.items()]
    database = f"postgres = host={cluster.folder} user=wegly"
    config.write_text("\n".join(["[databases]", database, "[pgbouncer]", *lines]))
    with subprocess.Popen([program, "-q", config], **cluster.user) as pooler:
        try:
            socket = cluster.folder / ".s.PGSQL.6432"
            while not socket.exists():
                assert pooler.poll() is None
            yield f"{new_ledger(cluster)}&port=6432"
        finally:
            pooler.terminate()


@pytest.mark.long
@pytest.mark.parametrize(("mode", "ignored"), [("transaction", "options"), ("session", "options"), ("transaction", "")])
def test_a_pooler_is_refused_by_name(bare_office: Office, postgres: Cluster, mode: str, ignored: str) -> None:
    """It may give one session, and with it one lock, to two programs."""
    with pooling(postgres, mode=mode, ignored=ignored) as url:
        refused = bare_office.refused("runs", "--ledger", url)
    assert "PgBouncer" in refused
