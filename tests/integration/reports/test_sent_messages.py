"""Messages in the page: what a row's person got, rendered again from the sheet, and only where it was that."""

from __future__ import annotations

import json
import re
from pathlib import Path
from zipfile import ZipFile

from office import Office, Ran, phones


def details(folder: Path) -> dict[str, tuple[str | None, str | None]]:
    """Text and id of each message that the page of a report holds, by row."""
    page = next(folder.glob("report*.html")).read_text("utf-8")
    found = re.findall(r'<script type="application/json" id="messages">(.*?)</script>', page)
    return {row: (text, known) for row, (text, known) in json.loads(found[0]).items()}


def messages(folder: Path) -> dict[str, str | None]:
    """The texts alone."""
    return {row: text for row, (text, _) in details(folder).items()}


def again(office: Office, ran: Ran, *more: str) -> Path:
    """The folder of the report that `report` writes again."""
    assert office.type("report", ran.summary["run"], *more)[0] == 0
    return next((office.folder / "reports").iterdir())


def test_the_message_is_in_the_page_while_sheet_and_campaign_are_those_that_were_sent(office: Office) -> None:
    """By the run and by a later report; with another text, other values or no campaign it is not known any more."""
    campaign, sheet = office.campaign(), office.sheet([*phones(2), "falta"])
    ran = office.run(sheet, campaign)
    folder = next(path for path in (office.folder / "reports").iterdir() if path.is_dir())
    names = [line.split(";")[0] for line in sheet.read_text("utf-8").splitlines()[1:3]]
    sent = {"2": f"Ola {names[0]}", "3": f"Ola {names[1]}"}
    assert messages(folder) == sent
    log = [json.loads(line) for line in (folder / "run.log").read_text("utf-8").splitlines()]
    ids = [f"{line['message_id']} · {line['message_status']}" for line in log if line.get("message_id")]
    assert len(ids) == 2
    assert sorted(known or "" for _, known in details(folder).values()) == sorted(ids)
    again(office, ran)
    assert messages(folder) == sent
    text = campaign.read_text("utf-8")
    for changed in (text.replace("Ola {{1}}", "Oi {{1}}"), text.replace('value = "{Nome}"', 'value = "{Nome|upper}"')):
        campaign.write_text(changed, "utf-8")
        again(office, ran)
        assert messages(folder) == {"2": None, "3": None}
    campaign.unlink()
    again(office, ran)
    assert messages(folder) == {"2": None, "3": None}


def test_a_masked_report_and_the_ledger_hold_no_message(office: Office) -> None:
    """No text in the page that is passed on, and none in the ledger, once it was sent."""
    sheet = office.sheet(phones(1))
    ran = office.run(sheet, office.campaign())
    name = sheet.read_text("utf-8").splitlines()[1].split(";")[0]
    again(office, ran, "--redacted")
    masked = next((office.folder / "reports").glob("*/redacted"))
    assert messages(masked) == {}
    page = next(masked.glob("*.html")).read_text("utf-8")
    assert name not in page
    assert "wegly-batch run" not in page.partition("<script")[0]
    assert f"Ola {name}".encode() not in b"".join(
        file.read_bytes() for file in office.folder.glob("*.sqlite3*") if file.is_file()
    )


def test_a_rehearsal_is_marked(office: Office) -> None:
    """In the check and its page; in the page of the run, in the workbook and in the list of runs."""
    sheet, campaign = office.sheet(phones(1)), office.campaign()
    mark = f"REHEARSAL: it goes to {office.sandbox.url} on this machine"
    assert mark in office.type("check", sheet, "-c", campaign, "--base-url", office.sandbox.url, "--open")[1]
    reports = office.folder / "reports"
    assert mark in (reports / "check" / "contatos.html").read_text("utf-8")
    office.run(sheet, campaign)
    assert 'class="rehearsal"' in next(reports.glob("*/report.html")).read_text("utf-8")
    assert 'class="rehearsal">REHEARSAL' in (reports / "index.html").read_text("utf-8")
    with ZipFile(next(reports.glob("*/report.xlsx"))) as book:
        assert any(b"REHEARSAL: sent to http://127.0.0.1" in book.read(name) for name in book.namelist())
