"""Rows on their way into the ledger: what is staged, counted and read of them."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted_api import LOST, REFUSED, Api, World, staged
from sqlalchemy import event, text

from batch.errors import LedgerFailed, SheetError
from batch.ledger import Ledger, Owner, RetryOptions, StagedRow
from batch.ledger.storage.pseudonyms import Hashes
from batch.ledger.storage.staged_tables import MessageLookup
from batch.model.messages import Origin, hash_request, message_key
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, findings_to_json

NOTE = Finding(Reason.NOTE_LANDLINE, {"found": "1133334444"})
WRONG = Finding(Reason.VALUE_MISSING, {"field": "Nome"})
ROWS = (
    staged(1),
    staged(2)._replace(notes=(NOTE,)),
    staged(3)._replace(left_out=Finding(Reason.SUPPRESSED, {"where": "a column"})),
    staged(4)._replace(outcome=Outcome.SKIPPED, findings=(WRONG,), stands=True),
    staged(5)._replace(origin=Origin(run="r0", row=7), origin_sheet="0" * 64),
    StagedRow(6),
    StagedRow(7, outcome=Outcome.ERROR, findings=(WRONG,)),
)


def test_a_sheet_that_is_given_again_writes_what_differs_alone(world: World, ledger: Ledger) -> None:
    """A message that waits with the same values stays as it is; one with another text or sender gets these."""
    world.plan([1, 2, 3])
    written: list[int] = []

    def note(_connection: object, cursor: Any, statement: str, *_more: object) -> None:
        if statement.startswith("UPDATE messages SET person"):
            written.append(cursor.rowcount)

    event.listen(ledger._engine, "after_cursor_execute", note)
    world.name = "r2"
    world.plan([1, staged(2)._replace(payload="anders", request_hash=hash_request("anders")), 3])
    assert sum(written) == 1
    with ledger.open_queue(Owner.here("r2"), endpoint="e") as sending:
        assert [job.payload for job in sending.jobs()] == [staged(1).payload, "anders", staged(3).payload]


def test_what_another_run_does_before_the_plan_counts(world: World, ledger: Ledger) -> None:
    """What waited when it was looked up, and was accepted or refused since, is no job of the new run."""
    world.plan([1, 2])
    other = replace(world, name="r2")
    other.plan([1, 2, 3], meanwhile=lambda: world.send(Api({2: [REFUSED]}), rate=100.0))
    assert [row for rows in ledger._planned["r2"].values() for row in rows] == [3]


@pytest.mark.parametrize("key", ["", "k", "a" * 64, "ç" * 100])
@pytest.mark.parametrize("secret", [b"s" * 32, b"", b"s" * 64, b"s" * 65])
def test_a_ledger_s_key_is_hmac_as_the_library_makes_it(key: str, secret: bytes) -> None:
    """Whatever the secret's length."""
    hashes = Hashes(secret)
    assert hashes.key(key) == hashes.key(key) == hmac.digest(secret, key.encode(), "sha256").hex()


def test_a_key_is_the_hash_of_a_list() -> None:
    """It must be the same in every version, or everybody would be new."""
    said = json.dumps(['https://a/"é', "á b", "+5511", "1", "ã \\"], ensure_ascii=False)
    found = message_key(endpoint='https://a/"é', campaign=" Á B ", person="+5511", unique=(" 1", "a\u0303 \\"))
    assert found == hashlib.sha256(said.encode()).hexdigest()
    alone = json.dumps(["e", "c", "+55"])
    assert message_key(endpoint="e", campaign="c", person="+55") == hashlib.sha256(alone.encode()).hexdigest()


