"""A report is the user's workbook where the copy opens, else a clean one; and what was sent is never lost with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from office import Office, phones
from openpyxl import load_workbook
from plain_workbooks import MAIN, RELATIONS, TYPES, Parts, content_types, report_of, rows

from batch.loader import open_sheet
from batch.reporter import COLUMNS
from batch.reporter.xlsx import in_place
from batch.reporter.xlsx.styles import StylesPart

PEOPLE = [("Nome", "Telefone"), ("Ana", "11 90000-4011"), ("Bia", "11 90000-4012")]
DATA = f"<sheetData>{rows(PEOPLE)}</sheetData>"


def prefixed(markup: str, prefix: str) -> str:
    """The same markup with a prefix for each element."""
    return markup.replace("</", f"</{prefix}").replace("<", f"<{prefix}").replace(f"<{prefix}/{prefix}", f"</{prefix}")


@pytest.mark.parametrize(
    "parts",
    [
        Parts(sheets=f'<sheets><sheet name="C" sheetId="1" d3p1:id="rId1" xmlns:d3p1="{RELATIONS}"/></sheets>'),
        Parts(sheets=f'<sheets xmlns:r="{RELATIONS}"><sheet name="C" sheetId="1" r:id="rId1"/></sheets>'),
        Parts(
            sheets=f'<r:sheets xmlns:r="{MAIN}"><r:sheet name="C" sheetId="1" q:id="rId1" xmlns:q="{RELATIONS}"/>'
            "</r:sheets>"
        ),
        Parts(data=prefixed(DATA, "s:").replace("<s:sheetData>", f'<s:sheetData xmlns:s="{MAIN}">')),
        Parts(data=DATA.replace("<sheetData>", f"<sheetData xmlns='{MAIN}'>")),
        Parts(data=DATA.replace("<row ", f'<row xmlns="{MAIN}" xmlns:z="urn:z" z:a="1" ')),
        Parts(data=DATA, lists_each=True),
    ],
)
def test_the_copy_opens_wherever_prefixes_and_types_are_declared(tmp_path: Path, parts: Parts) -> None:
    """On the one sheet in the list, on the list, on the rows; content types by ending or for each part alone."""
    path = parts.write(tmp_path / "contatos.xlsx")
    written, made = report_of(path, tmp_path / "report")
    assert written.problems == ()
    found = load_workbook(made)
    assert found.sheetnames[0] == "Summary"
    sheet = found.worksheets[1]
    assert [sheet.cell(1, at).value for at in range(1, sheet.max_column + 1)][-13:] == list(COLUMNS)
    assert {each.value for each in sheet["D" if sheet["C1"].value == "Valor" else "C"][1:]} == {"success"}
    assert [name for name, kind in content_types(made).items() if not kind] == []


def test_what_openpyxl_opens_no_longer_is_not_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect that leaves every part well-formed, and a workbook that a library refuses: the report is a clean one."""
    made_before = StylesPart.made
    monkeypatch.setattr(StylesPart, "made", lambda self: made_before(self).replace(b'fontId="', b'fontId="x'))
    _, made = clean_report(tmp_path)
    assert load_workbook(made)["Contatos"]["A2"].value == "Ana"


@pytest.mark.parametrize("defect", [MemoryError(), RecursionError(), KeyError("x"), ValueError("9" * 99)])
def test_no_defect_takes_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: Exception) -> None:
    """Whatever ends the writing of the user's workbook, there is a clean one, and it says so."""

    def fail(*_: object, **__: object) -> None:
        raise defect

    monkeypatch.setattr(in_place, "add_summary", fail)
    clean_report(tmp_path)


def clean_report(tmp_path: Path) -> tuple[object, Path]:
    """The report of three people, which must be a clean workbook that says why."""
    written, made = report_of(Parts().write(tmp_path / "contatos.xlsx"), tmp_path / "report")
    assert written.problems == (
        "contatos.xlsx cannot be written back with its own formatting. So the report has its rows in a new workbook.",
    )
    said = [cell.value for cell in load_workbook(made)["Summary"]["B"]]
    assert any(str(text).endswith(written.problems[0]) for text in said)
    assert sorted(each.name for each in made.parent.glob(".report*")) == []
    return written, made


