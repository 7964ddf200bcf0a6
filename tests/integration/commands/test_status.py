"""`status`, `cancel`, `runs` and `ledger info` on PostgreSQL: what a person reads who looks how it stands."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from office import HALVES, Office, phones
from postgres import Cluster, new_ledger
from workers import working

from batch.app.inputs.staging import utc_now
from batch.ledger import database_at

WRONG, TWICE = ["11 123", "11 124"], phones(1)
ROWS = [*phones(8), *WRONG, *TWICE]
NEW = "No run was planned in this ledger yet."


@pytest.fixture
def shared(office: Office, postgres: Cluster, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office whose ledger is on a server, and not there yet."""
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", new_ledger(postgres))
    monkeypatch.setenv("WEGLY_BASE_URL", office.sandbox.url)
    monkeypatch.setenv("WEGLY_TOKEN", "anything")
    return office


@pytest.fixture
def as_ana(shared: Office, postgres: Cluster) -> Iterator[str]:
    """The address of the ledger, for a user who may make no schema."""
    postgres.ask("CREATE ROLE ana LOGIN")
    try:
        yield ledger().replace("wegly@", "ana@")
    finally:
        postgres.ask("DROP OWNED BY ana")
        postgres.ask("DROP ROLE ana")


def ledger() -> str:
    return os.environ["WEGLY_BATCH_LEDGER"]


def submit(office: Office, *, name: str = "teste", about: str = "") -> str:
    campaign = office.campaign('[throttle]\nrate = "50/s"', sender=HALVES, name=name, about=about)
    code, out, err = office.type("submit", office.sheet(ROWS), "-c", campaign, "--json")
    assert code == 0, err
    return str(json.loads(out)["run"])


def send(office: Office, run: str) -> None:
    """Until its end, with a worker."""
    with working(ledger(), office.sandbox.url):
        assert office.type("watch", run, "--quiet")[0] == 3


def told(office: Office, *words: str) -> str:
    """What a command prints, and what it tells people."""
    code, out, err = office.type(*words)
    assert code == 0, err
    return out + err


def test_looking_at_a_new_database_says_so_and_makes_nothing(shared: Office) -> None:
    """An operator tries the address: it is right, and nothing was planned; what plans makes the tables."""
    sheet, campaign = shared.sheet(phones(2)), shared.campaign(sender=HALVES)
    for words in (("status",), ("ledger", "info")):
        assert NEW in told(shared, *words)
    assert json.loads(told(shared, "status", "--json"))["runs"] == []
    assert json.loads(told(shared, "ledger", "info", "--json"))["messages"] == {}
    assert "2 messages would be sent" in told(shared, "check", sheet, "-c", campaign)
    for command in ("status", "watch", "cancel"):
        assert "has no runs yet" in shared.refused(command, "0a1b")
    assert not database_at(ledger()).exists()
    submit(shared)
    assert NEW not in told(shared, "status") + told(shared, "ledger", "info")


def test_a_worker_before_the_first_sheet_is_listed(shared: Office) -> None:
    """Its times are this machine's, for no campaign has named a zone."""
    with working(ledger(), shared.sandbox.url):
        text = told(shared, "status")
    assert NEW in text
    assert f":{os.getpid()} " in text
    assert f"{utc_now().astimezone():%d/%m/%Y}" in text
    assert "Times of this machine" in text