def test_a_row_is_staged_as_it_is_given(ledger: Ledger) -> None:
    """Every value in its column; findings as JSON; the pseudonym of a person only once anything was purged."""
    with ledger.stage(RetryOptions()) as open_one:
        open_one.add(ROWS)
        columns = "row, key, person, hashed, sender, outcome, stands, findings, notes, request_hash, payload"
        origin = "origin_run, origin_sheet, origin_row"
        query = text(f"SELECT {columns}, {origin}, duplicate_of FROM staged ORDER BY row")  # noqa: S608 - ours
        found = [tuple(row) for row in open_one._connection.execute(query)]
    assert found == [
        (
            each.row,
            each.key,
            each.person,
            None,
            each.sender,
            each.outcome,
            int(each.stands),
            findings_to_json(each.findings) if each.findings else None,
            findings_to_json(each.notes) if each.notes else None,
            each.request_hash,
            each.payload,
            each.origin.run if each.origin else None,
            each.origin_sheet,
            each.origin.row if each.origin else None,
            None,
        )
        for each in ROWS
    ]


def of_values(row: int, *values: str) -> StagedRow:
    """A row whose request is encoded once the ledger was asked."""
    return staged(row)._replace(payload=None, request_hash=None, values=values)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (RetryOptions(), [2, 3, 5]),
        (RetryOptions(retry_errors=True), [2, 3, 5]),
        (RetryOptions(resend_unknown=True), [1, 2, 3, 4, 5]),
        (RetryOptions(retry_undelivered=True), [1, 2, 3, 4, 5]),
    ],
)
def test_a_row_whose_message_was_accepted_gets_no_request(
    world: World, ledger: Ledger, options: RetryOptions, wanted: list[int]
) -> None:
    """Unless what was sent may be sent again; errors and unknown ones have theirs in any case."""
    world.plan(range(1, 5))
    world.send(Api(script={2: [REFUSED], 3: [LOST]}))
    encoded = []
    with ledger.stage(options, lambda values: f"of {values[0]}") as open_one:
        open_one.add(of_values(row, str(row)) for row in range(1, 6))
        query = text("SELECT row, payload, request_hash FROM staged WHERE payload IS NOT NULL ORDER BY row")
        for row, payload, digest in open_one._connection.execute(query):
            assert (payload, digest) == (f"of {row}", hash_request(payload))
            encoded.append(row)
        open_one.judge()
        assert open_one.tally()[Outcome.SUCCESS, Reason.CREATED.value] == 2
    assert encoded == wanted


def test_rows_of_a_person_who_has_a_message_are_told_apart(world: World, ledger: Ledger) -> None:
    """By what they say, though none of them has a request."""
    world.plan([1])
    world.send(Api())
    with ledger.stage() as open_one:
        open_one.add(of_values(1, words)._replace(row=row) for row, words in ((1, "a"), (2, "b"), (3, "a")))
        open_one.judge()
        assert open_one.find_differing_duplicates(5) == (1, [(2, 1)])


def test_a_ledger_in_memory_stages_one_sheet_after_another() -> None:
    """What the first left there is not the second's."""
    with Ledger.for_reading("sqlite:////nowhere/ledger.sqlite3") as ledger:
        for rows in (ROWS, ROWS[:2]):
            with ledger.stage(RetryOptions()) as open_one:
                open_one.add(rows)
                open_one.judge()
                assert sum(open_one.tally().values()) == len(rows)


def test_runs_are_looked_up_while_rows_are_staged_in_memory() -> None:
    """A report that is fed back names many runs; rows before are under way to the ledger then, or in it already."""
    with Ledger.for_reading("sqlite:////nowhere/ledger.sqlite3") as ledger, ledger.stage() as open_one:
        for first in range(1, 20_001, 1000):
            open_one.add(staged(row) for row in range(first, first + 1000))
            assert [ledger.run(f"r{first + number}") for number in range(20)] == [None] * 20
        open_one.judge()
        assert ledger.hashes.key("k") == open_one.hashes.key("k")
        assert sum(open_one.tally().values()) == 20_000


def test_what_waits_is_counted_by_sender(world: World, ledger: Ledger) -> None:
    """As counting one by one would; who sends the first message stands first."""
    world.plan([1])
    rows = [staged(row, sender=sender) for row, sender in ((1, "s1"), (2, "s2"), (3, "s1"), (4, "s2"), (5, "s2"))]
    with ledger.stage(RetryOptions()) as open_one:
        open_one.add([*rows, *ROWS[6:]])
        open_one.judge()
        with closing(open_one.recipients()) as waiting:
            counted = Counter(sender for sender, _person in waiting)
        found = open_one.count_by_sender()
        assert (found, list(found)) == (counted, list(counted))
        assert len(open_one.to_send()) == sum(found.values())


