"""Records of text files, and their delimiter."""

from __future__ import annotations

import pytest

from batch.loader.formats.delimited import STRAY_QUOTE, named_delimiter, split_records
from batch.loader.open import choose_delimiter


def lines(text: str) -> list[str]:
    """Lines with their ends, as a file gives them."""
    return text.splitlines(keepends=True)


def read(text: str, delimiter: str = ";", width: int | None = None) -> list[tuple[int, list[str | None], str]]:
    return [(row.number, row.cells, str(row.fault or "")) for row in split_records(lines(text), delimiter, width=width)]


def test_quotes_line_breaks_and_blank_lines() -> None:
    """A quoted line break adds no row; a blank line does, and is not given."""
    assert read('a;b\r\n"x;""y""\nz";2\r\n\r\n3;4') == [
        (1, ["a", "b"], ""),
        (2, ['x;"y"\nz', "2"], ""),
        (4, ["3", "4"], ""),
    ]


def test_a_quotation_mark_inside_a_cell_is_text() -> None:
    """Inches and nicknames are no quoting."""
    assert read('tubo 5";Ana "Nina" Sá\n') == [(1, ['tubo 5"', 'Ana "Nina" Sá'], "")]


def test_a_stray_quotation_mark_costs_one_row() -> None:
    """The rows after it are read by themselves instead of vanishing into its cell."""
    assert read('Nome;Fone\n"Ana;1\nBia;2\nCaio;3\n', width=2) == [
        (1, ["Nome", "Fone"], ""),
        (2, ['"Ana', "1"], str(STRAY_QUOTE)),
        (3, ["Bia", "2"], ""),
        (4, ["Caio", "3"], ""),
    ]


def test_two_stray_quotation_marks_swallow_nothing() -> None:
    """The second seems to close the first; the number of cells tells."""
    assert [row[2] for row in read('Nome;Fone\n"Ana;1\nBia;2\n"Caio;3\nDora;4\n', width=2)] == [
        "", str(STRAY_QUOTE), "", str(STRAY_QUOTE), ""]  # fmt: skip
    assert [row[2] for row in read('a;b\n1;"x\n2;y"\n3;z\n', width=2)] == ["", "", ""]


def test_a_quoted_cell_that_swallows_whole_rows_is_doubted() -> None:
    """Closed properly, but then the record has too few cells, and its first line alone has the right number."""
    found = read('Nome;Fone;Obs\n"Ana;1;x\nBia;2;y"\nCaio;3;z\n', width=3)
    assert [(row[0], row[2]) for row in found] == [(1, ""), (2, str(STRAY_QUOTE)), (3, ""), (4, "")]


def test_text_after_a_closing_quotation_mark_is_a_fault() -> None:
    """`"Ana" Maria` is no cell that anybody can be sure of."""
    assert read('"Ana" Maria;1\n') == [(1, ['"Ana" Maria', "1"], str(STRAY_QUOTE))]


def test_text_kept_from_becoming_a_number_is_what_it_shows() -> None:
    """Exports write ="0119" so that Excel keeps the zero."""
    assert read('="0119";x\n') == [(1, ["0119", "x"], "")]


def test_a_cell_has_no_greatest_length() -> None:
    """Python's own reader stops at 131,072 characters."""
    assert read(f'"{"x" * 500_000}";1\n')[0][1][0] == "x" * 500_000


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("Nome;Telefone\nAna;11999990001\n", ";"),
        ("Nome,Telefone\nAna,11999990001\n", ","),
        ("Nome\tTelefone\nAna\t11999990001\n", "\t"),
        ("Nome|Telefone\nAna|11999990001\n", "|"),
        ("Nome;Valor\nAna;1,50\nBia;2,50\nCaio;3,50\n", ";"),
        ("Valor;Desconto\n1,5;2,5\n3,5;4,5\n", ";"),
        ("Nome;Endereco\nAna;Rua X, 10, SP\nBia;Rua Y, 2, RJ\n", ";"),
        ('Nome,Obs\n"Sá, Ana","a;b"\n"Lima, Bia","c;d"\n', ","),
        ("Lista de clientes, 2024\n\nNome;Fone\nAna;1\nBia;2\n", ";"),
        ("Nome\nSilva, Ana\nSouza, Bia\n", ";"),
        ('a,b\n1,"ha \n""ha"" \nha"\n3,4\n', ","),
        ("Nome;Fone;Obs\nAna;1\nBia;2;x\nCaio;3\n", ";"),
    ],
)
def test_the_delimiter_is_told(text: str, delimiter: str) -> None:
    """By the header and by how many records have as many cells."""
    assert choose_delimiter(lines(text)) == delimiter


def test_the_first_line_may_name_the_delimiter() -> None:
    """Excel's own mark, which Excel does not count as a row."""
    assert named_delimiter("sep=|\r\n") == "|"
    assert named_delimiter('"sep=;"\n') == ";"
    assert named_delimiter("sepia;x\n") is None
