"""Lists of people as people have them: who is on them, what is refused, and what is only said."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import Workbook

from batch.app.inputs.recipient_lists import UNREADABLE_KEPT, RecipientList, open_list
from batch.errors import SheetError

ANA, BIA, CAIO = "+5511988887777", "+5511988886666", "+551133334444"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_text(text: str, name: str = "bloqueio.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write_text


def _people(found: RecipientList) -> list[str]:
    return [person for person, _row in found.people()]


@pytest.mark.parametrize(
    "text",
    [
        "11988887777\r\n11988886666\r\n",
        "(11) 98888-7777\n+55 11 98888-6666\n",
        "'11988887777\n'11988886666",
        "\n\n11988887777\n\n11988886666\n",
        "Telefone\n11988887777\n\n11988886666\n",
        "Bloqueados\n11988887777\n11988886666\n",
        "\ufeffTELEFONE;\n11988887777;\n11988886666;\n",
        "Lista de bloqueio\n\nTelefone\n11988887777\n11988886666\n",
        "11988887777;pediu\n11988886666;saiu\n",
        "Ana;11988887777\nBia;11988886666\n",
        "sep=;\nId;Nome;Celular;Obs\n11111111111;Ana;11988887777;ligar\n22222222222;Bia;5511988886666.0;\n",
    ],
)
def test_the_forms_in_which_people_have_lists(write: Write, text: str) -> None:
    """Bare numbers count from the first line; a header, titles and other columns are told apart."""
    found = open_list(write(text))
    assert _people(found) == [ANA, BIA]
    assert found.warnings == ()
    found.refuse_unreadable()


def test_an_old_excels_text_file(write: Write) -> None:
    """Windows-1252, with accents in its header."""
    text = "Nome;Número Celular\nJoão;(11) 98888-7777\nBia;11988886666\n"
    assert _people(open_list(write(text, encoding="cp1252"))) == [ANA, BIA]


def test_a_workbook_with_numbers_as_numbers(tmp_path: Path) -> None:
    """Also without a header: the first row counts."""
    book = Workbook()
    for value in (11988887777.0, 5511988886666):
        book.active.append([value])
    book.save(tmp_path / "bloqueio.xlsx")
    found = open_list(tmp_path / "bloqueio.xlsx")
    assert list(found.people()) == [(ANA, 1), (BIA, 2)]


def test_one_bare_number_is_a_list(write: Write) -> None:
    """A landline too, which a sheet of many columns would leave in doubt."""
    assert _people(open_list(write("11988887777\n"))) == [ANA]
    assert _people(open_list(write("1133334444\n"))) == [CAIO]


def test_all_columns_of_phones_count(write: Write) -> None:
    """Whoever is on the list by any number is on it, and which columns counted is said."""
    found = open_list(write("Id;Telefone;Telefone fixo;Obs\n1;11988887777;1133334444;x\n2;11988886666;;y\n"))
    assert _people(found) == [ANA, CAIO, BIA]
    (warning,) = found.warnings
    assert "'Telefone', 'Telefone fixo'" in warning


def test_a_column_of_phones_that_is_empty_at_first_counts(write: Write) -> None:
    """Its first number stands below the rows by which columns are found."""
    text = "Telefone;Celular\n" + "11988887777;\n" * 1500 + "11988886666;11977776666\n"
    assert set(_people(open_list(write(text)))) == {ANA, BIA, "+5511977776666"}


def test_a_column_can_be_named(write: Write) -> None:
    """Then it alone counts; a name that is not there is refused with the nearest."""
    path = write("Telefone;Celular\n11988887777;11988886666\n")
    assert _people(open_list(path, column="celular")) == [BIA]
    with pytest.raises(SheetError, match=r"no column 'Celula'; did you mean 'Celular'[?] Its columns"):
        open_list(path, column="Celula")


def test_a_number_that_cannot_be_read_refuses_the_list(write: Write) -> None:
    """It could be anybody: file, rows, what is wrong and what to do are said, of many the first five."""
    found = open_list(write("Telefone\n11988887777\n" + "5,51199E+12\n" * 7))
    assert _people(found) == [ANA]
    with pytest.raises(SheetError) as caught:
        found.refuse_unreadable()
    assert "bloqueio.csv" in caught.value.problem
    assert "row 3: " in caught.value.problem
    assert "row 7: " in caught.value.problem
    assert "row 8: " not in caught.value.problem
    assert "And 2 more." in caught.value.problem
    assert "Correct these cells or delete them" in caught.value.remedy


@pytest.mark.parametrize("cell", ["98888-7777", "11 98888-7777 / 11 97777-6666", "00 98888-7777"])
def test_eight_digits_could_be_somebody(write: Write, cell: str) -> None:
    """A number without its area code, two in one cell, a wrong area code."""
    found = open_list(write(f"Telefone\n11988887777\n{cell}\n"))
    assert ANA in _people(found)
    with pytest.raises(SheetError):
        found.refuse_unreadable()


@pytest.mark.parametrize("cell", ["n/a", "não tem", "-", "ver linha 12", "9888777"])
def test_a_note_is_only_counted(write: Write, cell: str) -> None:
    """Seven digits are nobody's number. It is said all the same."""
    found = open_list(write(f"Telefone\n11988887777\n{cell}\n"))
    assert _people(found) == [ANA]
    found.refuse_unreadable()
    assert found.warnings == ("The list bloqueio.csv has 1 cell that holds no number; nobody is meant there.",)


