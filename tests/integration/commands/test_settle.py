"""`settle` at the command line, over the sandbox: what it refuses, what it changes, and that nobody is sent two."""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from decisions import read_decisions
from sandbox_log import applied_to
from systems import split_command

from batch.cli.main import _run as wegly_batch
from batch.formatting import from_here, quote_path
from batch.ledger import Ledger, Owner, State
from batch.sandbox import SPECIAL_CONTACTS, Faults, RunningSandbox, running_sandbox
from batch.sandbox.faults import PLAIN

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
CAMPAIGN = f"""
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "{SENDER}"
[template]
name = "saudacao"
language = "pt_BR"
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
# rows 2 to 7: good, applied but lost, lost and not applied, wrong, a duplicate of row 3, lost and not applied
SHEET = """Nome;Telefone
Ana;11 90000-1001
Bia;11 90001-0900
Cid;11 90002-0901
Dora;99
Bia de novo;11 90001-0900
Eva;11 90003-0901
"""


class Desk:
    """A folder with a sheet and a campaign, a sandbox, and a person at the command line."""

    def __init__(self, folder: Path, sandbox: RunningSandbox, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self._capsys = capsys
        self.sheet = self.write("contatos.csv", SHEET)
        self.campaign = self.write("teste.toml", CAMPAIGN)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def type(self, *words: object) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        self._capsys.readouterr()
        code = wegly_batch([str(word) for word in words])
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err

    def run(self, *more: object) -> tuple[int, dict[str, Any]]:
        """Exit code and summary."""
        code, out, err = self.type(
            "run", self.sheet, "-c", self.campaign, "--base-url", self.sandbox.url, "--json", *more
        )
        assert out, err
        return code, json.loads(out)

    def settle(self, *words: object) -> tuple[int, str, str]:
        """Settle without a question."""
        return self.type("settle", *words, "--yes")

    def report(self, run: str, name: str) -> Path:
        return self.folder / "reports" / run / name

    def states(self, run: str) -> dict[int, str]:
        """Row to outcome, for all rows of a run as they stand now."""
        with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger:
            return {result.row: result.outcome.value for result in ledger.results(run)}

    def decided(self) -> list[tuple[int, State, State, str]]:
        with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger:
            return [(each.row, each.from_state, each.to_state, each.how) for each in read_decisions(ledger)]


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("WEGLY_BATCH_REPORTS", str(tmp_path / "reports"))
    with running_sandbox() as sandbox:
        yield Desk(tmp_path, sandbox, capsys)


@pytest.fixture
def run(desk: Desk) -> str:
    """A run that left rows 3, 4 and 7 unknown."""
    code, summary = desk.run()
    assert code == 4
    assert summary["counts"]["unknown"] == 3
    return str(summary["run"])


def refused(said: tuple[int, str, str], *words: str, code: int = 2) -> None:
    """The exit code, nothing on stdout, no traceback, and a text that has the words."""
    assert said[:2] == (code, ""), said
    assert "Traceback" not in said[2]
    for word in words:
        assert word in said[2], said[2]


def decide(path: Path, decisions: dict[int, str]) -> Path:
    """Write decisions into a report, as a person does in a spreadsheet program."""
    if path.suffix == ".xlsx":
        book = openpyxl.load_workbook(path)
        page = next(page for page in book if page.title.casefold() not in ("summary", "resumo"))
        header = next(cell.row for column in page.iter_cols() for cell in column if cell.value == "wegly_status")
        column = page.max_column + 1
        page.cell(header, column).value = "wegly_settle"
        for row, word in decisions.items():
            page.cell(row, column).value = word
        book.save(path)
        return path
    lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig")), delimiter=";"))
    for number, line in enumerate(lines, 1):
        line.append("wegly_settle" if "wegly_status" in line else decisions.get(number, ""))
    text = io.StringIO()
    csv.writer(text, delimiter=";").writerows(lines)
    path.write_text(text.getvalue(), encoding="utf-8-sig", newline="")
    return path


def test_rows_are_settled_and_what_was_not_sent_goes_out_once(desk: Desk, run: str) -> None:
    """The table of what changes; the next run sends exactly the one row, the run after that nothing."""
    before = len(desk.sandbox.log.received)
    code, out, err = desk.settle(run, "--sent", "3,4", "--not-sent", "7")
    assert (code, err) == (0, "")
    assert "+55 11 90001-0900  Decide (answer_lost)  sent" in out
    assert "+55 11 90003-0901  Decide (answer_lost)  not sent: it waits" in out
    assert "Settled 3 rows: 2 as sent, 1 as not sent." in out
    assert len(desk.sandbox.log.received) == before
    assert desk.decided() == [
        (3, State.UNKNOWN, State.SUCCESS, f"settle {run}"),
        (4, State.UNKNOWN, State.SUCCESS, f"settle {run}"),
        (7, State.UNKNOWN, State.PENDING, f"settle {run}"),
    ]
    _, summary = desk.run()
    assert len(desk.sandbox.log.received) == before + 1
    assert summary["this_run"]["attempts"] == 1
    _, summary = desk.run()
    assert len(desk.sandbox.log.received) == before + 1
    assert summary["counts"]["success"] == 3


def test_the_report_says_who_decided(desk: Desk, run: str) -> None:
    """Evidence, reason and sentence of a settled row."""
    desk.settle(run, "--sent", "3", "--not-sent", "4")
    assert desk.type("report", run)[0] == 0
    text = desk.report(run, "results.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    assert (rows[1]["wegly_status"], rows[1]["wegly_reason"], rows[1]["wegly_evidence"]) == (
        "success",
        "settled_sent",
        "settled",
    )
    assert "decided on" in rows[1]["wegly_message"]
    assert (rows[2]["wegly_status"], rows[2]["wegly_reason"]) == ("pending", "settled_not_sent")


def test_the_report_of_an_older_run_tells_what_came_before_it_from_what_came_after(desk: Desk) -> None:
    """Rows of later runs, and rows that were settled, are neither its own nor earlier ones."""
    first, second, third = (desk.run("--rows", rows)[1]["run"] for rows in ("3", "2", "2-4"))
    last = desk.run()[1]["run"]
    assert desk.settle(last, "--sent", "3,4,7")[0] == 0
    for run, words in (
        (first, "This run: 0 accepted; 4 after it, by later runs or by hand."),
        (second, "This run: 1 accepted; 3 after it, by later runs or by hand."),
        (third, "This run: 0 accepted; 1 before it; 3 after it, by later runs or by hand."),
    ):
        assert desk.type("report", run)[0] == 0
        assert words in desk.report(run, "report.html").read_text(encoding="utf-8")


def test_all_or_nothing_and_every_wrong_row_is_named(desk: Desk, run: str) -> None:
    """A good row among wrong ones stays as it was."""
    said = desk.settle(run, "--sent", "2-7")
    refused(said, "row 2: it is success", "row 5: it is error", "row 6: it is a duplicate of row 3; settle that one")
    refused(desk.settle(run, "--sent", "3,12"), "row 12: the sheet of this run has no such row")
    refused(desk.settle(run, "--sent", "3", "--not-sent", "3-4"), "Row 3 is named as sent and as not sent")
    assert desk.decided() == []
    assert desk.states(run)[3] == "unknown"


def test_not_sent_goes_out_once_and_is_then_not_decided_any_more(desk: Desk) -> None:
    """Lost at the first attempt, accepted at the second: one message, and the API's answer stands."""
    desk.sheet = desk.write("um.csv", "Nome;Telefone\nAna;11 90000-1001\n")
    fates = [SPECIAL_CONTACTS["0901"], PLAIN]
    tries = (Faults(dropped_before=0.5, seed=seed) for seed in itertools.count())
    faults = next(each for each in tries if [each.draw("+5511900001001", n) for n in (1, 2)] == fates)
    with running_sandbox(faults=faults) as desk.sandbox:
        code, first = desk.run()
        assert (code, desk.sandbox.log.applied) == (4, ())
        assert desk.settle(first["run"], "--not-sent", "2")[0] == 0
        code, second = desk.run()
        assert (code, desk.run()[0]) == (0, 0)
        assert applied_to(desk.sandbox.log, "11 90000-1001") == 1
    for option in ("--sent", "--not-sent"):
        said = desk.settle(second["run"], option, "2")
        refused(said, "row 2: it is success (created): it was sent again after it had been settled")


