"""Results stay with their people, on the rows where these now stand, whatever was done to the sheet between runs."""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from batch.cli.main import _run as wegly_batch
from batch.sandbox import running_sandbox

CAMPAIGN = """
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
[[template_fields]]
component = "BODY"
index = 1
value = "{Nome}"
[throttle]
rate = "200/s"
concurrency = 1
[stop]
errors = "100%"
unknowns = 50
"""

PEOPLE = {
    "Zoe": ("11 90001-7001", "success", 1),
    "Ana": ("11 90002-0200", "reused", 1),
    "Yan": ("11 90003-0422", "error", 0),
    "Bia": ("11 90004-0900", "unknown", 1),
    "Xico": ("11 90005-0500", "unknown", 0),
    "Caio": ("90006-7001", "error", 0),
    "Vera": ("11 90007-7001", "success", 1),
    "Dora": ("11 90008-0201", "success", 1),
    "Ugo": ("11 90009-7001", "success", 1),
    "Elis": ("11 90010-0200", "reused", 1),
    "Tom": ("11 90011-7001", "success", 1),
    "Rui": ("11 90012-7001", "success", 1),
}
"""Name to phone, the outcome once everything was tried, and how many messages the server must have applied."""
NOTE = "conferir com a Paula"

Lines = list[list[Any]]


def sheet_of(names: list[str]) -> Lines:
    """Titles above the header, blank rows between, a note beside a row, notes below the table."""
    lines: Lines = [["Lista de novembro"], [], ["", "feita pela Paula"], ["Grupo", "Nome", "Telefone", "Obs"]]
    for place, name in enumerate(names):
        lines.append(["A", name, PEOPLE[name][0], "", "", NOTE if place == 1 else None])
        lines += [[]] * (place % 3 == 2)
    return [*lines, [], ["Fonte: feira de outubro"], ["", "", "", "fim"]]


def as_it_is(lines: Lines) -> Lines:
    return lines


def _of_a_person(line: list[Any]) -> bool:
    return len(line) > 2 and line[1] in PEOPLE


def sorted_by_name(lines: Lines) -> Lines:
    """The table alone, as Excel sorts it: blank rows stay where they are."""
    people = iter(sorted((line for line in lines if _of_a_person(line)), key=lambda line: line[1]))
    return [next(people) if _of_a_person(line) else line for line in lines]


def shuffled(lines: Lines) -> Lines:
    people = [line for line in lines if _of_a_person(line)]
    random.Random(4).shuffle(people)  # noqa: S311 - an order, no secret
    left = iter(people)
    return [next(left) if _of_a_person(line) else line for line in lines]


def rows_inserted(lines: Lines) -> Lines:
    """Blank and remark rows in the middle of the table."""
    return [*lines[:6], [], ["", "", "", "novos abaixo"], *lines[6:9], [], [], *lines[9:]]


def titles_inserted(lines: Lines) -> Lines:
    """The header moves down."""
    return [["Empresa X"], ["Campanha"], [], *lines]


def titles_deleted(lines: Lines) -> Lines:
    """The header moves up to row 1."""
    return lines[3:]


def column_inserted(lines: Lines) -> Lines:
    """Before the phone."""
    return [[*line[:2], "CPF" if "Telefone" in line else "x" * _of_a_person(line), *line[2:]] for line in lines]


def columns_turned(lines: Lines) -> Lines:
    """The phone first, the name last."""
    return [[line[2], line[0], line[3], line[1], *line[4:]] if len(line) > 3 else line for line in lines]


def everything(lines: Lines) -> Lines:
    for change in (rows_inserted, sorted_by_name, titles_inserted, column_inserted):
        lines = change(lines)
    return lines


CHANGES = (
    as_it_is,
    sorted_by_name,
    shuffled,
    rows_inserted,
    titles_inserted,
    titles_deleted,
    column_inserted,
    columns_turned,
    everything,
)


