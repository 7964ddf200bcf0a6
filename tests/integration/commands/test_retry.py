"""retry.xlsx: rows are corrected in it, it is run, and every report of the original sheet shows what became of them."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from office import Office, Ran, person, phones
from openpyxl.worksheet.worksheet import Worksheet
from rights import is_private

from batch.reporter import retry

NO_AREA_CODE = "97001-4001"
REFUSED = "11 97001-0422"
"""The sandbox refuses it for good."""
FIELDS = ["wegly_reason", "wegly_message", "wegly_action", "wegly_origin_file", "wegly_origin_row", "wegly_origin_run"]
MAC = "wegly_origin_mac"


def page(path: Path) -> Worksheet:
    found = openpyxl.load_workbook(path).active
    assert isinstance(found, Worksheet)
    return found


def table(path: Path) -> dict[int, dict[str, Any]]:
    """Row number to cells by heading."""
    header, *lines = page(path).iter_rows(values_only=True)
    return {number: dict(zip(map(str, header), line, strict=True)) for number, line in enumerate(lines, 2)}


def correct(path: Path, cells: Mapping[tuple[int, str], Any], *, to: Path | None = None) -> Path:
    """Change cells, named by row and heading, and save: in place, or as another file."""
    book = openpyxl.load_workbook(path)
    (sheet,) = book.worksheets
    headings = {cell.value: cell.column for cell in sheet[1]}
    for (row, name), value in cells.items():
        sheet.cell(row, headings[name]).value = value
    book.save(to or path)
    return to or path


def folder_of(office: Office, run: Ran) -> Path:
    return office.folder / "reports" / str(run.summary["run"])


def retry_of(office: Office, run: Ran) -> Path:
    return folder_of(office, run) / "retry.xlsx"


def reported(office: Office, run: Ran) -> tuple[dict[str, Any], dict[int, dict[str, str]], str]:
    """`report` of a run: its summary, its lines by row, and what was printed."""
    code, out, err = office.type("report", run.summary["run"])
    assert code == 0, err
    folder = folder_of(office, run)
    text = (folder / "results.csv").read_text(encoding="utf-8-sig")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    lines = dict(enumerate(csv.DictReader(text.splitlines(), delimiter=";"), 2))
    assert sum(summary["counts"].values()) == len(lines)
    book = openpyxl.load_workbook(folder / "report.xlsx")
    in_book = [row for row in book.worksheets[-1].iter_rows(min_row=2, values_only=True) if any(row)]
    statuses = [line["wegly_status"] for line in lines.values()]
    assert [next(cell for cell in row if cell in summary["counts"]) for row in in_book] == statuses
    return summary, lines, out


def outcomes(lines: Mapping[int, Mapping[str, str]]) -> list[tuple[str, str]]:
    return [(line["wegly_status"], line["wegly_reason"]) for line in lines.values()]


def test_it_holds_the_rows_in_error_alone_as_they_are(office: Office) -> None:
    """Their own columns, as text, then why and what to do, then where they stand; private."""
    sheet = office.sheet([*phones(1), NO_AREA_CODE, REFUSED, ""])
    run = office.run(sheet, office.campaign())
    path = retry_of(office, run)
    assert is_private(path)
    found = table(path)
    assert list(found[2]) == ["Nome", "Telefone", *FIELDS, MAC]
    assert [(row["Nome"], row["Telefone"]) for row in found.values()] == [
        ("Pessoa 4001", NO_AREA_CODE),
        ("Pessoa 0422", REFUSED),
        ("Pessoa", None),
    ]
    assert [row["wegly_reason"] for row in found.values()] == ["phone_no_area_code", "api_refused", "phone_missing"]
    origins = [tuple(row[name] for name in FIELDS[3:]) for row in found.values()]
    assert origins == [("contatos.csv", row, run.summary["run"]) for row in (3, 4, 5)]
    sheet_of_it = page(path)
    assert (sheet_of_it.title, sheet_of_it.freeze_panes, sheet_of_it.auto_filter.ref) == ("contatos", "A2", "A1:I4")
    assert {cell.number_format for cell in sheet_of_it["B"][1:]} == {"@"}
    marked = [
        cell.coordinate
        for row in sheet_of_it.iter_rows(max_col=2)
        for cell in row
        if "FCE4D6" in str(cell.fill.fgColor.rgb)
    ]
    assert marked == ["B2", "B4"]


def test_in_its_folder_it_leads_to_the_campaign_of_its_run(office: Office) -> None:
    """Without -c; as does report.xlsx beside it."""
    office.run(office.sheet([*phones(1), NO_AREA_CODE]), office.campaign())
    (folder,) = (each for each in (office.folder / "reports").iterdir() if each.is_dir())
    for name in ("retry.xlsx", "report.xlsx"):
        code, out, err = office.type("check", folder / name, "--base-url", office.sandbox.url)
        assert code == 3, err
        assert "1 row has errors" in out


def test_corrected_and_run_its_results_join_the_campaign(office: Office) -> None:
    """Sent once; the original's report, written again or made by a run of it, shows the corrected row's outcome."""
    sheet, campaign = office.sheet([*phones(2), NO_AREA_CODE, REFUSED, "abc"]), office.campaign()
    first = office.run(sheet, campaign)
    assert (first.code, first.summary["counts"]["error"]) == (3, 3)
    corrected = correct(
        retry_of(office, first), {(2, "Telefone"): f"11 {NO_AREA_CODE}", (3, "Telefone"): "1197001-4002"}
    )
    second = office.run(corrected, campaign)
    assert (second.code, second.rows) == (3, [("success", "created")] * 2 + [("error", "phone_not_a_number")])

    summary, lines, said = reported(office, first)
    assert outcomes(lines) == [("success", "created")] * 4 + [("error", "phone_not_a_number")]
    assert lines[4]["wegly_phone"] == "+55 11 97001-4001"
    assert lines[4]["wegly_run"] == second.summary["run"]
    assert f"Corrected in retry.xlsx, row 2 of run {second.summary['run']}." in lines[4]["wegly_message"]
    assert f"It is still an error in retry.xlsx, row 4 of run {second.summary['run']}." in lines[6]["wegly_message"]
    assert summary["counts"]["success"] == 4
    assert "retry.xlsx was changed since it was written, so it stays as it is" in said
    assert table(corrected)[2]["Telefone"] == f"11 {NO_AREA_CODE}"

    again = office.run(sheet, campaign)
    assert (again.code, outcomes(again.lines), again.summary["this_run"]["attempts"]) == (3, outcomes(lines), 0)
    assert [row["Nome"] for row in table(retry_of(office, again)).values()] == ["Pessoa abc"]
    assert office.type("runs")[1].count("       4  ") >= 2
    assert set(office.sent().values()) == {1}


def test_a_row_that_is_wrong_again_leads_back_to_the_original(office: Office) -> None:
    """The retry of a retry names the first sheet's row; corrected there at last, all three sheets are done."""
    sheet, campaign = office.sheet([*phones(1), "abc"]), office.campaign()
    first = office.run(sheet, campaign)
    second = office.run(correct(retry_of(office, first), {(2, "Telefone"): "abcd"}), campaign)
    (row,) = table(retry_of(office, second)).values()
    assert [row[name] for name in FIELDS[3:]] == ["contatos.csv", 3, first.summary["run"]]
    assert row["Telefone"] == "abcd"
    third = office.run(correct(retry_of(office, second), {(2, "Telefone"): "11 97001-4003"}), campaign)
    assert third.rows == [("success", "created")]
    for run, number in ((first, 3), (second, 2)):
        _, lines, _ = reported(office, run)
        assert lines[number]["wegly_run"] == third.summary["run"], number
        assert "Corrected in retry.xlsx, row 2" in lines[number]["wegly_message"]
    assert office.run(sheet, campaign).code == 0
    assert office.run(retry_of(office, first), campaign).code == 0
    assert set(office.sent().values()) == {1}