def test_the_other_way_until_it_is_sent_again(desk: Desk, run: str) -> None:
    """And the same again is no error: nothing changes."""
    assert desk.settle(run, "--not-sent", "3")[0] == 0
    code, out, _ = desk.settle(run, "--not-sent", "3")
    assert (code, out) == (0, "1 row was settled so before; nothing changes.\n")
    assert desk.settle(run, "--sent", "3")[0] == 0
    desk.run()
    assert applied_to(desk.sandbox.log, "11 90001-0900") == 1
    assert len(desk.decided()) == 2


def test_what_was_not_sent_goes_by_the_named_command_to_who_was_allowed(desk: Desk) -> None:
    """The command that `settle` names repeats the list of its run: the others of the sheet get nothing by it."""
    allowed = desk.write("equipe.csv", "Telefone\n11 90002-0901\n")
    code, summary = desk.run("--only-allowed", allowed)
    assert (code, summary["counts"]["unknown"]) == (4, 1)
    code, out, _ = desk.settle(summary["run"], "--not-sent", "4")
    (command,) = [line for line in out.splitlines() if line.startswith("    wegly-batch run ")]
    assert f" --only-allowed {quote_path(from_here(allowed))} " in command
    before = len(desk.sandbox.log.received)
    desk.type(*split_command(command)[1:])
    assert len(desk.sandbox.log.received) == before + 1
    assert [applied_to(desk.sandbox.log, phone) for phone in ("11 90000-1001", "11 90001-0900")] == [0, 0]


