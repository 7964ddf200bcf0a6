"""Workbooks with random faults; `tests/proofs/damaged_workbooks` sends thousands of them to a sandbox."""

from __future__ import annotations

from pathlib import Path

import pytest
from damaged_workbooks import damage

from batch.errors import SheetError
from batch.loader import open_sheet

SAMPLE = Path(__file__).parents[3] / "samples" / "contatos.xlsx"


@pytest.mark.parametrize("first", [0, 20, 40])
def test_a_damaged_workbook_is_read_or_refused(tmp_path: Path, first: int) -> None:
    """Whatever is wrong with it: its rows come out, or one sentence says what is wrong."""
    path = tmp_path / "contatos.xlsx"
    refused = 0
    for seed in range(first, first + 20):
        path.write_bytes(damage(SAMPLE.read_bytes(), seed))
        try:
            sheet = open_sheet(path)
            assert len(list(sheet.rows())) == sheet.row_count, seed
        except SheetError:
            refused += 1
    assert refused
