"""The limits that refuse a hostile file are settings: of a campaign, or of one command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.app.inputs.staging import limits_of, noted_limits, open_as_noted, open_campaign_sheet, reading_of
from batch.app.inspect import inspect
from batch.campaign import Campaign, SheetLimits, load_campaign, parse_limit
from batch.errors import CampaignError, SheetError
from batch.loader import Limits, open_sheet

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
def sheet(tmp_path: Path) -> Path:
    path = tmp_path / "s.csv"
    path.write_text("Nome;Telefone\nAna;11 90000-1001\nBia;11 90000-1002\n", encoding="utf-8")
    return path


def test_every_limit_can_be_set() -> None:
    """The campaign's names are the loader's, so that a refusal names a key."""
    assert set(SheetLimits.model_fields) == {field.name for field in fields(Limits)}


def test_without_the_section_the_limits_are_the_programs_own(load: Load) -> None:
    """Nothing is set by itself."""
    assert limits_of(load("")) == Limits()


def test_numbers_and_sizes(load: Load) -> None:
    """Whole numbers; sizes also as people write them, a KB of 1,024 bytes."""
    text = '[sheet.limits]\ncells = 64_000_000\nfile_bytes = "2GB"\nrow_bytes = "1,5 MB"\ntext_bytes = 4096\n'
    assert limits_of(load(text)) == Limits(
        cells=64_000_000, file_bytes=2 * 1024**3, row_bytes=1_572_864, text_bytes=4096
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("celss = 1", "[sheet.limits] has no key 'celss'"),
        ("celss = 1", "did you mean 'cells'?"),
        ("cells = 0", "[sheet.limits] cells is 0; allowed is a whole number above 0"),
        ("cells = true", "allowed is a whole number above 0"),
        ('cells = "1GB"', "allowed is a whole number above 0"),
        ('file_bytes = "2TB"', 'allowed is a size above 0 like "500MB"'),
        ('file_bytes = "0MB"', 'allowed is a size above 0 like "500MB"'),
        ("file_bytes = -1", 'allowed is a size like "500MB"'),
    ],
)
def test_a_wrong_limit_is_refused_by_name(load: Load, line: str, words: str) -> None:
    """With what is allowed, and the nearest name."""
    with pytest.raises(CampaignError) as caught:
        load(f"[sheet.limits]\n{line}\n")
    assert words in str(caught.value)


def test_a_campaigns_limits_are_those_of_its_sheets(load: Load, sheet: Path) -> None:
    """The refusal names the limit, and where it is raised."""
    with pytest.raises(SheetError) as caught:
        open_campaign_sheet(sheet, load("[sheet.limits]\ncells = 5\n"), endpoint="https://x")
    assert "(limit cells)" in caught.value.problem
    assert "[sheet.limits]" in caught.value.remedy
    assert open_campaign_sheet(sheet, load("[sheet.limits]\ncells = 6\n"), endpoint="https://x").sheet.row_count == 2


def test_a_run_notes_how_it_read_its_sheet(load: Load, sheet: Path) -> None:
    """So that its report, made later, is refused and allowed the same; a run of before this was noted reads as ever."""
    campaign = load('[sheet.limits]\ncells = 6\nfile_bytes = "1KB"\n')
    noted = reading_of(campaign, open_sheet(sheet).info)
    assert noted == {"header_row": "1", "limit_cells": "6", "limit_file_bytes": "1024"}
    assert noted_limits(noted) == Limits(cells=6, file_bytes=1024)
    assert open_as_noted(sheet, noted, shown_as="s.csv").row_count == 2
    with pytest.raises(SheetError, match="limit cells"):
        open_as_noted(sheet, {**noted, "limit_cells": "5"}, shown_as="s.csv")
    assert noted_limits({"header_row": "1", "name": "S"}) == Limits()


def test_a_command_may_set_limits_without_a_campaign(sheet: Path) -> None:
    """`--sheet-limit cells=5`."""
    assert parse_limit("cells=5") == ("cells", 5)
    assert parse_limit(" file_bytes = 2 GB ") == ("file_bytes", 2 * 1024**3)
    with pytest.raises(SheetError, match="limit cells"):
        inspect(sheet, limits=dict([parse_limit("cells=5")]))


@pytest.mark.parametrize("text", ["cells", "cells=", "cells=0", "cells=x", "cellz=5", "=5", "", "file_bytes=2TB"])
def test_an_odd_limit_is_said_to_be_one(text: str) -> None:
    """In words."""
    with pytest.raises(ValueError, match=r"there is no limit|allowed is"):
        parse_limit(text)
