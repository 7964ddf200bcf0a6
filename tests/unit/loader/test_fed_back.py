"""A results.csv of ours fed back: its guarded texts come back as they were; other files are read as they are."""

from __future__ import annotations

from pathlib import Path

from batch.loader import open_sheet


def test_guards_are_taken_off_our_own_results(tmp_path: Path) -> None:
    """The apostrophe that keeps `=1+1` from running in Excel is not the user's."""
    path = tmp_path / "results.csv"
    path.write_text(
        "Nome;Telefone;wegly_status;wegly_run\r\n'=1+1;+55 11 90000-1001;success;r1\r\n'Ana;11 90000-1002;error;\r\n",
        encoding="utf-8-sig",
    )
    cells = [row.cells[0] for row in open_sheet(path).rows()]
    assert cells == ["=1+1", "'Ana"]


def test_another_files_apostrophes_stay(tmp_path: Path) -> None:
    """What a person wrote is read as it is written."""
    path = tmp_path / "contatos.csv"
    path.write_text("Nome;Telefone\n'=1+1;11 90000-1001\n", encoding="utf-8")
    assert [row.cells[0] for row in open_sheet(path).rows()] == ["'=1+1"]


def test_results_begin_with_their_header_wherever_the_campaign_says_the_sheet_has_it(tmp_path: Path) -> None:
    """The titles above the user's header are not in results.csv."""
    path = tmp_path / "results.csv"
    lines = ["Nome;Telefone;wegly_status;wegly_run", *(f"Ana;11 90000-100{n};success;r1" for n in range(4))]
    path.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    sheet = open_sheet(path, header_row=4)
    assert (sheet.info.header_row, [row.number for row in sheet.rows()]) == (1, [2, 3, 4, 5])