def test_run_as_it_is_nothing_is_sent(office: Office) -> None:
    """What was not touched is as wrong as before: unreadable cells, malformed rows, refusals of the API."""
    lines = ["Nome;Telefone;Obs", "Ana;97001-4001;x", f"Bia;{REFUSED};x", "Caio;11 97001-4002", ";11 97001-4003;x"]
    sheet = office.write("contatos.csv", "\n".join([*lines, "Dora;11 97001-4004;x;mais", "Edu;11 97001-4005;x"]) + "\n")
    campaign = office.campaign()
    first = office.run(sheet, campaign)
    before = [reason for _, reason in first.rows[:-1]]
    assert before == ["phone_no_area_code", "api_refused", "row_malformed", "value_missing", "row_malformed"]
    second = office.run(retry_of(office, first), campaign)
    assert [reason for _, reason in second.rows] == before
    assert second.summary["this_run"]["attempts"] == 0
    action = table(retry_of(office, first))[4]["wegly_action"]
    assert action.startswith("Correct the cells of this row, then empty its cell wegly_reason")
    correct(retry_of(office, first), {(4, "Obs"): "y", (4, "wegly_reason"): None})
    third = office.run(retry_of(office, first), campaign)
    assert third.rows[2] == ("success", "created")


def test_an_unreadable_cell_is_no_empty_one(office: Office) -> None:
    """An error cell stays one, though the campaign has a default for an empty cell; a default would send it."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for line in (["Nome", "Telefone", "Agente"], ["Ana", "11 97001-4001", "#REF!"], ["Bia", "11 97001-4002", None]):
        sheet.append(line)
    book.save(office.folder / "contatos.xlsx")
    campaign = office.campaign(columns='assigned_agent_id = { column = "Agente", default = "" }')
    first = office.run(office.folder / "contatos.xlsx", campaign)
    assert first.rows == [("error", "cell_unreadable"), ("success", "created")]
    assert page(retry_of(office, first))["C2"].value == "#REF!"
    second = office.run(retry_of(office, first), campaign)
    assert second.rows == [("error", "cell_unreadable")]
    third = office.run(correct(retry_of(office, first), {(2, "Agente"): None}), campaign)
    assert third.rows == [("success", "created")]


@pytest.mark.parametrize("number", [4, 0], ids=["header in row 4", "no header"])
def test_what_the_campaign_says_of_the_original_does_not_disturb(office: Office, number: int) -> None:
    """A worksheet's name and a header's row are the original's; origin rows are numbered as people see them there."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Contatos nov"
    book.create_sheet("Outra").append(["Telefone", "Nome"])
    for row, line in enumerate([("Ana", "97001-4001"), ("Bia", "11 97001-4002"), ("Caio", "x1")], number + 2):
        for column, value in enumerate(line, 2):
            sheet.cell(row, column, value)
    if number:
        sheet.cell(1, 1, "Lista")
        sheet.cell(number, 2, "Nome")
        sheet.cell(number, 3, "Telefone")
    sheet.row_dimensions[number + 3].hidden = True
    book.save(office.folder / "contatos.xlsx")
    header = f"header_row = {number}" if number else ""
    campaign = office.campaign(f'[sheet]\nname = "Contatos nov"\n{header}\nhidden_rows = "send"')
    if not number:
        text = campaign.read_text(encoding="utf-8").replace('"Telefone"', '"column C"').replace("{Nome}", "{column B}")
        campaign.write_text(text, encoding="utf-8")
    first = office.run(office.folder / "contatos.xlsx", campaign)
    found = table(retry_of(office, first))
    assert [row["wegly_origin_row"] for row in found.values()] == [number + 2, number + 4]
    assert list(found[2])[:2] == (["Nome", "Telefone"] if number else ["column B", "column C"])
    second = office.run(correct(retry_of(office, first), {(2, list(found[2])[1]): "11 97001-4001"}), campaign)
    assert second.rows == [("success", "created"), ("error", "phone_not_a_number")]
    assert office.run(office.folder / "contatos.xlsx", campaign).summary["counts"]["success"] == 2


