"""A ledger of an older version is migrated when it is opened and loses nothing; of one too old or too new: nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from batch.errors import LedgerFailed, LedgerUnusable
from batch.ledger import FollowScope, Ledger, Owner, StagedRow
from batch.ledger.storage.engine import database_of
from batch.ledger.storage.locks import hold, locks_folder
from batch.ledger.storage.schema import SCHEMA_VERSION
from batch.ledger.storage.sqlite import open_file
from batch.model.runs import Run, Traits

SENT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_ledger(path: Path, version: int) -> None:
    """A ledger with a message that was sent, which says that it has `version`."""
    run = Run(run="r1", campaign="c", endpoint="e", sheet_path="s", sheet_sha256="0", version="0", started=SENT)
    traits = Traits(unique_by=(), region="BR", phone_rule=1, template="t")
    with Ledger.open(f"sqlite:///{path}") as ledger, ledger.stage() as staging:
        staging.add([StagedRow(row=2, key="k", person="+5511970010002", sender="s", payload="{}", request_hash="h")])
        staging.judge()
        staging.plan(run, Owner.here("r1"), traits)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE messages SET state = 'success', attempts = 1, sent_at = 1772366400000000")
        connection.execute("UPDATE meta SET value = ? WHERE name = 'schema_version'", (str(version),))


def asked(path: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


VERSION_4 = """
DROP TABLE suppressed;
CREATE TABLE suppressed (
    person VARCHAR(20) NOT NULL, reason TEXT NOT NULL, source TEXT NOT NULL, added BIGINT NOT NULL, PRIMARY KEY (person)
);
INSERT INTO suppressed VALUES ('+5511988887001', '"asked"', '"mail"', 1772366400000000);
"""
VERSION_9 = """
CREATE INDEX messages_by_moment ON messages (sent_at) WHERE sent_at IS NOT NULL;
DROP INDEX messages_by_chat;
DROP INDEX messages_by_run;
CREATE INDEX messages_by_chat ON messages (chat_id);
CREATE INDEX messages_by_run ON messages (run);
"""
VERSION_8 = """
ALTER TABLE messages DROP COLUMN claim_epoch;
"""
VERSION_6 = """
DROP TABLE canaries;
DROP TABLE removals;
DROP INDEX messages_retries;
ALTER TABLE messages DROP COLUMN retry_of;
"""
VERSION_5 = """
DROP TABLE deliveries;
ALTER TABLE messages DROP COLUMN message_id;
ALTER TABLE messages DROP COLUMN message_status;
ALTER TABLE runs DROP COLUMN reply_opt_outs;
"""


def test_people_on_the_list_of_version_4_are_on_it_everywhere(tmp_path: Path) -> None:
    """Lists of that version knew no endpoints."""
    path = tmp_path / "old.sqlite3"
    make_ledger(path, 4)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_9 + VERSION_8 + VERSION_6 + VERSION_5 + VERSION_4)
    with Ledger.open(f"sqlite:///{path}") as ledger:
        (entry,) = ledger.suppression.entries()
        assert (entry.person, entry.endpoint, entry.added) == ("+5511988887001", "", SENT)
        assert not ledger.suppression.add([replace(entry, reason="again")])
    assert asked(path, "SELECT value FROM meta WHERE name = 'schema_version'") == [(str(SCHEMA_VERSION),)]


def test_messages_of_version_5_have_no_id_yet(tmp_path: Path) -> None:
    """Their answers were not kept; the chat's timeline has to be asked, as if it were a message of today."""
    path = tmp_path / "old.sqlite3"
    make_ledger(path, 5)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(VERSION_9 + VERSION_8 + VERSION_6 + VERSION_5)
        connection.execute("UPDATE messages SET run = 'r1', chat_id = 'chat-1'")
    with Ledger.open(f"sqlite:///{path}") as ledger:
        assert [result.outcome for result in ledger.results("r1")] == ["success"]
        (due,) = ledger.deliveries.due(FollowScope(endpoint="e"), SENT + timedelta(hours=1))
        assert (due.chat_id, due.delivery) == ("chat-1", None)
        assert ledger.tally("r1").delivery is None
    found = asked(path, "SELECT state, message_id, message_status FROM messages")
    assert found == [("success", None, None)]


def test_a_ledger_of_version_6_has_passed_no_canary(tmp_path: Path) -> None:
    """Its messages are as they were, and the next run looks at its first ones."""
    path = tmp_path / "old.sqlite3"
    make_ledger(path, 6)
    before = asked(path, "SELECT key, state, attempts, sent_at FROM messages")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(VERSION_9 + VERSION_8 + VERSION_6)
    with Ledger.open(f"sqlite:///{path}") as ledger:
        assert ledger.deliveries.canary_senders("e", "t", SENT) == set()
        ledger.deliveries.note_canary("e", ["s"], "t", SENT)
        assert ledger.deliveries.canary_senders("e", "t", SENT) == {"s"}
    assert asked(path, "SELECT key, state, attempts, sent_at FROM messages") == before


def test_a_claim_of_version_8_is_settled_as_any_other(tmp_path: Path) -> None:
    """It has no epoch; who made it may still correct it."""
    path = tmp_path / "old.sqlite3"
    make_ledger(path, 8)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(VERSION_9 + VERSION_8)
        connection.execute("UPDATE messages SET state = 'claimed', claim_run = 'r1'")
    with Ledger.open(f"sqlite:///{path}") as ledger:
        assert ledger.settle_dead_claims(endpoint="e", campaign="c") == 1
        assert [result.outcome for result in ledger.results("r1")] == ["unknown"]


