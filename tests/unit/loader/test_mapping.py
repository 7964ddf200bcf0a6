"""A campaign fitted to a sheet's columns: what fits, and what is refused before any row is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.campaign import Campaign, load_campaign
from batch.errors import CampaignError
from batch.loader.formats.dates_and_numbers import error_cell
from batch.loader.mapping.compile import wanted_columns
from batch.loader.mapping.contacts import RowEvaluator
from batch.model.sheets import SheetInfo, SheetRow

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
HEAD = f"""
[campaign]
name = "boas-vindas"
[sender]
whatsapp_phone_id = "{SENDER}"
[template]
name = "saudacao_inicial"
language = "pt_BR"
"""
PHONE = '[columns]\nwa_contact_id = "Telefone"\n'

Load = Callable[[str], Campaign]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def write_and_load(text: str) -> Campaign:
        path = tmp_path / "campanha.toml"
        path.write_text(text, encoding="utf-8")
        return load_campaign(path, now=datetime(2026, 11, 3, tzinfo=UTC))

    return write_and_load


def _info(*columns: str, ambiguous: tuple[str, ...] = ()) -> SheetInfo:
    return SheetInfo(
        file="contatos.xlsx",
        format="xlsx",
        sheet="Contatos",
        encoding=None,
        delimiter=None,
        header_row=1,
        columns=columns,
        ambiguous=ambiguous,
    )


def _field(value: str, index: str = "1", component: str = "BODY", more: str = "") -> str:
    return f'[[template_fields]]\ncomponent = "{component}"\nindex = {index}\nvalue = "{value}"\n{more}\n'


def _refusal(campaign: Campaign, info: SheetInfo) -> str:
    with pytest.raises(CampaignError) as caught:
        RowEvaluator.for_sheet(campaign, info)
    return str(caught.value)


def _mapping(campaign: Campaign, info: SheetInfo, rows: Iterable[SheetRow] | None = None) -> dict[str, str]:
    maker = RowEvaluator.for_sheet(campaign, info, rows=None if rows is None else lambda: rows)
    return dict(maker.describe_mapping())


def test_the_mapping_tells_how_each_field_is_filled(load: Load) -> None:
    """In the order of the API's page, for people."""
    columns = 'wa_contact_id = "Telefone"\nassigned_agent_id = { column = "Agente", default = "" }\n'
    status = 'status = { value = "OPEN" }\nremote_profile_name = { column = "Nome", default = "Cliente" }\n'
    campaign = load(
        HEAD + f"[columns]\n{status}{columns}" + _field("{Nome|first_name}") + _field("oi", component="HEADER")
    )
    maker = RowEvaluator.for_sheet(campaign, _info("Nome", "Telefone", "Agente", "Obs"))
    assert maker.describe_mapping() == [
        ("whatsapp_phone_id", f"fixed value '{SENDER}'"),
        ("wa_contact_id", "column 'Telefone'"),
        ("template.name", "fixed value 'saudacao_inicial'"),
        ("template.language", "fixed value 'pt_BR'"),
        ("remote_profile_name", "column 'Nome', 'Cliente' when empty"),
        ("assigned_agent_id", "column 'Agente', left out when empty"),
        ("status", "fixed value 'OPEN'"),
        ("BODY {{1}}", "text '{Nome|first_name}'"),
        ("HEADER {{1}}", "text 'oi'"),
    ]
    assert maker.columns_used == {"Nome", "Telefone", "Agente"}


def test_the_columns_a_campaign_names_help_to_find_the_header(load: Load) -> None:
    """From every section that can name one; a bad placeholder is no reason to fail yet."""
    text = HEAD.replace(f'"{SENDER}"', '{ column = "Remetente" }').replace(
        '"boas-vindas"', '"a"\nunique_by = ["Fatura"]'
    )
    text = text.replace('"saudacao_inicial"', '{ column = "Modelo" }')
    fields = _field("{Nome|uper} {Cidade} {", more='button_index = { column = "Botao" }') + _field(
        "x", index='{ column = "Ordem" }'
    )
    more = '[[template_fields]]\ncomponent = "BODY"\nindex = 1\nvalue = { column = "Texto {1}" }\n'
    campaign = load(text + PHONE + fields + more)
    assert wanted_columns(campaign) == {
        *("Remetente", "Fatura", "Modelo", "Telefone", "Nome", "Cidade", "Botao", "Ordem", "Texto {1}")
    }
    assert wanted_columns(load(HEAD)) == frozenset()


