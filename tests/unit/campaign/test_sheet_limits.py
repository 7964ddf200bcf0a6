"""The limits that refuse a hostile file are fixed, and one switch lifts them for a file that a person trusts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.app.inputs.campaign_sheet import Choices, limits_of_run, open_campaign_sheet, reading_of, reopen_sheet
from batch.app.inspect import inspect
from batch.campaign import Campaign, load_campaign
from batch.errors import CampaignError, SheetError
from batch.loader import Limits, open_sheet
from batch.model import sheets as sheet_file
from batch.model.sheets import LIFTED_LIMITS, LIMITS

CAMPAIGN = """
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao"
language = "pt_BR"
"""

Load = Callable[[str], Campaign]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write_and_load(text: str) -> Campaign:
        path = tmp_path / "c.toml"
        path.write_text(CAMPAIGN + text, encoding="utf-8")
        return load_campaign(path, now=datetime(2026, 11, 3, tzinfo=UTC))

    return write_and_load


@pytest.fixture
def sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A sheet of six cells, in a world in which five are allowed."""
    monkeypatch.setattr(sheet_file, "LIMITS", Limits(cells=5))
    path = tmp_path / "s.csv"
    path.write_text("Nome;Telefone\nAna;11 90000-1001\nBia;11 90000-1002\n", encoding="utf-8")
    return path


def test_trust_lifts_every_limit() -> None:
    """Far beyond any file."""
    assert all(getattr(LIFTED_LIMITS, each.name) >= 60 * getattr(LIMITS, each.name) for each in fields(Limits))


def test_a_campaign_may_trust_its_sheets(load: Load, sheet: Path) -> None:
    """The refusal names the limit, and how it is lifted."""
    with pytest.raises(SheetError) as caught:
        open_campaign_sheet(sheet, load(""), endpoint="https://x")
    assert "(limit cells)" in caught.value.problem
    assert "write trusted = true under [sheet] in the campaign file." in caught.value.remedy
    trusting = load("[sheet]\ntrusted = true\n")
    assert open_campaign_sheet(sheet, trusting, endpoint="https://x").sheet.row_count == 2
    assert (
        open_campaign_sheet(sheet, load(""), endpoint="https://x", choices=Choices(trusted=True)).sheet.row_count == 2
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[sheet]\ntrusted = "yes"', '[sheet] trusted is "yes"; allowed is true or false'),
        ("[sheet]\ntrusted = 1", "[sheet] trusted is 1; allowed is true or false"),
        ("[sheet.limits]\ncells = 64_000_000", "the limits of [sheet.limits] are fixed now"),
        ("[sheet.limits]\ncells = 64_000_000", "for a file you trust, write trusted = true under [sheet]."),
    ],
)
def test_what_is_no_trust_is_refused_by_name(load: Load, text: str, words: str) -> None:
    """Also the section that had a limit each."""
    with pytest.raises(CampaignError) as caught:
        load(text)
    assert words in str(caught.value)


def test_a_run_notes_how_it_read_its_sheet(load: Load, sheet: Path) -> None:
    """So that its report, made later, is refused and allowed the same; a run of before this was noted reads as ever."""
    trusting = load("[sheet]\ntrusted = true\n")
    info = open_sheet(sheet, limits=LIFTED_LIMITS).info
    noted = reading_of(trusting, info)
    assert noted == {"header_row": "1", "trusted": "True", "encoding": "utf-8"}
    assert reopen_sheet(sheet, noted, shown_as="s.csv").row_count == 2
    assert reading_of(load(""), info) == {"header_row": "1", "encoding": "utf-8"}
    with pytest.raises(SheetError, match="limit cells"):
        reopen_sheet(sheet, {"header_row": "1"}, shown_as="s.csv")
    assert limits_of_run({"header_row": "1", "limit_cells": "64000000"}) is LIFTED_LIMITS


def test_a_command_may_trust_without_a_campaign(sheet: Path) -> None:
    """`inspect --trusted`."""
    with pytest.raises(SheetError, match="limit cells"):
        inspect(sheet)
    assert inspect(sheet, trusted=True).row_count == 2
