"""A1 references."""

from __future__ import annotations

from batch.ooxml.references import Area, column_letters, column_number, group_runs, parse_area


def test_references_of_areas() -> None:
    """Cells, whole columns and rows; what is none gives none."""
    assert parse_area("$B$2:C9") == Area(2, 2, 3, 9)
    assert parse_area("D4") == Area(4, 4, 4, 4)
    assert parse_area("C:D") == Area(3, 1, 4, 1_048_576)
    assert parse_area("3:4") == Area(1, 3, 16_384, 4)
    assert (parse_area(""), parse_area("A1 B2"), parse_area("#REF!")) == (None, None, None)
    assert (str(Area(1, 2, 28, 9)), Area(1, 2, 28, 9).absolute) == ("A2:AB9", "$A$2:$AB$9")
    assert group_runs([7, 1, 3, 2]) == [(1, 3), (7, 7)]
    assert [column_letters(number) for number in (1, 26, 27, 702, 703, 16_384)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]
    assert all(column_number(column_letters(number)) == number for number in (1, 26, 27, 702, 703, 16_384))
