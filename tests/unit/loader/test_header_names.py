"""Header names, and which row is the header."""

from __future__ import annotations

import pytest

from batch.loader.header_detection import Header, column_name, find_header, name_columns
from batch.loader.header_names import fold, is_name_header, is_phone_header, is_result_column
from batch.loader.source import RawRow


def rows(*lines: list[str | None] | None) -> list[RawRow]:
    """Rows numbered from 1; None stands for an empty one, which readers leave out."""
    return [RawRow(number, line) for number, line in enumerate(lines, start=1) if line is not None]


def test_names_fold_alike_whatever_people_do_not_mean() -> None:
    """Accents, case, spaces, underscores and line breaks do not tell names apart; letters do."""
    assert fold("Número do\nTelefone") == fold("NUMERO_DO_TELEFONE") == fold(" numero  do telefone ")
    assert fold("Telefone") != fold("Telefones")


@pytest.mark.parametrize(
    "name",
    ["Telefone", "CELULAR", "WhatsApp", "Fone", "phone", "Mobile", "Telefone 1", "Celular (com DDD)", "Nº Telefone",
     "Telefone*", "wa_contact_id", "Telefone:", "Número de WhatsApp"],
)  # fmt: skip
def test_usual_phone_headers(name: str) -> None:
    """What columns of phone numbers are usually called."""
    assert is_phone_header(name)


@pytest.mark.parametrize("name", ["Nome", "Telefone fixo", "Data", "Telefonema", "whatsapp_phone_id", "2024", ""])
def test_other_names_are_no_phone_headers(name: str) -> None:
    """The list is closed: what merely looks alike is not taken."""
    assert not is_phone_header(name)


def test_name_and_result_headers() -> None:
    """People's names, and the columns a report of ours adds."""
    assert is_name_header("Nome Completo")
    assert not is_name_header("Nome da mãe")
    assert is_result_column("wegly_status")
    assert is_result_column("WEGLY_Reason ")
    assert not is_result_column("weglystatus")


def test_titles_above_the_header_are_passed_over() -> None:
    """A title, a remark and a blank row stand above; numbering stays Excel's."""
    found = find_header(
        rows(["Clientes de março"], ["Contato da área: ver lista"], None, ["Nome", "Telefone"], ["Ana", "11999990001"])
    )
    assert found.number == 4
    assert found.names == ("Nome", "Telefone")


def test_names_the_campaign_asks_for_decide() -> None:
    """Words that no list knows are found when the campaign names them."""
    found = find_header(rows(["Xpto", "Numerozinho"], ["a", "b"], ["c", "d"]), wanted=["numerozinho"])
    assert found.number == 1


def test_a_header_of_two_lines_is_read_as_one() -> None:
    """Merged cells: what the lower line lacks is taken from the upper one."""
    found = find_header(
        rows(["Nome", "Telefone", None], [None, "Celular", "Fixo"], ["Ana", "11999990001", "1133334444"])
    )
    assert (found.number, found.names) == (2, ("Nome", "Celular", "Fixo"))


def test_line_breaks_in_a_header_become_spaces() -> None:
    """A column's name is one line."""
    found = find_header(rows(["Nome", "Telefone\n(com DDD)"], ["Ana", "1"]))
    assert found.names == ("Nome", "Telefone (com DDD)")


@pytest.mark.parametrize(
    "first",
    [["Ana", "11999990001"], ["Ana", "(11) 99999-0001"], ["Ana", "ana@example.com"], ["Ana", "15/03/2024"],
     ["Cliente", "11999990001"], ["Ana", "R$ 10,00"]],
)  # fmt: skip
def test_a_sheet_without_header_keeps_its_first_row(first: list[str | None]) -> None:
    """A first row that holds data is a row, not a header."""
    found = find_header(rows(first, ["Bia", "11999990002"]))
    assert found.number == 0
    assert name_columns(found, {0, 1}).names == ("column A", "column B")


def test_years_may_be_names_of_columns() -> None:
    """Numbers in a header do no harm where two names are known."""
    assert find_header(rows(["Nome", "Telefone", "2023"], ["Ana", "11999990001", "5"])).number == 1


def test_words_alone_make_a_header_when_data_follow() -> None:
    """The first full row of words; a title in one cell is passed over."""
    assert find_header(rows(["Title"], None, ["A", "B", "C"], ["1", "2", "3"])).number == 3


def test_columns_of_one_name_are_told_apart() -> None:
    """The first keeps the name, the later ones say where they are, and the name is ambiguous."""
    columns = name_columns(Header(number=1, names=("Telefone", "Nome", "Telefone")), set())
    assert columns.names == ("Telefone", "Nome", "Telefone (column C)")
    assert columns.ambiguous == ("Telefone",)


def test_nameless_columns_are_kept_only_with_data() -> None:
    """A blank column before the table goes; a column with data beyond the header stays."""
    columns = name_columns(Header(number=1, names=(None, "Nome", None, "Obs")), {1, 5})
    assert columns.names == ("Nome", "Obs", "column F")
    assert columns.places == (1, 3, 5)


def test_nameless_columns_are_called_by_their_letters() -> None:
    """A to Z, then AA; the last column is XFD."""
    assert [column_name(index) for index in (0, 25, 26, 16383)] == ["column A", "column Z", "column AA", "column XFD"]
