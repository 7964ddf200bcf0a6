"""What would make everybody new stops a run until it is accepted; and what a person may choose to do again."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from systems import no_links

import batch.app.run
from batch.cli.main import _run as wegly_batch
from batch.errors import Busy
from batch.ledger import Ledger, Owner
from batch.sandbox import RunningSandbox, running_sandbox

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
CAMPAIGN = f"""
[campaign]
name = "teste"
unique_by = []
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
value = "{{Nome}}"
[phone]
region = "BR"
[throttle]
rate = "200/s"
"""


class Office:
    """A sandbox, a campaign, a sheet, a ledger; and a person who runs them."""

    def __init__(self, folder: Path, sandbox: RunningSandbox, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.url = sandbox.url
        self.ledger = folder / "ledger.sqlite3"
        self.campaign = folder / "teste.toml"
        self.sheet = folder / "contatos.csv"
        self.campaign.write_text(CAMPAIGN, encoding="utf-8")
        self.write("Ana;11 90000-1001;7", "Bia;11 90000-1002;8")
        self._capsys = capsys

    def write(self, *lines: str) -> None:
        self.sheet.write_text("\n".join(["Nome;Telefone;Fatura", *lines, ""]), encoding="utf-8")

    def edit(self, old: str, new: str) -> None:
        text = self.campaign.read_text(encoding="utf-8")
        assert old in text
        self.campaign.write_text(text.replace(old, new), encoding="utf-8")

    def run(self, *more: str, sheet: Path | None = None) -> tuple[int, dict[str, Any], str]:
        """Exit code, summary, stderr."""
        code = wegly_batch(
            [
                *("run", str(sheet or self.sheet), "-c", str(self.campaign), "--base-url", self.url, "--json"),
                *("--ledger", f"sqlite:///{self.ledger}", "--reports", str(self.folder / "reports"), *more),
            ]
        )
        printed = self._capsys.readouterr()
        return code, json.loads(printed.out) if printed.out else {}, printed.err

    def refused(self, *words: str) -> None:
        """The run is stopped with exit 2 and these words; --accept-change lets it go on."""
        sent = len(self.sandbox.log.applied)
        code, _, err = self.run()
        assert code == 2, err
        for word in (*words, "--accept-change"):
            assert word in err, err
        assert len(self.sandbox.log.applied) == sent

    def applied(self) -> Counter[str]:
        return Counter(each.contact[-4:] for each in self.sandbox.log.applied)


@pytest.fixture
def office(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    with running_sandbox() as sandbox:
        yield Office(tmp_path, sandbox, capsys)


def test_another_ledger_is_noticed(office: Office) -> None:
    """It knows nobody: the stamp beside the campaign does."""
    assert office.run()[0] == 0
    office.ledger = office.folder / "another.sqlite3"
    office.refused("another one", "2 people", "ledger.sqlite3")
    code, _, _ = office.run("--accept-change")
    assert code == 0
    assert office.applied() == {"1001": 2, "1002": 2}


def test_an_older_copy_of_the_ledger_is_noticed(office: Office) -> None:
    """A backup put back has forgotten whom the runs since then messaged."""
    office.write("Ana;11 90000-1001;7")
    office.run()
    backup = office.folder / "backup.sqlite3"
    shutil.copy(office.ledger, backup)
    office.write("Ana;11 90000-1001;7", "Bia;11 90000-1002;8")
    office.run()
    for leftover in office.folder.glob("ledger.sqlite3-*"):
        leftover.unlink()
    shutil.copy(backup, office.ledger)
    office.refused("older copy", "2 people")


def test_another_endpoint_is_noticed(office: Office) -> None:
    """There, nobody has a message yet."""
    office.run()
    with running_sandbox() as other:
        office.sandbox, office.url = other, other.url
        office.refused("It was sent to", "2 people")
        assert office.run("--accept-change")[0] == 0
        # Accepted once, it is not asked again.
        assert office.run()[0] == 0
        assert len(other.log.applied) == 2


def test_another_unique_by_is_noticed(office: Office) -> None:
    """Every key would be another."""
    office.run()
    office.edit("unique_by = []", 'unique_by = ["Fatura"]')
    office.refused("unique_by was empty and is now Fatura", "2 people")


def test_another_region_is_noticed(office: Office) -> None:
    """Numbers without a country would be other people's."""
    office.run()
    office.edit('region = "BR"', 'region = "PT"')
    office.refused("[phone] region was BR and is now PT")


