"""Rows of anything become contacts: a whole message, or reasons; never an exception, never both."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch.campaign import load_campaign
from batch.loader.filters.registry import FILTERS, compile_filter
from batch.loader.formats.dates_and_numbers import error_cell
from batch.loader.mapping.contacts import RowEvaluator
from batch.loader.mapping.placeholders import parse_text
from batch.model.phone.cells import Phone, read_phone
from batch.model.reasons import Finding, Reason, sentence
from batch.model.sheets import SheetInfo, SheetRow

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""

COLUMNS = ("Telefone", "Nome", "Valor", "Dia", "Agente", "Status", "Fatura", "Obs")
CAMPAIGN = """
[campaign]
name = "a"
unique_by = ["Fatura"]
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "t"
language = "pt_BR"
body = "Ola {{1}}: {{2}} ate {{3}}"
[columns]
wa_contact_id = "Telefone"
remote_profile_name = "Nome"
assigned_agent_id = "Agente"
status = "Status"
[[template_fields]]
component = "BODY"
index = 1
value = "{Nome|first_name|title|default:cliente}"
[[template_fields]]
component = "BODY"
index = 2
value = "{Valor|brl}"
[[template_fields]]
component = "BODY"
index = 3
value = "dia {Dia|date:dd/mm}"
"""
REFUSED = re.compile(r"[\n\r\t]| {5,}")

usual = st.sampled_from(
    ["11988887777", "(11) 8888-7777", "Ana Lima", "1.234,5", "12/03/2026", "OPEN", "a\nb", "x" * 300, "{{1}}"]
)
cells = st.one_of(st.none(), usual, st.text(max_size=30))
rows = st.builds(
    SheetRow,
    number=st.integers(2, 10**6),
    cells=st.tuples(*[cells] * len(COLUMNS)),
    errors=st.dictionaries(st.sampled_from(("", *COLUMNS)), st.just(error_cell("#N/A")), max_size=2),
    hidden=st.booleans(),
)


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> RowEvaluator:
    path: Path = tmp_path_factory.mktemp("campaign") / "campanha.toml"
    path.write_text(CAMPAIGN, encoding="utf-8")
    info = SheetInfo(
        file="c.csv", format="csv", sheet=None, encoding="utf-8", delimiter=";", header_row=1, columns=COLUMNS
    )
    return RowEvaluator.for_sheet(load_campaign(path, now=datetime(2026, 11, 3, tzinfo=UTC)), info)


@unhurried
@given(row=rows)
def test_a_row_is_a_whole_message_or_has_reasons(maker: RowEvaluator, row: SheetRow) -> None:
    """Exactly one of them; every reason has a sentence; the same row gives the same contact."""
    contact = maker.evaluate(row)
    message = maker.build_message(contact)
    assert (contact.values is None) == (message is None) == bool(contact.problems)
    assert all(sentence(finding) for finding in contact.problems)
    assert (contact.row, contact.hidden) == (row.number, row.hidden)
    assert maker.evaluate(row) == contact
    if message is None:
        return
    assert contact.person is not None
    assert message.wa_contact_id
    for field in message.template_fields:
        assert field.value.strip()
        assert not REFUSED.search(field.value)
    for optional in ("remote_profile_name", "assigned_agent_id", "status"):
        assert getattr(message, optional) != ""


@unhurried
@given(row=rows)
def test_the_person_is_who_the_phone_cell_names(maker: RowEvaluator, row: SheetRow) -> None:
    """No other cell has a say, and a phone that cannot be read comes first among the reasons."""
    contact = maker.evaluate(row)
    if "" in row.errors:
        assert [finding.reason for finding in contact.problems] == [Reason.ROW_MALFORMED]
    elif "Telefone" in row.errors:
        assert contact.problems[0].values["column"] == "Telefone"
    else:
        read = read_phone(row.cells[0] or "")
        assert contact.person == (read.e164 if isinstance(read, Phone) else None)
        if not isinstance(read, Phone):
            assert contact.problems[0].reason is read.reason


@unhurried
@given(row=rows, text=cells)
def test_a_column_that_is_not_used_has_no_say(maker: RowEvaluator, row: SheetRow, text: str | None) -> None:
    """Notes that people keep beside their contacts."""
    other = SheetRow(number=row.number, cells=(*row.cells[:-1], text), errors=row.errors, hidden=row.hidden)
    assert maker.evaluate(other) == maker.evaluate(row)


@unhurried
@given(st.sampled_from([name for name in FILTERS if name not in ("default", "date")]), st.text(max_size=40))
def test_a_filter_gives_text_or_a_reason(name: str, value: str) -> None:
    """Never an exception."""
    assert isinstance(compile_filter(name)(value), str | Reason | Finding)


@unhurried
@given(st.text(max_size=40))
def test_a_date_is_read_or_refused(value: str) -> None:
    """Never an exception."""
    assert isinstance(compile_filter("date:dd/mm/yyyy")(value), str | Reason | Finding)


@unhurried
@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))  # noqa: DTZ001 - cells have no zone
def test_a_date_written_in_one_form_is_read_in_the_other(moment: datetime) -> None:
    """dd/mm/yyyy HH:MM:SS and yyyy-mm-dd HH:MM:SS name the same moment."""
    brazilian = (
        f"{moment.day:02}/{moment.month:02}/{moment.year:04} {moment.hour:02}:{moment.minute:02}:{moment.second:02}"
    )
    iso = compile_filter("date:yyyy-mm-dd HH:MM:SS")(brazilian)
    assert iso == moment.replace(microsecond=0).isoformat(" ")
    assert compile_filter("date:dd/mm/yyyy HH:MM:SS")(str(iso)) == brazilian


@unhurried
@given(st.integers(0, 10**15 - 1), st.integers(0, 99))
def test_money_is_read_back_from_every_way_of_writing_it(whole: int, cents: int) -> None:
    """With and without groups, with comma or point."""
    english = f"{whole:,}.{cents:02}"
    written = "R$ " + english.translate(str.maketrans(",.", ".,"))
    for text in (english, written, f"{whole},{cents:02}", f"{whole}.{cents:02}"):
        assert compile_filter("brl")(text) == written


@unhurried
@given(st.text(max_size=40))
def test_any_text_can_be_taken_apart(text: str) -> None:
    """Without braces it is itself; with doubled braces it is itself again; nothing raises."""
    doubled = text.replace("{", "{{").replace("}", "}}")
    parsed = parse_text(doubled)
    assert parsed.problems == ()
    assert "".join(part for part in parsed.parts if isinstance(part, str)) == text
    assert isinstance(parse_text(text).problems, tuple)
