"""Lists of people for a run: every spelling on them, who names a file that is missing, and which files are no sheets.

The forms in which people have their lists are in `test_people_lists.py`.
"""

from __future__ import annotations

import csv
import os
import runpy
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook
from systems import no_links

from batch.app.inputs.input_files import find_sheets, list_files
from batch.app.inputs.recipient_lists import open_list, open_lists
from batch.campaign import Campaign, load_campaign
from batch.errors import CampaignError, SheetError
from batch.ledger import Ledger, RetryOptions, StagedRow
from batch.model.phone.cells import Phone, read_phone
from batch.model.reasons import Reason

TABLE = runpy.run_path(str(Path(__file__).parents[1] / "model" / "test_phone.py"))
"""The table of spellings that guards the phone rule."""
SPELLINGS = [
    *((text, TABLE["MOBILE"]) for text in TABLE["SAME_MOBILE"] + TABLE["WITHOUT_NINTH_DIGIT"]),
    *TABLE["OTHERS"],
]
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
"""
ANA, BIA = "+5511988887777", "+5511988886666"


def people(path: Path, **more: object) -> list[str]:
    found = open_list(path, **more)  # type: ignore[arg-type]
    listed = [person for person, _row in found.people()]
    found.refuse_unreadable()
    return listed


def campaign_with(folder: Path, suppress: str) -> Campaign:
    path = folder / "teste.toml"
    path.write_text(CAMPAIGN + suppress, encoding="utf-8")
    return load_campaign(path, now=datetime(2026, 11, 3, tzinfo=UTC))


def table(path: Path, cells: list[str], header: str) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL).writerows(
            [[header, "Obs"], *([each, "x"] for each in cells)]
        )
    return path


@pytest.mark.parametrize(("text", "person"), SPELLINGS)
def test_every_spelling_of_the_table_is_the_person_on_the_list(tmp_path: Path, text: str, person: str) -> None:
    """What the sheet to send reads as somebody, a list reads as the same one; a cell with a line break too."""
    assert people(table(tmp_path / "lista.csv", [text], "Telefone")) == [person]


def test_the_whole_table_suppresses_its_people(tmp_path: Path, ledger: Ledger) -> None:
    """Any spelling in the campaign's file leaves out the row with the plain number, and nobody else."""
    table(tmp_path / "bloqueio.csv", [text for text, _ in SPELLINGS], "Telefone")
    lists = open_lists(campaign_with(tmp_path, '[suppress]\nfiles = ["bloqueio.csv"]\n'), None)
    listed = sorted({person for _, person in SPELLINGS})
    with ledger.stage(RetryOptions()) as staging:
        staging.add(
            StagedRow(row=row, key=person, person=person, payload="{}", request_hash="h", sender="s")
            for row, person in enumerate([*listed, ANA], start=2)
        )
        lists.apply(staging)
        staging.judge()
        assert [row for row, _ in staging.to_send()] == [len(listed) + 2]


@pytest.mark.parametrize(("text", "reason"), TABLE["REFUSED"])
def test_what_cannot_be_read_is_never_taken_for_somebody(tmp_path: Path, text: str, reason: Reason) -> None:
    """It refuses the list when it could be somebody (5,51E+12 too), and is passed over when it is a note."""
    found = open_list(table(tmp_path / "lista.csv", ["11988887777", text, "11988886666"], "Telefone"))
    assert [person for person, _row in found.people()] == [ANA, BIA]
    signs = sum(character.isdigit() or character in "*X" for character in text)
    somebody = reason is Reason.PHONE_DIGITS_LOST or (signs >= 8 and any(map(str.isdigit, text)))
    assert found.unreadable_count == somebody
    assert found.notes == (not somebody and text.strip() != "")


def test_an_export_of_a_crm(tmp_path: Path) -> None:
    """Numbers as floats, as text and as formulas' strings, empty cells, a column of CPFs, a blank row in between."""
    book = Workbook()
    for row in (
        ("Id", "Nome", "CPF", "Telefone", "Celular", "Telefone 2", "Obs"),
        (1.0, "Ana", "111.444.777-35", None, 11988887777.0, None, "ligar 12"),
        (None, None, None, None, None, None, None),
        (2.0, "Bia", None, "(11) 98888-6666", None, None, None),
        (3.0, "Caio", "529.982.247-25", 1133334444.0, None, "5511977776666", None),
    ):
        book.active.append(row)
    book.save(tmp_path / "crm.xlsx")
    assert people(tmp_path / "crm.xlsx") == [ANA, BIA, "+551133334444", "+5511977776666"]


def test_an_old_excels_export_with_its_own_first_line(tmp_path: Path) -> None:
    """`sep=;`, Windows-1252, CRLF, and a column of its own name."""
    path = tmp_path / "lista.csv"
    path.write_bytes("sep=;\r\nNome;Nº do Cliente\r\nJoão;11 98888-7777\r\nConceição;11988886666\r\n".encode("cp1252"))
    assert people(path, column="no do cliente") == [ANA, BIA]