def test_a_ledger_of_version_9_gets_the_indexes_of_a_new_one(tmp_path: Path) -> None:
    """It loses the one by time alone, which every claim and record wrote; what it was for is found by sender and time.

    Those by chat and run leave out what has none.
    """
    indexes = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name"
    make_ledger(new := tmp_path / "new.sqlite3", SCHEMA_VERSION)
    path = tmp_path / "old.sqlite3"
    make_ledger(path, 9)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_9)
    before = asked(path, "SELECT * FROM messages")
    for _ in range(2):
        Ledger.open(f"sqlite:///{path}").close()
        assert asked(path, indexes) == asked(new, indexes)
    assert asked(path, "SELECT * FROM messages") == before


@pytest.mark.parametrize(
    "poison",
    [
        "ALTER TABLE suppressed RENAME TO s; CREATE VIEW suppressed AS SELECT * FROM s WHERE 0",
        "CREATE TRIGGER t AFTER INSERT ON suppressed BEGIN DELETE FROM suppressed; END",
    ],
)
def test_a_ledger_with_a_view_or_a_trigger_is_refused(tmp_path: Path, poison: str) -> None:
    """Either would empty the suppression list unseen."""
    path = tmp_path / "ledger.sqlite3"
    make_ledger(path, SCHEMA_VERSION)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(poison)
    with pytest.raises(LedgerUnusable, match="which wegly-batch does not make"):
        Ledger.open(f"sqlite:///{path}")


ADD_NOTE = {SCHEMA_VERSION + 1: lambda connection: connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN note TEXT")}
"""The next version's step, as a change of the tables would bring it."""


def test_staged_rows_have_large_pages_and_the_ledger_keeps_its_own(tmp_path: Path) -> None:
    """Also when the file is rewritten by a connection that has staged."""
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as ledger:
        with ledger.stage() as staging:
            staging.add([StagedRow(row=2, key="k")])
            assert staging._connection.exec_driver_sql("PRAGMA temp.page_size").scalar() == 65536
        database_of(ledger._engine).rewrite(ledger._engine)
        with ledger._engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA main.page_size").scalar() == 4096


def test_each_step_runs_once_and_keeps_every_entry(tmp_path: Path) -> None:
    """In the transaction that notes the version; a later opening finds nothing to do."""
    path = tmp_path / "old.sqlite3"
    make_ledger(path, SCHEMA_VERSION)
    before = {table: asked(path, f"SELECT * FROM {table}") for table in ("messages", "rows")}  # noqa: S608 - ours
    for _ in range(2):
        open_file(path, migrations=ADD_NOTE, version=SCHEMA_VERSION + 1).dispose()
        assert asked(path, "SELECT run, note FROM runs") == [("r1", None)]
    assert asked(path, "SELECT value FROM meta WHERE name = 'schema_version'") == [(str(SCHEMA_VERSION + 1),)]
    assert {table: asked(path, f"SELECT * FROM {table}") for table in before} == before  # noqa: S608 - likewise


def test_a_step_that_fails_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    """Half a step would be a ledger that no version knows."""
    path = tmp_path / "old.sqlite3"
    make_ledger(path, SCHEMA_VERSION)

    def fail(connection: Connection) -> None:
        ADD_NOTE[SCHEMA_VERSION + 1](connection)
        connection.exec_driver_sql("ALTER TABLE nothing ADD COLUMN note TEXT")

    with pytest.raises(LedgerUnusable):
        open_file(path, migrations={SCHEMA_VERSION + 1: fail}, version=SCHEMA_VERSION + 1)
    assert asked(path, "SELECT value FROM meta WHERE name = 'schema_version'") == [(str(SCHEMA_VERSION),)]
    assert "note" not in {column[1] for column in asked(path, "PRAGMA table_info(runs)")}


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("how", [Ledger.open, Ledger.for_reading])
def test_an_older_ledger_is_refused_with_the_command_that_keeps_its_people(
    tmp_path: Path, version: int, how: Callable[[str], Ledger]
) -> None:
    """Its keys are plain hashes, under which everybody would be new. Nothing is written to it."""
    path = tmp_path / "old.sqlite3"
    make_ledger(path, version)
    content = path.read_bytes()
    with pytest.raises(LedgerUnusable) as refused:
        how(f"sqlite:///{path}")
    assert f"has version {version}; this wegly-batch reads version 4 and newer" in str(refused.value)
    assert "git checkout 3bbba84" in refused.value.remedy
    assert f'wegly-batch runs --ledger "sqlite:///{path}"' in refused.value.remedy
    assert path.read_bytes() == content


def test_a_newer_ledger_is_refused_by_name(tmp_path: Path) -> None:
    """Its tables may mean something else."""
    path = tmp_path / "new.sqlite3"
    make_ledger(path, SCHEMA_VERSION + 1)
    with pytest.raises(LedgerUnusable, match=f"newer wegly-batch .its version is {SCHEMA_VERSION + 1}"):
        Ledger.open(f"sqlite:///{path}")


def test_a_ledger_that_somebody_sends_with_is_not_brought_up_to_date(tmp_path: Path) -> None:
    """The program of before that holds it knows the old tables only."""
    path = tmp_path / "old.sqlite3"
    make_ledger(path, SCHEMA_VERSION)
    version = SCHEMA_VERSION + 1
    with hold(locks_folder(path), ["campaign c (e)"], Owner.here("r2")):
        with pytest.raises(LedgerUnusable, match="another program is using it"):
            open_file(path, migrations=ADD_NOTE, version=version)
        assert asked(path, "SELECT value FROM meta WHERE name = 'schema_version'") == [(str(SCHEMA_VERSION),)]
    open_file(path, migrations=ADD_NOTE, version=version).dispose()


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
