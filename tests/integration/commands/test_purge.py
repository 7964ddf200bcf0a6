"""`wegly-batch purge`: people's data leave ledger and reports, and nobody becomes new by it."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
from office import CREATED, FIRST, Office, person, phones
from systems import no_links

from batch.app.purge import PurgeReport
from batch.app.purge import purge as purge_now
from batch.app.settings import Settings
from batch.cli.output.purge import purge_question
from batch.errors import Declined
from batch.ledger import Ledger, Owner, campaign_lock, sender_lock
from batch.model.outcomes import Evidence

LONG_AGO = timedelta(days=200)
TIMES = {
    "messages": ("sent_at", "again_sent_at"),
    "runs": ("started", "finished"),
    "decisions": ("decided_at",),
    "suppressed": ("added",),
}


def url(office: Office) -> str:
    return f"sqlite:///{office.folder / 'ledger.sqlite3'}"


def age(office: Office, by: timedelta = LONG_AGO) -> None:
    """Let all that the ledger knows have happened earlier."""
    microseconds = by // timedelta(microseconds=1)
    with closing(sqlite3.connect(office.folder / "ledger.sqlite3")) as connection, connection:
        for table, columns in TIMES.items():
            for column in columns:
                connection.execute(f"UPDATE {table} SET {column} = {column} - ?", (microseconds,))  # noqa: S608


def purge(office: Office, *more: object, older_than: str = "180d") -> tuple[int, dict[str, Any]]:
    code, out, err = office.type("purge", "--older-than", older_than, "--json", *more)
    assert "Traceback" not in err
    return code, json.loads(out)


def spellings(phone: str) -> list[str]:
    """Of a phone, as they could lie in a file."""
    digits = "".join(filter(str.isdigit, phone))
    local = digits[2:]
    return [phone, digits, local, f"{local[:5]}-{local[5:]}"]


def contents(file: Path) -> bytes:
    """What is in a file; of a workbook, what is in it unpacked."""
    if file.suffix not in (".xlsx", ".xlsm"):
        return file.read_bytes()
    with ZipFile(file) as archive:
        return b"".join(archive.read(name) for name in archive.namelist())


def traces(office: Office, secrets: Iterable[str]) -> list[str]:
    """Where any of these can be read: in the ledger's files, or in the reports."""
    wanted = list(secrets)
    files = [*office.folder.glob("ledger.sqlite3*"), *(office.folder / "reports").rglob("*")]
    return [
        f"{file.name}: {each}" for file in files if file.is_file() for each in wanted if each.encode() in contents(file)
    ]


def people_of(listed: Iterable[str]) -> list[str]:
    return [each for phone in listed for each in (*spellings(phone), f"Pessoa {phone[-4:]}")]


def test_nobody_is_new_and_nothing_of_anybody_is_left(office: Office) -> None:
    """After a purge no number, name or text is in any file, and the same sheet sends to nobody again."""
    sheet = office.sheet([*phones(6), "nobody@home", "11 9"], name="Zulmira Zanotti.csv")
    campaign = office.campaign()
    before = office.run(sheet, campaign)
    tally = office.type("runs", "--json")[1]
    age(office)
    assert traces(office, people_of(phones(6)))
    code, found = purge(office)
    assert (code, found["exit_code"], found["done"], found["clean"]) == (0, 0, True, True)
    [part] = found["campaigns"]
    assert (part["campaign"], part["runs"], part["messages"]) == ("teste", [before.summary["run"]], 6)
    assert traces(office, [*people_of(phones(6)), "nobody@home", "Zulmira"]) == []
    assert [file.name for file in (office.folder / "reports" / before.summary["run"]).iterdir()] == ["summary.json"]
    assert f"{before.summary['run']}/report." not in (office.folder / "reports/index.html").read_text(encoding="utf-8")
    now = json.loads(office.type("runs", "--json")[1])
    assert [(run["counts"], run["reasons"]) for run in now] == [
        (run["counts"], run["reasons"]) for run in json.loads(tally)
    ]
    again = office.run(sheet, campaign)
    assert again.rows == before.rows
    assert again.rows[:6] == [CREATED] * 6
    assert again.lines[2]["wegly_run"] == before.summary["run"]
    assert len(office.sandbox.log.applied) == 6