def test_who_may_not_make_the_tables_is_told_before_a_run(
    shared: Office, as_ana: str, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what to give to whom; a schema that its owner was given needs no more."""
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", as_ana)
    assert "right to create a schema" in shared.refused("ledger", "info")
    postgres.ask(f"CREATE SCHEMA {as_ana.rpartition('=')[2]} AUTHORIZATION ana")
    assert NEW in told(shared, "ledger", "info")
    send(shared, submit(shared))
    assert "Accepted (success)         8" in told(shared, "ledger", "info")


def test_what_a_run_would_refuse_is_refused_when_the_address_is_tried(
    shared: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that is not the server's, for one."""
    monkeypatch.setattr("batch.ledger.storage.postgres_locks.now", lambda: utc_now() - timedelta(seconds=120))
    assert "120 seconds apart" in shared.refused("ledger", "info")


def test_who_may_only_read_sees_how_it_stands(shared: Office, as_ana: str, postgres: Cluster) -> None:
    """As a program does that watches over it; the server does not tell such a user since when workers are there."""
    run, schema = submit(shared), as_ana.rpartition("=")[2]
    postgres.ask(f"GRANT USAGE ON SCHEMA {schema} TO ana")
    postgres.ask(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO ana")
    with working(ledger(), shared.sandbox.url):
        text = told(shared, "status", run, "--ledger", as_ana)
        assert json.loads(told(shared, "status", "--json", "--ledger", as_ana))["workers"][0]["since"] is None
    assert f":{os.getpid()} " in text
    assert "11 rows: " in text


def test_the_counts_of_a_run_are_those_of_its_sheet(shared: Office) -> None:
    """Rows that were never queued among them; before, while and after it is sent, by the words of the report."""
    run = submit(shared)
    text = told(shared, "status")
    assert f"{run}  0 of 8 messages done" in text
    assert "11 rows: Fix 2, Left out 1, Waiting 8" in text
    assert "No worker is connected. Start one" in text
    send(shared, run)
    text = told(shared, "status", run)
    assert f"{run}  8 of 8 messages done" in text
    assert "11 rows: Accepted 8, Fix 2, Left out 1" in text
    assert f"wegly-batch report {run}" in text
    (found,) = json.loads(told(shared, "status", run, "--json"))["runs"]
    assert (sum(found["rows"].values()), found["in_flight"], found["exit_code"]) == (11, 0, 3)
    assert found["rows"] == json.loads(told(shared, "runs", "--json"))[0]["counts"]
    assert "No run is with workers now" in told(shared, "status")


def test_rows_in_flight_are_not_to_decide(shared: Office, postgres: Cluster) -> None:
    """While workers have them they are said to be that, by `status` and by `runs`."""
    submit(shared)
    options = f"-c search_path={ledger().rpartition('=')[2]}"
    with psycopg.connect(postgres.url, autocommit=True, options=options) as connection:
        connection.execute("UPDATE messages SET state = 'claimed' WHERE key IN (SELECT key FROM messages LIMIT 3)")
    assert "11 rows: Fix 2, Left out 1, Waiting 5, in flight 3" in told(shared, "status")
    assert "given to workers, not ended; 3 rows under Decide are in flight" in told(shared, "runs")


def minutes(zone: str) -> set[str]:
    """The minute that it is now on the clock of a zone, and the one before."""
    now = utc_now().astimezone(ZoneInfo(zone))
    return {f"{now - timedelta(minutes=each):%d/%m/%Y %H:%M}" for each in (0, 1)}


def test_all_times_are_by_one_clock_that_is_named(shared: Office) -> None:
    """That of the latest campaign, with RUN and without, and in the list of runs."""
    first = submit(shared, name="alfa")
    assert shared.type("cancel", first)[0] == 0
    submit(shared, name="beta", about='timezone = "America/Manaus"')
    with working(ledger(), shared.sandbox.url):
        texts = [told(shared, "status"), told(shared, "status", first), told(shared, "runs")]
    for text in texts:
        assert "Times of America/Manaus" in text
        assert any(minute in text for minute in minutes("America/Manaus"))
        assert not any(minute in text for minute in minutes("America/Sao_Paulo"))


def test_a_cancelled_run_says_so_wherever_it_is_shown(shared: Office) -> None:
    """Also when its rows were sent by a later run, whose outcomes they have then."""
    run = submit(shared)
    text = told(shared, "cancel", run)
    assert f"The run {run} has ended: cancelled (exit 130)." in text
    assert "11 rows: Fix 2, Left out 1, Waiting 8" in text
    assert "Submit the sheet again" in text
    send(shared, submit(shared))
    (line,) = [line for line in told(shared, "status", run).splitlines() if "submitted" in line]
    assert ", cancelled " in line
    assert line.endswith("(exit 130)")
    lines = told(shared, "runs").splitlines()
    assert lines[lines.index(next(line for line in lines if line.startswith(run))) + 1] == "  cancelled"
    text = told(shared, "cancel", run)
    assert f"Nothing was left to cancel, for the run {run} had ended before: cancelled (exit 130)." in text
    assert "11 rows: Accepted 8, Fix 2, Left out 1" in text
    assert "Submit the sheet again" not in text


def test_a_file_has_no_workers(bare_office: Office, tmp_path: Path) -> None:
    """Who forgot to name the server is told which ledger was looked at."""
    refused = bare_office.refused("status")
    assert f"{tmp_path / 'ledger.sqlite3'} is a file of this machine" in refused
    assert "--ledger postgresql://" in refused
