"""`follow -c` and unknown rows, over the sandbox: found in the chat is sent, not found proves nothing."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from decisions import read_decisions
from sandbox_log import applied_to

from batch.app import reconcile as reconciling
from batch.cli.main import _run as wegly_batch
from batch.ledger import Ledger, Owner
from batch.sandbox import SPECIAL_CONTACTS, Faults, RunningSandbox, running_sandbox
from batch.sandbox.faults import PLAIN, Behaviour

pytestmark = pytest.mark.usefixtures("plain_reports")

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
TEXTS = {"saudacao": "Olá {{1}}, bem-vindo!", "aviso": "Aviso para {{1}}"}
ANA, BIA, CID = "+5511900001001", "+5511900011002", "+5511900021003"
APPLIED, NOT_APPLIED = SPECIAL_CONTACTS["0900"], SPECIAL_CONTACTS["0901"]
SHEET = "Nome;Telefone\nAna;11 90000-1001\nBia;11 90001-1002\nCid;11 90002-1003\n"


def campaign(name: str, template: str, *, body: bool = True) -> str:
    text = f'body = "{TEXTS[template]}"' if body else ""
    return f"""
[campaign]
name = "{name}"
[sender]
whatsapp_phone_id = "{SENDER}"
[template]
name = "{template}"
language = "pt_BR"
{text}
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


def faults_of(fates: dict[str, list[Behaviour]]) -> Faults:
    """Faults whose dice give each person this fate at the first attempt, at the second, and so on."""
    for seed in itertools.count():
        faults = Faults(dropped_before=0.3, dropped_after=0.3, seed=seed)
        if all(faults.draw(who, n) is fate for who, each in fates.items() for n, fate in enumerate(each, 1)):
            return faults
    raise AssertionError


class Desk:
    """A folder with a sheet and two campaigns, a sandbox, and a person at the command line."""

    def __init__(self, folder: Path, sandbox: RunningSandbox, capsys: pytest.CaptureFixture[str]) -> None:
        self.sandbox = sandbox
        self.folder = folder
        self._capsys = capsys
        self.sheet = self.write("contatos.csv", SHEET)
        self.first = self.write("primeira.toml", campaign("primeira", "aviso"))
        self.second = self.write("segunda.toml", campaign("segunda", "saudacao"))

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

    def run(self, campaign: Path) -> str:
        """The name of a run of the sheet."""
        _, out, err = self.type("run", self.sheet, "-c", campaign, "--base-url", self.sandbox.url, "--json")
        assert out, err
        return str(json.loads(out)["run"])

    def follow(self, run: str, *more: object, campaign: Path | None = None) -> tuple[int, str, str]:
        where = ("--base-url", self.sandbox.url)
        return self.type("follow", run, "-c", campaign or self.second, *where, *more)

    def answer(self, run: str, *more: object, campaign: Path | None = None) -> tuple[int, dict[str, Any]]:
        """Exit code and JSON."""
        code, out, err = self.follow(run, "--json", *more, campaign=campaign)
        assert out, err
        return code, json.loads(out)

    def alter(self, change: str) -> None:
        """Change messages behind the program's back."""
        with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger, ledger._engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE messages {change}")

    def results(self, run: str) -> dict[int, tuple[str, str, str | None]]:
        """Row to outcome, reason and evidence."""
        with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger:
            return {
                each.row: (each.outcome.value, each.reason, each.evidence and each.evidence.value)
                for each in ledger.results(run)
            }


@pytest.fixture
def desk(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Desk]:
    """Ana's second message is applied and lost, Bia's lost and not applied, Cid has no chat and is lost."""
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("WEGLY_BATCH_REPORTS", str(tmp_path / "reports"))
    faults = faults_of({ANA: [PLAIN, APPLIED], BIA: [PLAIN, NOT_APPLIED], CID: [NOT_APPLIED, APPLIED]})
    with running_sandbox(faults=faults, templates=TEXTS) as sandbox:
        yield Desk(tmp_path, sandbox, capsys)


@pytest.fixture
def run(desk: Desk) -> str:
    """A run of the second campaign that left three rows unknown, after one of the first that recorded two chats."""
    desk.run(desk.first)
    return desk.run(desk.second)


