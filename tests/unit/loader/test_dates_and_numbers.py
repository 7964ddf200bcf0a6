"""Cells as text: the design's paragraph, value by value."""

from __future__ import annotations

import pytest

from batch.loader.formats import dates_and_numbers as cells


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("11999990001", "11999990001"),
        ("11999990001.0", "11999990001"),
        ("1.1999990001E10", "11999990001"),
        ("123456789012345", "123456789012345"),
        ("0", "0"),
        ("-7", "-7"),
        ("0.1", "0,1"),
        ("1234.50", "1234,5"),
        ("-0.5", "-0,5"),
        ("0.30000000000000004", "0,3"),
        ("1E-05", "0,00001"),
        ("1051527.3933333333", "1051527,39333333"),
        (" 5 ", "5"),
    ],
)
def test_numbers(stored: str, text: str) -> None:
    """A whole number is its digits, another its shortest decimal form with a comma, never with an exponent."""
    assert cells.number_text(stored) == text


@pytest.mark.parametrize(
    ("stored", "left"),
    [
        ("1234567890123456", "1234567890123456"),
        ("-12345678901234567", "-12345678901234567"),
        ("1E+20", "100000000000000000000"),
        ("3.52601E+43", "35260100000000000098245342242634078565171200"),
    ],
)
def test_a_whole_number_of_more_digits_than_a_spreadsheet_keeps_has_lost_some(stored: str, left: str) -> None:
    """What is left of it still stands in the key, as it did before."""
    with pytest.raises(cells.UnreadableCell, match="lost digits") as lost:
        cells.number_text(stored)
    assert lost.value.text == left


@pytest.mark.parametrize("stored", ["abc", "1E999", "nan", "0x10"])
def test_what_is_no_number_is_an_error_cell(stored: str) -> None:
    """A number that cannot be read is said so, not passed on as text."""
    with pytest.raises(ValueError, match="error cell"):
        cells.number_text(stored)


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("45366", "15/03/2024"),
        ("45366.520833333336", "15/03/2024 12:30"),
        ("45366.52089120370", "15/03/2024 12:30:05"),
        ("45366.999999999", "16/03/2024"),
        ("0.375", "09:00"),
        ("0", "00:00"),
        ("1", "01/01/1900"),
        ("59", "28/02/1900"),
        ("60", "29/02/1900"),
        ("61", "01/03/1900"),
        ("2958465", "31/12/9999"),
    ],
)
def test_dates_of_the_1900_epoch(stored: str, text: str) -> None:
    """Days since 1900 with Excel's own leap day; the time only when there is one."""
    assert cells.serial_text(stored, epoch_1904=False, elapsed=False) == text


def test_dates_of_the_1904_epoch() -> None:
    """The same number is four years and a day later on a workbook made on an old Mac."""
    assert cells.serial_text("42735", epoch_1904=True, elapsed=False) == "01/01/2021"


@pytest.mark.parametrize("stored", ["-1", "2958466", "1E300"])
def test_dates_that_excel_cannot_show_are_error_cells(stored: str) -> None:
    """Excel shows ##### for these; nothing is guessed."""
    with pytest.raises(ValueError, match="#####"):
        cells.serial_text(stored, epoch_1904=False, elapsed=False)


def test_durations_count_hours_past_a_day() -> None:
    """[h]:mm of a day and a half is 36:00."""
    assert cells.serial_text("1.5", epoch_1904=False, elapsed=True) == "36:00"
    assert cells.duration_text("PT36H00M05S") == "36:00:05"
    assert cells.duration_text("-PT1H") == "-01:00"


@pytest.mark.parametrize(
    ("stored", "text"),
    [
        ("2021-01-01", "01/01/2021"),
        ("2021-01-01T10:10:10", "01/01/2021 10:10:10"),
        ("2021-01-01T10:10:09.999999", "01/01/2021 10:10:10"),
        ("2021-01-01T00:00:00", "01/01/2021"),
        ("10:10:00", "10:10"),
    ],
)
def test_dates_stored_as_words(stored: str, text: str) -> None:
    """ISO dates, as strict workbooks and ODS have them."""
    assert cells.iso_text(stored) == text


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("General", "number"),
        ("0.00", "number"),
        ("dd/mm/yyyy", "date"),
        ("[$-416]d \\d\\e mmmm", "date"),
        ("hh:mm", "date"),
        ("[h]:mm:ss", "elapsed"),
        ('"dias" 0', "number"),
        ("[Red]0.00", "number"),
        ('_("R$"* #,##0.00_)', "number"),
        ('0;"dia"', "number"),
        ("#,##0 \\h", "number"),
    ],
)
def test_which_formats_are_dates(code: str, kind: str) -> None:
    """Letters in quotes, behind a backslash or in brackets do not make a date."""
    assert cells.format_kind(code).value == kind
