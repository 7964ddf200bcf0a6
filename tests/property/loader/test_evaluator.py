"""The row evaluator gives what the evaluator of before gave, and its encoder the bytes of the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_campaigns import INFO, campaign_texts, load, rows
from row_oracle.contacts import ContactMaker

from batch.campaign import Campaign
from batch.chats import RequestEncoder, encode
from batch.errors import CampaignError
from batch.loader.mapping.contacts import RowEvaluator
from batch.model.sheets import SheetRow

unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=300)
"""A busy machine is no failure."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("campaigns")


def _fit(make: Any, campaign: Campaign) -> tuple[Any, str]:
    try:
        return make.for_sheet(campaign, INFO), ""
    except CampaignError as refusal:
        return None, str(refusal)


@unhurried
@given(text=campaign_texts(), some=st.lists(rows, min_size=1, max_size=8))
def test_rows_are_evaluated_as_before(folder: Path, text: str, some: list[SheetRow]) -> None:
    """The same message or the same findings in the same order, also for rows that come a second time."""
    campaign = load(text, folder)
    oracle, refused = _fit(ContactMaker, campaign)
    evaluator, refused_now = _fit(RowEvaluator, campaign)
    assert refused == refused_now
    assume(not refused)
    assert evaluator.warnings == oracle.warnings
    assert evaluator.describe_mapping() == oracle.mapping()
    assert evaluator.columns_used == oracle.columns_used
    encoder = RequestEncoder(evaluator.fill_message, evaluator.literal_places)
    for row in some + some:
        before, now = oracle.contact(row), evaluator.evaluate(row)
        assert evaluator.build_message(now) == before.message
        assert evaluator.render_body(now) == oracle.preview(before)
        assert (now.row, now.person, now.unique) == (before.row, before.person, before.unique)
        assert (now.problems, now.notes) == (before.problems, before.notes)
        assert (now.hidden, now.opted_out) == (before.hidden, before.opted_out)
        if before.message is not None:
            assert now.values is not None
            assert now.sender == before.message.whatsapp_phone_id
            assert encoder.encode(now.values) == encode(before.message)