def test_another_template_is_noticed(office: Office) -> None:
    """Who has a message of this campaign would get nothing, which is hardly meant."""
    office.run()
    office.edit('name = "saudacao"', 'name = "cobranca"')
    office.refused("choose a new name", "2 people already have a message")


def test_a_campaign_that_has_not_sent_may_change(office: Office) -> None:
    """Nobody is affected, so nobody is asked."""
    office.write("Ana;99;7")
    assert office.run()[0] == 3
    office.edit("unique_by = []", 'unique_by = ["Fatura"]')
    assert office.run()[0] == 3


def test_a_new_name_begins_anew(office: Office) -> None:
    """That is how the same people get another message on purpose."""
    office.run()
    office.edit('name = "teste"', 'name = "teste de novo"')
    assert office.run()[0] == 0
    assert office.applied() == {"1001": 2, "1002": 2}


def test_unique_by_allows_a_message_for_each_value(office: Office) -> None:
    """Two invoices of a person are two messages; the same invoice twice is one."""
    office.edit("unique_by = []", 'unique_by = ["Fatura"]')
    office.write("Ana;11 90000-1001;7", "Ana;11 90000-1001;8", "Ana;11 90000-1001; 8 ")
    code, summary, _ = office.run()
    assert code == 0
    assert summary["counts"]["skipped"] == 1
    assert office.applied() == {"1001": 2}


def test_a_fed_back_report_of_another_ledger_is_not_sent_again(office: Office) -> None:
    """Its success, reused and unknown rows are skipped, in whatever format; the others are sent."""
    office.write("Ana;11 90000-1001;7", "Bia;11 90000-0900;8", "Cid;11 90000-0400;9", "Dora;11 90000-1004;1")
    office.run("--limit", "3")
    (reports,) = (office.folder / "reports").glob("*/")
    office.campaign.with_name("teste.toml.stamp").unlink()
    office.ledger = office.folder / "another.sqlite3"
    before = office.applied()
    for name in ("report.xlsx", "results.csv"):
        fed_back = office.folder / f"fed-back-{name}"
        shutil.copy(reports / name, fed_back)
        _, summary, err = office.run("--dry-run", sheet=fed_back)
        assert summary["counts"]["skipped"] == 2, err
        assert summary["to_send"] == 2
    assert office.applied() == before


def test_who_was_sent_elsewhere_is_not_sent_from_another_row(office: Office) -> None:
    """The person has the message, in whatever row."""
    office.sheet.write_text(
        "Nome;Telefone;wegly_status;wegly_run\n"
        "Ana;11 90000-1001;;\n"
        "Ana;11 90000-1001;success;20260101T000000Z-x-0000\n",
        encoding="utf-8",
    )
    code, summary, _ = office.run()
    assert (code, summary["counts"]["skipped"]) == (0, 2)
    assert not office.applied()