def test_a_column_that_is_misspelled_is_not_replaced_by_another(tmp_path: Path) -> None:
    """There is a column of phones, but not the one that was named."""
    path = table(tmp_path / "lista.csv", ["11988887777"], "Telefone")
    with pytest.raises(SheetError) as caught:
        open_list(path, column="Telefonne")
    assert "no column 'Telefonne'; did you mean 'Telefone'?" in caught.value.problem
    assert caught.value.remedy == "Its columns are: Telefone, Obs."


def test_a_missing_file_names_the_campaign(tmp_path: Path) -> None:
    """Or the option, when it was the option."""
    campaign = campaign_with(tmp_path, '[suppress]\nfiles = ["falta.csv"]\n')
    with pytest.raises(SheetError) as caught:
        open_lists(campaign, None)
    for said in ("falta.csv", "teste.toml", "[suppress] files", "does not exist"):
        assert said in caught.value.problem
    with pytest.raises(SheetError, match=r"equipe.csv cannot be used [(]--only-allowed names it[)]"):
        open_lists(campaign_with(tmp_path, ""), tmp_path / "equipe.csv")


@pytest.mark.parametrize("which", ["suppress", "only"])
def test_an_unreadable_number_refuses_either_list(tmp_path: Path, ledger: Ledger, which: str) -> None:
    """Nothing is judged, so nothing can be sent."""
    path = table(tmp_path / "lista.csv", ["11988887777", "98888-6666"], "Telefone")
    named = '[suppress]\nfiles = ["lista.csv"]\n' if which == "suppress" else ""
    lists = open_lists(campaign_with(tmp_path, named), None if named else path)
    with ledger.stage(RetryOptions()) as staging, pytest.raises(SheetError, match=r"lista.csv has numbers .* row 3: "):
        lists.apply(staging)


def test_both_lists_together(tmp_path: Path, ledger: Ledger) -> None:
    """Who may be messaged and must not be, must not be; each row says which list it was."""
    table(tmp_path / "bloqueio.csv", ["11988887777"], "Telefone")
    only = table(tmp_path / "equipe.csv", ["11988887777", "11988886666", "n/a"], "Celular")
    lists = open_lists(campaign_with(tmp_path, '[suppress]\nfiles = ["bloqueio.csv"]\n'), only)
    with ledger.stage(RetryOptions()) as staging:
        staging.add(
            StagedRow(row=row, key=person, person=person, payload="{}", request_hash="h", sender="s")
            for row, person in enumerate([ANA, BIA, "+5511977776666"], start=2)
        )
        lists.apply(staging)
        staging.judge()
        found = [(each.outcome.value, each.reason, each.findings[0].values) for each in staging.results()]
    assert found[0] == ("skipped", "suppressed", {"where": "bloqueio.csv, row 2"})
    assert found[1][:2] == ("pending", "waiting")
    assert found[2] == ("skipped", "not_allowed", {"where": "equipe.csv"})
    assert lists.warnings == ("The list equipe.csv has 1 cell that holds no number; nobody is meant there.",)


def _folder(tmp_path: Path, *names: str) -> Path:
    folder = tmp_path / "envio"
    folder.mkdir()
    for name in names:
        (folder / name).write_text("Telefone\n11988887777\n", encoding="utf-8")
    return folder


@no_links
def test_a_folder_is_its_sheets_without_lists_and_leftovers(tmp_path: Path) -> None:
    """By name, each file that is left out with its reason; a list is known by any way to it."""
    folder = _folder(tmp_path, "b.csv", "A.XLSX", "bloqueio.csv", "~$A.xlsx", ".c.csv", "report.xlsx", "nota.pdf")
    (folder / "abaixo").mkdir()
    (folder / "abaixo" / "d.csv").write_text("Telefone\n1\n", encoding="utf-8")
    (tmp_path / "atalho.csv").symlink_to(folder / "bloqueio.csv")
    taken = find_sheets([folder], [tmp_path / "atalho.csv"])
    assert taken.sheets == taken.from_folders == (folder / "A.XLSX", folder / "b.csv")
    assert sorted(said.split(":")[0] for said in taken.ignored) == [
        ".c.csv",
        "bloqueio.csv",
        "nota.pdf",
        "report.xlsx",
        "~$A.xlsx",
    ]
    assert "bloqueio.csv: a list of people that the run honours" in taken.ignored


def test_a_file_that_is_named_is_run_once_and_whatever_it_is(tmp_path: Path) -> None:
    """Who names a file means it; named beside its folder it is still one sheet."""
    folder = _folder(tmp_path, "a.csv", "b.csv")
    assert find_sheets([folder / "b.csv", folder]).sheets == (folder / "b.csv", folder / "a.csv")
    assert find_sheets([folder / "a.csv"], [folder / "a.csv"]).sheets == (folder / "a.csv",)


