"""The main job over a real socket: the report against the sandbox's own log of what it received and applied."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from page_data import page_counts, page_rows
from rights import is_private

import batch.app.run
from batch.cli.main import _run as wegly_batch
from batch.ledger import Ledger
from batch.model.outcomes import Outcome
from batch.sandbox import Faults, RunningSandbox, running_sandbox

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ3ZWdseSJ9.c2VjcmV0LXNpZ25hdHVyZS0x"
SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
CAMPAIGN = f"""
[campaign]
name = "teste"

[sender]
whatsapp_phone_id = "{SENDER}"

[template]
name = "saudacao_inicial"
language = "pt_BR"
body = "Ola {{{{1}}}}, tudo bem?"

[columns]
wa_contact_id = "Telefone"

[[template_fields]]
component = "BODY"
type = "TEXT"
index = 1
value = "{{Nome|first_name}}"

[throttle]
rate = "200/s"
"""

# row: name, phone, the outcome, and how many messages the server must have applied for it
ROWS: list[tuple[str, str, Outcome, int]] = [
    *[(f"Pessoa {n}", f"(11) 9{n:04d}-7001", Outcome.SUCCESS, 1) for n in range(18)],
    ("Zero Um", "11 90100-0201", Outcome.SUCCESS, 1),
    ("Ja Tinha", "+55 11 90101-0200", Outcome.REUSED, 1),
    ("Ja Tinha Dois", "5511901020200", Outcome.REUSED, 1),
    ("Pessoa Repetida", "11 9 0000 7001", Outcome.SKIPPED, 0),
    ("Sem Nono", "(21) 8000-7002", Outcome.SUCCESS, 1),
    ("Repetida Sem Nono", "21 98000-7002", Outcome.SKIPPED, 0),
    ("Recusada", "11 90103-0400", Outcome.ERROR, 0),
    ("Recusada Dois", "11 90104-0422", Outcome.ERROR, 0),
    ("Fora", "11 90105-0131", Outcome.ERROR, 0),
    ("Devagar", "11 90106-0429", Outcome.SUCCESS, 1),
    ("Ocupado", "11 90107-0503", Outcome.SUCCESS, 1),
    ("Cedo", "11 90108-0425", Outcome.SUCCESS, 1),
    ("Perdida Aplicada", "11 90109-0900", Outcome.UNKNOWN, 1),
    ("Boa", "11 90110-7003", Outcome.SUCCESS, 1),
    ("Perdida Nao Aplicada", "11 90111-0901", Outcome.UNKNOWN, 0),
    ("Boa Dois", "11 90112-7003", Outcome.SUCCESS, 1),
    ("Quinhentos", "11 90113-0500", Outcome.UNKNOWN, 0),
    ("Cortada", "11 90114-0904", Outcome.UNKNOWN, 1),
    ("", "11 90115-7004", Outcome.ERROR, 0),
    ("Sem Ddd", "90116-7004", Outcome.ERROR, 0),
    ("Dois Numeros", "11 90117-7004 / 11 90118-7004", Outcome.ERROR, 0),
    ("=Ana+1", "11 90119-7004", Outcome.SUCCESS, 1),
]
FIRST = 3  # a title above the header


@pytest.fixture
def campaign(tmp_path: Path) -> Path:
    path = tmp_path / "teste.toml"
    path.write_text(CAMPAIGN, encoding="utf-8")
    return path


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.append(["Contatos de novembro"])
    page.append(["Nome", "Telefone"])
    for number, (name, phone, _, _) in enumerate(ROWS, FIRST):
        page.cell(number, 1).value = name
        page.cell(number, 1).data_type = "s"
        page.cell(number, 2).value = phone
    path = tmp_path / "contatos.xlsx"
    book.save(path)
    return path


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("WEGLY_TOKEN", TOKEN)
    return ["--ledger", f"sqlite:///{tmp_path / 'ledger.sqlite3'}", "--reports", str(tmp_path / "reports"), "--json"]


def send(
    sheet: Path, campaign: Path, options: list[str], url: str, capsys: pytest.CaptureFixture[str], *more: str
) -> tuple[int, dict[str, Any]]:
    code = wegly_batch(["run", str(sheet), "-c", str(campaign), "--base-url", url, *options, *more])
    out = capsys.readouterr().out
    return code, json.loads(out) if out.strip() else {}


def results_csv(tmp_path: Path, run: str) -> dict[int, dict[str, str]]:
    """Sheet row number to the line of results.csv."""
    text = (tmp_path / "reports" / run / "results.csv").read_text(encoding="utf-8-sig")
    records = list(csv.reader(text.splitlines(), delimiter=";"))
    header = next(position for position, record in enumerate(records) if "wegly_status" in record)
    return {
        number: dict(zip(records[header], record, strict=False))
        for number, record in enumerate(records[header + 1 :], FIRST)
    }


def results_xlsx(tmp_path: Path, run: str) -> dict[int, dict[str, Any]]:
    """The same of report.xlsx."""
    book = openpyxl.load_workbook(tmp_path / "reports" / run / "report.xlsx")
    page = next(page for page in book if page.cell(FIRST - 1, 1).value == "Nome")
    names = [cell.value for cell in page[FIRST - 1]]
    return {
        number: {name: cell.value for name, cell in zip(names, page[number], strict=True)}
        for number in range(FIRST, page.max_row + 1)
    }


def applied(sandbox: RunningSandbox) -> Counter[str]:
    """Last eight digits of a contact to how often a message was applied to it."""
    return Counter(each.contact[-8:] for each in sandbox.log.applied)


def eight(phone: str) -> str:
    return "".join(filter(str.isdigit, phone))[-8:]


def test_the_report_agrees_with_the_server_row_by_row(
    sheet: Path, campaign: Path, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each row's outcome is what the server did; they add up; a second run of the same command sends nothing."""
    with running_sandbox() as sandbox:
        code, summary = send(sheet, campaign, options, sandbox.url, capsys)
        truth = applied(sandbox)
        assert code == 4
        in_csv, in_xlsx = results_csv(tmp_path, summary["run"]), results_xlsx(tmp_path, summary["run"])
        page = (tmp_path / "reports" / summary["run"] / "report.html").read_text(encoding="utf-8")
        in_page = {row[0]: row[1:3] for row in page_rows(page)}
        for number, (_, phone, outcome, times) in enumerate(ROWS, FIRST):
            assert in_csv[number]["wegly_status"] == outcome.value, (number, in_csv[number])
            assert in_xlsx[number]["wegly_status"] == outcome.value
            assert in_xlsx[number]["wegly_reason"] == in_csv[number]["wegly_reason"]
            assert in_page[number] == [outcome.value, in_csv[number]["wegly_reason"]]
            if outcome is not Outcome.SKIPPED and "/" not in phone:
                assert truth[eight(phone)] == times, (number, phone)
        wanted = Counter(outcome.value for _, _, outcome, _ in ROWS)
        assert summary["counts"] == {outcome.value: wanted[outcome.value] for outcome in Outcome}
        assert sum(summary["counts"].values()) == len(ROWS)
        assert page_counts(page) == summary["counts"]
        with Ledger.for_reading(options[1]) as ledger:
            known = {result.row: [result.outcome.value, result.reason] for result in ledger.results(summary["run"])}
        assert in_page == known
        assert set(truth.values()) == {1}

        received = len(sandbox.log.received)
        code, second = send(sheet, campaign, options, sandbox.url, capsys)
        assert code == 4
        assert len(sandbox.log.received) == received
        assert second["counts"] == summary["counts"]
        assert second["this_run"]["attempts"] == 0
        again = results_csv(tmp_path, second["run"])
        sent = {number for number, line in in_csv.items() if line["wegly_run"]}
        assert all(again[number]["wegly_run"] == summary["run"] for number in sent)