def test_what_is_younger_stays(office: Office) -> None:
    """And an old message that a younger run has in its sheet: its report would say less than it did."""
    sheet, campaign = office.sheet(phones(3)), office.campaign()
    office.run(sheet, campaign)
    age(office)
    office.run(office.sheet(phones(1), name="heute.csv"), campaign)
    code, found = purge(office)
    [part] = found["campaigns"]
    assert (code, part["messages"], part["kept"]) == (0, 2, 1)
    assert traces(office, people_of(phones(2, first=2))) == []
    assert traces(office, [person(phones(1)[0])])
    assert purge(office)[1]["campaigns"][0] | {"left": []} == {
        **part,
        "runs": [],
        "messages": 0,
        "files": 0,
        "removed": 0,
    }


def test_a_trial_run_says_what_it_would_do_and_does_nothing(office: Office) -> None:
    """Every file is byte for byte what it was."""
    office.run(office.sheet(phones(2)), office.campaign())
    age(office)
    before = {file: file.read_bytes() for file in (office.folder / "reports").rglob("*") if file.is_file()}
    code, out, err = office.type("purge", "--older-than", "180d", "--dry-run")
    assert (code, err) == (0, "")
    assert "teste (http://127.0.0.1" in out
    assert "1 run, 2 messages, 4 report files" in out
    assert "Nothing was removed yet." in out
    assert {file: file.read_bytes() for file in before} == before
    assert "Purged" not in office.type("ledger", "info")[1]
    assert office.type("purge", "--older-than", "180d")[0] == 0
    assert "time of this machine" in office.type("ledger", "info")[1]
    assert "There is nothing to remove" in office.type("purge", "--older-than", "180d")[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--older-than", "24h"], "younger than 2 days is still needed"),
        (["--older-than", "soon"], "allowed is a time"),
        (["--older-than", "99999999999999w"], "of at most"),
        (["--older-than", "900000d"], "of at most"),
        (["--older-than", "26w", "--campaign", "test"], "no campaign 'test'.*did you mean 'teste'"),
        (["--older-than", "26w", "--ledger", "sqlite:///nowhere.sqlite3"], "There is no ledger"),
        ([], "Name either --older-than"),
    ],
)
def test_what_cannot_be_meant_is_refused(office: Office, words: list[str], said: str) -> None:
    """With a sentence, and nothing is removed."""
    office.run(office.sheet(phones(1)), office.campaign())
    age(office)
    err = office.refused("purge", *words)
    assert re.search(said, err, re.DOTALL)
    assert traces(office, [person(phones(1)[0])])
    assert not (office.folder / "nowhere.sqlite3").exists()


def test_a_no_removes_nothing(office: Office) -> None:
    """The question names what would go, and what goes with it."""
    office.run(office.sheet([*phones(2), "11 90103-0900"]), office.campaign())
    age(office)
    asked: list[str] = []

    def no(plan: PurgeReport) -> bool:
        asked.append(purge_question(plan))
        return False

    with pytest.raises(Declined):
        purge_now(timedelta(days=180), campaign=None, dry_run=False, settings=Settings(ledger=url(office)), confirm=no)
    assert "1 run, 3 messages, 4 report files" in asked[0]
    assert "1 of them is to decide and loses its phone" in asked[0]
    assert asked[0].endswith("Remove this for good?")
    assert traces(office, people_of(phones(2)))
    assert "Purged" not in office.type("ledger", "info")[1]


def test_only_one_campaign_is_purged_when_it_is_named(office: Office) -> None:
    """The other one keeps its people, in ledger and report."""
    office.run(office.sheet(phones(2), name="a.csv"), office.campaign(name="um"))
    office.run(office.sheet(phones(2, first=5), name="b.csv"), office.campaign(name="dois"))
    age(office)
    code, found = purge(office, "--campaign", "UM ")
    assert (code, [part["campaign"] for part in found["campaigns"]]) == (0, ["um"])
    assert traces(office, people_of(phones(2))) == []
    assert traces(office, people_of(phones(2, first=5)))


def test_the_suppression_list_still_holds(office: Office) -> None:
    """Who is on it is not messaged, also by the campaign that was purged, and also when a row waits again."""
    sheet, campaign = office.sheet(phones(3)), office.campaign()
    office.run(sheet, campaign, "--limit", 1)
    age(office)
    office.type("suppress", "add", phones(2)[1])
    code, out, _ = office.type("purge", "--older-than", "180d")
    assert code == 0
    assert "1 person is on it" in out
    assert "2 of them were never sent" in out
    assert traces(office, [person(phones(3)[2])]) == []
    again = office.run(sheet, campaign)
    assert again.rows == [CREATED, ("skipped", "suppressed"), CREATED]
    assert office.sent() == {person(phones(3)[0]): 1, person(phones(3)[2]): 1}


