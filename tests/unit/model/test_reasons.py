"""Texts of reasons that depend on the values of a finding."""

from __future__ import annotations

from batch.model.phrases import Phrase
from batch.model.reasons import ROW_OF_SHEET, Finding, Reason, advice, sentence


def test_a_row_left_out_by_the_sheets_column_has_a_remedy_of_its_own() -> None:
    """It names the column's row; the list of `suppress` has nothing to do with it."""
    of_column = Finding(Reason.SUPPRESSED, {"where": Phrase(ROW_OF_SHEET, {"row": "7"})})
    assert "row 7 of the sheet" in sentence(of_column)
    assert "row 7 of the sheet" in advice(of_column)
    assert "[suppress] column" in advice(of_column)
    assert "suppress remove" not in advice(of_column)
    for where in ("bloqueio.csv", Phrase("WhatsApp, run {run}", {"run": "r1"})):
        assert "suppress remove" in advice(Finding(Reason.SUPPRESSED, {"where": where}))