def test_only_what_is_found_in_the_chat_is_settled(desk: Desk, run: str) -> None:
    """The truth of the sandbox's own log; nothing is posted."""
    posted = len(desk.sandbox.log.received)
    code, found = desk.answer(run)
    assert (code, found["exit_code"]) == (0, 0)
    assert [(each["row"], each["phone"]) for each in found["settled"]] == [(2, "+55 11 90000-1001")]
    assert list(found["settled"][0]) == ["row", "phone", "chat_id", "sent_at"]
    assert [(each["row"], each["reason"]) for each in found["unknown"]] == [(3, "not_found"), (4, "no_chat")]
    assert found["settled"][0]["chat_id"] == desk.sandbox.log.applied[0].chat_id
    assert desk.results(run)[2] == ("success", "found_in_chat", "timeline")
    assert [desk.results(run)[row][0] for row in (3, 4)] == ["unknown", "unknown"]
    assert len(desk.sandbox.log.received) == posted


def test_the_reports_of_what_was_settled_are_written_again(desk: Desk, run: str) -> None:
    """The run's own folder; one whose folder is gone has none, and what cannot be written is a problem, no end."""
    folder = desk.folder / "reports" / run
    _, found = desk.answer(run)
    assert (found["reports"], found["problems"]) == ([str(folder)], [])
    rows = (folder / "results.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [(";found_in_chat;" in row, ";unknown;" in row) for row in rows[1:]] == [(True, False), *[(False, True)] * 2]


def test_a_campaign_is_of_one_run(desk: Desk, run: str) -> None:
    """With two runs nothing is asked, and the message says what to leave out."""
    other = desk.run(desk.first)
    code, out, err = desk.type("follow", run, other, "-c", desk.second, "--base-url", desk.sandbox.url)
    assert (code, out) == (2, "")
    assert "A campaign file is of one run, and 2 are named." in err
    code, _, err = desk.type("follow", "-c", desk.second, "--base-url", desk.sandbox.url)
    assert code == 2
    assert "and 0 are named" in err


def test_the_table_says_why_and_what_to_do(desk: Desk, run: str) -> None:
    """Each unknown row, and that absence proves nothing; then the way to settle by hand."""
    code, out, err = desk.follow(run)
    assert (code, err) == (0, "")
    assert "row 2      +55 11 90000-1001   settled as sent: it is in the chat" in out
    assert "row 3      +55 11 90001-1002   still to decide: not found in the chat, which proves nothing" in out
    assert "row 4      +55 11 90002-1003   still to decide: no run of this ledger has recorded a chat" in out
    assert "1 row settled as sent, 2 still to decide." in out
    assert f"wegly-batch settle {run}" in out
    assert "To look for" not in out
    _, out, _ = desk.type("follow", run, "--base-url", desk.sandbox.url)
    assert f"2 rows are to decide. To look for their messages as well: wegly-batch follow {run} -c CAMPAIGN" in out


def test_when_nothing_is_left_it_says_so(desk: Desk, run: str) -> None:
    """What is not found is for a person; the run after it sends each once at most."""
    desk.follow(run)
    assert desk.type("settle", run, "--sent", "4", "--not-sent", "3", "--yes")[0] == 0
    code, out, _ = desk.follow(run)
    assert (code, out.splitlines()[0]) == (0, f"The run {run} has no rows to decide.")


def test_what_was_found_is_noted_and_can_be_turned_round(desk: Desk, run: str) -> None:
    """As a decision like a person's."""
    desk.follow(run)
    with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger:
        (decision,) = read_decisions(ledger, run)
        assert (decision.row, decision.how, decision.evidence) == (2, "follow", "timeline")
    assert desk.type("settle", run, "--not-sent", "2", "--yes")[0] == 0
    assert desk.results(run)[2] == ("pending", "settled_not_sent", None)


def test_without_the_templates_text_nothing_can_be_known_again(desk: Desk, run: str) -> None:
    """And nothing is asked: the sheet need not even be there."""
    desk.sheet.unlink()
    bare = desk.write("bare.toml", campaign("segunda", "saudacao", body=False))
    code, found = desk.answer(run, campaign=bare)
    assert code == 0
    assert {each["reason"] for each in found["unknown"]} == {"no_body"}


def test_a_moved_sheet_is_named(desk: Desk, run: str) -> None:
    """Rows are known again by their key: the sheet may have been sorted, and lack some."""
    desk.sheet.unlink()
    code, out, err = desk.follow(run)
    assert (code, out) == (2, "")
    assert "is not at" in err
    other = desk.write("outra.csv", "Telefone;Nome\n11 90009-1009;Novo\n+55 11 90000 1001;Ana\n")
    code, found = desk.answer(run, "--file", other)
    assert [each["row"] for each in found["settled"]] == [2]
    assert [(each["row"], each["reason"]) for each in found["unknown"]] == [(3, "not_in_sheet"), (4, "no_chat")]


def test_another_text_is_not_the_message(desk: Desk, run: str) -> None:
    """The row was changed since: what lies in the chat is not what it says now."""
    desk.write("contatos.csv", SHEET.replace("Ana", "Anna"))
    _, found = desk.answer(run)
    assert found["settled"] == []
    assert found["unknown"][0]["reason"] == "not_found"


def test_a_message_of_another_time_is_not_the_message(desk: Desk, run: str) -> None:
    """The attempt was an hour before the message in the chat."""
    desk.alter("SET sent_at = sent_at - 3600000000 WHERE state = 'unknown'")
    _, found = desk.answer(run)
    assert found["settled"] == []


def test_a_campaign_with_the_same_text_may_have_sent_it(desk: Desk) -> None:
    """One message is not the proof of two attempts; two messages are."""
    desk.run(desk.write("gemea.toml", campaign("gemea", "saudacao")))
    run = desk.run(desk.second)
    assert [applied_to(desk.sandbox.log, person) for person in (ANA, BIA)] == [2, 1]
    _, found = desk.answer(run)
    assert [each["row"] for each in found["settled"]] == [2]
    assert [(each["row"], each["reason"]) for each in found["unknown"]] == [(3, "not_told_apart"), (4, "no_chat")]


def test_a_row_that_just_began_to_be_sent_is_left_alone(desk: Desk, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An open claim of a run that may live is neither asked about nor settled; seven minutes later it is."""
    desk.alter("SET state = 'claimed' WHERE state = 'unknown'")
    _, found = desk.answer(run)
    assert {each["reason"] for each in found["unknown"]} == {"in_flight"}
    later = reconciling.utc_now() + timedelta(minutes=7)
    monkeypatch.setattr(reconciling, "utc_now", lambda: later)
    _, found = desk.answer(run)
    assert [each["row"] for each in found["settled"]] == [2]


def test_what_the_api_refuses_is_said_for_every_row(desk: Desk, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong token: asked once, said of each row, in the API's words and without the token."""
    monkeypatch.setenv("WEGLY_TOKEN", "invalid")
    code, out, err = desk.follow(run)
    assert code == 0
    assert out.count("the API did not give the chat: HTTP 401: Unauthorized") == 2
    assert "invalid" not in out + err


def test_the_run_must_be_of_this_campaign_and_address(desk: Desk, run: str) -> None:
    """A token never goes to an address that the run did not use."""
    code, _, err = desk.follow(run, campaign=desk.first)
    assert code == 2
    assert "'primeira'" in err
    assert "'segunda'" in err
    code, _, err = desk.type("follow", run, "-c", desk.second)
    assert code == 2
    assert f"--base-url {desk.sandbox.url}" in err


def test_a_campaign_in_use_is_busy(desk: Desk, run: str) -> None:
    """Exit 75, nothing asked."""
    held = f"campaign segunda ({desk.sandbox.url})"
    with Ledger.open(os.environ["WEGLY_BATCH_LEDGER"]) as ledger, ledger.hold([held], Owner.here("another")):
        code, out, err = desk.follow(run)
    assert (code, out) == (75, "")
    assert "another" in err


def test_a_name_with_a_date_is_that_of_the_runs_day(desk: Desk) -> None:
    """Next month the file's name is filled in otherwise; the run's own day counts."""
    monthly = desk.write("mensal.toml", campaign("segunda-{yyyy-mm-dd}", "saudacao"))
    desk.run(desk.first)
    run = desk.run(monthly)
    assert [each["row"] for each in desk.answer(run, campaign=monthly)[1]["settled"]] == [2]
