"""A ledger whose values another program changed is named as damaged, with the way out, and never a traceback."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from office import Office, phones

from batch.ledger.storage.schema import metadata

HUGE, BLOB = 2**63 - 1, b"\xff\x00"
POISON: list[tuple[str, object, str]] = [
    ("meta.value", "x", "runs"),
    ("meta.value", None, "report"),
    ("runs.started", "today", "runs"),
    ("runs.started", HUGE, "runs"),
    ("runs.campaign", None, "runs"),
    ("runs.campaign", BLOB, "settle"),
    ("runs.timezone", 1.5, "runs"),
    ("runs.timezone", "Mars/Olympus", "report"),
    ("runs.sheet_options", "", "report"),
    ("runs.pending_findings", "[1]", "report"),
    ("run_senders.attempts", BLOB, "runs"),
    ("rows.row", "one", "report"),
    ("rows.key", "none", "report"),
    ("rows.findings", '{"a"', "report"),
    ("rows.outcome", "perhaps", "report"),
    ("messages.state", "perhaps", "runs"),
    ("messages.state", BLOB, "report"),
    ("messages.sent_at", "then", "report"),
    ("messages.chat_id", BLOB, "report"),
    ("messages.findings", "[[]]", "report"),
    ("messages.evidence", 3, "report"),
    ("campaigns.unique_by", "", "run"),
    ("campaigns.phone_rule", None, "run"),
    ("suppressed.person", 5, "suppress"),
    ("suppressed.added", "then", "suppress"),
    ("suppressed.reason", None, "suppress"),
]


def poison(ledger: Path, column: str, value: object) -> None:
    """Put a value into every row of a column, in a table that takes any."""
    table, name = column.split(".")
    columns = ", ".join(f'"{each.name}"' for each in metadata.tables[table].columns)
    primary = ", ".join(f'"{each.name}"' for each in metadata.tables[table].primary_key.columns)
    with closing(sqlite3.connect(ledger)) as connection, connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO kept")
        connection.execute(f"CREATE TABLE {table} ({columns})")
        connection.execute(f"INSERT INTO {table} SELECT {columns} FROM kept")  # noqa: S608 - our own names
        connection.execute("DROP TABLE kept")
        connection.execute(f"UPDATE {table} SET {name} = ?", (value,))  # noqa: S608 - likewise
        if name not in primary:
            connection.execute(f"CREATE UNIQUE INDEX first ON {table} ({primary})")


def test_a_value_that_no_run_wrote_is_told_as_damage(office: Office, tmp_path: Path) -> None:
    """Text for a number, nothing, bytes, a huge number, no JSON: each command names the column and the copy to take."""
    sheet, campaign = office.sheet([*phones(1), "11 90000-0400", "12"]), office.campaign()
    run = office.run(sheet, campaign).summary["run"]
    office.type("suppress", "add", "11 98888-7777")
    whole = tmp_path / "whole.sqlite3"
    office.type("ledger", "backup", whole)
    commands = {
        "runs": ["runs", "--json"],
        "report": ["report", run],
        "settle": ["settle", run, "--sent", "2", "--yes"],
        "suppress": ["suppress", "list"],
        "check": ["check", sheet, "-c", campaign, "--base-url", office.sandbox.url],
        "run": [*office.command(sheet, campaign), "--yes"],
    }
    faults = []
    for number, (column, value, command) in enumerate(POISON):
        now = tmp_path / f"{number}.sqlite3"
        now.write_bytes(whole.read_bytes())
        poison(now, column, value)
        code, _out, err = office.type(*commands[command], "--ledger", f"sqlite:///{now}")
        if code not in (2, 5) or "Traceback" in err or "ledger backup" not in err:
            faults.append((column, value, command, code, err[-300:]))
    assert not faults, "\n".join(map(str, faults))
    assert len(office.sandbox.log.received) == 2