def test_a_check_without_a_ledger_takes_a_report_of_many_runs(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their names are looked up while rows above are staged already."""
    monkeypatch.setattr("batch.ledger.plan.row_stager._AT_ONCE", 10)
    rows = [f"Ana;11 9{number:04}-1001;success;20260101T000000Z-x-{number:04}" for number in range(60)]
    office.sheet.write_text("\n".join(["Nome;Telefone;wegly_status;wegly_run", *rows, ""]), encoding="utf-8")
    code, summary, err = office.run("--dry-run")
    assert (code, summary["counts"]["skipped"]) == (0, 60), err
    assert not office.ledger.exists()


def test_unknown_rows_are_sent_again_only_on_demand(office: Office) -> None:
    """--resend-unknown is an explicit choice, and never a default."""
    office.write("Ana;11 90000-0901;7")
    assert office.run()[0] == 4
    assert office.run("--retry-errors")[0] == 4
    assert len(office.sandbox.log.received) == 1
    assert office.run("--resend-unknown")[0] == 4
    assert len(office.sandbox.log.received) == 2


def test_a_choice_to_send_again_does_not_outlive_its_run(office: Office) -> None:
    """What --resend-unknown --limit 1 does not reach is unknown as before, and a plain run leaves it alone."""
    office.write("Ana;11 90000-0901;7", "Bia;11 90001-0901;8", "Cid;11 90002-0901;9")
    office.run()
    code, summary, _ = office.run("--resend-unknown", "--limit", "1")
    assert (code, summary["counts"]["unknown"], summary["counts"]["pending"]) == (4, 3, 0)
    posts = len(office.sandbox.log.received)
    assert posts == 4
    code, summary, _ = office.run()
    assert (code, summary["counts"]["unknown"]) == (4, 3)
    assert len(office.sandbox.log.received) == posts


def test_a_choice_to_retry_does_not_outlive_its_run_and_keeps_the_apis_words(office: Office) -> None:
    """The rows that --retry-errors --limit 1 does not reach say what the API said."""
    office.write("Ana;11 90000-0400;7", "Bia;11 90001-0400;8")
    office.run()
    _, summary, _ = office.run("--retry-errors", "--limit", "1")
    assert (summary["counts"]["error"], summary["reasons"][0]["reason"]) == (2, "api_refused")
    assert office.run()[1]["this_run"]["attempts"] == 0


def test_an_older_copy_is_noticed_although_others_have_run_since(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs of other campaigns do not make up for what the copy has forgotten."""
    office.write("Ana;11 90000-1001;7")
    office.run()
    backup = office.folder / "backup.sqlite3"
    assert wegly_batch(["ledger", "backup", str(backup), "--ledger", f"sqlite:///{office.ledger}"]) == 0
    assert "Copied to" in capsys.readouterr().out
    office.write("Ana;11 90000-1001;7", "Bia;11 90000-1002;8")
    office.run()
    for leftover in office.folder.glob("ledger.sqlite3*"):
        if leftover.is_file():
            leftover.unlink()
    shutil.copy(backup, office.ledger)
    other = office.folder / "outra.toml"
    other.write_text(CAMPAIGN.replace('"teste"', '"outra"'), encoding="utf-8")
    mine, office.campaign = office.campaign, other
    assert office.run()[0] == 0
    office.campaign = mine
    office.refused("older copy")


def test_a_run_that_was_killed_is_noted_before_it_sends(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the campaign next with another ledger is told, though the first run never came to its end."""
    monkeypatch.setattr(batch.app.run, "finish_run", _killed)
    assert office.run()[0] == 1
    monkeypatch.undo()
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    office.ledger = office.folder / "another.sqlite3"
    office.refused("another one", "2 people")


def _killed(*_: object, **__: object) -> None:
    raise RuntimeError("as if killed")


@pytest.mark.parametrize("damage", ["{", "{}", "[1]", "[" * 100_000, '"people": "many"'])
def test_a_stamp_that_cannot_be_read_is_not_taken_for_none(office: Office, damage: str) -> None:
    """It may say that everybody has a message."""
    office.run()
    stamp = office.campaign.with_name("teste.toml.stamp")
    wrong = re.sub(r'"people": \d+', damage, stamp.read_text(encoding="utf-8")) if "people" in damage else damage
    stamp.write_text(wrong, encoding="utf-8")
    office.refused("cannot be read")


def test_what_stops_one_sheet_stops_the_next(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that loses every answer costs one sheet its five unknown rows, not each."""
    office.campaign.write_text(CAMPAIGN + "concurrency = 1\n", encoding="utf-8")
    for sheet in range(3):
        rows = "".join(f"Ana;11 9{sheet}{row:03d}-0901;1\n" for row in range(8))
        (office.folder / f"s{sheet}.csv").write_text("Nome;Telefone;Fatura\n" + rows, encoding="utf-8")
    (office.folder / "contatos.csv").unlink()
    code = wegly_batch(
        [
            *("run", *(str(office.folder / f"s{sheet}.csv") for sheet in range(3)), "-c", str(office.campaign)),
            *("--base-url", office.url, "--ledger", f"sqlite:///{office.ledger}"),
            *("--reports", str(office.folder / "reports")),
        ]
    )
    assert code == 5
    assert len(office.sandbox.log.received) == 5
    assert "The other 2 of 3 sheets were not begun" in capsys.readouterr().err


@no_links
def test_the_same_ledger_by_another_path_has_the_same_locks(office: Office) -> None:
    """A link, or `~`, does not make two ledgers of one."""
    office.run()
    link = office.folder / "link.sqlite3"
    link.symlink_to(office.ledger)
    with (
        Ledger.open(f"sqlite:///{link}") as one,
        Ledger.open(f"sqlite:///{office.ledger}") as other,
        one.hold(["campaign x"], Owner.here("r1")),
        pytest.raises(Busy),
        other.hold(["campaign x"], Owner.here("r2")),
    ):
        pytest.fail("both hold it")


def test_a_clean_canary_lets_the_rest_go(office: Office) -> None:
    """Without a terminal it does not ask."""
    office.campaign.write_text(CAMPAIGN + "\n[canary]\nrows = 2\n", encoding="utf-8")
    office.write(*(f"Ana;11 9000{n}-1001;7" for n in range(6)))
    code, summary, _ = office.run()
    assert (code, summary["counts"]["success"]) == (0, 6)


def test_a_canary_that_is_not_clean_stops_the_run(office: Office) -> None:
    """One refusal among the first two: the other four wait."""
    office.campaign.write_text(CAMPAIGN + "\n[canary]\nrows = 2\n", encoding="utf-8")
    office.write("Ana;11 90000-1001;7", "Bia;11 90000-0400;8", *(f"Ana;11 9000{n}-1001;7" for n in range(1, 5)))
    code, summary, _ = office.run()
    assert code == 5
    assert summary["counts"] | {"success": 1, "error": 1, "pending": 4} == summary["counts"]


def test_a_canary_goes_with_a_limit(office: Office) -> None:
    """The limit counts the canary's messages."""
    office.campaign.write_text(CAMPAIGN + "\n[canary]\nrows = 2\n", encoding="utf-8")
    office.write(*(f"Ana;11 9000{n}-1001;7" for n in range(6)))
    code, summary, _ = office.run("--limit", "3")
    assert (code, summary["counts"]["success"], summary["counts"]["pending"]) == (6, 3, 3)


def test_a_clock_before_the_ledgers_newest_entry_sends_nothing(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 5: a clock that was set back would make the ledger's order untrue."""
    office.run()
    monkeypatch.setattr(batch.app.run, "utc_now", lambda: datetime.now(UTC) - timedelta(days=1))
    office.write("Cid;11 90000-1003;7")
    code, _, err = office.run()
    assert code == 5
    assert "clock" in err
    assert len(office.sandbox.log.applied) == 2


def test_the_stamp_names_no_person_and_everybody_may_see_it(office: Office) -> None:
    """Whoever runs the campaign next must see it, so it holds places and counts only."""
    office.run()
    stamp = office.campaign.with_name("teste.toml.stamp")
    if os.name != "nt":  # modes say nothing about other users there
        assert stamp.stat().st_mode & 0o777 == 0o644
    assert "9000" not in stamp.read_text(encoding="utf-8").replace(str(office.folder), "")
