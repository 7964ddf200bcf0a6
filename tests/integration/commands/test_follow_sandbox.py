"""`run` and then `follow` over the sandbox: each way of a message, from the report to the suppression list."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from zipfile import ZipFile

import pytest
from office import Office
from openpyxl import load_workbook
from systems import split_command

from batch.app import follow as following
from batch.app import looks
from batch.formatting import from_here
from batch.sandbox import WAYS


def test_each_way_of_a_message_is_seen_twenty_minutes_later(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrived, failed, was answered; who is on the list, by the campaign's words too; who is to be decided."""
    contacts = {digits: f"11 9{row:04}-{digits}" for row, digits in enumerate(WAYS, 7100)}
    more = '[suppress]\nreply_words = ["Obrigada"]\nbuttons = ["não quero receber"]\n[prices]\nper_message = "0.35"'
    sheet, campaign = office.sheet(contacts.values()), office.campaign(more)
    first = office.run(sheet, campaign)
    assert first.summary["counts"]["success"] == len(WAYS)
    assert "delivery" not in first.summary
    log = (office.folder / "reports" / first.summary["run"] / "run.log").read_text("utf-8")
    assert (log.count('"message_id": "'), log.count('"message_status": "processing"')) == (len(WAYS), len(WAYS))
    real_here = following.utc_now
    office.sandbox.log.passed = timedelta(minutes=15)
    for module in (following, looks):
        monkeypatch.setattr(module, "utc_now", lambda: real_here() + timedelta(minutes=15))
    code, out, err = office.type(
        "follow", first.summary["run"], "--base-url", office.sandbox.url, "--rate", "90/s", "--json"
    )
    assert code == 0, err
    ended = json.loads(out)
    shown = ended["delivery"]
    assert {state: count for state, count in shown["states"].items() if count} == {
        "processing": 1,
        "sent": 1,
        "failed": 5,
        "delivered": 1,
        "read": 8,
    }
    assert {each["code"] for each in shown["failures"]} == {131026, 131049, 131050, 132015, None}
    assert (shown["replied"], shown["opted_out"]) == (4, 4)
    listed = {"".join(filter(str.isdigit, each["phone"]))[-4:] for each in ended["opted_out"]}
    assert listed == {"0706", "0709", "0711", "0714"}
    assert [each["phone"][-4:] for each in ended["to_decide"]] == ["0710"]
    assert len(office.sandbox.log.received) == len(WAYS)
    code, out, err = office.type("report", first.summary["run"], "--json")
    assert json.loads(out)["delivery"] == shown
    head = (office.folder / "reports" / first.summary["run"] / "report.html").read_text("utf-8")
    for step, messages in {"Delivered, at least": 9, "Read, at least": 8, "Failed": 5, "On the way": 2}.items():
        assert re.search(rf"{step}\s*</[^>]+>\s*<[^>]+>\s*{messages}\s*<", head), step
    rows_have_what_arrived(office, first.summary["run"], contacts)
    assert (shown["to_decide"], shown["rates"]) == (1, [])
    assert shown["costs"] == [{"currency": "BRL", "expected": "5.60", "delivered": "3.15"}]
    lists_say_what_arrived(office, first.summary["run"], head)
    again = office.run(sheet, office.campaign(name="outra"))
    assert [row for row in again.rows if row[1] == "suppressed"] == [("skipped", "suppressed")] * 5


def rows_have_what_arrived(office: Office, run: str, contacts: Iterable[str]) -> None:
    """results.csv and report.xlsx have the same in their columns."""
    told = dict(zip(contacts, office.lines(run), strict=True))
    assert {digits: told[digits]["wegly_delivery"] for digits in ("0700", "0702", "0703", "0705", "0708", "0709")} == {
        "0700": "delivered",
        "0702": "processing",
        "0703": "sent",
        "0705": "failed",
        "0708": "failed",
        "0709": "read",
    }
    assert told["0705"]["wegly_delivery_reason"] == "131049 Not delivered to maintain healthy engagement"
    assert (told["0709"]["wegly_reply"], told["0710"]["wegly_reply"]) == ("opt_out", "text")
    assert told["0711"]["wegly_reply"] == "opt_out"
    assert told["0712"]["wegly_reply"] == told["0712"]["wegly_replied_at"] == ""
    assert told["0709"]["wegly_replied_at"] > told["0709"]["wegly_sent_at"]
    report = office.folder / "reports" / run / "report.xlsx"
    book = load_workbook(report)["contatos"]
    header, *rows = ([cell.value for cell in row] for row in book)
    for digits, row in zip(contacts, rows, strict=True):
        shown = dict(zip(header, row, strict=True))
        assert shown["wegly_delivery"] == told[digits]["wegly_delivery"]
        assert isinstance(shown["wegly_delivery_seen_at"], datetime)


def lists_say_what_arrived(office: Office, run: str, head: str) -> None:
    """Summary, runs and index have the page's figures and the command to type; a redacted one no words, no phone."""
    report, plain = office.folder / "reports" / run / "report.xlsx", html.unescape(head)
    (command,) = set(re.findall(r'wegly-batch suppress add "[^"]+"[^"<]+', re.sub(r"<button.*?</button>", "", plain)))
    rest = f" --only-at {office.sandbox.url} --ledger sqlite:///{from_here(office.folder / 'ledger.sqlite3')}"
    assert command.endswith(f'0710"{rest}')
    assert command in office.type("report", run)[1]
    headline = "Delivered at least 9 of 16 messaged (read at least 8), failed 5, on the way 2; 4 replied, 4 opted out."
    assert headline in office.type("runs")[1]
    assert headline in plain.partition("<main>")[0]
    index = (office.folder / "reports" / "index.html").read_text("utf-8")
    assert "Delivered at least 9 of 16 messaged (read at least 8), failed 5, on the way 2;" in index
    lines = [[cell.value for cell in row] for row in load_workbook(report)["Summary"]]
    texts = [value for line in lines for value in line if isinstance(value, str)]
    assert [text for text in texts if text.startswith(headline)]
    decide = next(number for number, line in enumerate(lines) if command in line)
    assert [line[1] for line in lines[decide - 2 : decide - 1]] == ["Replies to decide"]
    assert not any([*lines[decide - 3], *lines[decide + 1]])
    assert {"What arrived", "Delivered, at least", "Message undeliverable", "131026"} <= set(texts)
    assert (
        "Cost of what was delivered, at least: BRL 3.15. Expected, if all that was accepted arrives: BRL 5.60." in texts
    )
    code, out, err = office.type(*split_command(command)[1:])
    assert (code, "is on the list now" in out) == (0, True), err
    assert office.type("report", run)[1].count("suppress add") == 0
    assert office.type("suppress", "list")[1].count("+55 11 97110-0710") == 1
    office.type("report", run, "--redacted")
    for file in (report.parent / "redacted").iterdir():
        kept = (
            b"".join(ZipFile(file).read(name) for name in ZipFile(file).namelist()) if file.suffix == ".xlsx" else b""
        )
        kept = kept or file.read_bytes()
        assert b"Message undeliverable" not in kept
        assert b"0710" not in kept