NINES = "9" * 5000


@pytest.mark.parametrize(
    "parts",
    [
        Parts(sheets=Parts().sheets.replace('sheetId="1"', f'sheetId="{NINES}"')),
        Parts(behind=f'<definedNames><definedName name="a" localSheetId="{NINES}">1</definedName></definedNames>'),
        Parts(head=f'<cols><col min="{NINES}" max="9"/><col min="1" max="{NINES}"/></cols>'),
        Parts(head='<cols><col min="1" max="999999999" width="3"/></cols>'),
        Parts(
            more={
                "xl/styles.xml": f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="{NINES}" formatCode="0"/>'
                f'</numFmts><cellXfs><xf numFmtId="{NINES}"/></cellXfs></styleSheet>'
            },
            types={"xl/styles.xml": f"{TYPES}.styles+xml"},
            book_relations=(("rId2", "styles", "styles.xml"),),
        ),
        Parts(
            tail='<tableParts><tablePart r:id="rId7"/></tableParts>',
            relations=(("rId7", "table", "../tables/t.xml"),),
            more={
                "xl/tables/t.xml": f'<table xmlns="{MAIN}" id="1" name="T" displayName="T" ref="A1:C4" '
                f'totalsRowCount="{NINES}"><autoFilter ref="A1:C4"/><tableColumns><tableColumn id="{NINES}" '
                'name="Nome"/></tableColumns></table>'
            },
            types={"xl/tables/t.xml": f"{TYPES}.table+xml"},
        ),
    ],
)
def test_a_number_of_any_length_takes_no_report(tmp_path: Path, parts: Parts) -> None:
    """Of thousands of digits, as no spreadsheet writes them: the results are on their rows all the same."""
    written, made = report_of(parts.write(tmp_path / "contatos.xlsx"), tmp_path / "report")
    assert written.missing == ()
    found = open_sheet(made, name="Contatos")
    status = found.info.columns.index("wegly_status")
    assert {row.number: row.cells[status] for row in found.rows()} == dict.fromkeys((2, 3, 4), "success")


@pytest.mark.parametrize(
    ("place", "file"),
    [
        ("report.write_retries", "retry.xlsx"),
        ("report.write_html", "report.html"),
        ("report.write_csv", "results.csv"),
        ("xlsx.report_xlsx._clean", "report.xlsx"),
    ],
)
def test_what_ends_one_file_ends_no_other(tmp_path: Path, place: str, file: str) -> None:
    """A defect in one writer: the file is named as missing, and all others are there."""

    def fail(*_: object, **__: object) -> None:
        raise KeyError("x")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(f"batch.reporter.{place}", fail)
        patch.setattr(in_place, "add_summary", fail)
        written, _ = report_of(Parts().write(tmp_path / "contatos.xlsx"), tmp_path / "report")
    assert written.missing == (file,)
    (problem,) = (each for each in written.problems if each.startswith(file))
    assert problem == f"{file} could not be written: a defect: KeyError."
    assert {each.name for each in written.files} == {"report.xlsx", "results.csv", "report.html", "summary.json"} - {
        file
    }


def test_a_run_whose_report_cannot_be_made_says_how_to_make_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages went: the exit code is that of the rows, and the command for the report is named; later it is made."""
    sheet, campaign = office.sheet(phones(2)), office.campaign()

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("batch.app.runs.finish.write_report", fail)
        code, _, said = office.type(*office.command(sheet, campaign, "--yes"))
    assert code == 0
    assert "there was not enough memory" in said
    assert "Traceback" not in said
    (name,) = {word.strip("`") for word in said.split() if word.startswith("20")}
    assert f"`wegly-batch report {name} --ledger sqlite:///" in said
    code, out, _ = office.type("report", name)
    assert code == 0
    assert "report.xlsx" in out
