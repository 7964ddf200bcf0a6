"""What `init` guesses of a sheet's columns, and from what."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from batch.campaign import Column, Constant
from batch.loader.filters.registry import compile_filter
from batch.loader.mapping.placeholders import parse_text
from batch.loader.suggest import (
    SAMPLE_ROWS,
    ColumnFacts,
    Suggestion,
    describe_columns,
    join_phone_columns,
    rank_phone_columns,
    suggest_columns,
)
from batch.loader.template_values import column_source, fit_column, suggest_link, suggest_value
from batch.model.phrases import Phrase
from batch.model.sheets import SheetInfo, SheetRow

MOBILES = ["11 90000-1001", "11 90000-1002", "(21) 90000-1003", "+55 31 90000-1004"]
LANDLINES = ["11 2000-1001", "11 2000-1002", "(21) 2000-1003", "+55 31 2000-1004"]
UUID = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"

Cells = Sequence[str | None]


def _info(*names: str, ambiguous: tuple[str, ...] = ()) -> SheetInfo:
    return SheetInfo(
        file="c.csv",
        format="csv",
        sheet=None,
        encoding="utf-8",
        delimiter=";",
        header_row=1,
        columns=names,
        ambiguous=ambiguous,
    )


def _rows(columns: dict[str, Cells]) -> list[SheetRow]:
    lines = zip(*columns.values(), strict=True)
    return [SheetRow(number=number, cells=tuple(cells)) for number, cells in enumerate(lines, 2)]


def _facts(columns: dict[str, Cells]) -> tuple[ColumnFacts, ...]:
    return describe_columns(_info(*columns), _rows(columns))


def _phones(columns: dict[str, Cells]) -> list[str]:
    return [each.name for each in rank_phone_columns(_facts(columns))]


def _guess(columns: dict[str, Cells], ambiguous: tuple[str, ...] = ()) -> Suggestion:
    info, facts = _info(*columns, ambiguous=ambiguous), _facts(columns)
    return suggest_columns(info, facts, rank_phone_columns(facts), lambda: _rows(columns))


def test_a_column_called_phone_that_holds_phones_is_the_phone() -> None:
    """Whatever else looks like numbers; it says how many of its cells are phones."""
    columns = {"CPF": ["11987654321"] * 4, "Celular": [*MOBILES[:3], "99"], "Nome": ["Ana"] * 4}
    assert _phones(columns) == ["Celular"]
    assert _guess(columns).reasons["wa_contact_id"] == "3 of 4 cells are phones."


def test_of_two_phone_columns_the_one_that_reaches_more_people_is_taken() -> None:
    """And the other is named."""
    columns = {"Telefone": [*MOBILES[:2], None, None], "Celular": MOBILES}
    assert _phones(columns) == ["Celular", "Telefone"]
    assert _guess(columns).remarks == ("'Telefone' could be the phone too (2 of 2 cells are phones) and is not used.",)


def test_a_column_of_landlines_counts_half() -> None:
    """WhatsApp is on mobiles."""
    assert _phones({"Telefone": LANDLINES, "Celular": [*MOBILES[:3], None]})[0] == "Celular"
    assert _phones({"Telefone": LANDLINES}) == ["Telefone"]


def test_the_api_own_name_decides() -> None:
    """`wa_contact_id` was written for this API."""
    assert _phones({"Telefone": MOBILES, "wa_contact_id": [*MOBILES[:3], "x"]}) == ["wa_contact_id"]


def test_a_name_whose_cells_are_no_phones_does_not_win_over_cells() -> None:
    """`WhatsApp` with SIM and NAO in it is a question, and `Contato` holds the numbers."""
    assert _phones({"WhatsApp": ["SIM", "SIM", "SIM", "SIM"], "Contato": MOBILES}) == ["Contato"]
    assert _phones({"Telefone": ["x", "y", "z", MOBILES[0]], "Nº p/ avisos": MOBILES}) == ["Nº p/ avisos"]


def test_a_name_alone_is_enough_where_some_cell_is_a_phone() -> None:
    """A bad column is still the phone's."""
    assert _phones({"Telefone": ["5,51E+12", "5,51E+12", "5,51E+12", MOBILES[0]], "Nome": ["Ana"] * 4}) == ["Telefone"]


