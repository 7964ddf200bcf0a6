"""A ledger of an older version is brought up to date when it is opened, and loses nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from batch.errors import LedgerFailed, LedgerUnusable
from batch.ledger import Ledger, Owner, StagedRow, Suppressed
from batch.ledger.storage.locks import hold, locks_folder
from batch.ledger.storage.schema import SCHEMA_VERSION
from batch.model.outcomes import Outcome
from batch.model.runs import Run, Traits

SENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
VERSION_1 = """
CREATE TABLE campaigns (
    endpoint TEXT NOT NULL, campaign TEXT NOT NULL, unique_by TEXT NOT NULL, region VARCHAR(10) NOT NULL,
    phone_rule INTEGER NOT NULL, template TEXT NOT NULL, PRIMARY KEY (endpoint, campaign));
CREATE TABLE decisions (
    number INTEGER NOT NULL, decided_at BIGINT NOT NULL, run VARCHAR(200) NOT NULL, "row" INTEGER NOT NULL,
    "key" VARCHAR(64) NOT NULL, attempts INTEGER NOT NULL, from_state VARCHAR(10) NOT NULL,
    to_state VARCHAR(10) NOT NULL, evidence VARCHAR(20), who TEXT NOT NULL, how TEXT NOT NULL, PRIMARY KEY (number));
CREATE INDEX decisions_by_key ON decisions ("key");
CREATE TABLE messages (
    "key" VARCHAR(64) NOT NULL, endpoint TEXT NOT NULL, campaign TEXT NOT NULL, person VARCHAR(20) NOT NULL,
    sender TEXT NOT NULL, state VARCHAR(10) NOT NULL, request_hash VARCHAR(64) NOT NULL, payload TEXT, findings TEXT,
    again_state VARCHAR(10), again_findings TEXT, attempts INTEGER NOT NULL, claim_run VARCHAR(200), claim_host TEXT,
    claim_pid INTEGER, run VARCHAR(200), chat_id TEXT, chat_status TEXT, evidence VARCHAR(20), http_status INTEGER,
    sent_at BIGINT, duration_ms INTEGER, PRIMARY KEY ("key"));
CREATE INDEX messages_by_campaign ON messages (endpoint, campaign, state);
CREATE INDEX messages_by_chat ON messages (chat_id);
CREATE INDEX messages_by_run ON messages (run);
CREATE TABLE meta (name VARCHAR(40) NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name));
CREATE TABLE runs (
    run VARCHAR(200) NOT NULL, campaign TEXT NOT NULL, endpoint TEXT NOT NULL, sheet_path TEXT NOT NULL,
    sheet_sha256 VARCHAR(64) NOT NULL, sheet_options TEXT NOT NULL, version VARCHAR(40) NOT NULL,
    timezone VARCHAR(60) NOT NULL, language VARCHAR(10) NOT NULL, report_dir TEXT, host TEXT NOT NULL,
    pid INTEGER NOT NULL, started BIGINT NOT NULL, finished BIGINT, exit_code INTEGER, pending_findings TEXT,
    attempts INTEGER NOT NULL, wanted_rate FLOAT, achieved_rate FLOAT, PRIMARY KEY (run));
CREATE TABLE rows (
    run VARCHAR(200) NOT NULL, "row" INTEGER NOT NULL, "key" VARCHAR(64), person VARCHAR(20), outcome VARCHAR(10),
    findings TEXT, notes TEXT, duplicate_of INTEGER, PRIMARY KEY (run, "row"),
    FOREIGN KEY(run) REFERENCES runs (run));
"""
"""As the program of version 1 made it."""
INHABITANTS = """
INSERT INTO meta VALUES ('ledger_id', 'abc'), ('schema_version', '1'), ('counter', '7');
INSERT INTO campaigns VALUES ('e', 'c', '[]', 'BR', 1, 'saudacao (pt_BR)');
INSERT INTO runs VALUES ('r1', 'c', 'e', '/s.csv', '0', '{}', '0.1', 'UTC', 'pt_BR', '/r', 'h', 1,
    1772366400000000, 1772366400000005, 4, '[["limit", {}]]',
    2, 10.0, 9.5);
INSERT INTO messages VALUES
    ('k2', 'e', 'c', '+5511970010002', 's1', 'success', 'h2', NULL, '[["created", {}]]', NULL,
     NULL, 1, 'r1', 'h', 1, 'r1', 'chat-2', NULL, NULL, 200, 1772366400000000, 31),
    ('k3', 'e', 'c', '+5511970010003', 's1', 'unknown', 'h3', NULL, '[["answer_lost", {}]]',
     NULL, NULL, 1, 'r1', 'h', 1, 'r1', NULL, NULL, NULL, NULL, 1772366401000000, 32),
    ('k4', 'e', 'c', '+5511970010004', 's1', 'pending', 'h4', '{}', NULL, NULL,
     NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO rows VALUES ('r1', 2, 'k2', '+5511970010002', NULL, NULL, NULL, NULL),
    ('r1', 3, 'k3', '+5511970010003', NULL, NULL, NULL, NULL),
    ('r1', 4, 'k4', '+5511970010004', NULL, NULL, NULL, NULL);
INSERT INTO decisions VALUES (1, 5, 'r1', 9, 'k9', 1, 'unknown', 'success', NULL, 'ana', 'settle');
"""


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A ledger of version 1 with a run in it."""
    path = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1 + INHABITANTS)
    return path


