"""Number formats: the texts that Excel shows a Brazilian."""

import pytest

from batch.loader.formats.number_format import code_as_written, find_code, show, show_by

ACCOUNTING = '_-"R$"* #,##0.00_-;-"R$"* #,##0.00_-;_-"R$"* "-"??_-;_-@_-'


def shown(code: str, text: str) -> str:
    """Return what a format shows for a cell; the cell's own text where it shows no other."""
    show = show_by(code)
    return (show(text) or (text,))[0] if show else text


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        ("0.0%", "0,075", "7,5%"),
        ("000000", "123", "000123"),
        ("00000\\-000", "1310100", "01310-100"),
        ("00\\.000\\.000\\/0000\\-00", "191", "00.000.000/0001-91"),
        ('"R$" #,##0.00', "1234,5", "R$ 1.234,50"),
        ("[$R$-416]\\ #,##0.00;[Red]\\-[$R$-416]\\ #,##0.00", "-1234,56", "-R$ 1.234,56"),
        (ACCOUNTING, "-12,3", "-R$ 12,30"),
        (ACCOUNTING, "0", "R$ -"),
        ('0" parcelas"', "3", "3 parcelas"),
        ("#,##0", "1234567", "1.234.567"),
        ("#,##0.00_);(#,##0.00)", "-5", "(5,00)"),
        ("[<=99999999]####\\-####;(##) #####\\-####", "11987654321", "(11) 98765-4321"),
        ("[<=99999999]####\\-####;(##) #####\\-####", "33334444", "3333-4444"),
        ('[=1]0" dia";0" dias"', "1", "1 dia"),
        ('[=1]0" dia";0" dias"', "-2", "-2 dias"),
        ("#,##0,", "1234567", "1.235"),
        ('0.0,," mi"', "1234567", "1,2 mi"),
        ('General" kg"', "1,5", "1,5 kg"),
        ("0.##", "5", "5"),
        ("0.0?", "2,5", "2,5"),
        ("+0;-0;0", "7", "+7"),
        ('0;0;"zero"', "0", "zero"),
        (";;;", "5", ""),
        ("0.00", "-0,001", "0,00"),
        ("00000", "-7", "-00007"),
        ("General", "1234,5", "1234,5"),
        ("@", "12", "12"),
        ("mmm/yy", "01/03/2024", "mar/24"),
        ('mmmm" de "yyyy;@', "15/09/2024", "setembro de 2024"),
        ("mm/yyyy", "15/09/2024 10:00", "09/2024"),
        ("dd/mm/yy", "15/09/2024", "15/09/2024"),
        ("[$-409]mmm\\-yy", "15/09/2024", "15/09/2024"),
    ],
)
def test_a_format_shows_what_excel_shows_in_brazil(code: str, text: str, expected: str) -> None:
    """Digits, grouping, decimals, percent, padding, literal text, sections, conditions; months without a day."""
    assert shown(code, text) == expected


@pytest.mark.parametrize("code", ["0.00E+00", "# ?/?", "[DBNum1]0", "0 e 0", "0" * 300, "0.0000000000000"])
def test_what_is_not_understood_keeps_the_number_and_says_so(code: str) -> None:
    """Fractions, exponents and other scripts; nothing is guessed."""
    show = show_by(code)
    assert show is not None
    assert show("1234,5") == ("1234,5", code, "unknown")


def test_a_format_that_rounds_an_amount_says_so() -> None:
    """A person sees R$ 10,56 where the cell holds 10,555."""
    assert show_by("0.00") is not None
    assert [show("10,555") for show in [show_by("0.00")] if show] == [("10,56", "0.00", "rounded")]
    assert [show("10,5") for show in [show_by("0.00")] if show] == [("10,50", "0.00", "")]


@pytest.mark.parametrize(
    ("format_id", "text", "expected"),
    [
        (1, "1,5", "2"),
        (2, "1,5", "1,50"),
        (4, "1234,5", "1.234,50"),
        (10, "0,075", "7,50%"),
        (44, "1234,5", "R$ 1.234,50"),
        (14, "1", "1"),
    ],
)
def test_formats_that_a_workbook_need_not_list(format_id: int, text: str, expected: str) -> None:
    """Those that differ from country to country are Brazil's."""
    assert (show(text, find_code(format_id, {})) or (text,))[0] == expected


@pytest.mark.parametrize(
    ("text", "written", "expected"),
    [
        ("0,075", "7,50%", ("7,50%", "0.00%", "")),
        ("0,075", "7.50%", ("7,50%", "0.00%", "")),
        ("1234,5", "R$1,234.50", ("R$1.234,50", "\\R\\$#,##0.00", "")),
        ("11900003004", "(11) 90000-3004", ("(11) 90000-3004", "\\(00\\)\\ 00000\\-0000", "")),
        ("-5,5", "(5,50)", ("(5,50)", "\\(0.00\\);\\(0.00\\)", "")),
        ("10,555", "10,56", ("10,56", "0.00", "rounded")),
        ("01/03/2024", "mar/24", ("mar/24", 'mmm"/"yy', "")),
        ("01/03/2024", "1-mar-24", None),
        ("0,333333333333333", "0,3333333333", None),
        ("1,5", "1.5", None),
        ("1500", "1,5E+03", ("1500", "1,5E+03", "unknown")),
    ],
)
def test_a_text_that_the_file_holds_is_taken_where_it_is_the_number(
    text: str, written: str, expected: tuple[str, str, str] | None
) -> None:
    """ODS has the shown text, in the language of who saved it; a code is made by which a copy shows the same."""
    assert show(text, code_as_written(text, written)) == expected