def test_evidence_repairs_and_formulas_are_in_the_report(
    sheet: Path, campaign: Path, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Why created or reused, the repaired phone beside the original, and text that begins with = as that text."""
    with running_sandbox() as sandbox:
        _, summary = send(sheet, campaign, options, sandbox.url, capsys)
    rows = results_xlsx(tmp_path, summary["run"])
    by_name = {row["Nome"]: row for row in rows.values()}
    assert by_name["Zero Um"]["wegly_evidence"] == "http_201"
    assert by_name["Ja Tinha"]["wegly_evidence"] in ("older_date", "earlier_life")
    assert by_name["Pessoa 0"]["wegly_evidence"] == "none"
    assert by_name["Sem Nono"]["wegly_phone"] == "+55 21 98000-7002"
    assert "ninth digit" in by_name["Sem Nono"]["wegly_message"]
    assert by_name["=Ana+1"]["wegly_status"] == "success"
    assert by_name["Pessoa Repetida"]["wegly_message"].startswith(f"The same person as row {FIRST}")


def test_the_body_of_a_post_is_exactly_what_the_api_page_shows(
    tmp_path: Path, campaign: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """No null, no empty field that nobody asked for."""
    sheet = tmp_path / "um.csv"
    sheet.write_bytes("Nome;Telefone\r\nJoão da Silva;11 99999-9999\r\n".encode("cp1252"))
    with running_sandbox() as sandbox:
        code, _ = send(sheet, campaign, options, sandbox.url, capsys)
        (received,) = sandbox.log.received
    assert code == 0
    assert json.loads(received.body) == {
        "whatsapp_phone_id": SENDER,
        "wa_contact_id": "11999999999",
        "template": {"name": "saudacao_inicial", "language": "pt_BR"},
        "template_fields": [{"component": "BODY", "type": "TEXT", "index": 1, "value": "João"}],
    }


@pytest.mark.parametrize("contact", ["7001", "0400", "0500", "0900", "0401", "0903"])
def test_the_token_is_nowhere(
    tmp_path: Path, campaign: Path, options: list[str], capfd: pytest.CaptureFixture[str], contact: str
) -> None:
    """In no file and no line that the program writes, at the highest verbosity, whatever the API answers."""
    sheet = tmp_path / "um.csv"
    sheet.write_text(f"Nome;Telefone\nAna;11 99999-{contact}\n", encoding="utf-8")
    with running_sandbox() as sandbox:
        wegly_batch(["run", str(sheet), "-c", str(campaign), "--base-url", sandbox.url, *options, "-v"])
    printed = capfd.readouterr()
    assert "run_begun" in printed.err
    secrets = [TOKEN, *TOKEN.split(".")]
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"run.log", "summary.json", "results.csv", "report.xlsx", "report.html", "index.html"} <= {
        path.name for path in written
    }
    for secret in secrets:
        assert secret not in printed.out + printed.err
        for path in written:
            assert secret.encode() not in path.read_bytes(), path


def test_a_defect_does_not_print_the_token(
    tmp_path: Path,
    campaign: Path,
    options: list[str],
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even an exception that carries it; its traceback is in run.log, as the help says."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(f"Bearer {TOKEN}")

    monkeypatch.setattr(batch.app.run, "send", broken)
    sheet = tmp_path / "um.csv"
    sheet.write_text("Nome;Telefone\nAna;11 99999-7001\n", encoding="utf-8")
    code = wegly_batch(["run", str(sheet), "-c", str(campaign), "--base-url", "http://127.0.0.1:9", *options, "-v"])
    printed = capfd.readouterr()
    assert code == 1
    assert "RuntimeError" in printed.err
    (log,) = tmp_path.rglob("run.log")
    (defect,) = [line for line in log.read_text("utf-8").splitlines() if '"event": "defect"' in line]
    assert "RuntimeError" in defect
    assert TOKEN not in printed.err + printed.out + log.read_text("utf-8")


def test_what_a_run_leaves_is_private_and_whole(
    sheet: Path, campaign: Path, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder 0700, its files 0600, no copy of the sheet and no half-written file left."""
    with running_sandbox() as sandbox:
        _, summary = send(sheet, campaign, options, sandbox.url, capsys)
    folder = tmp_path / "reports" / summary["run"]
    assert is_private(folder)
    report = {"report.html", "report.xlsx", "results.csv", "retry.xlsx", ".retry.sha256", "run.log", "summary.json"}
    assert {path.name for path in folder.iterdir()} == report
    assert all(map(is_private, [tmp_path / "reports/index.html", *folder.iterdir()]))
    assert json.loads((folder / "summary.json").read_text(encoding="utf-8")) == summary
    for line in (folder / "run.log").read_text(encoding="utf-8").splitlines():
        assert "event" in json.loads(line)


def test_a_wrong_token_stops_at_the_first_answer(
    sheet: Path, campaign: Path, options: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 5, nothing sent, every good row pending, and the sentence says what to check."""
    monkeypatch.setenv("WEGLY_TOKEN", "invalid")
    with running_sandbox() as sandbox:
        plain = [option for option in options if option != "--json"]
        code = wegly_batch(["run", str(sheet), "-c", str(campaign), "--base-url", sandbox.url, *plain])
        assert len(sandbox.log.applied) == 0
    said = capsys.readouterr().err
    assert code == 5
    assert "does not accept the token" in said
    assert "WEGLY_TOKEN" in said


def test_an_api_that_nobody_answers_for_loses_nothing(
    sheet: Path, campaign: Path, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Connection refused: exit 5, every good row pending; when the API is back the same command sends them."""
    quick = tmp_path / "quick.toml"
    quick.write_text(CAMPAIGN + '\n[stop]\nretries = 1\nretry_for = "2s"\n', encoding="utf-8")
    with running_sandbox() as sandbox:
        url = sandbox.url
    code, summary = send(sheet, quick, options, url, capsys)
    assert code == 5
    assert summary["counts"]["unknown"] == 0
    assert summary["counts"]["pending"] > 20
    with running_sandbox() as sandbox:
        code, summary = send(sheet, quick, options, sandbox.url, capsys)
        # Another address is another endpoint, where nobody has been messaged.
        assert set(applied(sandbox).values()) == {1}
    assert summary["counts"]["success"] == 26


def test_report_writes_the_same_again_and_says_when_the_sheet_has_changed(
    sheet: Path, campaign: Path, options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the sheet as it was: the same rows. With another one: what the ledger knows, and a sentence about it."""
    ledger = options[:2]
    with running_sandbox() as sandbox:
        _, summary = send(sheet, campaign, options, sandbox.url, capsys)
    folder = tmp_path / "reports" / summary["run"]
    before = results_csv(tmp_path, summary["run"])
    (folder / "results.csv").unlink()
    (folder / "report.xlsx").unlink()
    assert wegly_batch(["report", *ledger]) == 0
    assert results_csv(tmp_path, summary["run"]) == before
    assert not list(folder.glob(".sheet*"))
    sheet.write_bytes(sheet.read_bytes() + b" ")
    assert wegly_batch(["report", summary["run"][-4:], *ledger]) == 0
    text = (folder / "results (ledger only).csv").read_text(encoding="utf-8-sig")
    assert "success" in text
    assert "Pessoa 0" not in text
    assert results_csv(tmp_path, summary["run"]) == before


def test_runs_lists_what_was_run(
    sheet: Path, campaign: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Newest first, with the counts as they stand now; and as JSON."""
    ledger = options[:2]
    with running_sandbox() as sandbox:
        _, first = send(sheet, campaign, options, sandbox.url, capsys, "--limit", "3")
        _, second = send(sheet, campaign, options, sandbox.url, capsys)
    assert wegly_batch(["runs", *ledger]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [second["run"], first["run"]]
    assert wegly_batch(["runs", *ledger, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed[0]["counts"] == second["counts"]
    # The first run's rows show what became of them since.
    assert listed[1]["counts"] == second["counts"]


def test_a_limit_leaves_the_rest_pending_by_rule(
    tmp_path: Path, campaign: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit 6, and the next run goes on where this one ended."""
    sheet = tmp_path / "cinco.csv"
    sheet.write_text("Nome;Telefone\n" + "".join(f"Ana;11 9000{n}-7001\n" for n in range(5)), encoding="utf-8")
    with running_sandbox() as sandbox:
        code, summary = send(sheet, campaign, options, sandbox.url, capsys, "--limit", "2")
        assert code == 6
        assert summary["reasons"][0]["reason"] == "limit"
        code, summary = send(sheet, campaign, options, sandbox.url, capsys)
        assert code == 0
        assert summary["this_run"]["attempts"] == 3
        assert len(sandbox.log.applied) == 5


def test_random_faults_never_message_twice(
    tmp_path: Path, campaign: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every kind of trouble at once, until nothing is left: one message a person at most, and the report is true."""
    sheet = tmp_path / "muitos.csv"
    rows = "".join(f"Ana;(11) 9{n:04d}-{7000 + n % 100}\n" for n in range(300))
    sheet.write_text("Nome;Telefone\n" + rows, encoding="utf-8")
    lenient = tmp_path / "lenient.toml"
    lenient.write_text(CAMPAIGN + "\n[stop]\nunknowns = 50\n", encoding="utf-8")
    faults = Faults(server_errors=0.05, dropped_before=0.05, dropped_after=0.05, rate_limit=150.0, seed=7)
    with running_sandbox(faults=faults) as sandbox:
        code, summary = send(sheet, lenient, options, sandbox.url, capsys)
        truth = applied(sandbox)
    assert code == 4
    assert max(truth.values()) == 1
    assert summary["counts"]["pending"] == 0
    lines = results_csv(tmp_path, summary["run"]).values()
    for line in lines:
        times = truth[eight(line["Telefone"])]
        assert {"success": times == 1, "reused": times == 1, "unknown": True}[line["wegly_status"]], line