@pytest.mark.parametrize(
    "columns",
    [
        {"Telefone": ["5,51E+12"] * 4},
        {"Pedido": MOBILES},
        {"CPF": MOBILES},
        {"numero": LANDLINES},
        {"x": [*MOBILES[:3], "a"]},
        {"x": [None, None, None, None]},
    ],
)
def test_what_is_not_plainly_a_phone_is_none(columns: dict[str, Cells]) -> None:
    """Lost digits; a name that says something else; ids that look like landlines; three in four; nothing at all."""
    assert _phones(columns) == []


def test_without_a_header_the_cells_decide() -> None:
    """Columns are called by their letters."""
    columns = {"column A": ["Ana da Silva", "Bia Souza", "Caio Reis", "Dora Lima"], "column B": MOBILES}
    assert dict(_guess(columns).columns) == {"wa_contact_id": "column B", "remote_profile_name": "column A"}


def test_only_the_first_rows_are_looked_at() -> None:
    """A million rows are not kept in memory."""
    asked = 0

    def rows() -> object:
        nonlocal asked
        for asked in range(1, 10 * SAMPLE_ROWS):
            yield SheetRow(number=asked + 1, cells=(MOBILES[0],))

    (facts,) = describe_columns(_info("Fone"), rows())  # type: ignore[arg-type]
    assert (asked, len(facts.cells), facts.phones) == (SAMPLE_ROWS, SAMPLE_ROWS, SAMPLE_ROWS)


def test_malformed_rows_and_result_columns_say_nothing() -> None:
    """The cells of a broken row may stand in the wrong columns; a report's own columns are not the person's."""
    rows = [
        SheetRow(number=2, cells=("x", "y"), errors={"": Phrase("it has 3 cells")}),
        SheetRow(number=3, cells=(MOBILES[0], "a")),
    ]
    (facts,) = describe_columns(_info("Fone", "wegly_phone"), rows)
    assert facts.cells == (MOBILES[0],)


def test_the_name_column_is_found_by_its_header_and_holds_names() -> None:
    """Of two, the one with more names in it; a `Cliente` of codes is not one."""
    columns = {
        "Cliente": ["C-001", "C-002", "C-003", "C-004"],
        "Nome": ["Ana", "Bia", None, "Dr. Caio"],
        "Fone": MOBILES,
    }
    assert _guess(columns).name == "Nome"
    assert _guess({"Cliente": ["1", "2", "3", "4"], "Fone": MOBILES}).name is None


def test_columns_called_as_fields_of_the_api_fill_them() -> None:
    """Those of the campaign's own sections too, under the names that spreadsheets can have."""
    columns = {
        "Fone": MOBILES,
        "assigned_agent_id": [UUID, None, UUID, None],
        "whatsapp_phone_id": [UUID] * 4,
        "template_name": ["saudacao"] * 4,
        "status": ["OPEN", "RESOLVED", None, "OPEN"],
    }
    assert dict(_guess(columns).columns) == {
        "wa_contact_id": "Fone",
        "assigned_agent_id": "assigned_agent_id",
        "whatsapp_phone_id": "whatsapp_phone_id",
        "template.name": "template_name",
        "status": "status",
    }


def test_a_column_called_as_a_field_but_full_of_other_things_is_not_used() -> None:
    """It is named, with a value that shows why; a few wrong values are said."""
    found = _guess({"Fone": MOBILES, "assigned_agent_id": ["Paula"] * 4, "status": ["Ativo"] * 4})
    assert dict(found.columns) == {"wa_contact_id": "Fone"}
    assert any("'Paula' is not a UUID" in aside for aside in found.remarks)
    assert any("'status' is not used" in aside for aside in found.remarks)
    found = _guess({"Fone": MOBILES, "crm_person_id": [UUID, UUID, UUID, "x"]})
    assert found.reasons["crm_person_id"].startswith("1 of 4 cells are not a UUID")


