"""What `{Column|filter}` does to a cell's text."""

from __future__ import annotations

import re

import pytest

from batch.loader.filters.registry import FILTERS, compile_filter
from batch.loader.mapping.placeholders import Placeholder, parse_text
from batch.model.reasons import Finding, Reason


@pytest.mark.parametrize(
    ("text", "value", "result"),
    [
        ("first_name", "João da Silva", "João"),
        ("first_name", "MARIA", "MARIA"),
        ("first_name", "Dr. João da Silva", "João"),
        ("first_name", "Sra Ana", "Ana"),
        ("first_name", "Dra.", "Dra."),
        ("first_name", "Dña. María López", "María"),
        ("first_name", "Att. Dep. Luis", "Luis"),
        ("first_name", "Cliente: Ana", "Ana"),
        ("first_name", "Cliente", "Cliente"),
        ("first_name", "Silva, João", "João"),
        ("first_name", "SILVA, DR. JOÃO", "JOÃO"),
        ("first_name", "João Silva, PhD", "João"),
        ("first_name", "Ana Souza, 34 anos", "Ana"),
        ("first_name", "Ana, Bia, Caio", "Ana"),
        ("first_name", "Ana Souza, mãe do Caio", "Ana"),
        ("first_name", "\U0001f338 Ana Souza", "Ana"),
        ("first_name", "Ana\U0001f338 Souza", "Ana"),
        ("first_name", "\u2764\ufe0f\u200dAna", "Ana"),
        ("first_name", "Dr.Bruno Carvalho", "Bruno"),
        ("first_name", "Sr(a). Davi Eça", "Davi"),
        ("first_name", "Sr./Sra. João Paz", "João"),
        ("first_name", "Sr/a Ana", "Ana"),
        ("first_name", "Prof.ª Ana", "Ana"),
        ("first_name", "Profª. Dra. Ana", "Ana"),
        ("first_name", "D. Maria Lima", "Maria"),
        ("first_name", "Doña Inés Paz", "Inés"),
        ("first_name", "Mrs. Jane Poe", "Jane"),
        ("first_name", "Eng. Fabio Gil", "Fabio"),
        ("first_name", ". Hugo Sá", "Hugo"),
        ("first_name", "MARIA-CLARA DIAS", "MARIA-CLARA"),
        ("first_name", '"Nina" Alves', "Nina"),
        ("first_name", "(Ana) Souza", "Ana"),
        ("first_name", "[VIP] Bia Reis", "Bia"),
        ("first_name", "(cliente) Bia Reis", "Bia"),
        ("first_name", "Caio (filho da Bia)", "Caio"),
        ("first_name", "1. Caio Lima", "Caio"),
        ("first_name", "J. Carlos Lima", "Carlos"),
        ("first_name", "J.P. Lima", "Lima"),
        ("first_name", "J", "J"),
        ("first_name", "Ltda. Padaria", "Padaria"),
        ("first_name", "\u202aSara Luz\u202c", "Sara"),
        ("first_name", "D'Ávila", "D'Ávila"),
        ("first_name", "Ana_Souza", "Ana"),
        ("first_name", "\U0001d400\U0001d427\U0001d41a", "Ana"),
        ("first_name", "प्रिया शर्मा", "प्रिया"),
        ("first_name", "Mãe da Wilma", "Mãe"),
        ("title", "JOÃO DA SILVA", "João da Silva"),
        ("title", "maria das dores e souza", "Maria das Dores e Souza"),
        ("title", "DA SILVA", "Da Silva"),
        ("title", "ana-clara d'ávila", "Ana-Clara D'Ávila"),
        ("title", "Ronald McDonald", "Ronald McDonald"),
        ("title", "JOÃO PAULO II", "João Paulo II"),
        ("title", "BOB'S BURGERS", "Bob's Burgers"),
        ("title", "ÉRICA", "Érica"),
        ("title", "a  b", "A  B"),
        ("upper", "João", "JOÃO"),
        ("lower", "JOÃO", "joão"),
        ("strip", "  a \n b\t\tc      d ", "a b c d"),
        ("default:cliente", "", "cliente"),
        ("default:cliente", "  ", "cliente"),
        ("default:cliente", "Ana", "Ana"),
        ("default:a: b", "", "a: b"),
        ("default:", "", ""),
        ("date:dd/mm/yyyy", "2026-03-09", "09/03/2026"),
        ("date:dd/mm", "9/3/2026", "09/03"),
        ("date:yyyy-mm-dd", "09/03/2026 14:05", "2026-03-09"),
        ("date:dd/mm/yyyy HH:MM", "09/03/2026 14:05", "09/03/2026 14:05"),
        ("date:HH:MM", "09/03/2026 4:05", "04:05"),
        ("date:HH:MM", "14:05", "14:05"),
        ("date:HH:MM:SS", "2026-03-09T14:05:59.123", "14:05:59"),
        ("date:dd.mm.yy", "09.03.2026", "09.03.26"),
        ("date:dd de mm de aaaa", "09-03-2026", "09 de 03 de 2026"),
        ("date:HHhMM", "14:05", "14h05"),
        ("date:dd/mm HH:MM", "1/2/2026 11:30 PM", "01/02 23:30"),
        ("date:dd/mm/yyyy", "29/02/2024", "29/02/2024"),
        ("date:dd/mm/yyyy", "01/01/0045", "01/01/0045"),
        ("brl", "1234,5", "R$ 1.234,50"),
        ("brl", "1.234,56", "R$ 1.234,56"),
        ("brl", "1234.56", "R$ 1.234,56"),
        ("brl", "1,234.56", "R$ 1.234,56"),
        ("brl", "1.234", "R$ 1.234,00"),
        ("brl", "1.234.567", "R$ 1.234.567,00"),
        ("brl", "1,234,567", "R$ 1.234.567,00"),
        ("brl", "1.234.567,8", "R$ 1.234.567,80"),
        ("brl", "12.5", "R$ 12,50"),
        ("brl", "1234,565", "R$ 1.234,57"),
        ("brl", "0,30000000000000004", "R$ 0,30"),
        ("brl", "0,0050", "R$ 0,01"),
        ("brl", "33.3333", "R$ 33,33"),
        ("brl", "R$ 1.234,500", "R$ 1.234,50"),
        ("brl", "0,500", "R$ 0,50"),
        ("brl", "33,333333333333336", "R$ 33,33"),
        ("brl", "R$ 89,9", "R$ 89,90"),
        ("brl", "r$89,90", "R$ 89,90"),
        ("brl", "-5", "-R$ 5,00"),
        ("brl", "R$ -5", "-R$ 5,00"),
        ("brl", "-0,0010", "R$ 0,00"),
        ("brl", "0", "R$ 0,00"),
        ("digits", "123.456.789-09", "12345678909"),
        ("urlencode", "a b/ção&x=1~", "a%20b%2F%C3%A7%C3%A3o%26x%3D1~"),
    ],
)
def test_a_filter_gives_text(text: str, value: str, result: str) -> None:
    """As the table of the module says."""
    assert compile_filter(text)(value) == result


