"""`wegly-batch runs`: what a ledger has run, as a table, as lines for narrow terminals, and as JSON."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from office import Office, phones

from batch.app.report import RunListing
from batch.cli.commands.runs import no_runs_text, runs_text
from batch.model.outcomes import Outcome
from batch.model.runs import Run, Tally

RUN = Run(
    run="20261103T130000Z-boas-vindas-novembro-3fa9",
    campaign="boas-vindas-novembro",
    endpoint="https://api.wegly.com.br",
    sheet_path="/data/contatos.xlsx",
    sheet_sha256="ab" * 32,
    version="0.1.0",
    started=datetime(2026, 11, 3, 13, 0, tzinfo=UTC),
    exit_code=3,
)
END = "  03/11/2026 10:00, boas-vindas-novembro, {}"


def listing(*found: tuple[Run, Tally], submitted: frozenset[str] = frozenset()) -> RunListing:
    return RunListing(ledger="l", runs=found, campaigns=(), submitted=submitted, timezone="America/Sao_Paulo")


TALLY = Tally(counts={**dict.fromkeys(Outcome, 0), Outcome.SUCCESS: 1200, Outcome.ERROR: 2}, reasons={})


def test_runs_lists_what_was_run_newest_first(office: Office) -> None:
    """Campaign, rows, counts, exit code; a trial is marked; the ledger's place is said on stderr."""
    first = office.campaign(name="alfa")
    second = office.campaign(name="beta")
    one = office.run(office.sheet([*phones(2), "11 97001-0400"]), first)
    office.type(*office.command(office.sheet(phones(1, first=8)), second, "--to", "11 97001-9999", "--yes"))
    two = office.run(office.sheet(phones(1, first=9)), second, "--accept-change")
    code, out, err = office.type("runs")
    assert code == 0
    head, *lines = out.splitlines()
    outcomes = ["Accepted", "Accepted, existing chat", "Fix", "Decide", "Left out", "Waiting"]
    assert re.split(" {2,}", head) == ["run", "started", "campaign", "rows", *outcomes, "exit"]
    assert [line.split()[0] for line in (lines[0], lines[2])] == [two.summary["run"], one.summary["run"]]
    assert lines[0].split()[3:] == ["beta", "1", "1", "0", "0", "0", "0", "0", "0"]
    assert "beta (test message)" in lines[1]
    assert lines[2].split()[3:] == ["alfa", "3", "2", "0", "1", "0", "0", "0", "3"]
    assert "ledger.sqlite3" in err

    listed = json.loads(office.type("runs", "--json")[1])
    assert [each["trial"] for each in listed] == [False, True, False]
    assert listed[2]["counts"] == one.summary["counts"]


def test_runs_of_one_campaign_and_the_newest_few(office: Office) -> None:
    """By the name or its beginning, whatever its case; a trial belongs to its campaign; another name is said so."""
    alfa, beta = office.campaign(name="alfa-2026-11"), office.campaign(name="beta")
    for number in range(3):
        office.run(office.sheet(phones(1, first=number + 1)), alfa)
    office.run(office.sheet(phones(1, first=7)), beta)
    names = [each["campaign"] for each in json.loads(office.type("runs", "--campaign", "ALFA", "--json")[1])]
    assert names == ["alfa-2026-11"] * 3
    newest = json.loads(office.type("runs", "--limit", "2", "--json")[1])
    assert [each["campaign"] for each in newest] == ["beta", "alfa-2026-11"]
    code, out, _ = office.type("runs", "--campaign", "gama")
    assert code == 0
    assert "there are runs of beta, alfa-2026-11" in out
    assert json.loads(office.type("runs", "--campaign", "gama", "--json")[1]) == []


def test_an_end_of_a_name_that_several_runs_have_is_not_enough(office: Office) -> None:
    """It is not said that there is no such run."""
    for name in ("alfa", "beta"):
        office.run(office.sheet(phones(1)), office.campaign(name=name))
    assert "2 runs have a name that ends in ''. Give more of it." in " ".join(office.refused("report", "").split("\n"))


def test_an_empty_ledger_has_no_runs(office: Office) -> None:
    """And that is no error."""
    assert office.type("runs")[:2] == (0, "There are no runs yet.\n")
    assert office.type("runs", "--json")[:2] == (0, "[]\n")
    assert no_runs_text("x", []) == "There are no runs yet."


def test_a_table_is_for_who_has_room_for_it() -> None:
    """At 80 and 40 columns each run has a few lines of its own, and none is longer."""
    wide = runs_text(listing((RUN, TALLY)), 200)
    assert wide == runs_text(listing((RUN, TALLY)))
    assert len(wide.splitlines()) == 2
    for columns in (80, 40):
        lines = runs_text(listing((RUN, TALLY), (RUN, TALLY)), columns).splitlines()
        assert [line for line in lines if len(line) > columns and " " in line.strip()] == []
        assert lines[0] == RUN.run
        assert lines.count(RUN.run) == 2
    assert runs_text(listing((RUN, TALLY)), 80).splitlines()[1:] == [
        END.format("exit 3"),
        "  1,202 rows: Accepted 1,200, Fix 2",
    ]


def test_a_run_that_has_not_ended_says_so() -> None:
    """Nobody knows its exit code, and 0 would be a lie."""
    going = Run(
        run="r1",
        campaign="c" * 60,
        endpoint="",
        sheet_path="",
        sheet_sha256="",
        version="",
        started=datetime(2026, 11, 3, 13, 0, tzinfo=UTC),
    )
    assert runs_text(listing((going, TALLY))).splitlines()[1].split()[-1] == "-"
    assert "c" * 27 + "\N{HORIZONTAL ELLIPSIS}" in runs_text(listing((going, TALLY)))
    assert "not ended, or killed" in runs_text(listing((going, TALLY)), 60)


@pytest.mark.parametrize(
    ("code", "words"),
    [(130, "cancelled"), (143, "ended by a signal"), (5, "stopped early"), (None, "given to workers")],
)
def test_a_run_that_ended_before_its_rows_were_done_says_how(code: int | None, words: str) -> None:
    """At any width: its counts may be those of a later run. One that was not given to workers was ended by Ctrl+C."""
    run = replace(RUN, exit_code=code)
    given = listing((run, TALLY), submitted=frozenset({run.run}))
    assert runs_text(given).splitlines()[2].startswith(f"  {words}")
    assert words in runs_text(given, 80).splitlines()[1]
    own = runs_text(listing((run, TALLY)), 80).splitlines()[1]
    assert own == END.format(
        {130: "ended by Ctrl+C (exit 130)", None: "not ended, or killed"}.get(code, f"{words} (exit {code})")
    )