def test_a_text_file_with_a_worksheets_name_in_the_campaign(office: Office) -> None:
    """`[sheet] name` did not matter for the CSV file, and does not keep its retry.xlsx from being read."""
    campaign = office.campaign('[sheet]\nname = "Planilha1"')
    first = office.run(office.sheet(["abc"], name="leads.csv"), campaign)
    second = office.run(correct(retry_of(office, first), {(2, "Telefone"): "11 97001-4001"}), campaign)
    assert second.rows == [("success", "created")]


def test_corrected_in_both_the_same_person_gets_one_message(office: Office) -> None:
    """The original corrected as well is another sheet: its rows count by themselves, and nobody is messaged twice."""
    campaign = office.campaign()
    first = office.run(office.sheet([*phones(1), NO_AREA_CODE, "abc"]), campaign)
    cells = {(2, "Telefone"): f"11 {NO_AREA_CODE}", (3, "Telefone"): "11 97001-4002"}
    second = office.run(correct(retry_of(office, first), cells), campaign)
    edited = office.sheet([*phones(1), f"(11) {NO_AREA_CODE}", "11 97001-4009"])
    third = office.run(edited, campaign)
    assert third.rows == [("success", "created")] * 3
    assert third.lines[3]["wegly_run"] == second.summary["run"]
    assert third.lines[4]["wegly_phone"] == "+55 11 97001-4009"
    assert set(office.sent().values()) == {1}
    assert len(office.sent()) == 4