def test_a_folder_of_nothing_but_lists_is_refused(tmp_path: Path) -> None:
    """There is nothing to send in it."""
    folder = _folder(tmp_path, "bloqueio.csv")
    with pytest.raises(SheetError, match="has no sheet in it"):
        find_sheets([folder], [folder / "bloqueio.csv"])


def test_the_lists_of_a_run_are_the_campaigns_and_the_options(tmp_path: Path) -> None:
    """Beside the campaign, wherever the run is started."""
    campaign_with(tmp_path, '[suppress]\nfiles = ["bloqueio.csv", "sub/outra.xlsx"]\n')
    files = (tmp_path / "bloqueio.csv", tmp_path / "sub" / "outra.xlsx")
    assert list_files(tmp_path / "teste.toml", None) == files
    assert list_files(tmp_path / "teste.toml", Path("equipe.csv")) == (*files, Path("equipe.csv"))
    with pytest.raises(CampaignError):
        list_files(tmp_path / "falta.toml", None)


@pytest.mark.parametrize("text", ["+5511988887777", "11 98888-7777"])
def test_the_same_rule_reads_the_list_and_the_sheet(tmp_path: Path, text: str) -> None:
    """In every region: a list of a campaign in Portugal is read as its sheet is."""
    read = read_phone(text, region="PT")
    path = table(tmp_path / "lista.csv", ["912 345 678", text], "Telefone")
    found = open_list(path, region="PT")
    expected = ["+351912345678", *([read.e164] if isinstance(read, Phone) else [])]
    assert [person for person, _row in found.people()] == expected


def test_a_list_is_known_in_its_folder_by_another_name_of_the_same_file(tmp_path: Path) -> None:
    """As macOS and Windows take `BLOQUEIO.CSV` for `bloqueio.csv`; a hard link stands for that here."""
    folder = _folder(tmp_path, "b.csv", "bloqueio.csv")
    os.link(folder / "bloqueio.csv", tmp_path / "BLOQUEIO.CSV")
    missing = tmp_path / "missing.csv"
    assert find_sheets([folder], [tmp_path / "BLOQUEIO.CSV", missing]).sheets == (folder / "b.csv",)


def test_a_list_is_found_by_the_other_unicode_form_of_its_name(tmp_path: Path) -> None:
    """A Mac's disk or archive has `ã` as two signs, and a person types one; of two such files none is taken."""
    typed, own = (unicodedata.normalize(form, "exclusão.csv") for form in ("NFC", "NFD"))
    folder = tmp_path / unicodedata.normalize("NFD", "bloqueios à parte")
    folder.mkdir()
    table(folder / own, ["11988887777"], "Telefone")
    named = f'[suppress]\nfiles = ["bloqueios à parte/{typed}"]\n'
    lists = open_lists(campaign_with(tmp_path, named), None)
    assert [person for one in lists.suppress for person, _row in one.people()] == [ANA]
    for twin in ("a\u0303o\u0303.csv", "\xe3o\u0303.csv"):
        table(tmp_path / twin, ["11988887777"], "Telefone")
    if len(list(tmp_path.glob("*\u0303.csv"))) == 2:  # a Mac's disk has one file for both
        with pytest.raises(SheetError, match="does not exist"):
            open_lists(campaign_with(tmp_path, '[suppress]\nfiles = ["\xe3\xf5.csv"]\n'), None)


def test_a_list_has_the_encoding_and_the_row_ends_of_the_sheet(tmp_path: Path) -> None:
    """Where its own encoding is not found; one that is found stays, whatever the sheet's is."""
    (tmp_path / "a.csv").write_bytes("Nome;Telefone\nZé;11 98888-7777\n".encode("utf-16-le"))
    (tmp_path / "b.csv").write_text("Nome;Telefone\nZé;11 98888-6666;\nJoão;;;\n", encoding="utf-8")
    files = '[suppress]\nfiles = ["a.csv", "b.csv"]\n'
    with pytest.raises(SheetError, match="NUL bytes"):
        open_lists(campaign_with(tmp_path, files), None)
    with pytest.raises(SheetError, match=r"b\.csv has 2 cells in its header"):
        open_lists(campaign_with(tmp_path, files), None, "utf-16-le")
    loose = files + '[sheet]\nencoding = "utf-16-le"\nrow_ends = "loose"\n'
    lists = open_lists(campaign_with(tmp_path, loose), tmp_path / "a.csv")
    assert [person for one in lists.suppress for person, _row in one.people()] == [ANA, BIA]
    assert lists.only is not None
    lists.refuse_unreadable()


def test_a_list_is_read_in_the_encoding_that_a_person_names(tmp_path: Path) -> None:
    """Not in the one that is found."""
    path = tmp_path / "a.csv"
    path.write_bytes("Número;Obs\n11 98888-7777;José\n".encode("utf-16-le"))
    assert people(path, encodings=("utf-16-le",), column="Número") == [ANA]
    path.write_bytes(b"Telefone\n11 98888-777")
    with pytest.raises(SheetError, match="is not text in the encoding utf-16-le"):
        people(path, encodings=("utf-16-le",))
