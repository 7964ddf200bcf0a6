"""The keys of every `--json` output and of summary.json: other programs read them, so none is renamed or moved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from office import Office

from batch.sandbox import running_sandbox

COUNTS = ("success", "reused", "error", "unknown", "skipped", "pending")
SUMMARY = [
    "schema",
    "run",
    "campaign",
    "endpoint",
    *("input.name", "input.sha256"),
    "version",
    "started",
    "finished",
    *(f"counts.{outcome}" for outcome in COUNTS),
    *(f"reasons[].{key}" for key in ("outcome", "reason", "rows", "message", "action")),
    "this_run.attempts",
    *(f"this_run.outcomes.{outcome}" for outcome in COUNTS),
    *("this_run.wanted_rate", "this_run.achieved_rate"),
    *(f"this_run.senders[].{key}" for key in ("sender", "attempts", "achieved_rate", "slowed", "stopped")),
    "exit_code",
]
CHECK = [
    *("campaign", "endpoint", "ledger", "sheet"),
    *(f"columns.{field}" for field in ("whatsapp_phone_id", "wa_contact_id", "template.name", "template.language")),
    "columns.BODY {{1}}",
    "warnings[]",
    *("notes[].reason", "notes[].rows"),
    *(f"counts.{outcome}" for outcome in COUNTS),
    *("to_send", "rate", "seconds"),
    *("schedule.first", "schedule.last", "schedule.days[].date", "schedule.days[].messages", "schedule.never"),
    *("schedule.cost.amount", "schedule.cost.currency"),
    *("schedule.token_expires", "schedule.token_expires_before_end"),
    *("errors[].row", "errors[].reason", "errors[].message"),
    *("examples[].row", "examples[].phone"),
    *(f"examples[].body.{key}" for key in ("whatsapp_phone_id", "wa_contact_id", "template.name", "template.language")),
    *(f"examples[].body.template_fields[].{key}" for key in ("component", "type", "index", "value")),
    "examples[].text",
    *("differing_duplicates[]", "webhook", "prometheus"),
    "exit_code",
]


def keys(value: object, at: str = "") -> list[str]:
    """The paths of all values, in order; of a list those of its first element."""
    if isinstance(value, dict) and value:
        return [path for key, each in value.items() for path in keys(each, f"{at}.{key}" if at else key)]
    if isinstance(value, list):
        return keys(value[0], f"{at}[]") if value else [f"{at}[]"]
    return [at]


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("WEGLY_BATCH_REPORTS", str(tmp_path / "reports"))
    with running_sandbox() as sandbox:
        monkeypatch.setenv("WEGLY_BASE_URL", sandbox.url)
        yield Office(tmp_path, sandbox, capsys)


def printed(office: Office, *words: object) -> list[str]:
    """The keys of what a command prints with --json."""
    return keys(json.loads(office.type(*words, "--json")[1]))


def test_before_a_run(office: Office) -> None:
    """check, plan, inspect, and a trial."""
    sheet = office.sheet(["11 90000-1001", "11 9000-1002", "1"])
    campaign = office.campaign('[prices]\nper_message = "0.35"\ncurrency = "BRL"')
    assert printed(office, "check", sheet, "-c", campaign) == CHECK
    assert printed(office, "plan", sheet, "-c", campaign, "--out", office.folder / "plan.json") == [
        *("plan", "messages", "hash", "exit_code")
    ]
    assert printed(office, "inspect", sheet) == [
        *("file", "format", "sheet", "encoding", "delimiter", "header_row", "columns[]", "rows", "warnings[]")
    ]
    assert keys(json.loads(office.type("inspect", sheet, "--rows")[1].splitlines()[0])) == [
        *("row", "cells.Nome", "cells.Telefone")
    ]
    trial = ("run", sheet, "-c", campaign, "--to", "11 90000-1003", "--yes")
    assert printed(office, *trial) == [
        *("trial", "row", "text"),
        *(f"results[].{key}" for key in ("phone", "status", "reason", "chat_id")),
        "exit_code",
    ]


def test_a_run_and_what_follows(office: Office) -> None:
    """run, report, runs, settle, follow, purge: the summary is the same everywhere."""
    sheet, campaign = office.sheet(["11 90000-1001", "11 90000-0900", "11 90000-0904"]), office.campaign()
    code, out, _said = office.type("run", sheet, "-c", campaign, "--yes", "--json")
    summary = json.loads(out)
    run = summary["run"]
    assert (code, keys(summary)) == (4, SUMMARY)
    (file,) = office.folder.glob("reports/*/summary.json")
    assert json.loads(file.read_bytes()) == summary
    assert printed(office, "report", run) == SUMMARY
    assert printed(office, "runs") == [*(f"[].{key}" for key in SUMMARY), "[].trial"]
    settled = [f"settled[].{key}" for key in ("row", "phone", "was", "was_reason", "becomes")]
    about = ["run", "campaign", "endpoint", "ledger"]
    settle = ("settle", run, "--sent", "3", "--yes", "--read-timeout", "1")
    assert printed(office, *settle) == [*about, *settled, "settled_before[]", "exit_code"]
    again = [each.replace("settled", "settled_before") for each in settled]
    assert printed(office, *settle) == [*about, "settled[]", *again, "exit_code"]
    unknown = [f"unknown[].{key}" for key in ("row", "phone", "reason", "message")]
    assert printed(office, "follow", run, "-c", campaign, "--read-timeout", "1") == [
        *("endpoint", "ledger", "runs[]", "since", "looks", "changed", "due", "delivery"),
        *("opted_out[]", "to_decide[]", "settled[]", *unknown, "reports[]", "problems[]", "stopped", "exit_code"),
    ]
    assert printed(office, "purge", "--older-than", "30d", "--dry-run") == [
        *("ledger", "before", "done", "campaigns[]", "check_pages[]", "suppressed", "problems[]", "clean", "exit_code")
    ]


def test_ledger_and_suppression_list(office: Office) -> None:
    """ledger info and backup, suppress add, list and import."""
    assert keys(json.loads(office.type("suppress", "add", "11 90000-1001", "--json")[1])) == ["[].phone", "[].new"]
    entry = [f"[].{key}" for key in ("phone", "person", "added", "source", "reason", "endpoint")]
    assert printed(office, "suppress", "list") == entry
    people = office.sheet(["11 90000-1002", "90000-1003"])
    assert printed(office, "suppress", "import", people, "--column", "Telefone") == [
        *("added", "already", "unreadable[].row", "unreadable[].message", "unreadable_count", "exit_code")
    ]
    ledger = ["ledger", "id", "schema_version", "counter", "runs", "messages", "purged", "size", "synchronised_by"]
    assert printed(office, "ledger", "info") == ledger
    assert printed(office, "ledger", "backup", office.folder / "copy.sqlite3") == ledger