def test_columns_like_body_1_become_template_fields() -> None:
    """In their order; one whose name another column has is left out and named."""
    columns = {"Fone": MOBILES, "body_2": ["b"] * 4, "body_1": ["a"] * 4}
    assert [spec.value for spec in _guess(columns).fields] == [Column(column="body_1"), Column(column="body_2")]
    found = _guess(columns, ambiguous=("body_2",))
    assert [spec.value for spec in found.fields] == [Column(column="body_1")]
    assert found.remarks == ("'body_2' is not used: several columns have that name.",)


@pytest.mark.parametrize("name", ["Nome", 'a"b', "a\\b", "=SOMA(A1)", "Olá 😀", "column F", "a:b"])
def test_a_plain_name_stands_in_braces(name: str) -> None:
    """With its filters."""
    source = column_source(name, "upper")
    assert source == Constant(value=f"{{{name}|upper}}")
    assert isinstance(source, Constant)
    assert parse_text(source.value).columns == (name,)


@pytest.mark.parametrize("name", ["a{b", "a}b", "{x}", "a|b", "{{1}}"])
def test_a_name_that_cannot_stand_in_braces_is_named_as_a_column(name: str) -> None:
    """Without filters."""
    assert column_source(name, "upper") == Column(column=name)


def test_the_template_text_itself_says_some_values() -> None:
    """After a greeting the first name, after a column's name that column; else nothing is guessed."""
    columns = {
        "Nome": ["Ana", "Bia", "Caio", "Dora"],
        "Fone": MOBILES,
        "Fatura": ["1", "2", "3", "4"],
        "Valor": ["1"] * 4,
    }
    found, facts = _guess(columns), _facts(columns)
    body = "Olá, {{1}}! A fatura {{2}}, de {{3}}, vence amanhã. Bom dia *{{4}}*"
    values = [suggest_value(body, index, found, facts) for index in (1, 2, 3, 4)]
    first = Constant(value="{Nome|first_name|title}")
    assert values == [first, Constant(value="{Fatura}"), None, first]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("DDD", "FONE", "DDD CEL", "CELULAR"), "{DDD CEL}{CELULAR}"),
        (("DDD", "DDD CEL", "FONE", "CELULAR"), "{DDD CEL}{CELULAR}"),
        (("DDD1", "FONE1", "DDD2", "FONE2"), "{DDD2}{FONE2}"),
        (("Prefixo", "Fone", "Código de área", "Móvel"), "{Código de área}{Móvel}"),
    ],
)
def test_an_area_code_is_joined_to_its_own_number(names: tuple[str, ...], expected: str) -> None:
    """By its name, else it is the nearest before; that of another number would make another person's phone."""
    cells = {"D": ["11", "11"], "F": ["33334444", "33334445"], "C": ["21", "31"], "M": ["900005801", "90000-5802"]}
    keys = "DCFM" if names[1] == "DDD CEL" else "DFCM"
    columns = {name: cells[key] for name, key in zip(names, keys, strict=True)}
    joined = join_phone_columns(_info(*columns), lambda: iter(_rows(columns)))
    assert joined is not None
    assert joined.name == expected


SHEET: dict[str, Cells] = {
    "Telefone": ["11900001001", "11900001002", "11900001003"],
    "Cliente": ["ANA LIMA", "Dr. Bruno Reis", "Caio de Sá"],
    "Nº da Fatura": ["1042", "1043", "1044"],
    "Total": ["1.234,50", "89,9", "R$ 75,00"],
    "Vencimento": ["05/01/2027", "06/01/2027", "2027-01-07"],
    "Boleto": ["a1/b", "a2", "a 3"],
    "Opt-out": ["sim", "não", "não"],
}