@pytest.mark.parametrize(
    ("text", "value", "reason"),
    [
        ("date:dd/mm", "31/02/2026", Reason.VALUE_NOT_A_DATE),
        ("date:dd/mm", "amanhã", Reason.VALUE_NOT_A_DATE),
        ("date:dd/mm", "14:05", Reason.VALUE_NOT_A_DATE),
        ("date:dd/mm", "09/03-2026", Reason.VALUE_NOT_A_DATE),
        ("date:HH:MM", "09/03/2026", Reason.VALUE_NOT_A_DATE),
        ("date:HH:MM", "25:00", Reason.VALUE_NOT_A_DATE),
        ("date:dd/mm", "\u0661/\u0661/2026", Reason.VALUE_NOT_A_DATE),
        ("first_name", "\u2764\ufe0f", Reason.VALUE_NOT_A_NAME),
        ("first_name", "123", Reason.VALUE_NOT_A_NAME),
        ("first_name", "ana@exemplo.com", Reason.VALUE_NOT_A_NAME),
        ("brl", "a combinar", Reason.VALUE_NOT_MONEY),
        ("brl", "1,2,3", Reason.VALUE_NOT_MONEY),
        ("brl", "1.23.4", Reason.VALUE_NOT_MONEY),
        ("brl", "1.234,5,6", Reason.VALUE_NOT_MONEY),
        ("brl", "12,34.5", Reason.VALUE_NOT_MONEY),
        ("brl", "10,", Reason.VALUE_NOT_MONEY),
        ("brl", "--5", Reason.VALUE_NOT_MONEY),
        ("brl", "5%", Reason.VALUE_NOT_MONEY),
        ("brl", "1e3", Reason.VALUE_NOT_MONEY),
        ("brl", "9" * 16, Reason.VALUE_NOT_MONEY),
        ("digits", "abc", Reason.VALUE_NOT_A_NUMBER),
    ],
)
def test_a_filter_that_cannot_do_its_work_says_why(text: str, value: str, reason: Reason) -> None:
    """A reason, never an exception and never a guess."""
    assert compile_filter(text)(value) is reason


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("brl", "12,345", "12,345 (English thousands or Brazilian decimals?)"),
        ("brl", "R$ 12,345", "R$ 12,345 (English thousands or Brazilian decimals?)"),
        ("brl", "-1,500", "-1,500 (English thousands or Brazilian decimals?)"),
        ("brl", "0,005", "0,005 (more than two decimals)"),
        ("brl", "0.123", "0.123 (more than two decimals)"),
        ("brl", "1234.567", "1234.567 (more than two decimals)"),
        ("brl", "1.234,567", "1.234,567 (more than two decimals)"),
        ("brl", "R$ 33,3333", "R$ 33,3333 (more than two decimals)"),
        ("date:dd/mm", "1/2/26", "1/2/26 (write the year with four digits)"),
        ("date:dd/mm", "09.03.26 14:05", "09.03.26 14:05 (write the year with four digits)"),
    ],
)
def test_a_value_that_could_mean_two_things_is_refused_with_the_doubt(text: str, value: str, found: str) -> None:
    """The finding shows the value and what is unclear about it."""
    reason = Reason.VALUE_NOT_MONEY if text == "brl" else Reason.VALUE_NOT_A_DATE
    finding = compile_filter(text)(value)
    assert isinstance(finding, Finding)
    assert (finding.reason, str(finding.values["found"])) == (reason, found)