def test_history_that_reaches_further_back_still_holds(office: Office) -> None:
    """Who was messaged by another campaign is known by the hash, at the plan and at the claim."""
    office.run(office.sheet(phones(2)), office.campaign(name="um"))
    age(office)
    assert purge(office)[0] == 0
    other = office.campaign('[history]\nnot_within = "300d"', name="dois")
    again = office.run(office.sheet(phones(3), name="b.csv"), other)
    assert [reason for _, reason in again.rows] == ["recently_messaged", "recently_messaged", "created"]


def test_a_chat_that_was_purged_is_still_known(office: Office) -> None:
    """A message to it by another campaign is `reused`, by that evidence."""
    office.run(office.sheet(phones(1)), office.campaign(name="um"))
    chat = office.sandbox.log.applied[0].chat_id
    age(office)
    assert purge(office)[0] == 0
    assert traces(office, [chat]) == []
    again = office.run(office.sheet(phones(1), name="b.csv"), office.campaign(name="dois"))
    assert (again.rows[0][0], again.lines[2]["wegly_evidence"]) == ("reused", Evidence.KNOWN_CHAT.value)


def test_unknown_rows_stay_unknown(office: Office) -> None:
    """They lose their phone, are not sent again by themselves, and can still be settled by their number."""
    lost = "11 90103-0900"
    sheet, campaign = office.sheet([lost, *phones(1)]), office.campaign()
    first = office.run(sheet, campaign)
    assert first.rows[0][0] == "unknown"
    age(office)
    code, out, _ = office.type("purge", "--older-than", "180d", "--dry-run")
    assert "1 of them is to decide and loses its phone" in out
    code, out, _ = office.type("purge", "--older-than", "180d")
    assert code == 0
    assert "is to decide and is not sent again by itself" in out
    assert traces(office, people_of([lost])) == []
    posts = len(office.sandbox.log.received)
    again = office.run(sheet, campaign)
    assert again.rows[0][0] == "unknown"
    assert len(office.sandbox.log.received) == posts
    code, out, err = office.type("follow", first.summary["run"], "-c", campaign, "--base-url", office.sandbox.url)
    assert (code, "no run of this ledger has recorded a chat" in out) == (0, True), err
    report = office.folder / "reports" / first.summary["run"] / "results.csv"
    assert office.type("report", first.summary["run"])[0] == 0
    head, *lines = report.read_text(encoding="utf-8-sig").splitlines()
    decided = [f"{head};wegly_settle", *(f"{line};sent" if ";unknown;" in line else f"{line};" for line in lines)]
    report.write_text("\n".join(decided), encoding="utf-8")
    code, out, err = office.type("settle", report, "--yes")
    assert code == 2, "which of its rows is whose nobody can tell"
    assert "its phone is not the one in the ledger" in err
    code, out, err = office.type("settle", first.summary["run"], "--sent", 2, "--yes")
    assert code == 0, err
    assert office.run(sheet, campaign).rows[0] == ("success", "settled_sent")


def test_an_error_is_tried_again_only_when_its_row_changed(office: Office) -> None:
    """As before the purge: the hash of the request is known again."""
    refused = "11 90100-0400"
    sheet, campaign = office.sheet([refused]), office.campaign()
    assert office.run(sheet, campaign).rows[0][0] == "error"
    age(office)
    assert purge(office)[0] == 0
    posts = len(office.sandbox.log.received)
    assert office.run(sheet, campaign).rows[0][0] == "error"
    assert len(office.sandbox.log.received) == posts
    office.write("contatos.csv", f"Nome;Telefone\nOutra Pessoa;{refused}\n")
    office.run(sheet, campaign)
    assert len(office.sandbox.log.received) == posts + 1