def test_json_tells_what_changed(desk: Desk, run: str) -> None:
    """Rows, phones, what they were and what they become."""
    desk.settle(run, "--sent", "3")
    code, out, _ = desk.settle(run, "--sent", "3-4", "--json")
    found = json.loads(out)
    assert (code, found["run"], found["exit_code"]) == (0, run, 0)
    assert [(each["row"], each["phone"], each["was"], each["becomes"]) for each in found["settled"]] == [
        (4, "+55 11 90002-0901", "unknown", "success")
    ]
    assert [each["row"] for each in found["settled_before"]] == [3]


@pytest.mark.parametrize("name", ["report.xlsx", "results.csv"])
def test_a_report_with_decisions_is_settled(desk: Desk, run: str, name: str) -> None:
    """As Excel saves it; the same file again changes nothing."""
    report = decide(desk.report(run, name), {3: "enviada", 4: "não enviada", 7: "Não"})
    code, out, _ = desk.settle(report)
    assert code == 0
    assert "1 as sent, 2 as not sent" in out
    assert [desk.states(run)[row] for row in (3, 4, 7)] == ["success", "pending", "pending"]
    assert desk.decided()[0][3] == f"settle {name}"
    code, out, _ = desk.settle(report)
    assert (code, out) == (0, "3 rows were settled so before; nothing changes.\n")


def test_a_report_whose_header_stands_higher_than_the_sheets_own_is_settled(desk: Desk) -> None:
    """results.csv begins with the header, the sheet with a title: the rows are those of the same distance from it."""
    desk.sheet = desk.write("contatos.csv", f"Lista de contatos;\n;\n;\n{SHEET}")
    run = desk.run()[1]["run"]
    report = decide(desk.report(run, "results.csv"), {3: "enviada", 4: "não enviada", 7: "Não"})
    assert desk.settle(report)[0] == 0
    assert [desk.states(run)[row] for row in (6, 7, 10)] == ["success", "pending", "pending"]


def test_a_later_report_shows_rows_of_an_earlier_run(desk: Desk, run: str) -> None:
    """`wegly_run` names the first run, the row is of the later sheet, where the person stands elsewhere."""
    desk.sheet = desk.write("outros.csv", "Nome;Telefone\nEva;11 90003-0901\nNovo;11 90009-1001\nBia;11 90001-0900\n")
    _, summary = desk.run()
    report = decide(desk.report(summary["run"], "results.csv"), {2: "not sent", 4: "sent"})
    assert run in report.read_text(encoding="utf-8-sig")
    assert desk.settle(report)[0] == 0
    assert desk.states(run) == {2: "success", 3: "success", 4: "unknown", 5: "error", 6: "skipped", 7: "pending"}


def test_a_report_that_was_sorted_is_refused(desk: Desk, run: str) -> None:
    """Row and phone must agree with the ledger; the row is named, and nothing is changed."""
    path = decide(desk.report(run, "results.csv"), {3: "sent", 4: "sent"})
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    lines[2], lines[3] = lines[3], lines[2]
    path.write_text("\n".join(lines), encoding="utf-8-sig")
    refused(desk.settle(path), "row 3: its phone is not the one in the ledger (+55 11 90001-0900)", "row 4")
    assert desk.decided() == []


def test_a_report_of_another_ledger_or_an_old_one_is_refused(desk: Desk, run: str) -> None:
    """A run that the ledger does not know; a row that was sent again since."""
    report = decide(desk.report(run, "results.csv"), {4: "sent", 5: "sent"})
    text = report.read_text(encoding="utf-8-sig")
    strange = desk.write("other.csv", text.replace(run, "20200101T000000Z-x-0000"))
    refused(desk.settle(strange), "row 4: wegly_run is '20200101T000000Z-x-0000'", "row 5: wegly_run is empty")
    desk.settle(run, "--not-sent", "4")
    _, summary = desk.run()
    old = desk.write("old.csv", "\n".join(line for line in text.splitlines() if "Dora" not in line))
    refused(desk.settle(old), f"row 4: it was sent again since, by run {summary['run']}")


def test_a_wrong_word_refuses_the_whole_file(desk: Desk, run: str) -> None:
    """Row, value, and what is allowed."""
    report = decide(desk.report(run, "results.csv"), {3: "sent", 4: "acho que sim"})
    refused(desk.settle(report), "results.csv", "row 4: wegly_settle is 'acho que sim'", "enviada")
    assert desk.decided() == []