def test_a_missing_column_names_the_nearest_and_lists_the_others(load: Load) -> None:
    """Result columns of an earlier report are no candidates."""
    refusal = _refusal(load(HEAD + '[columns]\nwa_contact_id = "Telefon"\n'), _info("Nome", "Telefone", "wegly_phone"))
    assert refusal == (
        "campanha.toml with contatos.xlsx: [columns] wa_contact_id: no column 'Telefon'; did you mean 'Telefone'? "
        "The sheet's columns are: Nome, Telefone."
    )


def test_accents_case_spaces_and_underscores_do_not_matter_where_one_column_is_meant(load: Load) -> None:
    """The exact name wins; of two that are alike without it, none does."""
    campaign = load(HEAD + '[columns]\nwa_contact_id = "numero_telefone"\n')
    assert _mapping(campaign, _info("Nome", "Número Telefone"))["wa_contact_id"] == "column 'numero_telefone'"
    assert RowEvaluator.for_sheet(campaign, _info("Número Telefone", "numero_telefone")).columns_used == {
        "numero_telefone"
    }
    assert "several columns of contatos.xlsx are named 'numero_telefone'" in _refusal(
        campaign, _info("Número Telefone", "NUMERO TELEFONE")
    )


def test_a_name_that_several_columns_have_is_refused(load: Load) -> None:
    """It is not known which is meant; the later one can be named with its letter."""
    info = _info("Telefone", "Nome", "Telefone (column C)", ambiguous=("Telefone",))
    assert "several columns of contatos.xlsx are named 'Telefone'" in _refusal(load(HEAD + PHONE), info)
    assert _mapping(load(HEAD + '[columns]\nwa_contact_id = "Telefone (column C)"\n'), info)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (_field("{Nome|uper}"), "number 1, value: there is no filter 'uper'; did you mean 'upper'?"),
        (_field("{Nome"), "number 1, value: a single '{' stands in it"),
        (_field("{Nme}"), "number 1, value: no column 'Nme'; did you mean 'Nome'?"),
        (_field("{Nome|date:DD}"), "is no form of a date"),
        (_field("a\\tb"), "number 1, value holds a tab, which cannot be sent"),
        (_field("a      b"), "number 1, value holds 6 spaces in a row, which cannot be sent"),
        (_field("a", "2"), "the template fields of BODY have the indexes 2; needed are 1"),
        (_field("a") + _field("b"), "the template fields of BODY have the indexes 1, 1; needed are 1, 2"),
        (_field("a") + _field("b", "3"), "indexes 1, 3; needed are 1, 2"),
        (
            _field("a", component="BUTTON", more="button_index = 1") + _field("b", "2", "BUTTON"),
            "fields of BUTTON have",
        ),
        (_field("a") + _field("b", "2", more="card_index = 0"), "fields of card 0 BODY have the indexes 2"),
    ],
)
def test_a_template_field_that_cannot_be_right_in_any_row_is_refused(load: Load, fields: str, said: str) -> None:
    """Filters, placeholders, indexes and texts, before any row is read."""
    assert said in _refusal(load(HEAD + PHONE + fields), _info("Telefone", "Nome"))