def test_a_check_does_not_load_the_readers_of_other_formats() -> None:
    """A check of a CSV or XLSX file starts without the libraries that it does not use."""
    code = (
        "import sys; import batch.app.check; "
        "sys.exit(str({'python_calamine', 'pandas', 'openpyxl'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_a_person_who_thinks_keeps_no_log(ledger: Ledger, sqlite_file: Path) -> None:
    """While a question waits for its answer no read is open: the database may clean up what was written meanwhile."""
    with ledger.stage() as staging, closing(sqlite3.connect(sqlite_file)) as other:
        staging.add([StagedRow(row=2)])
        staging.judge()
        staging.tally()
        other.execute("INSERT INTO meta (name, value) VALUES ('other', '1')")
        other.commit()
        other.execute("PRAGMA busy_timeout = 0")
        checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)"
        assert other.execute(checkpoint).fetchone()[0] == 1, "the read is open"
        staging.pause()
        assert other.execute(checkpoint).fetchone()[0] == 0


def test_rows_are_looked_up_as_they_come(world: World, ledger: Ledger) -> None:
    """Whatever their order, each once: what was sent is known of all of them."""
    world.plan([1, 3, 5, 7])
    world.send(Api(), rate=100.0)
    with ledger.stage() as staging:
        for numbers in ((5, 1), (3, 4), (7,)):
            staging.add([staged(row) for row in numbers])
        staging.judge()
        assert [row for row, _payload in staging.to_send()] == [4]
        assert staging.tally()[Outcome.SUCCESS, Reason.CREATED.value] == 4


def test_the_rows_of_ranges_are_counted_together(ledger: Ledger) -> None:
    """Rows are counted by 10,000 numbers, also where some have none."""
    with ledger.stage() as staging:
        staging.add([staged(row) for row in (1, 9_999, 10_000, 10_001, 30_000)])
        staging.judge()
        assert staging.tally() == {(Outcome.PENDING, Reason.WAITING.value): 5}


def test_rows_of_many_batches_are_known_each(world: World, ledger: Ledger) -> None:
    """While a batch is looked up the next is read: every row is staged once, and the last ones too."""
    sent = [1, 3999, 4000, 4001, 8000, 8001, 8500]
    world.plan(sent)
    world.send(Api(), rate=1000.0)
    read: list[int] = []
    with ledger.stage(RetryOptions(), lambda values: f"of {values[0]}") as staging:
        staging.add((of_values(row, str(row)) for row in range(1, 8501)), lambda batch: read.append(len(batch)))
        staging.judge()
        assert read == [4000, 4000, 500]
        assert staging.tally()[Outcome.SUCCESS, Reason.CREATED.value] == len(sent)
        waiting = [(row, f"of {row}") for row in range(1, 8501) if row not in sent]
        assert staging.to_send() == waiting


def test_a_sheet_that_fails_amid_its_rows_leaves_no_thread(world: World, ledger: Ledger) -> None:
    """Its error comes out as it is, and what was staged before can be read."""
    world.plan([1])

    def rows() -> Iterator[StagedRow]:
        yield from map(staged, range(1, 4002))
        raise SheetError("damaged", "")

    before = threading.active_count()
    with ledger.stage() as staging:
        with pytest.raises(SheetError, match="damaged"):
            staging.add(rows())
        assert threading.active_count() == before
        assert staging.has_rows(1, 1) is False


def test_a_look_up_that_fails_ends_the_staging(world: World, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the ledger's own error, though it runs in another thread."""
    world.plan([1])

    def fail(*_given: object) -> None:
        raise LedgerFailed("the disk is gone", "")

    monkeypatch.setattr(MessageLookup, "add", fail)
    with ledger.stage() as staging, pytest.raises(LedgerFailed, match="the disk is gone"):
        staging.add(map(staged, range(1, 9000)))
