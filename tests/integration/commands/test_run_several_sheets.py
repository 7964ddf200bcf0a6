"""Several sheets of one command: read once before anything is sent, judged when their turn comes."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from edited_workbooks import replace_text

import batch.app.run
from batch.cli.main import _run as wegly_batch
from batch.sandbox import RunningSandbox, running_sandbox

CAMPAIGN = """
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
remote_profile_name = "Nome"
"""


class Office:
    """Two sheets with one campaign, and a command line."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], sandbox: RunningSandbox) -> None:
        self.folder, self.sandbox, self._capsys = folder, sandbox, capsys
        self.write("teste.toml", CAMPAIGN)

    def write(self, name: str, *lines: str) -> Path:
        path = self.folder / name
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    def run(self, *words: object) -> tuple[int, list[dict[str, Any]]]:
        """Exit code, and summary.json of each sheet."""
        fixed = ("-c", self.folder / "teste.toml", "--base-url", self.sandbox.url, "--rate", "100/s", "--json")
        code = wegly_batch([str(word) for word in ("run", *words, *fixed)])
        return code, json.loads(self._capsys.readouterr().out)

    def rows(self, summary: dict[str, Any]) -> list[tuple[str, str]]:
        """(wegly_status, wegly_reason) of each row of a report."""
        (report,) = self.folder.glob(f"reports/{summary['run']}/results.csv")
        with report.open(encoding="utf-8-sig", newline="") as file:
            return [(row["wegly_status"], row["wegly_reason"]) for row in csv.DictReader(file, delimiter=";")]

    @property
    def messaged(self) -> list[str]:
        """Last four digits of whom the API was asked to message, in order."""
        return [json.loads(each.body)["wa_contact_id"][-4:] for each in self.sandbox.log.received]


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("WEGLY_BATCH_REPORTS", str(tmp_path / "reports"))
    with running_sandbox() as sandbox:
        yield Office(tmp_path, capsys, sandbox)


def while_the_first_is_sent(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> None:
    send, waiting = batch.app.run.send, [work]

    def disturbed(*given: Any, **named: Any) -> Any:
        if waiting:
            waiting.pop()()
        return send(*given, **named)

    monkeypatch.setattr(batch.app.run, "send", disturbed)


@pytest.mark.parametrize("change", ["rewritten", "removed"])
def test_what_is_sent_is_what_was_read(office: Office, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    """The second sheet changes on the disk while the first is sent: its run and its report are of the sheet as read."""
    one = office.write("um.csv", "Nome;Telefone", "Ana;11 90000-1001")
    two = office.write("dois.csv", "Nome;Telefone", "Bia;11 90000-1002", "Cid;99")
    changes = {
        "rewritten": lambda: office.write("dois.csv", "Telefone;Nome", "11 90000-7777;Eva", "11 90000-8888;Rui"),
        "removed": two.unlink,
    }
    while_the_first_is_sent(monkeypatch, changes[change])
    code, (_first, second) = office.run(one, two)
    assert (code, office.messaged) == (3, ["1001", "1002"])
    assert [status for status, _reason in office.rows(second)] == ["success", "error"]
    (report,) = office.folder.glob(f"reports/{second['run']}/results.csv")
    assert "Bia" in report.read_text("utf-8-sig")
    assert not list(office.folder.glob("reports/*/.sheet")), "no copy of a sheet is left behind"


def test_the_second_sheet_is_judged_by_what_the_first_has_sent(office: Office) -> None:
    """The same person in both: one message, and the second report shows whose it was."""
    one = office.write("um.csv", "Nome;Telefone", "Ana;11 90000-1001", "Bia;11 90000-1002")
    two = office.write("dois.csv", "Nome;Telefone", "Cid;11 90000-1003", "Ana;(11) 9.0000-1001")
    code, (first, second) = office.run(one, two)
    assert (code, sorted(office.messaged)) == (0, ["1001", "1002", "1003"])
    assert second["counts"]["success"] == 2
    (report,) = office.folder.glob(f"reports/{second['run']}/results.csv")
    with report.open(encoding="utf-8-sig", newline="") as file:
        assert [row["wegly_run"] for row in csv.DictReader(file, delimiter=";")] == [second["run"], first["run"]]


def test_a_cap_counts_the_people_of_all_sheets(office: Office) -> None:
    """Two people a day: the first sheet takes both, and the second waits."""
    office.write("teste.toml", CAMPAIGN, "[throttle]", "per_24h = 2")
    one = office.write("um.csv", "Nome;Telefone", "Ana;11 90000-1001", "Bia;11 90000-1002")
    two = office.write("dois.csv", "Nome;Telefone", "Cid;11 90000-1003")
    code, (_first, second) = office.run(one, two)
    assert (code, sorted(office.messaged)) == (6, ["1001", "1002"])
    assert office.rows(second) == [("pending", "cap")]


def test_a_row_corrected_in_the_first_sheet_is_not_sent_as_it_stood_in_the_second(office: Office) -> None:
    """retry.xlsx and its original in one command: the original's row shows the corrected message."""
    original = office.write("contatos.csv", "Nome;Telefone", "Ana;11 90000-0400", "Bia;11 90000-1002")
    office.write("dois.csv", "Nome;Telefone", "Cid;11 90000-1003")
    code, (first, _other) = office.run(original, office.folder / "dois.csv")
    assert (code, len(office.messaged)) == (3, 3)
    retry = office.folder / "reports" / first["run"] / "retry.xlsx"
    replace_text(retry, "11 90000-0400", "11 90000-1005")
    _code, (_retry, again) = office.run(retry, original, "--retry-errors")
    assert office.messaged[3:] == ["1005"]
    assert [status for status, _reason in office.rows(again)] == ["success", "success"]


def test_many_rows_wait_for_their_turn_in_a_file(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet that does not fit into the memory set aside for it: every row has its outcome all the same."""
    monkeypatch.setattr(batch.app.run, "_ROWS_IN_MEMORY", 100)
    one = office.write("um.csv", "Nome;Telefone", "Ana;11 90000-1001")
    people = [f"P{number};11 90000-10{number:02d}" for number in range(10, 17)]
    two = office.write("dois.csv", "Nome;Telefone", *people, "Dora;99")
    code, (_first, second) = office.run(one, two)
    assert (code, len(office.messaged)) == (3, 8)
    assert (second["counts"]["success"], second["counts"]["error"]) == (7, 1)
