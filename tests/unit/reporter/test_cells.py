"""Characters that a file cannot hold, inside of one text among several of a row."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from typing import cast

import pytest

from batch.model.outcomes import Outcome
from batch.reporter.columns import COLUMNS, Value
from batch.reporter.results_csv import write_csv
from batch.reporter.rows import TableLayout, TableRow
from batch.reporter.xlsx.cells import CellWriter, ResultCells
from batch.reporter.xlsx.theme import Palette, Shades


class OneLook:
    """A palette whose cells all look alike."""

    heading = Shades(1, 1, 1, 1)

    def result(self, index: int, outcome: Outcome) -> Shades:
        return self.heading


@pytest.mark.parametrize("column", ["wegly_message", "wegly_chat_id"], ids=["repeated", "varying"])
@pytest.mark.parametrize("found", ["a\0b", "\0", "a\0", "\0=1+1", "a\x1fb", "a\ufffeb"])
def test_a_text_that_xml_cannot_hold_harms_no_other_of_its_row(column: str, found: str) -> None:
    """Each such character shows as U+FFFD, and the cells beside it hold what they held."""
    values: list[Value] = [None] * len(COLUMNS)
    named = {"wegly_status": "error", column: found, "wegly_action": "mend <it>", "wegly_run": "r1"}
    for name, value in named.items():
        values[COLUMNS.index(name)] = value
    cells = ResultCells([[index] for index in range(1, len(COLUMNS) + 1)], cast("Palette", OneLook()), CellWriter())
    row = ET.fromstring(f"<row>{cells.row(7, values)}</row>")  # noqa: S314 - our own
    shown = "".join("\ufffd" if char in "\0\x1f\ufffe" else char for char in found)
    assert ["".join(cell.itertext()) for cell in row] == [
        {**named, column: shown}[name] for name in COLUMNS if name in named
    ]


@pytest.mark.parametrize("found", ["a\0=1+1", "\0=1+1", "a\0b", "a\0", "\0"])
@pytest.mark.parametrize(("beside", "guarded"), [("y", "y"), ("=1+1", "'=1+1")])
def test_a_nul_hides_no_formula_from_the_csv_file(found: str, beside: str, guarded: str) -> None:
    """It is replaced, and the texts around it are guarded as ever."""
    layout = TableLayout(header=("A", "B", "C"), places=(), own=3, header_row=1)
    written = io.BytesIO()
    write_csv(written, layout, [TableRow(2, ("x", found, beside), Outcome.ERROR)])
    shown = found.replace("\0", "\ufffd")
    assert written.getvalue().decode("utf-8-sig").splitlines() == ["A;B;C", f"x;{shown};{guarded}"]
