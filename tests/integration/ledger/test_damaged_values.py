"""A ledger whose values another program changed is named as damaged, with the way out, and never a traceback."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from office import Office, phones

from batch.app import follow as following
from batch.app import looks
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


LOOKS: list[tuple[str, object]] = [
    ("deliveries.state", "perhaps"),
    ("deliveries.state", BLOB),
    ("deliveries.attempts", "x"),
    ("deliveries.seen_at", "then"),
    ("deliveries.seen_at", HUGE),
    ("deliveries.looked_at", None),
    ("deliveries.looks", BLOB),
    ("deliveries.looks", "many"),
    ("deliveries.next_look", "soon"),
    ("deliveries.next_look", HUGE),
    ("deliveries.code", "x"),
    ("deliveries.words", None),
    ("deliveries.words", 5),
    ("deliveries.word", BLOB),
    ("deliveries.replied_at", "then"),
    ("deliveries.reply", 7),
    ("deliveries.reply_tied", "yes"),
    ("deliveries.reply_undecided", None),
    ("messages.message_id", BLOB),
    ("messages.chat_id", 5),
    ("messages.sent_at", HUGE),
    ("messages.duration_ms", "long"),
    ("runs.reply_opt_outs", "[1]"),
    ("runs.reply_opt_outs", '{"words": 5}'),
    ("runs.timezone", "Mars/Olympus"),
]


DEFECTS = [
    ("deliveries.looked_at", None, "person"),
    ("deliveries.reply", 7, "person"),
    ("runs.reply_opt_outs", "[1]", "follow"),
    ("runs.timezone", "Mars/Olympus", "follow"),
]
"""What ended a command with a traceback once."""
EVERY = [(column, value, command) for column, value in LOOKS for command in ("follow", "report", "person")]


@pytest.mark.parametrize("values", [DEFECTS, pytest.param(EVERY, marks=pytest.mark.long)], ids=["defects", "every"])
def test_poisoned_looks_never_end_in_a_traceback(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: list[tuple[str, object, str]]
) -> None:
    """`follow`, `report` and `person` over what no pass wrote: the value is named, or it changes nothing."""
    run = office.run(office.sheet(phones(2)), office.campaign()).summary["run"]
    follow = ["follow", "--base-url", office.sandbox.url, "--rate", "100/s"]
    commands = {"follow": follow, "report": ["report", run], "person": ["person", phones(1)[0]]}
    now = datetime.now(UTC)

    def set_clock(hours: int) -> None:
        for module in (following, looks):
            monkeypatch.setattr(module, "utc_now", lambda: now + timedelta(hours=hours))

    set_clock(1)
    office.type(*follow)
    set_clock(3)
    whole = tmp_path / "whole.sqlite3"
    office.type("ledger", "backup", whole)
    faults = []
    for number, (column, value, command) in enumerate(values):
        ledger = tmp_path / f"looks-{number}.sqlite3"
        ledger.write_bytes(whole.read_bytes())
        poison(ledger, column, value)
        code, _out, err = office.type(*commands[command], "--ledger", f"sqlite:///{ledger}")
        if code not in (0, 2, 5, 6) or "Traceback" in err or (code == 5 and "ledger backup" not in err):
            faults.append((column, value, command, code, err[-300:]))
    assert not faults, "\n".join(map(str, faults))