def test_buttons_and_cards_are_numbered_each_by_itself(load: Load) -> None:
    """Each component, button and card counts from 1."""
    fields = (
        _field("a", component="HEADER")
        + _field("a", "2")
        + _field("b")
        + _field("c", component="BUTTON", more="button_index = 0")
        + _field("d", component="BUTTON", more="button_index = 1")
        + _field("e", more="card_index = 0")
        + _field("f", component="BUTTON", more="card_index = 0\nbutton_index = 0")
    )
    labels = list(_mapping(load(HEAD + PHONE + fields), _info("Telefone")))[-7:]
    assert labels == [
        "HEADER {{1}}",
        "BODY {{2}}",
        "BODY {{1}}",
        "BUTTON 0 {{1}}",
        "BUTTON 1 {{1}}",
        "card 0 BODY {{1}}",
        "card 0 BUTTON 0 {{1}}",
    ]


@pytest.mark.parametrize(
    ("body", "fields", "said"),
    [
        ("Ola {{1}}, {{2}}", _field("a"), "the template fields of BODY have the indexes 1; needed are 1, 2"),
        ("Ola {{1}}", _field("a") + _field("b", "2"), "indexes 1, 2; needed are 1"),
        ("Ola", _field("a"), "indexes 1; needed are none"),
        ("Ola {{1}}", "", "indexes none; needed are 1"),
        ("Ola {{1}}", _field("a", component="body"), "indexes none; needed are 1"),
    ],
)
def test_the_bodys_placeholders_and_fields_must_agree(load: Load, body: str, fields: str, said: str) -> None:
    """WhatsApp refuses too many values as well as too few."""
    campaign = load(HEAD + f'body = "{body}"\n' + PHONE + fields)
    assert said in _refusal(campaign, _info("Telefone"))


def test_a_body_without_placeholders_needs_no_fields(load: Load) -> None:
    """A template may be plain text."""
    assert _mapping(load(HEAD + 'body = "Ola"\n' + PHONE), _info("Telefone"))


def test_all_that_does_not_fit_comes_in_one_error(load: Load) -> None:
    """Missing columns of every section, and a constant that is no phone."""
    head = HEAD.replace(f'"{SENDER}"', '{ column = "Remetente" }').replace(
        '"boas-vindas"', '"a"\nunique_by = ["Fatura"]'
    )
    campaign = load(head + '[columns]\nwa_contact_id = { value = "123" }\n' + _field("{Nome|x}"))
    refusal = _refusal(campaign, _info("Telefone"))
    assert refusal.startswith("campanha.toml with contatos.xlsx has 5 problems, and nothing was sent:")
    for said in (
        "[sender] whatsapp_phone_id: no column 'Remetente'",
        "[campaign] unique_by: no column 'Fatura'",
        "no column 'Nome'",
        "there is no filter 'x'",
        "[columns] wa_contact_id: The phone 123 has too few digits",
    ):
        assert said in refusal


def test_headers_are_matched_when_the_campaign_names_no_columns(load: Load) -> None:
    """API names as they are, usual names, and columns that are template fields by their names."""
    info = _info(
        "NOME", "body_2", "Celular", "Body 1", "assigned_agent_id", "header_1", "button_0_1", "card_0_body_1", "Obs"
    )
    assert _mapping(load(HEAD), info) == {
        "whatsapp_phone_id": f"fixed value '{SENDER}'",
        "wa_contact_id": "column 'Celular'",
        "template.name": "fixed value 'saudacao_inicial'",
        "template.language": "fixed value 'pt_BR'",
        "remote_profile_name": "column 'NOME'",
        "assigned_agent_id": "column 'assigned_agent_id'",
        "HEADER {{1}}": "column 'header_1'",
        "BODY {{1}}": "column 'Body 1'",
        "BODY {{2}}": "column 'body_2'",
        "BUTTON 0 {{1}}": "column 'button_0_1'",
        "card 0 BODY {{1}}": "column 'card_0_body_1'",
    }