def _offered(body: str, sheet: dict[str, Cells] = SHEET) -> list[str | None]:
    found: list[str | None] = []
    for index in range(1, body.count("{{") + 1):
        taken = {text[1:-1].split("|")[0] for text in found if text}
        value = suggest_value(body, index, _guess(sheet), _facts(sheet), taken)
        assert value is None or isinstance(value, Constant)
        found.append(value and value.value)
    return found


@pytest.mark.parametrize(
    ("body", "offered"),
    [
        (
            "Olá {{1}}, a fatura {{2}} de R$ {{3}} vence em {{4}}",
            ["{Cliente|first_name|title}", "{Nº da Fatura}", "{Total|amount}", "{Vencimento|date:dd/mm/yyyy}"],
        ),
        (
            "{{1}}, pague até {{2}} o valor de {{3}}",
            ["{Cliente|first_name|title}", "{Vencimento|date:dd/mm/yyyy}", "{Total|brl}"],
        ),
        ("Prezado cliente {{1}}", ["{Cliente|first_name|title}"]),
        ("Seu opt-out {{1}} e telefone {{2}}", [None, None]),
        ("O código {{1}} em {{2}}", [None, None]),
        ("Vencimento:\n{{1}}", ["{Vencimento|date:dd/mm/yyyy}"]),
    ],
)
def test_the_text_tells_the_column_and_its_cells_the_filter(body: str, offered: list[str | None]) -> None:
    """Nothing is offered where the text does not tell; no phone, no opt-out."""
    assert _offered(body) == offered


def test_of_two_columns_that_fit_none_is_offered() -> None:
    """Two dates, two amounts."""
    sheet = {**SHEET, "Emissão": ["01/01/2027"] * 3, "Desconto": ["1,50"] * 3}
    assert _offered("até {{1}}, R$ {{2}}", sheet) == [None, None]


def test_companies_have_no_first_name() -> None:
    """`first_name` is for people."""
    sheet = {**SHEET, "Cliente": ["Padaria Aurora Ltda", "Mercado Bom ME", "Ana Lima"]}
    assert _offered("Olá {{1}}", sheet) == ["{Cliente}"]


@pytest.mark.parametrize(
    ("name", "cells", "value"),
    [
        ("Fatura", ["1042", "1043"], "{Fatura}"),
        ("Valor", ["1042", "1043"], "{Valor|brl}"),
        ("Saldo", ["R$ 10", "não há"], "{Saldo}"),
        ("Hora", ["10:30", "11:00"], "{Hora}"),
        ("Obs", [], "{Obs}"),
    ],
)
def test_a_filter_fits_the_cells(name: str, cells: Cells, value: str) -> None:
    """Numbers are money only where the column says so; a filter that half of the cells fail is none."""
    (facts,) = _facts({name: cells})
    assert fit_column(facts) == Constant(value=value)


def test_the_end_of_a_link_is_encoded_where_it_must_be() -> None:
    """By the last word of the link; a column of whole links is none."""
    link = "https://loja.com.br/boleto/{{1}}"
    assert suggest_link(link, _guess(SHEET), _facts(SHEET)) == Constant(value="{Boleto|urlencode}")
    plain = {**SHEET, "Boleto": ["a1", "a2/b", "a3"]}
    assert suggest_link(link, _guess(plain), _facts(plain)) == Constant(value="{Boleto}")
    whole = {**SHEET, "Boleto": ["https://loja.com.br/boleto/1"] * 3}
    assert suggest_link(link, _guess(whole), _facts(whole)) is None


def test_an_amount_is_brl_without_its_sign() -> None:
    """For texts in which R$ stands; what brl refuses is refused."""
    amount, brl = compile_filter("amount"), compile_filter("brl")
    assert [amount(cell) for cell in ("1234,5", "R$ 75,00", "-R$ 5")] == ["1.234,50", "75,00", "-5,00"]
    assert amount("12,345") == brl("12,345")
    assert amount("abc") == brl("abc")
