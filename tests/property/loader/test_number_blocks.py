"""Amounts in one block of digits are shown as the sections of their codes show them."""

from hypothesis import example, given
from hypothesis import strategies as st

from batch.loader.formats.format_code import parse_sections
from batch.loader.formats.number_format import _find_block, _show_number, show_by

CODES = (
    "0", "0.00", "#,##0", "#,##0.00", '"R$" #,##0.00', "R$ #,##0.00;-R$ #,##0.00", '#,##0.00;(#,##0.00);"zero"',
    "000000", "#", "#.00", '0" parcelas"', '#,##0.00" un"', "\\+0", "[$R$-416] #,##0.00", "0;;", "0.00;;0.0",
    '_-"R$"* #,##0.00_-;-"R$"* #,##0.00_-', "0%", "00000\\-000", "#,##0,", "0,000", "?0.00", "[>100]0.0;0", '0.0"3"',
)  # fmt: skip
digits = st.text("0123456789", min_size=1, max_size=16)
numbers = st.one_of(digits, st.tuples(digits, digits).map(",".join), digits.map("-{}".format))


@given(st.sampled_from(CODES), numbers)
@example('#,##0.00;(#,##0.00);"zero"', "0,00")
@example("#,##0.00", "999,995")
def test_a_block_is_shown_as_its_section(code: str, number: str) -> None:
    """Rounded numbers, zeros and negative ones included, whichever way they take."""
    show = show_by(code)
    assert show is not None
    assert show(number) == _show_number(number, sections=parse_sections(code), code=code)


def test_the_usual_codes_are_blocks() -> None:
    """Else the property above would hold without a block."""
    assert [code for code in CODES if _find_block(parse_sections(code))] == list(CODES[:17])