def test_reading_again_begins_anew(write: Write) -> None:
    """What was met is of the last way, and not counted twice."""
    found = open_list(write("Telefone\n11988887777\nn/a\n123456789\n"))
    assert _people(found) == _people(found) == [ANA]
    assert (found.notes, found.unreadable_count, len(found.unreadable)) == (1, 1, 1)


def test_an_error_cell_could_be_somebody(tmp_path: Path) -> None:
    """Excel's #N/A where a number should be: a lookup that failed."""
    book = Workbook()
    for value in ("Telefone", "11988887777", "#N/A"):
        book.active.append([value])
    book.active["A3"].data_type = "e"
    book.save(tmp_path / "bloqueio.xlsx")
    found = open_list(tmp_path / "bloqueio.xlsx")
    assert _people(found) == [ANA]
    with pytest.raises(SheetError, match=r"row 3: Column Telefone: .*#N/A"):
        found.refuse_unreadable()


def test_hidden_rows_count_unless_the_list_is_of_the_only_ones(tmp_path: Path) -> None:
    """Who is hidden must not be messaged by mistake: on a list of refusals they count, on one of permissions not."""
    book = Workbook()
    for value in ("Telefone", "11988887777", "11988886666"):
        book.active.append([value])
    book.active.row_dimensions[2].hidden = True
    book.save(tmp_path / "lista.xlsx")
    assert _people(open_list(tmp_path / "lista.xlsx")) == [ANA, BIA]
    only = open_list(tmp_path / "lista.xlsx", hidden_rows=False)
    assert _people(only) == [BIA]
    assert only.warnings == ("The list lista.xlsx has 1 hidden row; nobody there counts as allowed.",)


def test_a_sheet_without_phones_is_refused(write: Write) -> None:
    """Naming what it has instead: a list of nobody would let everybody through."""
    with pytest.raises(SheetError, match="no column of phones; its columns are: Nome, Cidade"):
        open_list(write("Nome;Cidade\nAna;Santos\nBia;Campinas\n"))


def test_a_file_that_is_not_there_is_named_with_who_names_it(tmp_path: Path) -> None:
    """So that a person knows which file to correct."""
    with pytest.raises(SheetError, match=r"naoexiste.csv cannot be used [(]the campaign names it[)]: .*does not exist"):
        open_list(tmp_path / "naoexiste.csv", named="the campaign names it")


def test_numbers_are_read_as_those_of_their_country(write: Write) -> None:
    """As the campaign's own sheet is."""
    found = open_list(write("Telefone\n912 345 678\n+55 11 98888-7777\n"), region="PT")
    assert _people(found) == ["+351912345678", ANA]


def test_memory_stays_flat_however_long_and_bad_the_list(write: Write) -> None:
    """Only the first unreadable cells are kept; all are counted."""
    path = write("Telefone\n11988887777\n" + "".join(f"999{number:06d}\n" for number in range(10_000)))
    found = open_list(path)
    tracemalloc.start()
    try:
        assert _people(found) == [ANA]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (found.unreadable_count, len(found.unreadable)) == (10_000, UNREADABLE_KEPT)
    assert most < 1_500_000


def test_a_number_with_hidden_digits_refuses_the_list(tmp_path: Path) -> None:
    """`11 9****-9999` is somebody, and nobody can tell who."""
    file = tmp_path / "bloqueio.csv"
    for cell in ("11 9****-9999", "11 9999X-XXXX"):
        file.write_text(f"Telefone\n11999990001\n{cell}\n")
        people = open_list(file)
        list(people.people())
        with pytest.raises(SheetError, match="row 3"):
            people.refuse_unreadable()