def test_what_is_named_must_be_there(desk: Desk, run: str) -> None:
    """No such run, no such file, no row named, a row that is no number."""
    refused(desk.settle("nothing-like-it", "--sent", "3"), "nothing-like-it")
    refused(desk.settle("nada.xlsx"), "nada.xlsx", "--sent")
    refused(desk.settle(run), "no row is named")
    refused(desk.settle(desk.sheet), "has no column wegly_settle")
    refused(desk.settle(run, "--sent", "three"), "5,7-9")


def test_a_ledger_that_is_not_there_is_not_made(desk: Desk) -> None:
    """Nothing was ever sent from it."""
    refused(desk.settle("r", "--sent", "3"), "no runs yet")
    assert not (desk.folder / "ledger.sqlite3").exists()


@pytest.mark.parametrize("lock", ["campaign teste", f"sender {SENDER}"])
def test_a_campaign_or_sender_in_use_is_busy(desk: Desk, run: str, lock: str) -> None:
    """Exit 75, and who holds it."""
    held = f"{lock} ({desk.sandbox.url})"
    with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger, ledger.hold([held], Owner.here("another")):
        refused(desk.settle(run, "--sent", "3"), "another", code=75)
    assert desk.states(run)[3] == "unknown"


def test_a_young_claim_is_refused_and_an_old_one_settled(desk: Desk) -> None:
    """A run that died in flight: first a time to come back at, then an unknown row like any other."""
    stopped = desk.write("c.toml", CAMPAIGN + '[stop]\nretries = 0\nretry_for = "1s"\n')
    code, out, _ = desk.type(
        "run", desk.sheet, "-c", stopped, "--base-url", "http://127.0.0.1:9", "--json", "--concurrency", "1"
    )
    assert code == 5
    run = json.loads(out)["run"]
    died(run, datetime.now(UTC) - timedelta(minutes=7))
    died(run, datetime.now(UTC))
    refused(desk.settle(run, "--sent", "2", "--read-timeout", "600"), "Row 2 began to be sent", code=75)
    refused(desk.settle(run, "--sent", "2-3"), "Row 3 began to be sent", "Come back after", code=75)
    assert desk.settle(run, "--sent", "2")[0] == 0
    assert [(row, before) for row, before, *_ in desk.decided()] == [(2, State.UNKNOWN)]


def died(run: str, when: datetime) -> None:
    """Claim the next waiting row of a run, and do nothing more."""

    async def work() -> None:
        with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger:
            known = ledger.run(run)
            assert known is not None
            with ledger.open_queue(Owner.here(run), endpoint=known.endpoint) as sending:
                assert await sending.claim(next(sending.jobs()), when)

    asyncio.run(work())


class Terminal(io.StringIO):
    """What a person types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "code"), [("y\n", 0), ("n\n", 130)])
def test_a_person_at_a_terminal_is_asked(
    desk: Desk, run: str, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    """What it was and what it becomes is shown before; a no changes nothing; --yes does not ask."""
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True)
    ended, out, err = desk.type("settle", run, "--sent", "3")
    assert ended == code
    assert "Decide (answer_lost)  sent" in err
    assert "Settle 1 row so?" in err
    assert "Decide (answer_lost)" not in out
    assert desk.states(run)[3] == ("unknown" if code else "success")
    assert desk.settle(run, "--sent", "4")[0] == 0


def test_a_question_without_an_answer_settles_nothing(desk: Desk, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The input is closed at it: that is said, and not that something was sent."""
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    monkeypatch.setattr(type(sys.stderr), "isatty", lambda _: True)
    code, _out, err = desk.type("settle", run, "--sent", "3")
    assert code == 130
    assert "Nothing was settled: the question was not answered." in err
    assert "What was sent" not in err
    assert desk.states(run)[3] == "unknown"


def test_where_nobody_can_be_asked_nothing_is_settled(desk: Desk, run: str) -> None:
    """A script says --yes; else the rows are shown with what they would become, and exit 2."""
    refused(
        desk.type("settle", run, "--not-sent", "3"),
        "row  phone",
        "not sent: it waits",
        "no terminal to ask on",
        "--yes",
    )
    assert desk.states(run)[3] == "unknown"
    assert desk.settle(run, "--not-sent", "3")[0] == 0
    assert desk.type("settle", run, "--not-sent", "3")[:1] == (0,)  # it is so: there is nothing to ask


def test_help_explains_itself(desk: Desk) -> None:
    """Both commands, in the overview and by themselves."""
    assert "settle" in desk.type("--help")[1]
    code, out, _ = desk.type("settle", "--help")
    assert code == 0
    assert "wegly_settle" in out