@pytest.mark.parametrize("name", [name for name in FILTERS if name not in ("default", "date")])
def test_a_value_that_is_longer_than_any_message_is_refused(name: str) -> None:
    """Before any rule looks at it."""
    finding = compile_filter(name)("a" * 1001)
    assert isinstance(finding, Finding)
    assert (finding.reason, finding.values) == (Reason.VALUE_TOO_LONG, {"length": 1001, "limit": 1000})


@pytest.mark.parametrize("name", [name for name in FILTERS if name not in ("default", "date")])
def test_an_empty_value_passes_untouched(name: str) -> None:
    """So that `default` may stand before or after any other filter."""
    assert compile_filter(name)("") == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("uper", "there is no filter 'uper'; did you mean 'upper'?"),
        ("", "there is no filter ''"),
        ("upper:x", "the filter 'upper' takes nothing after it"),
        ("date", "the filter 'date' needs a text after it"),
        ("default", "the filter 'default' needs a text after it"),
        ("date:", "is no form of a date"),
        ("date:DD/MM/YYYY", "is no form of a date"),
        ("date:dia", "is no form of a date"),
        ("date:yyy", "is no form of a date"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_refused_when_compiled(text: str, said: str) -> None:
    """Before any row is read, with the nearest name."""
    with pytest.raises(ValueError, match=re.escape(said)):
        compile_filter(text)


def test_a_template_value_is_literal_text_and_placeholders() -> None:
    """`{{` and `}}` are braces as text; a column's name may hold anything but braces and bars."""
    parsed = parse_text("Ola {Nome do cliente: 1 | upper | default:x}, {{{Cidade}}}!")
    assert parsed.problems == ()
    assert parsed.columns == ("Nome do cliente: 1", "Cidade")
    kinds = [part if isinstance(part, str) else part.column for part in parsed.parts]
    assert kinds == ["Ola ", "Nome do cliente: 1", ", ", "{", "Cidade", "}", "!"]
    assert [part.may_be_empty for part in parsed.parts if isinstance(part, Placeholder)] == [True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "a single '{' stands in it; a brace as text is written '{{'"),
        ("a } b", "a single '}' stands in it; a brace as text is written '}}'"),
        ("{Nome", "a single '{'"),
        ("{}", "{} names no column"),
        ("{ |upper}", "names no column"),
        ("{Nome|uper}", "did you mean 'upper'?"),
        ("{Nome|}", "there is no filter ''"),
    ],
)
def test_a_bad_placeholder_is_named(text: str, said: str) -> None:
    """Nothing that looks like a placeholder is sent as text."""
    assert any(said in problem for problem in parse_text(text).problems)