def test_what_was_sent_as_corrected_is_not_sent_as_it_was(office: Office) -> None:
    """`--retry-errors` on the original leaves a refused number alone whose row was corrected to another one."""
    sheet, campaign = office.sheet([*phones(1), REFUSED]), office.campaign()
    first = office.run(sheet, campaign)
    office.run(correct(retry_of(office, first), {(2, "Telefone"): "11 97001-4002"}), campaign)
    before = len(office.sandbox.log.received)
    again = office.run(sheet, campaign, "--retry-errors")
    assert len(office.sandbox.log.received) == before
    assert (again.code, again.rows) == (0, [("success", "created")] * 2)
    code, out, _ = office.type(
        "check", sheet, "-c", campaign, "--base-url", office.sandbox.url, "--retry-errors", "--json"
    )
    found = json.loads(out)
    assert (code, found["counts"]["success"], found["to_send"]) == (0, 2, 0)
    _, lines, _ = reported(office, again)
    assert lines[3]["wegly_phone"] == "+55 11 97001-4002"


def test_a_correction_that_waits_is_pending_in_the_original(office: Office) -> None:
    """It says which file is to be run again; then it is sent."""
    sheet, campaign = office.sheet(["abc", "abcd"]), office.campaign()
    first = office.run(sheet, campaign)
    cells = {(2, "Telefone"): "11 97001-4001", (3, "Telefone"): "11 97001-4002"}
    second = office.run(correct(retry_of(office, first), cells), campaign, "--limit", "1")
    again = office.run(sheet, campaign)
    assert (again.code, again.rows) == (6, [("success", "created"), ("pending", "correction_waits")])
    assert again.message(3) == f"Corrected in retry.xlsx, row 3 of run {second.summary['run']}, and not sent yet."
    assert again.lines[3]["wegly_action"] == "Run that file again with the same campaign."
    assert office.run(retry_of(office, first), campaign).code == 0
    assert office.run(sheet, campaign).code == 0
    assert sum(office.sent().values()) == 2


def test_one_message_is_one_row_of_the_report(office: Office) -> None:
    """Two rows corrected to one person, or to somebody whose own row is there: the others are duplicates."""
    sheet, campaign = office.sheet([*phones(1), "abc", "abcd", "abcde"]), office.campaign()
    first = office.run(sheet, campaign)
    other = correct(retry_of(office, first), {(4, "Telefone"): "11 97001-4001"}, to=office.folder / "outra.xlsx")
    correct(retry_of(office, first), {(2, "Telefone"): phones(1)[0], (3, "Telefone"): "11 97001-4001"})
    office.run(retry_of(office, first), campaign)
    office.run(other, campaign)
    _, lines, _ = reported(office, first)
    assert [line["wegly_status"] for line in lines.values()] == ["success", "skipped", "success", "skipped"]
    assert lines[3]["wegly_message"].startswith(
        "The same person as row 2, which stands for both: one message is sent. Corrected in retry.xlsx"
    )
    assert lines[5]["wegly_message"].startswith(
        "The same person as row 4, which stands for both: one message is sent. Corrected in outra.xlsx"
    )
    assert office.run(sheet, campaign).code == 0
    assert sum(office.sent().values()) == 2


