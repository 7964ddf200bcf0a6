"""`check --wrong-rows`: all wrong rows as a sheet before anything is sent, corrected in it and run like retry.xlsx."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import openpyxl
import pytest
from office import Office, Ran, person, phones
from rights import is_private

NO_AREA_CODE = "97001-4001"
COLUMNS = [
    *("Nome", "Telefone", "wegly_reason", "wegly_message", "wegly_action"),
    *("wegly_origin_file", "wegly_origin_row", "wegly_origin_run", "wegly_origin_mac"),
]


@pytest.fixture(autouse=True)
def _without_pages(fast_looks: None) -> None:
    """Reports without workbook and page, of which no test here looks at any."""


def table(path: Path) -> list[dict[str, Any]]:
    """Cells by heading, row by row."""
    (sheet,) = openpyxl.load_workbook(path).worksheets
    header, *lines = sheet.iter_rows(values_only=True)
    return [dict(zip(map(str, header), line, strict=True)) for line in lines]


def correct(path: Path, row: int, phone: str) -> None:
    book = openpyxl.load_workbook(path)
    book.worksheets[0].cell(row, 2).value = phone
    book.save(path)


def check(office: Office, sheet: Path, *more: object) -> tuple[int, str, str]:
    return office.type("check", sheet, "--base-url", office.sandbox.url, *more)


def run(office: Office, sheet: Path) -> Ran:
    """Run a sheet without naming its campaign."""
    code, out, err = office.type("run", sheet, "--base-url", office.sandbox.url, "--json", "--rate", "200/s")
    assert code in (0, 3), err
    summary = json.loads(out)
    return Ran(code=code, summary=summary, said=err, lines=dict(enumerate(office.lines(summary["run"]), 2)))


def test_before_the_first_run_the_wrong_rows_are_corrected_and_sent(office: Office) -> None:
    """In the form of retry.xlsx, private; nothing is sent or known by then; without -c it finds its campaign."""
    sheet = office.sheet([*phones(2), NO_AREA_CODE, "", "abc"])
    office.campaign(name="outra")
    campaign = office.campaign()
    file = office.folder / "corrigir.xlsx"
    code, out, err = check(office, sheet, "-c", campaign, "--wrong-rows", file)
    assert code == 3, err
    ledger = f"--ledger sqlite:///{office.folder / 'ledger.sqlite3'}"
    assert f"  wegly-batch run {file} --base-url {office.sandbox.url} {ledger}" in out.splitlines()
    assert is_private(file)
    assert not (office.folder / "ledger.sqlite3").exists()
    assert not (office.folder / "reports").exists()
    found = table(file)
    assert list(found[0]) == COLUMNS
    assert [row["wegly_reason"] for row in found] == ["phone_no_area_code", "phone_missing", "phone_not_a_number"]
    assert [(row["Nome"], row["Telefone"], row["wegly_origin_row"]) for row in found] == [
        ("Pessoa 4001", NO_AREA_CODE, 4),
        ("Pessoa", None, 5),
        ("Pessoa abc", "abc", 6),
    ]
    assert found[0]["wegly_action"].startswith("Add the area code")
    assert check(office, file)[0] == 3

    correct(file, 2, f"11 {NO_AREA_CODE}")
    first = run(office, file)
    assert (first.code, first.summary["campaign"]) == (3, "teste")
    assert [status for status, _ in first.rows] == ["success", "error", "error"]
    second = office.run(sheet, campaign)
    assert [status for status, _ in second.rows] == ["success", "success", "error", "error", "error"]
    assert office.sent() == dict.fromkeys(map(person, [*phones(2), f"11 {NO_AREA_CODE}"]), 1)


def test_the_command_for_wrong_rows_repeats_who_is_allowed(office: Office) -> None:
    """A corrected row goes to nobody else."""
    allowed, file = office.write("equipe.csv", "Telefone\n11 97001-2001\n"), office.folder / "corrigir.xlsx"
    more = ("-c", office.campaign(), "--only-allowed", allowed, "--reports", office.folder / "entregas")
    _, out, _ = check(office, office.sheet([NO_AREA_CODE]), *more, "--wrong-rows", file)
    assert f"  wegly-batch run {file} --only-allowed {allowed} --reports {office.folder / 'entregas'} --base-url" in out


def test_it_finds_its_campaign_from_another_folder(office: Office) -> None:
    """Wherever both are, and however the campaign is called; moved alone, the file asks for -c."""
    (office.folder / "listas").mkdir()
    sheet, campaign = office.sheet(["abc"], name="listas/contatos.csv"), office.campaign(name="de & natal")
    file = office.folder / "listas" / "errados.xlsx"
    check(office, sheet, "-c", campaign, "--wrong-rows", file)
    correct(file, 2, "11 97001-4003")
    assert check(office, file)[0] == 0
    alone = office.folder / "reports" / "x"
    alone.mkdir(parents=True)
    shutil.move(file, alone)
    assert "-c" in office.refused("check", alone / "errados.xlsx")


def test_what_a_person_wrote_is_never_overwritten(office: Office) -> None:
    """Untouched it is replaced; with corrections, of another program or with another ending it is refused."""
    sheet, campaign = office.sheet([NO_AREA_CODE]), office.campaign()
    file = office.folder / "errados.xlsx"
    named = ("check", sheet, "-c", campaign, "--wrong-rows")
    assert office.type(*named, file)[0] == 3
    office.sheet([NO_AREA_CODE, "abc"])
    assert office.type(*named, file)[0] == 3
    assert len(table(file)) == 2
    correct(file, 2, "11 97001-4003")
    before = file.read_bytes()
    assert "with corrections" in office.refused(*named, file)
    assert file.read_bytes() == before
    contacts = sheet.read_bytes()
    assert ".xlsx" in office.refused(*named, sheet)
    other = office.write("notas.xlsx", "notas")
    office.refused(*named, other)
    assert (other.read_text(encoding="utf-8"), sheet.read_bytes()) == ("notas", contacts)
    assert "cannot be written" in office.refused(*named, office.folder / "nowhere" / "e.xlsx")


def test_a_workbook_that_is_damaged_is_neither_followed_nor_overwritten(office: Office) -> None:
    """A part that does not unzip is another program's."""
    sheet, campaign = office.sheet([NO_AREA_CODE]), office.campaign()
    file = office.folder / "errados.xlsx"
    office.type("check", sheet, "-c", campaign, "--wrong-rows", file)
    content = bytearray(file.read_bytes())
    with ZipFile(file) as book:
        place = book.getinfo("docProps/core.xml").header_offset + 60
    content[place : place + 40] = b"\xff" * 40
    file.write_bytes(content)
    assert "another program" in office.refused("check", sheet, "-c", campaign, "--wrong-rows", file)
    assert "errados.toml" in office.refused("check", file)


