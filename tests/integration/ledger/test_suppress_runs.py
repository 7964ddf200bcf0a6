"""Runs against the sandbox that honour what others noted: another campaign or endpoint, WhatsApp, the environment."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook

from batch.cli.main import _run as wegly_batch
from batch.sandbox import RunningSandbox, running_sandbox

CAMPAIGN = """
[campaign]
name = "{name}"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
[throttle]
rate = "200/s"
"""
ANA, BIA, CAIO = "11 98888-7001", "11 98888-7002", "11 98888-7003"


class Desk:
    """A folder with two campaigns and a sheet of three people, and a person at its command line."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        for name in ("um", "outra"):
            self.write(f"{name}.toml", CAMPAIGN.format(name=name))
        self.sheet(ANA, BIA, CAIO)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def sheet(self, *phones: str) -> None:
        self.write("contatos.csv", "\n".join(["Telefone", *phones]) + "\n")

    def type(self, *words: object) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        code = wegly_batch([str(word) for word in words])
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err

    def run(
        self, sandbox: RunningSandbox, *more: object, campaign: str = "um", sheet: str = "contatos.csv"
    ) -> tuple[int, Counter[str], Counter[str]]:
        """Exit code, outcomes, reasons."""
        code, out, err = self.type("run", sheet, "-c", f"{campaign}.toml", "--base-url", sandbox.url, "--json", *more)
        assert out, err
        summary = json.loads(out)
        reasons = Counter({each["reason"]: each["rows"] for each in summary["reasons"]})
        return code, +Counter(summary["counts"]), reasons

    def listed(self) -> list[dict[str, str]]:
        found: list[dict[str, str]] = json.loads(self.type("suppress", "list", "--json")[1])
        return found


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("WEGLY_BATCH_REPORTS", str(tmp_path / "reports"))
    monkeypatch.delenv("WEGLY_BATCH_ONLY_ALLOWED", raising=False)
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path, capsys)


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


def test_the_list_is_of_every_campaign_and_endpoint(desk: Desk, sandbox: RunningSandbox) -> None:
    """Whoever is on it while one campaign runs here is left out of another one there."""
    desk.type("suppress", "add", ANA)
    assert desk.run(sandbox)[1] == {"success": 2, "skipped": 1}
    with running_sandbox() as elsewhere:
        code, counts, reasons = desk.run(elsewhere, campaign="outra")
        assert (code, counts, reasons["suppressed"]) == (0, {"success": 2, "skipped": 1}, 1)
        assert len(elsewhere.log.applied) == 2


def test_whatsapps_131050_is_skipped_from_the_next_run_on(desk: Desk, sandbox: RunningSandbox) -> None:
    """An error of the run that heard it; then skipped, in this campaign and in others, in whatever spelling.

    A rehearsal's answer counts at its own address: it silences nobody elsewhere.
    """
    desk.sheet(ANA, "11 98888-0150")
    code, counts, reasons = desk.run(sandbox)
    assert (code, counts, reasons["opted_out"]) == (3, {"success": 1, "error": 1}, 1)
    (entry,) = desk.listed()
    assert (entry["person"], entry["reason"]) == ("+5511988880150", "stopped marketing messages (131050)")
    assert entry["source"].startswith("WhatsApp, run ")
    assert entry["endpoint"] == sandbox.url
    received = len(sandbox.log.received)
    code, counts, reasons = desk.run(sandbox, "--retry-errors")
    assert (code, counts, reasons["suppressed"]) == (0, {"success": 1, "skipped": 1}, 1)
    assert len(sandbox.log.received) == received
    desk.sheet("+55 (11) 98888-0150")
    code, counts, reasons = desk.run(sandbox, campaign="outra")
    assert (code, counts, reasons["suppressed"]) == (0, {"skipped": 1}, 1)
    assert len(sandbox.log.received) == received
    with running_sandbox() as elsewhere:
        assert desk.run(elsewhere, campaign="outra")[2]["suppressed"] == 0
        assert len(elsewhere.log.received) == 1
    line, _ = desk.type("suppress", "list")[1:]
    assert f"(only at {sandbox.url})" in line