def test_the_duplicate_of_a_corrected_row_stays_its_duplicate(office: Office) -> None:
    """It shows of which row in every report, and is neither corrected nor sent by itself."""
    sheet, campaign = office.sheet([REFUSED, *phones(1), REFUSED]), office.campaign()
    first = office.run(sheet, campaign)
    assert first.rows == [("error", "api_refused"), ("success", "created"), ("skipped", "duplicate")]
    office.run(correct(retry_of(office, first), {(2, "Telefone"): "11 97001-4001"}), campaign)
    for again in (office.run(sheet, campaign), office.run(sheet, campaign, "--retry-errors")):
        assert (again.code, again.rows) == (0, [("success", "created")] * 2 + [("skipped", "duplicate")])
    _, lines, _ = reported(office, first)
    assert outcomes(lines) == again.rows
    assert lines[4]["wegly_message"].startswith("The same person as row 2, which stands for both: one message is sent.")
    assert set(office.sent().values()) == {1}


def test_a_file_of_before_sends_nothing_that_was_sent_as_it_stood(office: Office) -> None:
    """The campaign was mended and the sheet run again; then somebody corrects the older retry.xlsx: one message."""
    sheet, campaign = office.write("contatos.csv", "Nome;Telefone\n;11 97001-4001\n"), office.campaign()
    first = office.run(sheet, campaign)
    assert first.rows == [("error", "value_missing")]
    text = campaign.read_text(encoding="utf-8")
    mended = office.write("teste.toml", text.replace('value = "{Nome}"', 'value = "cliente"'))
    assert office.run(sheet, mended).rows == [("success", "created")]
    stale = office.run(correct(retry_of(office, first), {(2, "Telefone"): "11 97001-4009"}), mended)
    assert (stale.rows, stale.summary["this_run"]["attempts"]) == ([("skipped", "sent_in_original")], 0)
    said = f"The row was sent, or may have been, as it stands in contatos.csv, row 2, after run {first.summary['run']}"
    assert stale.message(2).startswith(said)
    assert sum(office.sent().values()) == 1


def test_a_copied_row_is_one_of_its_own(office: Office) -> None:
    """Who splits a cell with two numbers into two rows has two messages; the original shows the first."""
    sheet, campaign = office.sheet(["11 97001-4001 / 11 97001-4002"]), office.campaign()
    first = office.run(sheet, campaign)
    row = table(retry_of(office, first))[2]
    cells = {(3, name): value for name, value in row.items()}
    second = office.run(
        correct(retry_of(office, first), {**cells, (2, "Telefone"): "11 97001-4001", (3, "Telefone"): "11 97001-4002"}),
        campaign,
    )
    assert second.rows == [("success", "created")] * 2
    assert reported(office, first)[1][2]["wegly_phone"] == "+55 11 97001-4001"


def test_of_two_corrections_the_one_sent_last_counts(office: Office) -> None:
    """And a later one that is wrong or waits takes nothing back."""
    sheet, campaign = office.sheet(["abc"]), office.campaign()
    first = office.run(sheet, campaign)
    as_written = retry_of(office, first).rename(office.folder / "como foi escrita.xlsx")
    tries = (("11 97001-4001", "4001"), ("11 97001-4002", "4002"), ("97001", "4002"), ("11 97001-4001", "4002"))
    for number, (phone, counts) in enumerate(tries, 1):
        copy = correct(as_written, {(2, "Telefone"): phone}, to=office.folder / f"copia {number}.xlsx")
        office.run(copy, campaign)
        _, lines, _ = reported(office, first)
        assert (lines[2]["wegly_status"], lines[2]["wegly_phone"][-4:]) == ("success", counts)
    assert set(office.sent().values()) == {1}


def test_to_another_ledger_it_is_a_sheet_like_any(office: Office) -> None:
    """Its rows are sent, and its own retry.xlsx leads back to itself."""
    campaign = office.campaign()
    first = office.run(office.sheet(["abc", "abcd"]), campaign)
    corrected = correct(retry_of(office, first), {(2, "Telefone"): "11 97001-4001"})
    other = office.folder / "other.sqlite3"
    second = office.run(corrected, campaign, "--ledger", f"sqlite:///{other}", "--accept-change")
    assert second.rows == [("success", "created"), ("error", "phone_not_a_number")]
    (row,) = table(retry_of(office, second)).values()
    assert [row[name] for name in FIELDS[3:]] == ["retry.xlsx", 3, second.summary["run"]]
    assert reported(office, first)[0]["counts"]["error"] == 2