def write_xlsx(path: Path, lines: Lines) -> None:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    for number, line in enumerate(lines, 1):
        for column, value in enumerate(line, 1):
            if value not in ("", None):
                page.cell(number, column, value)
    page.column_dimensions["A"].hidden = True
    if len(lines[0]) == 1:
        page.merge_cells("A1:D1")
    book.save(path)


def write_csv(path: Path, lines: Lines) -> None:
    width = max(map(len, lines))
    with path.open("w", encoding="cp1252", newline="") as file:
        csv.writer(file, delimiter=";").writerows([*line, *[""] * (width - len(line))] for line in lines)


class Scene:
    """One campaign, one sheet that changes, and the server's own log."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys
        self.campaign = folder / "teste.toml"
        self.campaign.write_text(CAMPAIGN, encoding="utf-8")

    def run(self, sheet: Path, url: str, *more: str) -> dict[str, Any]:
        words = ["run", str(sheet), "-c", str(self.campaign), "--base-url", url, "--json", *more]
        wegly_batch([*words, "--ledger", f"sqlite:///{self.folder / 'l.sqlite3'}", "--reports", str(self.folder / "r")])
        printed = self.capsys.readouterr()
        assert printed.out, printed.err
        summary: dict[str, Any] = json.loads(printed.out)
        return summary

    def in_xlsx(self, run: str) -> dict[int, dict[str, Any]]:
        """Row number to the row of report.xlsx, by column names."""
        book = openpyxl.load_workbook(self.folder / "r" / run / "report.xlsx")
        page = next(page for page in book if any(cell.value == "wegly_status" for line in page for cell in line))
        header = next(line for line in page.iter_rows() if any(cell.value == "wegly_status" for cell in line))
        names = [cell.value for cell in header]
        below = page.iter_rows(min_row=header[0].row + 1)
        return {line[0].row: dict(zip(names, (cell.value for cell in line), strict=True)) for line in below}

    def in_csv(self, run: str) -> dict[int, dict[str, Any]]:
        """The same of results.csv, whose records stand as far below the header in line 1 as the sheet's rows."""
        with (self.folder / "r" / run / "results.csv").open(encoding="utf-8-sig", newline="") as file:
            records = list(csv.reader(file, delimiter=";"))
        below = enumerate(records[1:], min(self.in_xlsx(run)))
        return {number: dict(zip(records[0], record, strict=True)) for number, record in below if record}


