"""Decisions that a person wrote into a report."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch.app.settle_report import NOT_SENT_WORDS, SENT_WORDS, SettleEntry, read_decisions
from batch.errors import SheetError

HEAD = "Nome;wegly_status;wegly_phone;wegly_run;wegly_settle\n"


def report(folder: Path, *cells: str, head: str = HEAD) -> Path:
    """A report whose rows have these decisions."""
    path = folder / "results.csv"
    lines = "".join(f"Ana;unknown;+55 11 90000-{1000 + n};r1;{cell}\n" for n, cell in enumerate(cells))
    path.write_text(head + lines, encoding="utf-8-sig")
    return path


def said(path: Path) -> list[bool]:
    return [entry.sent for entry in read_decisions(path)]


def test_a_decision_has_row_phone_and_run(tmp_path: Path) -> None:
    """The row as Excel shows it, the phone as digits; rows without a decision are left out."""
    path = report(tmp_path, "", "sent", "", "not sent")
    assert read_decisions(path) == [
        SettleEntry(row=3, sent=True, phone="5511900001001", run="r1"),
        SettleEntry(row=5, sent=False, phone="5511900001003", run="r1"),
    ]


@pytest.mark.parametrize("spelt", [str, str.upper, str.title, lambda word: f" {word} "])
def test_the_closed_lists_of_words(tmp_path: Path, spelt: type[str]) -> None:
    """In any case; accents, blanks, `_` and `-` do not count."""
    assert said(report(tmp_path, *map(spelt, SENT_WORDS))) == [True] * len(SENT_WORDS)
    assert said(report(tmp_path, *map(spelt, NOT_SENT_WORDS))) == [False] * len(NOT_SENT_WORDS)
    assert said(report(tmp_path, "nao", "not_sent", "not-sent", "Nao  Enviada")) == [False] * 4


@pytest.mark.parametrize("word", ["x", "s", "1", "talvez", "nao sei", "enviada?", "sent not"])
def test_anything_else_refuses_the_whole_file(tmp_path: Path, word: str) -> None:
    """Row, value and what is allowed."""
    with pytest.raises(SheetError) as caught:
        read_decisions(report(tmp_path, "sent", word))
    assert f"row 3: wegly_settle is {word!r}" in caught.value.problem
    assert "not sent" in caught.value.remedy


def test_every_wrong_row_is_named_up_to_a_limit(tmp_path: Path) -> None:
    """Twenty, and how many more."""
    with pytest.raises(SheetError) as caught:
        read_decisions(report(tmp_path, *["x"] * 25))
    assert "25 rows cannot be settled" in caught.value.problem
    assert "row 21:" in caught.value.problem
    assert "row 22:" not in caught.value.problem
    assert "and 5 more" in caught.value.problem


def test_a_report_without_a_decision_is_said(tmp_path: Path) -> None:
    """Perhaps the file was not saved."""
    with pytest.raises(SheetError, match="wegly_settle is empty in every row"):
        read_decisions(report(tmp_path, "", ""))


@pytest.mark.parametrize("column", ["wegly_settle", "wegly_phone", "wegly_run"])
def test_a_sheet_that_is_no_report_is_refused(tmp_path: Path, column: str) -> None:
    """The missing column by name."""
    with pytest.raises(SheetError, match=f"has no column {column}"):
        read_decisions(report(tmp_path, "sent", head=HEAD.replace(column, "Obs")))


def test_two_columns_of_decisions_are_refused(tmp_path: Path) -> None:
    """Which one counts is not guessed."""
    with pytest.raises(SheetError, match="several columns wegly_settle"):
        read_decisions(report(tmp_path, "sent;sent", head=HEAD.replace("_settle", "_settle;wegly_settle")))


def test_a_row_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A decision in a row with too many cells may be in the wrong column."""
    with pytest.raises(SheetError, match="row 3: it has 6 cells"):
        read_decisions(report(tmp_path, "sent", "sent;more"))
