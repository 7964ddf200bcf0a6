"""summary.json, the headline and the page: what they say for known figures."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from openpyxl.worksheet.worksheet import Worksheet
from report_factory import summary_of

from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason
from batch.model.runs import Run, SenderRun, Tally, ThisRun
from batch.reporter import headline, summary_bytes
from batch.reporter.statistics import ReasonRows, Statistics
from batch.reporter.xlsx.summary_sheet import MARK

RUN = Run(
    run="20261103T130000Z-novembro-3fa9",
    campaign="novembro",
    endpoint="https://api.wegly.com.br",
    sheet_path="/data/contatos.xlsx",
    sheet_sha256="ab" * 32,
    version="0.1.0",
    started=datetime(2026, 11, 3, 13, 0, tzinfo=UTC),
    finished=datetime(2026, 11, 3, 14, 1, 5, tzinfo=UTC),
    exit_code=3,
)
TALLY = Tally(
    counts={
        Outcome.SUCCESS: 5,
        Outcome.REUSED: 2,
        Outcome.ERROR: 3,
        Outcome.UNKNOWN: 0,
        Outcome.SKIPPED: 0,
        Outcome.PENDING: 1,
    },
    reasons={
        (Outcome.PENDING, "limit"): 1,
        (Outcome.ERROR, "phone_missing"): 1,
        (Outcome.ERROR, "api_refused"): 2,
        (Outcome.SUCCESS, "created"): 5,
        (Outcome.REUSED, "reused"): 2,
    },
    this_run=ThisRun(
        attempts=8,
        outcomes={Outcome.SUCCESS: 5, Outcome.REUSED: 2},
        wanted_rate=10.0,
        achieved_rate=9.5,
        senders=(SenderRun(sender="s1", attempts=8, achieved_rate=9.5, slowed=1, cause="fatal_answer"),),
    ),
)


def texts(page: Worksheet) -> list[str]:
    return [str(value) for line in page.iter_rows(values_only=True) for value in line if value is not None]


def test_the_summary_has_the_keys_of_the_design() -> None:
    """Exactly these keys; all six outcomes in both lists; dates with their offset; rows falling."""
    found = json.loads(summary_bytes(RUN, TALLY))
    assert list(found) == [
        "schema",
        "run",
        "campaign",
        "endpoint",
        "input",
        "version",
        "started",
        "finished",
        "counts",
        "reasons",
        "this_run",
        "exit_code",
    ]
    assert found["input"] == {"name": "contatos.xlsx", "sha256": "ab" * 32}
    assert found["started"] == "2026-11-03T10:00:00-03:00"
    assert found["counts"] == {"success": 5, "reused": 2, "error": 3, "unknown": 0, "skipped": 0, "pending": 1}
    assert [(each["reason"], each["rows"]) for each in found["reasons"]] == [
        ("created", 5),
        ("reused", 2),
        ("api_refused", 2),
        ("phone_missing", 1),
        ("limit", 1),
    ]
    assert found["reasons"][3] == {
        "outcome": "error",
        "reason": "phone_missing",
        "rows": 1,
        "message": "There is no phone number.",
        "action": "Fill in the phone and run again.",
    }
    assert found["this_run"] == {
        "attempts": 8,
        "outcomes": {"success": 5, "reused": 2, "error": 0, "unknown": 0, "skipped": 0, "pending": 0},
        "wanted_rate": 10.0,
        "achieved_rate": 9.5,
        "senders": [{"sender": "s1", "attempts": 8, "achieved_rate": 9.5, "slowed": 1, "stopped": "fatal_answer"}],
    }
    assert found["exit_code"] == 3


def test_a_run_that_has_not_ended_has_nulls() -> None:
    """None stays None, and nothing is made up for it."""
    going_on = replace(RUN, finished=None, exit_code=None)
    found = json.loads(summary_bytes(going_on, Tally(counts={}, reasons={})))
    assert (found["finished"], found["exit_code"], found["reasons"]) == (None, None, [])


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_can_stand_in_the_summary(reason: Reason) -> None:
    """No sentence or advice shows a brace, or a question mark for a value that no single row gives."""
    found = json.loads(summary_bytes(RUN, Tally(counts={}, reasons={(Outcome.ERROR, reason.value): 2})))["reasons"][0]
    assert not set("{}?") & set(found["message"] + found["action"])


def test_the_headline_says_first_what_this_run_did() -> None:
    """Sent now, messaged in all, and what is left."""
    assert headline(RUN, TALLY) == (
        "This run: 7 accepted.",
        "Messaged: 7 of 11 rows (new 5, existing 2).",
        "Left: 3 rows to correct, 1 row not sent yet.",
    )


def test_the_headline_of_a_second_run_names_the_earlier_one() -> None:
    """A run that sent nothing says so, and when the last message was sent, in the campaign's time zone."""
    again = Tally(counts={Outcome.SUCCESS: 10_000}, reasons={})
    sent = datetime(2026, 11, 4, 1, 30, tzinfo=UTC)
    assert headline(RUN, again, last_sent=sent) == (
        "This run: 0 accepted now; 10,000 were accepted before, the last on 03/11/2026.",
        "Messaged: 10,000 of 10,000 rows (new 10,000, existing 0).",
    )


def test_the_headline_of_an_older_run_names_what_came_after_it() -> None:
    """Rows that later runs sent, or a person settled, were not accepted before it, nor by it."""
    older = replace(TALLY, counts={Outcome.SUCCESS: 20}, since=12, settled=2)
    assert headline(RUN, older)[0] == "This run: 5 accepted; 3 before it; 12 after it, by later runs or by hand."


def test_the_page_puts_what_needs_a_person_first() -> None:
    """Errors come before successes, with the API's own words of the first row, and where the rows are."""
    refused = Finding(Reason.API_REFUSED, {"status": "422", "words": "bad name"})
    statistics = Statistics(
        reasons=(ReasonRows(outcome=Outcome.ERROR, reason="api_refused", rows=2, first=(9, 12), example=refused),)
    )
    said = texts(summary_of(RUN, TALLY, statistics, notes=("One thing.",)))
    assert said[0] == MARK
    assert "Please note: One thing." in said
    assert "Row 9: The API refused the row (HTTP 422): bad name" in said
    assert "9, 12" in said
    assert said.index("api_refused") < said.index("limit") < said.index("created")
    assert "03/11/2026 11:01:05, after 1 h 1 min 5 s" in said
    assert "10 a second wanted, 9.5 a second achieved" in said


def test_the_page_counts_every_outcome_and_all_rows() -> None:
    """The six outcomes are there also when they are 0, and the sum is that of the sheet."""
    page = summary_of(RUN, TALLY, Statistics(), notes=())
    lines = list(page.iter_rows(values_only=True))
    first = next(at for at, line in enumerate(lines) if line[2] == "success")
    assert [line[3] for line in lines[first : first + len(Outcome) + 1]] == [5, 2, 3, 0, 0, 1, 11]


def test_the_page_names_the_ledger_only_when_it_is_known() -> None:
    """No line without it; and attempts are a number."""
    page = summary_of(replace(RUN, ledger="/data/ledger.sqlite3"), TALLY, Statistics())
    assert "/data/ledger.sqlite3" in texts(page)
    assert "Ledger" not in texts(summary_of(RUN, TALLY, Statistics()))
    assert [line[2] for line in page.iter_rows(values_only=True) if line[1] == "Attempts"] == [8]
