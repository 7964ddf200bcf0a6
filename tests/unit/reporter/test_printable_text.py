"""Texts that a cell cannot hold, and the place of a row in a workbook of several worksheets."""

from batch.reporter.printable_text import LONGEST, cut_sentence, cut_text, escape_text, printable
from batch.reporter.xlsx.new_workbook import position


def test_rows_beyond_a_worksheet_go_on() -> None:
    """The first worksheet keeps the numbers; each next one has a header and one row less; none is used twice."""
    assert [position(number, most=4) for number in (2, 4, 5, 7, 8, 10, 11)] == [
        (0, 2),
        (0, 4),
        (1, 2),
        (1, 4),
        (2, 2),
        (2, 4),
        (3, 2),
    ]


def test_a_cell_holds_as_much_as_excel_allows() -> None:
    """The limit counts as Excel counts; text that fits is left alone."""
    assert cut_text("a" * LONGEST) == "a" * LONGEST
    assert len(cut_text("a" * (LONGEST + 1))) == LONGEST
    assert cut_text("a" + "😀" * LONGEST) == "a" + "😀" * (LONGEST // 2)
    assert cut_sentence(0) == ()
    assert "(1,200 cells)" in str(cut_sentence(1200)[0])


def test_what_no_file_can_hold_is_shown_as_replaced() -> None:
    """Control characters and lone surrogates are replaced, line ends are as Excel has them, escapes are escape_text."""
    assert printable("a\x00b\ud83dc\r\nd\re\tf") == "a\ufffdb\ufffdc\nd\ne\tf"
    assert escape_text("_x0041_ _x00_") == "_x005F_x0041_ _x00_"