def test_a_row_that_was_corrected_stays_so_and_names_nobody(office: Office) -> None:
    """The original's report shows the outcome after the purge; while the original is in use, its correction stays."""
    sheet, campaign = office.sheet([*phones(1), "97001-4001"]), office.campaign()
    run = office.run(sheet, campaign).summary["run"]
    fixed = office.folder / "corrigida.xlsx"
    book = openpyxl.load_workbook(office.folder / "reports" / run / "retry.xlsx")
    book.worksheets[0].cell(2, 2).value = "11 97001-4001"
    book.save(fixed)
    office.run(fixed, campaign)
    corrected = "11 97001-4001"
    assert office.sent() == {person(phones(1)[0]): 1, person(corrected): 1}
    age(office)
    again = office.run(sheet, campaign)
    assert purge(office)[1]["campaigns"][0]["messages"] == 0
    assert office.type("report", again.summary["run"])[0] == 0
    assert traces(office, ["97001-4001"])
    age(office)
    assert purge(office)[1]["campaigns"][0]["messages"] == 2
    assert office.type("report", run)[0] == 0
    table = (office.folder / "reports" / run / "results.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(";")[1] for line in table[1:]] == ["success", "success"]
    assert ";#" not in "".join(table)
    assert traces(office, people_of([*phones(1), corrected])) == []


def test_trials_are_purged_too(office: Office) -> None:
    """The number that a trial went to is in no sheet, but it is somebody's."""
    sheet, campaign, mine = office.sheet(phones(1)), office.campaign(), phones(1, first=9)[0]
    office.type(*office.command(sheet, campaign, "--to", mine))
    assert office.sent() == {person(mine): 1}
    age(office)
    assert purge(office, "--campaign", "teste")[0] == 0
    assert traces(office, [*people_of([mine]), *people_of(phones(1))]) == []


def test_the_report_of_a_purged_run_says_so(office: Office) -> None:
    """Row, outcome, reason and times are there, the phone and the sheet's own columns are not; nothing comes back."""
    sheet, campaign = office.sheet([*phones(2), "no phone"]), office.campaign()
    run = office.run(sheet, campaign).summary["run"]
    age(office)
    assert purge(office)[0] == 0
    code, out, err = office.type("report", run)
    assert code == 0, err
    assert "was purged on" in out + err
    table = (office.folder / "reports" / run / "results.csv").read_text(encoding="utf-8-sig").splitlines()
    assert table[0].startswith("row;wegly_status;")
    assert [line.split(";")[1] for line in table[1:]] == ["success", "success", "error"]
    assert "\N{HORIZONTAL ELLIPSIS} is not a phone number" in table[3]
    assert traces(office, [*people_of(phones(2)), "no phone"]) == []
    assert json.loads((office.folder / "reports" / run / "summary.json").read_text())["purged"]
    assert "no column 'Telefone'" in office.refused(
        *office.command(office.folder / "reports" / run / "results.csv", campaign)
    )


@no_links
def test_a_folder_that_is_not_ours_is_left_alone(office: Office) -> None:
    """A link, another run's folder, a person's own files: nothing is followed, and what stays is named."""
    campaign = office.campaign()
    runs = [office.run(office.sheet(phones(count)), campaign).summary["run"] for count in (2, 3, 4)]
    age(office)
    reports, elsewhere = office.folder / "reports", office.folder / "elsewhere"
    (reports / runs[0] / "minhas notas.xlsx").write_bytes(b"mine")
    for name in ("report (2).xlsx", "retry-2.xlsx", "report (ledger only).html", ".results.csv.x1.part"):
        (reports / runs[0] / name).write_bytes(b"ours")
    (reports / runs[0] / ".sheet").mkdir()
    (reports / runs[0] / ".sheet" / "contatos.csv").write_text("11 97001-2001")
    assert office.type("report", runs[0], "--mask")[0] == 0
    earlier = (reports / runs[0] / "redacted").rename(reports / runs[0] / "masked")
    (earlier / "report (redacted).xlsx").rename(earlier / "report (masked).xlsx")
    assert office.type("report", runs[0], "--redacted")[0] == 0
    (reports / runs[0] / "masked" / "carta.docx").write_bytes(b"mine too")
    target = office.write("target.xlsx", "not to be touched")
    (reports / runs[0] / "retry.xlsx").unlink(missing_ok=True)
    (reports / runs[0] / "retry.xlsx").symlink_to(target)
    (reports / runs[1]).rename(elsewhere)
    (reports / runs[1]).symlink_to(elsewhere)
    (reports / runs[2] / "summary.json").write_text('{"run": "another"}')
    code, out, _ = office.type("purge", "--older-than", "180d")
    assert code == 5
    assert "minhas notas.xlsx" in out
    assert f"{reports / runs[1]} is not the one that the run made" in out
    left = sorted(file.relative_to(reports / runs[0]).as_posix() for file in (reports / runs[0]).rglob("*"))
    kept = ["masked", "masked/carta.docx", "masked/summary.json", "minhas notas.xlsx"]
    assert left == [*kept, "redacted", "redacted/summary.json", "summary.json"]
    assert "carta.docx" in out
    assert target.read_text() == "not to be touched"
    assert (elsewhere / "report.xlsx").exists()
    assert (reports / runs[2] / "report.xlsx").exists()


def test_a_ledger_that_names_another_folder_touches_nothing_there(office: Office) -> None:
    """A ledger of others may name any folder as that of a run: only names of our form are folders of runs."""
    ran = office.run(office.sheet(phones(1)), office.campaign())
    documents = office.folder / "Documents"
    (documents / ".sheet-mine").mkdir(parents=True)
    (documents / "report.xlsx").write_bytes(b"mine")
    with closing(sqlite3.connect(office.folder / "ledger.sqlite3")) as connection, connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("UPDATE runs SET report_dir = ?", (str(documents),))
    assert office.type("report", ran.summary["run"])[0] == 0
    assert (documents / "report.xlsx").read_bytes() == b"mine"
    with closing(sqlite3.connect(office.folder / "ledger.sqlite3")) as connection, connection:
        connection.execute("UPDATE runs SET run = 'Documents'")
    age(office)
    assert office.type("purge", "--older-than", "180d")[0] == 5
    assert sorted(file.name for file in documents.iterdir()) == [".sheet-mine", "report.xlsx"]
    assert "which is no name that wegly-batch gives" in office.type("report", "Documents")[2]


def test_what_cannot_be_removed_is_told_and_done_later(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A workbook that is open in Excel on Windows: the rest is done, exit 5, and the same command finishes it."""
    run = office.run(office.sheet(phones(2)), office.campaign()).summary["run"]
    age(office)
    unlink = Path.unlink

    def held(path: Path, **more: bool) -> None:
        if path.name == "report.xlsx":
            raise PermissionError(13, "Permission denied")
        unlink(path, **more)

    monkeypatch.setattr(Path, "unlink", held)
    code, out, _ = office.type("purge", "--older-than", "180d")
    assert code == 5
    assert "report.xlsx could not be removed: Permission denied" in out
    assert "Give the same command again" in out
    monkeypatch.undo()
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", url(office))
    code, found = purge(office)
    assert (code, found["campaigns"][0]["removed"]) == (0, 1)
    assert [file.name for file in (office.folder / "reports" / run).iterdir()] == ["summary.json"]


def test_a_campaign_that_is_sending_is_left_out(office: Office) -> None:
    """Exit 75 names it; the others are purged, and the file is written anew when nobody is sending."""
    office.run(office.sheet(phones(2), name="a.csv"), office.campaign(name="um"))
    office.run(office.sheet(phones(2, first=5), name="b.csv"), office.campaign(name="dois"))
    age(office)
    endpoint = office.sandbox.url
    with Ledger.open(url(office)) as ledger:
        with ledger.hold([campaign_lock("um", endpoint)], Owner.here("r9")):
            code, found = purge(office)
            assert (code, found["clean"]) == (75, False)
            assert [part["campaign"] for part in found["campaigns"]] == ["dois"]
            assert "campaign um" in found["problems"][0]
        with ledger.hold([sender_lock(FIRST, endpoint)], Owner.here("r9")):
            assert purge(office)[0] == 75
    assert traces(office, people_of(phones(2)))
    code, found = purge(office)
    assert (code, found["clean"]) == (0, True)
    assert traces(office, people_of([*phones(2), *phones(2, first=5)])) == []


@pytest.mark.long
def test_a_purge_that_is_killed_is_finished_by_the_next(office: Office) -> None:
    """kill -9 all over it; whatever it leaves is a ledger that knows everybody, and the next purge cleans it."""
    count = 60
    sheet, campaign = office.sheet(phones(count)), office.campaign()
    office.run(sheet, campaign)
    age(office)
    words = [sys.executable, "-c", KILLED, "purge", "--older-than", "180d", "--ledger", url(office)]
    killed = 0
    for step in range(1, 40):
        ended = subprocess.run([*words], env={**os.environ, "KILL_AT": str(step)}, check=False, capture_output=True)
        killed += ended.returncode == -signal.SIGKILL
        if ended.returncode == 0:
            break
        _, out, err = office.type("check", sheet, "-c", campaign, "--base-url", office.sandbox.url, "--json")
        assert json.loads(out)["counts"]["success"] == count, err
        assert office.type("report")[0] == 0
    assert killed > 5
    assert ended.returncode == 0
    assert purge(office)[0] == 0
    assert traces(office, people_of(phones(count))) == []
    assert office.run(sheet, campaign).rows == [CREATED] * count
    assert len(office.sandbox.log.applied) == count


KILLED = """
import os, signal, sys
from pathlib import Path
import batch.ledger.admin.purge as purging
from sqlalchemy import event
from batch.cli.main import main
from batch.ledger.storage.sqlite import SqliteFile

left = int(os.environ["KILL_AT"])
purging._MESSAGES_PER_STEP, purging._ROWS_PER_STEP = 20, 20


def step():
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def stepping(function):
    def work(*args, **named):
        step()
        found = function(*args, **named)
        step()
        return found
    return work


purging.Retention._write = stepping(purging.Retention._write)
SqliteFile.rewrite = stepping(SqliteFile.rewrite)
Path.unlink = stepping(Path.unlink)
main()
"""