def test_a_campaign_of_another_name_corrects_nothing_here(office: Office) -> None:
    """Its own messages are its own, and the first campaign's row is still to be corrected."""
    sheet, campaign = office.sheet(["abc"]), office.campaign()
    first = office.run(sheet, campaign)
    office.run(correct(retry_of(office, first), {(2, "Telefone"): "11 97001-4001"}), office.campaign(name="outra"))
    assert reported(office, first)[0]["counts"]["error"] == 1


def test_in_a_folder_it_is_taken_only_away_from_its_report(office: Office) -> None:
    """Beside its report somebody may be at work on it; put among the sheets it is one."""
    campaign = office.campaign()
    first = office.run(office.sheet(["abc"]), campaign)
    said = office.refused(*office.command(folder_of(office, first), campaign))
    assert "has no sheet in it" in said
    inbox = office.folder / "entrada"
    inbox.mkdir()
    correct(retry_of(office, first), {(2, "Telefone"): "11 97001-4001"}, to=inbox / "retry.xlsx")
    assert office.run(inbox, campaign).rows == [("success", "created")]


def test_when_nothing_is_left_it_goes_unless_somebody_changed_it(office: Office) -> None:
    """A stale file does not mislead, and no correction is lost."""
    sheet, campaign = office.sheet(["abc"]), office.campaign()
    first = office.run(sheet, campaign)
    copy = correct(retry_of(office, first), {(2, "Telefone"): "11 97001-4001"}, to=office.folder / "c.xlsx")
    assert "retry" not in reported(office, first)[2].replace("Retry", "").replace("retry.xlsx", "")
    assert retry_of(office, first).exists()
    office.run(copy, campaign)
    reported(office, first)
    assert not [path for path in folder_of(office, first).iterdir() if "retry" in path.name]
    done = office.run(sheet, campaign)
    assert not retry_of(office, done).exists()


def test_without_the_sheet_one_of_before_stays(office: Office) -> None:
    """And a sentence says why there is no new one."""
    sheet, campaign = office.sheet(["abc", *phones(1)]), office.campaign()
    first = office.run(sheet, campaign)
    before = retry_of(office, first).read_bytes()
    sheet.unlink()
    code, out, _ = office.type("report", first.summary["run"])
    assert code == 0
    assert "Without the sheet its rows cannot be put into a retry.xlsx; one of before stays as it is." in out
    assert retry_of(office, first).read_bytes() == before


def test_an_unknown_correction_can_be_settled_from_the_original(office: Office) -> None:
    """By the original's row number, or in its report, as the report shows it."""
    sheet, campaign = office.sheet(["abc", "abcd"]), office.campaign()
    first = office.run(sheet, campaign)
    cells = {(2, "Telefone"): "11 97001-0500", (3, "Telefone"): "11 97002-0500"}
    office.run(correct(retry_of(office, first), cells), campaign)
    code, _, err = office.type("settle", first.summary["run"], "--sent", "2", "--yes")
    assert code == 0, err
    _, lines, _ = reported(office, first)
    assert outcomes(lines) == [("success", "settled_sent"), ("unknown", "server_error")]
    report = folder_of(office, first) / "report.xlsx"
    book = openpyxl.load_workbook(report)
    found = book.worksheets[-1]
    found.cell(1, found.max_column + 1, "wegly_settle")
    found.cell(3, found.max_column, "not sent")
    book.save(report)
    code, _, err = office.type("settle", report, "--yes")
    assert code == 0, err
    assert outcomes(reported(office, first)[1])[1] == ("pending", "correction_waits")
    again = office.run(sheet, campaign)
    assert (again.code, outcomes(again.lines)) == (6, [("success", "settled_sent"), ("pending", "correction_waits")])