@pytest.fixture
def scene(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Scene:
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    return Scene(tmp_path, capsys)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("write", [write_xlsx, write_csv])
def test_each_outcome_is_on_the_row_where_its_person_stands(
    scene: Scene, write: Callable[[Path, Lines], None], change: Callable[[Lines], Lines]
) -> None:
    """A run of a few, a change of the sheet, a run of the rest: nobody twice, every outcome beside its own person."""
    sheet = scene.folder / ("s.xlsx" if write is write_xlsx else "s.csv")
    first_lines = sheet_of(list(PEOPLE))
    second_lines = change(first_lines)
    with running_sandbox() as sandbox:
        write(sheet, first_lines)
        first = scene.run(sheet, sandbox.url, "--limit", "5")
        write(sheet, second_lines)
        second = scene.run(sheet, sandbox.url)
        applied = Counter(each.contact[-8:] for each in sandbox.log.applied)
        received = Counter(json.loads(each.body)["wa_contact_id"][-8:] for each in sandbox.log.received)
    for name, (phone, _, times) in PEOPLE.items():
        digits = "".join(filter(str.isdigit, phone))[-8:]
        assert applied[digits] == times, name
        assert received[digits] == (name != "Caio"), name

    stands = _stands(second_lines)
    before = {row["Nome"] for row in scene.in_csv(first["run"]).values() if row["wegly_run"]}
    assert len(before) == 5
    for rows in (scene.in_xlsx(second["run"]), scene.in_csv(second["run"])):
        for name, (phone, outcome, _) in PEOPLE.items():
            row = rows[stands[name]]
            assert (row["Nome"], row["Telefone"], row["wegly_status"]) == (name, phone, outcome)
            assert row["wegly_run"] in ((first if name in before else second)["run"], None, "")
        others = {number: row["wegly_status"] for number, row in rows.items() if number not in stands.values()}
        remarks = _remarks(second_lines)
        footer = _footer(second_lines)
        expected = {number: "skipped" if number in footer else "error" for number in remarks}
        assert {number: outcome for number, outcome in others.items() if outcome} == expected
        assert [row["Nome"] for row in rows.values() if NOTE in row.values()] == ["Ana"]
    assert sum(second["counts"].values()) == len(PEOPLE) + len(_remarks(second_lines))
    assert second["counts"]["pending"] == 0


def _stands(lines: Lines) -> dict[str, int]:
    """Where each person stands, by the row numbers Excel shows."""
    return {cell: number for number, line in enumerate(lines, 1) for cell in line if cell in PEOPLE}


def _footer(lines: Lines) -> set[int]:
    """Rows below the last blank row, if nothing stands below the phones there."""
    blank = max((number for number, line in enumerate(lines, 1) if not any(line)), default=len(lines))
    phones = next(line.index("Telefone") for line in lines if "Telefone" in line)
    below = range(blank + 1, len(lines) + 1)
    return set() if any(any(lines[number - 1][phones : phones + 1]) for number in below) else set(below)


def _remarks(lines: Lines) -> set[int]:
    """Rows below the header that hold something, and nobody."""
    header = next(number for number, line in enumerate(lines, 1) if "Telefone" in line)
    return {number for number, line in enumerate(lines, 1) if number > header and any(line)} - {
        *_stands(lines).values()
    }


@pytest.mark.parametrize("write", [write_xlsx, write_csv])
def test_edits_between_two_runs_change_only_what_they_touch(scene: Scene, write: Callable[[Path, Lines], None]) -> None:
    """A corrected phone is sent, a new name for somebody who has a message is not; who left the sheet is in no report;
    who came is sent; a number spelled otherwise is the same person."""
    sheet = scene.folder / ("s.xlsx" if write is write_xlsx else "s.csv")
    header = ["Nome", "Telefone", "Obs"]
    with running_sandbox() as sandbox:
        write(
            sheet,
            [
                header,
                ["Ana", "11 90001-7001", "a"],
                ["Bia", "90002-7001", "b"],
                ["Caio", "11 90003-7001", "c"],
                ["Dora", "11 90004-0422", "d"],
                ["Edu", "11 90005-7001", "e"],
            ],
        )
        scene.run(sheet, sandbox.url)
        write(
            sheet,
            [
                header,
                ["Fabia", "11 90006-7001", "nova"],
                ["Edu", "+55 (11) 90005.7001", "e"],
                ["Bia", "21 90002-7001", "corrigida"],
                [],
                ["Dora", "11 90004-0422", "sem mudança"],
                ["Ana Maria", "11900017001", "outro nome"],
            ],
        )
        second = scene.run(sheet, sandbox.url)
        applied = Counter(each.contact[-11:] for each in sandbox.log.applied)
    phones = ("11900017001", "11900037001", "11900057001", "11900067001", "21900027001")
    assert applied == Counter(dict.fromkeys(phones, 1))
    for rows in (scene.in_xlsx(second["run"]), scene.in_csv(second["run"])):
        found = {number: (row["Nome"], row["wegly_status"]) for number, row in rows.items() if row["Nome"]}
        assert found == {
            2: ("Fabia", "success"),
            3: ("Edu", "success"),
            4: ("Bia", "success"),
            6: ("Dora", "error"),
            7: ("Ana Maria", "success"),
        }
    assert second["this_run"]["attempts"] == 2