def test_an_api_name_wins_over_usual_names(load: Load) -> None:
    """Who names a column wa_contact_id means it."""
    mapping = _mapping(load(HEAD), _info("Telefone", "wa_contact_id", "Nome", "remote_profile_name"))
    assert mapping["wa_contact_id"] == "column 'wa_contact_id'"
    assert mapping["remote_profile_name"] == "column 'remote_profile_name'"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (("Nome", "Telefone", "Celular"), "2 columns could be the phone: 'Telefone' and 'Celular'"),
        (("Nome", "Cliente", "Telefone"), "2 columns could be the name: 'Nome' and 'Cliente'"),
        (("Nome", "Cidade"), "no column of contatos.xlsx is a phone column by its name"),
        (("Telefone", "body_2"), "the template fields of BODY have the indexes 2; needed are 1"),
        (("Telefone", "body_1", "Body 1"), "indexes 1, 1; needed are 1, 2"),
        (("Telefone", "body_0"), "template field 1, index"),
    ],
)
def test_headers_that_do_not_say_it_for_certain_are_refused(load: Load, columns: tuple[str, ...], said: str) -> None:
    """No column is taken for the phone by chance."""
    assert said in _refusal(load(HEAD), _info(*columns))


def test_columns_of_an_earlier_report_are_never_matched(load: Load) -> None:
    """A report fed back has wegly_phone beside the user's own column."""
    info = _info("Telefone", "wegly_status", "wegly_phone")
    assert RowEvaluator.for_sheet(load(HEAD), info).columns_used == {"Telefone"}


def test_an_ambiguous_name_is_refused_when_matched_as_well(load: Load) -> None:
    """Two columns Telefone are two candidates."""
    info = _info("Telefone", "Telefone (column B)", ambiguous=("Telefone",))
    assert "2 columns could be the phone: 'Telefone' and 'Telefone (column B)'" in _refusal(load(HEAD), info)


def test_a_column_status_counts_when_all_its_values_are_statuses(load: Load) -> None:
    """Empty cells do not matter."""
    assert "status" in _mapping(load(HEAD), _info("Telefone", "status"), _statuses("OPEN", None, "SNOOZED"))


@pytest.mark.parametrize("values", [("OPEN", "pago"), ("open",), (None, None), ()])
def test_a_column_status_with_other_values_does_not_count(load: Load, values: tuple[str | None, ...]) -> None:
    """Many sheets have a column status of their own."""
    assert "status" not in _mapping(load(HEAD), _info("Telefone", "status"), _statuses(*values))


def _statuses(*values: str | None) -> list[SheetRow]:
    return [SheetRow(number=number, cells=("11999990001", value)) for number, value in enumerate(values, start=2)]


def test_a_column_status_with_an_unreadable_cell_does_not_count(load: Load) -> None:
    """It cannot be known to be of the enum; and without a look at the rows it does not count either."""
    info = _info("Telefone", "status")
    rows = [
        SheetRow(number=2, cells=(None, "OPEN"), errors={"Telefone": error_cell("#N/A")}),
        SheetRow(number=3, cells=("11999990001", None), errors={"status": error_cell("#N/A")}),
    ]
    assert "status" in _mapping(load(HEAD), info, rows[:1])
    assert "status" not in _mapping(load(HEAD), info, rows)
    assert "status" not in _mapping(load(HEAD), info)


def test_the_rows_are_not_read_without_need(load: Load) -> None:
    """A second pass over a large sheet only where a column status asks for it."""

    def rows() -> Iterable[SheetRow]:
        raise AssertionError

    assert RowEvaluator.for_sheet(load(HEAD), _info("Telefone"), rows=rows).columns_used == {"Telefone"}
    assert RowEvaluator.for_sheet(load(HEAD + PHONE), _info("Telefone", "status"), rows=rows)


def test_named_columns_and_matched_template_fields_go_together(load: Load) -> None:
    """[columns] alone leaves the template fields to the headers; an empty list says that there are none."""
    info = _info("Telefone", "Celular", "body_1")
    assert _mapping(load(HEAD + PHONE), info)["BODY {{1}}"] == "column 'body_1'"
    assert "BODY {{1}}" not in _mapping(load("template_fields = []\n" + HEAD + PHONE), info)