def test_a_yes_in_a_hidden_or_wrong_row_counts_for_the_person(desk: Desk, sandbox: RunningSandbox) -> None:
    """All rows of the person are left out, also those above; the rows keep their own reasons in the report."""
    book = Workbook()
    for row in (
        ("Telefone", "Nome", "Opt-out"),
        (11988887001, "Ana", None),
        (11988887002, "Bia", "não"),
        (11988887003, "Caio", None),
        ("(11) 98888-7001", "Ana", "SIM"),
        ("+55 11 98888-7003", None, "x"),
    ):
        book.active.append(row)
    book.active.row_dimensions[5].hidden = True
    book.save(desk.folder / "contatos.xlsx")
    named = '[[template_fields]]\ncomponent = "BODY"\nindex = 1\nvalue = "{Nome}"\n[suppress]\ncolumn = "Opt-out"\n'
    desk.write("um.toml", CAMPAIGN.format(name="um") + named)
    code, counts, reasons = desk.run(sandbox, sheet="contatos.xlsx")
    assert (code, counts) == (3, {"success": 1, "skipped": 3, "error": 1})
    assert (reasons["suppressed"], reasons["hidden_row"], reasons["value_missing"]) == (2, 1, 1)
    assert len(sandbox.log.applied) == 1
    assert {each["person"] for each in desk.listed()} == {"+5511988887001", "+5511988887003"}
    (report,) = desk.folder.glob("reports/*/report.xlsx")
    rows = load_workbook(report)[book.active.title].iter_rows(values_only=True)
    header = next(rows)
    said = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["wegly_reason"] for row in said] == [
        "suppressed",
        "created",
        "suppressed",
        "hidden_row",
        "value_missing",
    ]
    assert "row 5 of the sheet" in str(said[0]["wegly_message"])


