"""Promises of the row evaluator, for random campaigns and rows of anything."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_campaigns import COLUMNS, INFO, campaign_texts, load, rows

from batch.campaign import Campaign, fill_body, placeholders
from batch.chats import RequestEncoder, encode
from batch.errors import CampaignError
from batch.loader import RowEvaluator
from batch.loader.mapping.values import find_refused
from batch.model.messages import Contact, TemplateField
from batch.model.phone.cells import Phone, read_phone
from batch.model.reasons import Finding, Reason, sentence
from batch.model.sheets import SheetRow

unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck))
"""A busy machine is no failure."""
some_rows = st.lists(rows, min_size=1, max_size=8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("campaigns")


def fit(text: str, folder: Path) -> tuple[Campaign, RowEvaluator]:
    """Fit a campaign to the columns, or give up the example."""
    try:
        campaign = load(text, folder)
        return campaign, RowEvaluator.for_sheet(campaign, INFO)
    except CampaignError:
        assume(condition=False)
        raise


@unhurried
@given(text=campaign_texts(), some=some_rows)
def test_a_row_has_a_message_or_findings_whatever_came_before_it(folder: Path, text: str, some: list[SheetRow]) -> None:
    """Never both and never neither; what is remembered of other rows changes nothing."""
    _campaign, evaluator = fit(text, folder)
    contacts = [evaluator.evaluate(row) for row in some]
    for row, contact in zip(some, contacts, strict=True):
        assert evaluator.evaluate(row) == fit(text, folder)[1].evaluate(row) == contact
        for alike in (row._replace(number=row.number + 1), row._replace(number=row.number + 2, errors={})):
            assert evaluator.evaluate(alike) == fit(text, folder)[1].evaluate(alike)
        message = evaluator.build_message(contact)
        assert (contact.values is None) == (message is None) == (contact.sender is None) == bool(contact.problems)
        assert (contact.row, contact.hidden) == (row.number, row.hidden)
        assert message is None or (message.whatsapp_phone_id == contact.sender and contact.person is not None)


@unhurried
@given(text=campaign_texts(), some=some_rows)
def test_a_request_is_what_the_model_makes_of_the_message(folder: Path, text: str, some: list[SheetRow]) -> None:
    """To the byte, for the first message of a shape and for those that fill its template."""
    _campaign, evaluator = fit(text, folder)
    encoder = RequestEncoder(evaluator.fill_message, evaluator.literal_places)
    for contact in map(evaluator.evaluate, some + some):
        message = evaluator.build_message(contact)
        if contact.values is not None and message is not None:
            body = encoder.encode(contact.values)
            assert body == encode(message)
            assert json.loads(body)["whatsapp_phone_id"] == contact.sender


@unhurried
@given(text=campaign_texts(), row=rows)
def test_the_recipient_is_whom_the_phone_cell_names(folder: Path, text: str, row: SheetRow) -> None:
    """No other cell has a say, also in a row that is wrong; and the phone comes first among the findings."""
    campaign, evaluator = fit(text, folder)
    contact = evaluator.evaluate(row)
    source = (campaign.column_sources or {})["wa_contact_id"]
    constant = getattr(source, "value", None)
    if "" in row.errors:
        assert [finding.reason for finding in contact.problems] == [Reason.ROW_MALFORMED]
        assert contact == Contact(row.number, None, problems=contact.problems, hidden=row.hidden)
    elif constant is None and "Telefone" in row.errors:
        assert contact.person is None
        assert contact.problems[0].reason is Reason.CELL_UNREADABLE
        assert contact.problems[0].values["column"] == "Telefone"
    else:
        given_text = constant or (row.cells[0] or "").strip() or source.default or ""
        read = read_phone(given_text, region=campaign.phone.region)
        assert contact.person == (read.e164 if isinstance(read, Phone) else None)
        if isinstance(read, Finding):
            assert contact.problems[0] == Finding(
                read.reason, {"field": "wa_contact_id", "column": "Telefone", **read.values}
            )


@unhurried
@given(text=campaign_texts(), row=rows)
def test_a_cell_that_cannot_be_read_has_one_finding(folder: Path, text: str, row: SheetRow) -> None:
    """Where the campaign uses it: after the phone, in the order of the sheet, and none as an empty value besides."""
    _campaign, evaluator = fit(text, folder)
    assume("" not in row.errors)
    problems = evaluator.evaluate(row).problems
    unreadable = [finding.values["column"] for finding in problems if finding.reason is Reason.CELL_UNREADABLE]
    used = [column for column in row.errors if column in evaluator.columns_used]
    assert unreadable == sorted(used, key=lambda column: column != "Telefone")
    for finding in problems:
        columns = str(finding.values.get("column", "")).split(", ")
        assert set(filter(None, columns)) <= evaluator.columns_used
        assert finding.reason is Reason.CELL_UNREADABLE or not set(columns) & set(used)
        assert "?" not in sentence(Finding(finding.reason, {**finding.values, "found": "x"}))


@unhurried
@given(text=campaign_texts(), row=rows, other=rows)
def test_columns_that_are_not_used_have_no_say(folder: Path, text: str, row: SheetRow, other: SheetRow) -> None:
    """Notes that people keep beside their contacts may be anything, but in a column that seems to be of opt-out."""
    _campaign, evaluator = fit(text, folder)
    heard = evaluator.columns_used | {name for name, _line in evaluator.unused_permissions}
    cells = [
        mine if name in heard else theirs for name, mine, theirs in zip(COLUMNS, row.cells, other.cells, strict=True)
    ]
    assert evaluator.evaluate(row._replace(cells=tuple(cells))) == evaluator.evaluate(row)


@unhurried
@given(text=campaign_texts(), row=rows)
def test_hidden_rows_are_evaluated_as_others(folder: Path, text: str, row: SheetRow) -> None:
    """Only notes about what is sent as it is are left out where hidden rows are not sent."""
    campaign, evaluator = fit(text, folder)
    hidden, shown = (evaluator.evaluate(row._replace(hidden=each)) for each in (True, False))
    assert hidden._replace(hidden=False, notes=shown.notes) == shown
    if campaign.sheet.hidden_rows == "send":
        assert hidden.notes == shown.notes
    assert hidden.notes == shown.notes[: len(hidden.notes)]


@unhurried
@given(text=campaign_texts(), some=some_rows)
def test_no_message_breaks_a_rule_of_the_template(folder: Path, text: str, some: list[SheetRow]) -> None:
    """Values are there and hold nothing that is refused; indexes have no gap; no text is longer than allowed."""
    campaign, evaluator = fit(text, folder)
    body = campaign.template.body
    for contact in map(evaluator.evaluate, some):
        message = evaluator.build_message(contact)
        if message is None:
            continue
        groups: dict[tuple[str, int | None, int | None], list[TemplateField]] = defaultdict(list)
        for field in message.template_fields:
            assert field.value.strip()
            assert find_refused(field.value) is None
            assert len(field.value) <= 60 or (field.component, field.type) != ("HEADER", "TEXT")
            groups[field.component, field.button_index, field.card_index].append(field)
        for (component, _button, card), fields in groups.items():
            assert sorted(field.index for field in fields) == list(range(1, len(fields) + 1))
            assert component != "BODY" or card is None or sum(len(field.value) for field in fields) <= 160
        in_body = {field.index: field.value for field in groups["BODY", None, None]}
        whole = "".join(in_body.values()) if body is None else fill_body(body, in_body)
        assert len(whole) <= 1024
        assert body is None or sorted(in_body) == list(placeholders(body))
        assert evaluator.render_body(contact) == (None if body is None else whole)