@pytest.mark.parametrize("place", ["{folder}/teste.toml", "//server/share/teste.toml", "C:\\teste.toml"])
def test_only_a_path_from_the_workbook_on_is_followed(office: Office, place: str) -> None:
    """A stranger's workbook can name a file of another machine."""
    office.campaign()
    book = openpyxl.Workbook()
    book.properties.subject = place.format(folder=office.folder)
    book.save(office.folder / "estranha.xlsx")
    assert "estranha.toml" in office.refused("check", office.folder / "estranha.xlsx")


def test_without_a_wrong_row_there_is_no_file(office: Office) -> None:
    """And it says so."""
    file = office.folder / "errados.xlsx"
    sheet = office.sheet(phones(2))
    code, out, _ = office.type("check", sheet, "-c", office.campaign(), "--wrong-rows", file)
    assert code == 0
    assert "No row is wrong: no file was written." in out
    code, out, err = office.type("check", sheet, "-c", office.campaign(), "--wrong-rows", file, "--json")
    assert out.startswith("{")
    assert "No row is wrong" in err
    assert not file.exists()


def test_after_a_run_a_correction_counts_in_its_report(office: Office) -> None:
    """As one of retry.xlsx: the rows lead back to the run, also through a second check of what is still wrong."""
    sheet, campaign = office.sheet([*phones(1), NO_AREA_CODE, "abc"]), office.campaign()
    first = office.run(sheet, campaign)
    one, two = office.folder / "um.xlsx", office.folder / "dois.xlsx"
    check(office, sheet, "-c", campaign, "--wrong-rows", one)
    assert {row["wegly_origin_run"] for row in table(one)} == {first.summary["run"]}
    check(office, one, "--wrong-rows", two)
    assert [row["wegly_origin_row"] for row in table(two)] == ["3", "4"]
    correct(two, 2, f"11 {NO_AREA_CODE}")
    corrected = run(office, two)
    again = office.run(sheet, campaign)
    assert [status for status, _ in again.rows] == ["success", "success", "error"]
    assert again.lines[3]["wegly_run"] == corrected.summary["run"]
    assert set(office.sent().values()) == {1}


def test_the_end_names_the_next_commands(office: Office) -> None:
    """With the campaign that was named; none where every row is good, and no second sheet of wrong rows."""
    sheet, campaign = office.sheet([*phones(1), "abc"]), office.campaign()
    lines = [line.strip() for line in office.type("check", sheet, "-c", campaign)[1].splitlines()]
    target = office.folder / "contatos-fix.xlsx"
    more = f"-c {campaign} --ledger sqlite:///{office.folder / 'ledger.sqlite3'}"
    command = f"wegly-batch check {sheet} --wrong-rows {target} {more}"
    assert command in lines
    assert f"wegly-batch check {sheet} --open {more}" in lines
    assert office.type(*command.split()[1:])[0] == 3
    assert "--wrong-rows" not in office.type("check", target)[1]
    assert "--wrong-rows" not in office.type("check", office.sheet(phones(1)), "-c", campaign)[1]


def test_chosen_rows_are_a_preview(office: Office) -> None:
    """`--rows` shows what these rows' people would get, or why not, and says that it sends nothing."""
    sheet, campaign = office.sheet([*phones(3), "abc", phones(1)[0], "x"]), office.campaign()
    code, out, _ = office.type("check", sheet, "-c", campaign, "--rows", "3,5-6")
    assert code == 3
    assert "Preview of the rows 3, 5-6: nothing is sent" in out
    assert "row 5      Fix: abc is not a phone number" in out
    assert "row 6      Left out:" in out
    assert "row 3, to +55 11 97001-2002\n    Ola Pessoa 2002" in out
    assert "Pessoa 2001" not in out
    assert "row 7" not in out