def test_only_allowed_by_the_environment(desk: Desk, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lasting setting: for a machine that may message its own team only. The option wins."""
    desk.write("equipe.csv", "+55 11 98888-7002\n")
    desk.write("outros.csv", "+55 11 98888-7003\n")
    monkeypatch.setenv("WEGLY_BATCH_ONLY_ALLOWED", "equipe.csv")
    code, counts, reasons = desk.run(sandbox)
    assert (code, counts, reasons["not_allowed"]) == (0, {"success": 1, "skipped": 2}, 2)
    code, counts, _ = desk.run(sandbox, "--only-allowed", "outros.csv")
    assert (code, counts) == (0, {"success": 2, "skipped": 1})
    sent = [applied.person for applied in sandbox.log.applied]
    assert sent == ["+5511988887002", "+5511988887003"]


def test_only_allowed_that_is_not_there_sends_nothing(
    desk: Desk, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable with a typing error must not mean everybody."""
    monkeypatch.setenv("WEGLY_BATCH_ONLY_ALLOWED", "eqiupe.csv")
    code, _, err = desk.type("run", "contatos.csv", "-c", "um.toml", "--base-url", sandbox.url)
    assert code == 2
    assert "eqiupe.csv" in err
    assert "--only-allowed" in err
    assert not sandbox.log.received


def test_check_leaves_out_the_same_people(desk: Desk, sandbox: RunningSandbox) -> None:
    """And writes nothing: the numbers are those of the run."""
    desk.type("suppress", "add", ANA)
    desk.write("equipe.csv", f"{ANA}\n{BIA}\n")
    words = (
        "check",
        "contatos.csv",
        "-c",
        "um.toml",
        "--base-url",
        sandbox.url,
        "--only-allowed",
        "equipe.csv",
        "--json",
    )
    counts = json.loads(desk.type(*words)[1])["counts"]
    assert +Counter(counts) == {"pending": 1, "skipped": 2}
    _, sent, reasons = desk.run(sandbox, "--only-allowed", "equipe.csv")
    assert sent == {"success": 1, "skipped": 2}
    assert (reasons["suppressed"], reasons["not_allowed"]) == (1, 1)


def test_a_number_in_narrow_columns_stops_the_run(desk: Desk, sandbox: RunningSandbox) -> None:
    """Excel saved 5,51E+12 for somebody's number: nobody can tell whose, so nothing is sent."""
    desk.write("um.toml", CAMPAIGN.format(name="um") + '[suppress]\nfiles = ["bloqueio.csv"]\n')
    desk.write("bloqueio.csv", "Telefone\n11988887001\n5,51E+12\n")
    code, _, err = desk.type("run", "contatos.csv", "-c", "um.toml", "--base-url", sandbox.url)
    assert code == 2
    assert "row 3: " in err
    assert not sandbox.log.received


def test_import_of_a_folder_or_nothing_is_a_sentence(desk: Desk) -> None:
    """No traceback for what a first-time user types."""
    desk.write("vazio.csv", "")
    (desk.folder / "pasta").mkdir()
    for wrong in ("vazio.csv", "pasta", "nao-ha.csv"):
        code, out, err = desk.type("suppress", "import", wrong)
        assert (code, out) == (2, "")
        assert wrong in err
        assert "Traceback" not in err


def test_import_says_what_to_do_about_what_it_could_not_read(desk: Desk) -> None:
    """And counts one as one."""
    desk.write("bloqueio.csv", "Telefone\n11988887001\n11988887001\n5,51E+12\n")
    code, out, err = desk.type("suppress", "import", "bloqueio.csv")
    assert (code, out) == (3, "bloqueio.csv: 1 added to the list; 1 was on it already.\n")
    assert err.splitlines()[-1] == (
        "Correct these cells and import the sheet again: who is on the list stays as first noted."
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("123",), "area code: 11 98888-7777"),
        (("12", "--region", "PT"), "country: +351 912 345 678"),
        ((ANA, "--region", "pt"), "two capital letters"),
    ],
)
def test_the_remedy_is_for_the_country_that_was_named(desk: Desk, words: tuple[str, ...], said: str) -> None:
    """Who writes Portuguese numbers is not told to write a Brazilian area code."""
    code, out, err = desk.type("suppress", "add", *words)
    assert (code, out, said in err) == (2, "", True)
    assert desk.listed() == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no file names of any bytes")
def test_file_names_that_are_no_utf_8(desk: Desk, sandbox: RunningSandbox) -> None:
    """As old archives hold them: every command works, and shows U+FFFD where the name has no letter."""
    sheet, people = os.fsdecode(b"jo\xe3o.csv"), os.fsdecode(b"fora-jo\xe3o.csv")
    desk.sheet(ANA, BIA)
    (desk.folder / "contatos.csv").rename(desk.folder / sheet)
    desk.write(people, f"{BIA}\n")
    url = ("--base-url", sandbox.url)
    assert desk.type("suppress", "import", people)[0] == 0
    assert [each["source"] for each in desk.listed()] == ["fora-jo\N{REPLACEMENT CHARACTER}o.csv"]
    assert "jo\N{REPLACEMENT CHARACTER}o.csv" in desk.type("inspect", sheet)[1]
    assert desk.type("check", sheet, "-c", "um.toml", *url)[0] == 0
    assert desk.type("plan", sheet, "-c", "um.toml", *url, "--out", "p.json")[0] == 0
    code, counts, _ = desk.run(sandbox, sheet=sheet)
    assert (code, counts) == (0, {"success": 1, "skipped": 1})
    assert desk.type("report")[0] == 0
    assert [path.name for path in desk.folder.glob("reports/*/report*.xlsx")] == ["report.xlsx"]
    (desk.folder / people).unlink()
    assert desk.type("run", ".", "-c", "um.toml", *url)[0] == 0
    assert len(sandbox.log.applied) == 1
