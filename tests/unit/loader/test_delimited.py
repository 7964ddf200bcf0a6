"""Records of text files, and their delimiter."""

from __future__ import annotations

import pytest

from batch.loader.formats.delimited import INNER_QUOTE, STRAY_QUOTE, find_quote, named_delimiter, split_records
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


def test_an_empty_quote_behind_a_blank_is_text() -> None:
    """It is closed where it stands, so that no separator is missing before the next cell's."""
    assert read(' ""x;"y"\n') == [(1, ['""x', "y"], "")]


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


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('1;"2;3\n4;5";6\n', [(1, ["1", '"2', "3"], True), (2, ["4", '5"', "6"], False)]),
        ('1;"2;3;x\n4;5";6\n', [(1, ["1", '"2', "3", "x"], True), (2, ["4", '5"', "6"], False)]),
        ('1;"2\n4;5";6\n', [(1, ["1", "2\n4;5", "6"], False)]),
        ('1;"2;3\n4";6\n', [(1, ["1", "2;3\n4", "6"], False)]),
        ('1;2;"3\n4";5;6\n', [(1, ["1", "2", '"3'], True), (2, ['4"', "5", "6"], False)]),
        ('1;2;"3\n4";5\n', [(1, ["1", "2", '"3'], True), (2, ['4"', "5"], False)]),
        ('1;2\n1;"2\n3"\n', [(1, ["1", "2"], False), (2, ["1", "2\n3"], False)]),
        ('1;"2\nx;y;z\n4;5";6\n', [(1, ["1", "2\nx;y;z\n4;5", "6"], False)]),
    ],
)
def test_lines_that_are_whole_records_are_not_joined(text: str, rows: list[tuple[int, list[str], bool]]) -> None:
    """Of three cells: where the first line alone has them and the record has not, or the last line has them too."""
    found = [(number, cells, fault == str(STRAY_QUOTE)) for number, cells, fault in read(text, width=3)]
    assert found == rows


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        (';"x";1\n', [None, "x", "1"]),
        ('"a;\nb";2\n', ["a;\nb", "2"]),
        ('"a\nb\nc";2\n', ["a\nb\nc", "2"]),
        ('"a\n;b\nc";2\n', ["a\n;b\nc", "2"]),
        ('a; "" ;b\n', ["a", None, "b"]),
        ('"a";"b"  \n', ["a", "b"]),
        ('"a"  ; "b;c" ;d\n', ["a", "b;c", "d"]),
        ('x; "b" c;d\n', ["x", '"b" c', "d"]),
        ('"";"a"\n', [None, "a"]),
        ('"a";\n', ["a", None]),
        ('"a";;"b"\n', ["a", None, "b"]),
    ],
)
def test_a_quoted_cell_may_stand_anywhere(text: str, cells: list[str | None]) -> None:
    """Behind an empty one, over several lines, with blanks around, before nothing."""
    assert read(text) == [(1, cells, "")]


@pytest.mark.parametrize(
    "text",
    ['x"Bolo; 3";1\n', 'x"Bolo; 3"\n', 'x"Bolo; 3" ;1\n', 'a;x"Bolo; 3";1\n', '"a";x"Bolo; 3";1\n', ' "B; 3"x;1\n'],
)
def test_a_delimiter_seems_to_be_missing_before_a_quotation_mark(text: str) -> None:
    """A text with a delimiter in it is quoted right behind another text."""
    assert [fault for _number, _cells, fault in read(text)] == [str(INNER_QUOTE)]


@pytest.mark.parametrize(
    "text",
    ['x"Bolo; 3"y;1\n', 'x"Bolo"; 3;1\n', '5";3"\n', 'x"";"1"\n', 'a"b;c"d"e;f\n', ' "B;1\n', 'tubo 5" fino;1\n'],
)
def test_other_quotation_marks_inside_are_text(text: str) -> None:
    """Closed in the same cell, or before more text."""
    assert [fault for _number, _cells, fault in read(text)] == [""]


def test_a_cell_of_very_many_lines_is_a_stray_mark() -> None:
    """One of 5,001 lines is read as a cell."""
    for more, rows in ((5000, 1), (5001, 5002)):
        assert len(read('"x\n' + "y\n" * (more - 1) + 'z"\n')) == rows


def test_after_many_stray_marks_no_cell_goes_on_in_the_next_line() -> None:
    """Each costs thousands of lines that are read twice; a file of quoted cells is not taken for one of stray marks."""
    cell = '"Caio\nSá";2\n'
    assert read(cell * 25)[-1] == (25, ["Caio\nSá", "2"], "")
    stray = '"Ana;1\n' + "x;1\n" * 5000
    assert read(stray * 19 + cell)[-1] == (19 * 5001 + 1, ["Caio\nSá", "2"], "")
    assert read(stray * 20 + cell)[-1] == (20 * 5001 + 2, ['Sá"', "2"], "")


def test_nearly_all_lines_must_stand_in_other_marks() -> None:
    """A name in apostrophes is none; nor is a file without lines."""
    assert find_quote(["'a';'b'\n", "'c';'d'\n", "e;f\n", "\n"]) == "'"
    assert find_quote(["'a';'b'\n", "'c';'d'\n", "e;f\n", "g;h\n"]) == '"'
    assert find_quote([]) == '"'


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