def test_more_rows_than_a_worksheet_holds_are_split(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part is a sheet by itself; what is not needed any more goes."""
    monkeypatch.setattr(retry, "MOST_TOGETHER", 2)
    sheet, campaign = office.sheet(["a1", "a2", "a3", "a4", "a5"]), office.campaign()
    first = office.run(sheet, campaign)
    folder = folder_of(office, first)
    parts = sorted(path.name for path in folder.glob("retry*"))
    assert parts == ["retry-2.xlsx", "retry-3.xlsx", "retry.xlsx"]
    names = [
        row["Telefone"]
        for part in ("retry.xlsx", "retry-2.xlsx", "retry-3.xlsx")
        for row in table(folder / part).values()
    ]
    assert names == ["a1", "a2", "a3", "a4", "a5"]
    _, _, said = reported(office, first)
    assert "5 rows are to be corrected, more than a worksheet holds: run retry.xlsx, retry-2.xlsx, retry-3.xlsx" in said
    copy = correct(folder / "retry-3.xlsx", {(2, "Telefone"): "11 97001-4001"}, to=office.folder / "c.xlsx")
    office.run(copy, campaign)
    reported(office, first)
    assert sorted(path.name for path in folder.glob("retry*")) == ["retry-2.xlsx", "retry.xlsx"]
    assert person("11 97001-4001") in office.sent()


def forged(office: Office, origin: Mapping[str, Any], *, name: str) -> Path:
    """A sheet made by hand whose only row claims to correct a row."""
    book = openpyxl.Workbook()
    (sheet,) = book.worksheets
    sheet.append(["Nome", "Telefone", *origin])
    sheet.append(["Mallory", "11 97001-4009", *origin.values()])
    book.save(office.folder / name)
    return office.folder / name


@pytest.mark.parametrize("code", ["none", "empty", "another row's", "another's column"])
def test_an_origin_without_its_code_corrects_nothing(office: Office, code: str) -> None:
    """Who knows a run's name, which stands in a masked report too, cannot have its rows shown as corrected."""
    campaign = office.campaign()
    first = office.run(office.sheet(["abc", "abcd"]), campaign)
    vera, other = table(retry_of(office, first)).values()
    origin = {field: vera[field] for field in FIELDS[3:]}
    origin |= {"none": {}, "empty": {MAC: None}, "another row's": {MAC: other[MAC]}, "another's column": {MAC: "k0"}}[
        code
    ]
    second = office.run(forged(office, origin, name="forjada.xlsx"), campaign)
    assert second.rows == [("success", "created")]
    assert f"It names row 2 of run {first.summary['run']} without the code" in second.message(2)
    _, lines, _ = reported(office, first)
    assert outcomes(lines) == [("error", "phone_not_a_number")] * 2


def test_the_code_is_of_run_and_row_and_of_the_ledger_alone(office: Office) -> None:
    """No two rows have the same, it stays when the report is written again, and another ledger has others."""
    sheet, campaign = office.sheet(["abc", "abcd"]), office.campaign()
    first = office.run(sheet, campaign)
    codes = [row[MAC] for row in table(retry_of(office, first)).values()]
    reported(office, first)
    assert [row[MAC] for row in table(retry_of(office, first)).values()] == codes
    other = f"sqlite:///{office.folder / 'other.sqlite3'}"
    second = office.run(sheet, campaign, "--ledger", other, "--accept-change")
    codes += [row[MAC] for row in table(retry_of(office, second)).values()]
    assert len(set(codes)) == 4
    assert all(str(code).startswith("k") and len(str(code)) == 25 for code in codes)


def test_a_file_of_an_earlier_version_still_corrects(office: Office) -> None:
    """Its runs wrote no codes, so that their origins count as they stand; a code that is there must be right."""
    sheet, campaign = office.sheet(["abc", "abcd"]), office.campaign()
    first = office.run(sheet, campaign)
    with closing(sqlite3.connect(office.folder / "ledger.sqlite3")) as ledger, ledger:
        ledger.execute("UPDATE runs SET sheet_options = '{}'")
    origins = [{field: row[field] for field in FIELDS[3:]} for row in table(retry_of(office, first)).values()]
    old = office.run(forged(office, origins[0], name="antiga.xlsx"), campaign)
    wrong = office.run(forged(office, origins[1] | {MAC: "k0"}, name="errada.xlsx"), campaign)
    assert "without the code" not in old.message(2)
    assert "without the code" in wrong.message(2)
    _, lines, _ = reported(office, first)
    assert outcomes(lines) == [("success", "created"), ("error", "phone_not_a_number")]