def asked(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def shape(path: Path) -> dict[str, Any]:
    """Tables with their columns (name, type, whether null, default, key) and references, and the indexes' columns."""
    found: dict[str, Any] = {}
    for kind, name, sql in asked(path, "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"):
        if kind == "table":
            columns = sorted(tuple(each[1:]) for each in asked(path, f"PRAGMA table_info({name})"))
            found[name] = columns, asked(path, f"PRAGMA foreign_key_list({name})")
        else:
            partial = sql.partition("WHERE")[2].split()
            found[name] = [each[2] for each in asked(path, f"PRAGMA index_info({name})")], partial
    return found


def test_an_upgraded_ledger_has_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    """Column by column and index by index, and says its version."""
    fresh = tmp_path / "fresh.sqlite3"
    for path in (old, fresh):
        Ledger.open(f"sqlite:///{path}").close()
    assert shape(old) == shape(fresh)
    assert {"suppressed", "run_senders", "messages_by_person", "messages_by_time"} <= shape(old).keys()
    assert {"corrections", "corrections_by_origin"} <= shape(old).keys()
    assert asked(old, "SELECT value FROM meta WHERE name = 'schema_version'") == [(str(SCHEMA_VERSION),)]


def test_an_upgrade_keeps_every_entry(old: Path) -> None:
    """Every value of every table as it was, but keys, which became keyed; nothing of it is a trial."""
    tables = ("campaigns", "decisions", "messages", "runs", "rows")
    named = {table: ", ".join(f'"{row[1]}"' for row in asked(old, f"PRAGMA table_info({table})")) for table in tables}
    query = {table: f"SELECT {named[table]} FROM {table}" for table in tables}  # noqa: S608 - names of our own tables
    before = {table: asked(old, query[table]) for table in tables}
    with Ledger.open(f"sqlite:///{old}") as ledger:
        keys = {key: ledger.keyed(key) for key in ("k2", "k3", "k4", "k9")}
    keyed = {table: [tuple(keys.get(each, each) for each in row) for row in before[table]] for table in tables}
    after = {table: asked(old, query[table]) for table in tables}
    assert {table: sorted(rows, key=repr) for table, rows in after.items()} == {
        table: sorted(rows, key=repr) for table, rows in keyed.items()
    }
    assert asked(old, "SELECT DISTINCT trial FROM messages") == [(0,)]
    assert asked(old, "SELECT trial FROM runs") == [(0,)]
    assert asked(old, "SELECT value FROM meta WHERE name IN ('ledger_id', 'counter') ORDER BY name") == [
        ("7",),
        ("abc",),
    ]


@pytest.mark.parametrize("how", [Ledger.open, Ledger.for_reading])
def test_an_old_run_is_told_as_it_was(old: Path, how: Any) -> None:
    """By whatever opens the ledger first; and the new tables can be used."""
    with how(f"sqlite:///{old}") as ledger:
        found = {result.row: (result.outcome, result.reason) for result in ledger.results("r1")}
        run, tally = ledger.run("r1"), ledger.tally("r1")
        assert (ledger.ledger_id, ledger.counter, ledger.newest()) == ("abc", 7, SENT + timedelta(seconds=1))
    assert found == {
        2: (Outcome.SUCCESS, "created"),
        3: (Outcome.UNKNOWN, "answer_lost"),
        4: (Outcome.PENDING, "limit"),
    }
    assert run is not None
    assert (run.trial, run.exit_code) == (False, 4)
    assert (tally.this_run.attempts, tally.this_run.achieved_rate, tally.this_run.senders) == (2, 9.5, ())
    with Ledger.open(f"sqlite:///{old}") as ledger:
        entry = Suppressed(person="+5511970010004", reason="asked", source="ana", added=SENT)
        assert ledger.suppression.add([entry]) == 1


def test_a_ledger_that_somebody_sends_with_is_not_brought_up_to_date(old: Path) -> None:
    """The program of before that holds it knows the old keys only: whoever it has messaged would be new to it."""
    locks = locks_folder(old)
    with hold(locks, ["campaign c (e)"], Owner.here("r2")):
        with pytest.raises(LedgerUnusable, match="another program is using it"):
            Ledger.open(f"sqlite:///{old}")
        assert asked(old, "SELECT value FROM meta WHERE name = 'schema_version'") == [("1",)]
    with Ledger.open(f"sqlite:///{old}") as ledger:
        assert ledger.run("r1") is not None


def test_nothing_is_planned_in_a_ledger_that_was_brought_up_to_date_meanwhile(tmp_path: Path) -> None:
    """Between opening the ledger and planning a newer program may have changed what a key is."""
    path = tmp_path / "ledger.sqlite3"
    run = Run(run="r1", campaign="c", endpoint="e", sheet_path="s", sheet_sha256="0", version="0", started=SENT)
    traits = Traits(unique_by=(), region="BR", phone_rule=1, template="t")
    with Ledger.open(f"sqlite:///{path}") as ledger, ledger.stage() as staging:
        staging.add([StagedRow(row=2, key="k", person="+5511970010002", sender="s", payload="{}", request_hash="h")])
        staging.judge()
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", (str(SCHEMA_VERSION + 1),))
        with pytest.raises(LedgerFailed, match=f"version {SCHEMA_VERSION + 1}"):
            staging.plan(run, Owner.here("r1"), traits)
    assert asked(path, "SELECT run FROM runs") == []
    assert asked(path, 'SELECT "key" FROM messages') == []
