"""Texts that no person wrote into a cell, and those that only look so."""

import pytest

from batch.loader.mapping.suspects import CellRule, Cleaned
from batch.model.reasons import Finding, Reason

GOOD = (
    "JOÃO", "AMANHÃ…", "“AMANHû", "JOSÉ\u2019S", "CAFɮ", "IRMÃ\u2019s", "MANHÃ\xa0às 8", "ÂNGELA", "Ø½ pol", "2\xd7½",
    "5²\xd73²", "Spaß“", "ESPAÑ…", "NIÑO", "Åsa", "Ærø", "Łukasz", "Ștefan", "├── src", "AT&T; ok", "R&D", "#Vem!",
    "Item #5", "C#", "Nan Goldin", "Anna Null", "null@example.com", "e-mail", "1E5", "2E10", "1e+", "Monitor 24\"",
    "José \"Zé\" Lima", "34191790010104351004791020150008291070026000", "0,3000000000000004", "teste", "na", "Nº 5",
    "50°", "R$ 10,00", "http://x.com/?a=1&b=2", "👩\u200d👧", "Bom dia!", "não", "-5", "10 - 20",
)  # fmt: skip
BROKEN = (
    "#N/D", "#REF!", "#ref!", "#NOME?", "#¿NOMBRE?", "#¡VALOR!", "#NAME?", "#DIV/0!", "#NÚM!", "#N/A", "Total: #REF!",
    "#####", "Err:502", "Erro:508", "Loading...", "Carregando...", "John &amp; Cia", "D&#39;Ávila", "&nbsp;",
    "Jo\ufffdo", "JoÃ£o", "JOÃƒO", "ANTÃ”NIO", "SÃ©rgio", "NÂº 5", "olÃ\xa0", "â€œoiâ€", "Jo├úo", "Ant├┤nio", "Jo√£o",
    "ðŸ\u02dc€",
)  # fmt: skip
NULLS = (
    "NULL",
    "null",
    "None",
    "NaN",
    "n/a",
    "N/A",
    "undefined",
    "-",
    "--",
    "(blank)",
    "(vazio)",
    "NA",
    "[object Object]",
    "no especificado",
    "not provided",
    "NULL NULL",
)


@pytest.mark.parametrize("text", GOOD)
@pytest.mark.parametrize("is_name", [False, True])
def test_what_a_person_may_have_written_passes(text: str, is_name: bool) -> None:  # noqa: FBT001 - a parameter
    """Capitals before a quotation mark, diameters, hashtags, nicknames, long digits of a text."""
    assert CellRule(is_name=is_name).admit(text) == text


@pytest.mark.parametrize("text", BROKEN)
def test_errors_and_garbled_texts_are_named(text: str) -> None:
    """In any case, in three languages, alone or inside a text; `[values] allow` lets one through."""
    fault = CellRule().admit(text)
    assert isinstance(fault, Finding)
    assert fault.reason is Reason.VALUE_BROKEN
    assert CellRule(allow=frozenset({text.lower()})).admit(text) == text


@pytest.mark.parametrize("text", ["3,52601E+43", "1.5e+20", "1,23457E+16", "-2E-05", "3.5E43"])
def test_scientific_texts_have_lost_digits(text: str) -> None:
    """As a spreadsheet writes long numbers into a CSV file."""
    fault = CellRule().admit(text)
    assert isinstance(fault, Finding)
    assert fault.reason is Reason.VALUE_DIGITS_LOST


@pytest.mark.parametrize("text", NULLS)
def test_a_null_word_is_an_empty_cell_or_an_error(text: str) -> None:
    """Empty where the campaign says what to put there."""
    fault = CellRule().admit(text)
    assert isinstance(fault, Finding)
    assert fault.reason is Reason.VALUE_NULL
    assert CellRule(has_default=True).admit(text) == ""
    assert CellRule(allow=frozenset({text.lower()})).admit(text) == text


def test_a_null_word_inside_a_text_is_an_error_but_in_names() -> None:
    """Ana Null is a person; `Rua null, 12` is none of a street."""
    assert isinstance(CellRule().admit("Rua null, 12"), Finding)
    assert CellRule(is_name=True).admit("Ana null") == "Ana null"


@pytest.mark.parametrize("text", ["xxx", "Sem nome", "TRUE", "***"])
def test_what_is_no_name_is_an_error_of_names_alone(text: str) -> None:
    """In another column they may be sizes, marks or answers."""
    assert isinstance(CellRule(is_name=True).admit(text), Finding)
    assert CellRule().admit(text) == text


def test_invisible_characters_are_taken_out() -> None:
    """The text says that it was cleaned."""
    for text in ("Ana\u200b", "\ufeffAna", "\u202eAna\u202c", "A\u00adna", "A\u200dna"):
        cleaned = CellRule().admit(text)
        assert cleaned == "Ana"
        assert isinstance(cleaned, Cleaned)


@pytest.mark.parametrize("text", ["%NOME%", "{nome}", "[Nome]", "(sem nome)", "«nome»", "*|NOME|*", "S/N", "Anonymous"])
def test_a_field_that_was_not_filled_in_is_no_name(text: str) -> None:
    """As another program left it in the list."""
    assert isinstance(CellRule(is_name=True).admit(text), Finding)


def test_the_second_byte_of_a_garbled_letter_may_be_invisible() -> None:
    """`í` ends in a soft hyphen then, which would be taken out before."""
    assert isinstance(CellRule().admit("MarÃ\xada"), Finding)


def test_a_question_mark_for_a_letter_is_named_in_names() -> None:
    """An encoding without the letter put it there; elsewhere it may be typed."""
    assert isinstance(CellRule(is_name=True).admit("Jo?o Concei??o"), Finding)
    assert CellRule().admit("Tudo bem?Sim") == "Tudo bem?Sim"
    assert CellRule(is_name=True).admit("Ana?") == "Ana?"
