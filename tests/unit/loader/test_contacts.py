"""Rows become contacts: a message exactly as the campaign says, or every reason why there is none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from batch.campaign import load_campaign
from batch.loader.formats.dates_and_numbers import error_cell
from batch.loader.mapping.contacts import RowEvaluator
from batch.model.messages import Contact, Message, TemplateField
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason, advice, sentence
from batch.model.sheets import SheetInfo, SheetRow

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
OTHER = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
HEAD = f"""
[campaign]
name = "boas-vindas"
[sender]
whatsapp_phone_id = "{SENDER}"
[template]
name = "saudacao_inicial"
language = "pt_BR"
"""
CONTROLS = (0x00, 0x07, 0x08, 0x0B, 0x1B, 0x7F, 0x85, 0x9B)
INVISIBLE = (0xAD, 0x200B, 0x200E, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF)
PLAIN = (
    HEAD
    + """
body = "Ola {{1}}, bem-vindo a {{2}}!"
[columns]
wa_contact_id = "Telefone"
remote_profile_name = "Nome"
assigned_agent_id = { column = "Agente", default = "" }
[[template_fields]]
component = "BODY"
index = 1
value = "{Nome|first_name}"
[[template_fields]]
component = "BODY"
index = 2
value = "{Cidade|title|default:sua cidade}"
"""
)
EVERYTHING = f"""
[campaign]
name = "tudo"
unique_by = ["Fatura", "Parcela"]
[sender]
whatsapp_phone_id = {{ column = "whatsapp_phone_id" }}
[template]
name = {{ column = "template" }}
language = {{ column = "language", default = "pt_BR" }}
[columns]
wa_contact_id = "Telefone"
remote_profile_name = "remote_profile_name"
person_contact_id = "person_contact_id"
crm_person_id = {{ column = "crm_person_id", default = "{OTHER.upper()}" }}
assigned_agent_id = {{ value = "{OTHER.upper()}" }}
status = "status"
[[template_fields]]
component = {{ column = "component" }}
type = {{ column = "type", default = "TEXT" }}
index = {{ column = "index" }}
button_index = {{ column = "button_index", default = 0 }}
card_index = {{ column = "card_index", default = 3 }}
value = {{ column = "value", default = "nada" }}
[phone]
format = "digits"
"""


class Made(SimpleNamespace):
    """What a contact holds, and its `message`."""


Make = Callable[[str, dict[str, str | None]], Made]
Maker = Callable[..., RowEvaluator]


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    def fit(text: str, *columns: str) -> RowEvaluator:
        path = tmp_path / "campanha.toml"
        path.write_text(text, encoding="utf-8")
        campaign = load_campaign(path, now=datetime(2026, 11, 3, tzinfo=UTC))
        info = SheetInfo(
            file="contatos.csv",
            format="csv",
            sheet=None,
            encoding="utf-8",
            delimiter=";",
            header_row=1,
            columns=columns,
        )
        return RowEvaluator.for_sheet(campaign, info)

    return fit


@pytest.fixture
def make(maker: Maker) -> Make:
    def one(text: str, cells: dict[str, str | None]) -> Made:
        return _evaluate(maker(text, *cells), SheetRow(number=2, cells=tuple(cells.values())))

    return one


def _evaluate(evaluator: RowEvaluator, row: SheetRow) -> Made:
    contact = evaluator.evaluate(row)
    return Made(**contact._asdict(), message=evaluator.build_message(contact))


def _plain(**changes: str | None) -> dict[str, str | None]:
    cells = {"Telefone": "(11) 98888-7777", "Nome": "João Silva", "Cidade": "SÃO PAULO", "Agente": None}
    return {**cells, **changes}


def _reasons(contact: Contact | Made) -> list[Reason]:
    return [finding.reason for finding in contact.problems]


def _said(contact: Contact | Made) -> list[str]:
    return [sentence(finding) for finding in contact.problems]


def test_a_good_row_becomes_exactly_the_message_the_campaign_describes(make: Make) -> None:
    """Empty optional fields are None: not in the request at all."""
    contact = make(PLAIN, _plain())
    assert (contact.row, contact.person, contact.sender) == (2, "+5511988887777", SENDER)
    assert (contact.problems, contact.notes, contact.unique) == ((), (), ())
    assert (contact.hidden, contact.left_out) == (False, None)
    assert contact.message == Message(
        whatsapp_phone_id=SENDER,
        wa_contact_id="11988887777",
        template_name="saudacao_inicial",
        template_language="pt_BR",
        template_fields=(
            TemplateField(component="BODY", type="TEXT", index=1, value="João"),
            TemplateField(component="BODY", type="TEXT", index=2, value="São Paulo"),
        ),
        remote_profile_name="João Silva",
    )


def test_every_field_of_the_request_can_come_from_a_column(make: Make) -> None:
    """Columns, columns with a default that stands in, constants; UUIDs go out in lower case."""
    cells = {
        "whatsapp_phone_id": OTHER.upper(),
        "template": "outro",
        "language": None,
        "Telefone": "11988887777",
        "remote_profile_name": "Ana",
        "person_contact_id": SENDER,
        "crm_person_id": "",
        "status": "SNOOZED",
        "component": "BUTTON",
        "type": "PAYLOAD",
        "index": "1",
        "button_index": "2",
        "card_index": None,
        "value": None,
        "Fatura": " 12 ",
        "Parcela": None,
    }
    contact = make(EVERYTHING, cells)
    assert contact.problems == ()
    assert contact.unique == (" 12 ", "")
    assert contact.message == Message(
        whatsapp_phone_id=OTHER,
        wa_contact_id="5511988887777",
        template_name="outro",
        template_language="pt_BR",
        template_fields=(
            TemplateField(component="BUTTON", type="PAYLOAD", index=1, value="nada", button_index=2, card_index=3),
        ),
        person_contact_id=SENDER,
        remote_profile_name="Ana",
        crm_person_id=OTHER,
        assigned_agent_id=OTHER,
        status="SNOOZED",
    )
    assert [note.values["found"] for note in contact.notes] == ["BUTTON", "PAYLOAD"]


def test_fields_from_columns_are_checked_row_by_row(make: Make) -> None:
    """Required, UUID, enum, number: each names field and column."""
    names = ("whatsapp_phone_id", "template", "language", "Telefone", "remote_profile_name", "person_contact_id")
    more = ("crm_person_id", "status", "component", "type", "index", "button_index", "card_index", "value")
    cells: dict[str, str | None] = dict.fromkeys((*names, *more, "Fatura", "Parcela"))
    cells |= {"Telefone": "123", "person_contact_id": "7", "status": "open", "index": "um", "card_index": "-1"}
    assert _said(make(EVERYTHING, cells)) == [
        "The phone 123 has too few digits.",
        "whatsapp_phone_id is empty (column whatsapp_phone_id).",
        "template.name is empty (column template).",
        "person_contact_id (column person_contact_id) must be a UUID, but is 7.",
        "status (column status) is open; allowed are OPEN, RESOLVED, SNOOZED.",
        "template field 1, component is empty (column component).",
        "template field 1, index (column index): um is not a number.",
        "template field 1, card_index (column card_index): -1 is not a number.",
    ]


def test_indexes_from_columns_are_checked_row_by_row(make: Make) -> None:
    """They count from 1 without a gap in each row, and agree with the body."""
    text = HEAD + 'body = "{{1}}"\n[columns]\nwa_contact_id = "T"\n'
    text += '[[template_fields]]\ncomponent = "BODY"\nindex = { column = "I" }\nvalue = "a"\n'
    assert make(text, {"T": "11988887777", "I": "1"}).problems == ()
    assert _said(make(text, {"T": "11988887777", "I": "2"})) == ["index of BODY (column I) is 2; allowed are 1."]
    assert _said(make(text, {"T": "11988887777", "I": "0"})) == [
        "template field 1, index (column I) is 0; allowed are 1 and up."
    ]


def test_all_problems_of_a_row_are_told_the_phone_first(make: Make) -> None:
    """One look at the report is enough to correct the row."""
    contact = make(PLAIN, _plain(Telefone="20 98888-7777", Nome=None, Cidade="a\nb", Agente="Clara"))
    assert _reasons(contact) == [
        Reason.PHONE_BAD_AREA_CODE,
        Reason.VALUE_NOT_UUID,
        Reason.VALUE_MISSING,
        Reason.VALUE_BAD_CHARACTERS,
    ]
    assert contact.message is None
    assert contact.person is None
    for finding in contact.problems:
        assert {"field", "column"} <= finding.values.keys()
        assert "?" not in sentence(finding)
        assert advice(finding)


def test_a_good_phone_is_known_although_the_row_is_wrong(make: Make) -> None:
    """The report shows whom the row is about."""
    contact = make(PLAIN, _plain(Nome=None))
    assert (contact.person, contact.message) == ("+5511988887777", None)
    assert _said(contact) == ["BODY {{1}} is empty (column Nome)."]


def test_a_repaired_phone_keeps_its_note_and_goes_out_repaired(make: Make) -> None:
    """The report shows both."""
    contact = make(PLAIN, _plain(Telefone="(11) 8888-7777"))
    assert contact.message is not None
    assert contact.message.wa_contact_id == "11988887777"
    assert contact.notes == (Finding(Reason.NOTE_NINTH_DIGIT, {"found": "(11) 8888-7777"}),)


def test_an_unreadable_cell_that_is_used_makes_the_row_an_error(maker: Maker) -> None:
    """Once, and not as an empty value besides; a cell that is not used does not matter."""
    fitted = maker(PLAIN, "Telefone", "Nome", "Cidade", "Agente", "Obs")
    cells = ("11988887777", None, None, None, None)
    errors = {"Obs": error_cell("#REF!"), "Nome": error_cell("#N/A")}
    contact = fitted.evaluate(SheetRow(number=9, cells=cells, errors=errors))
    assert _said(contact) == ["Column Nome: error cell #N/A."]
    assert contact.person == "+5511988887777"
    good = ("11988887777", "Ana", "Recife", None, None)
    assert _evaluate(fitted, SheetRow(number=9, cells=good, errors={"Obs": error_cell("#REF!")})).message is not None


def test_an_unreadable_phone_comes_first(maker: Maker) -> None:
    """Whatever stands before it in the sheet."""
    fitted = maker(PLAIN, "Nome", "Cidade", "Agente", "Telefone")
    errors = {"Agente": error_cell("#N/A"), "Telefone": Phrase("formula without a stored value")}
    contact = fitted.evaluate(SheetRow(number=9, cells=("Ana", None, None, None), errors=errors))
    assert _said(contact) == ["Column Telefone: formula without a stored value.", "Column Agente: error cell #N/A."]
    assert contact.person is None


def test_an_unreadable_cell_of_unique_by_makes_the_row_an_error(maker: Maker) -> None:
    """It is part of what makes two messages the same message."""
    text = HEAD.replace('"boas-vindas"', '"a"\nunique_by = ["Fatura"]') + '[columns]\nwa_contact_id = "Telefone"\n'
    row = SheetRow(number=3, cells=("11988887777", None), errors={"Fatura": error_cell("#N/A")})
    assert _reasons(maker(text, "Telefone", "Fatura").evaluate(row)) == [Reason.CELL_UNREADABLE]
    broken = SheetRow(number=3, cells=("11988887777", "Â\x80"), errors=row.errors)
    assert _reasons(maker(text, "Telefone", "Fatura").evaluate(broken)) == [Reason.CELL_UNREADABLE]


def test_a_malformed_row_is_not_read_at_all(maker: Maker) -> None:
    """Its cells may be shifted: not even the phone can be believed."""
    row = SheetRow(
        number=7, cells=("11988887777", "Ana", None, None), errors={"": Phrase("6 cells, 4 columns")}, hidden=True
    )
    contact = maker(PLAIN, "Telefone", "Nome", "Cidade", "Agente").evaluate(row)
    assert contact == Contact(
        row=7,
        person=None,
        problems=(Finding(Reason.ROW_MALFORMED, {"found": Phrase("6 cells, 4 columns")}),),
        hidden=True,
    )


def test_hidden_is_passed_on(maker: Maker) -> None:
    """What to do with it is not decided here."""
    row = SheetRow(number=2, cells=("11988887777", "Ana", None, None), hidden=True)
    contact = _evaluate(maker(PLAIN, "Telefone", "Nome", "Cidade", "Agente"), row)
    assert contact.hidden
    assert contact.message is not None


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("a\nb", "a line break"),
        ("a\rb", "a line break"),
        ("a\tb", "a tab"),
        ("a     b", "5 spaces in a row"),
        ("a" + " " * 9 + "b", "9 spaces in a row"),
        *((f"a{chr(code)}b", f"the control character U+{code:04X}") for code in CONTROLS),
    ],
)
def test_what_whatsapp_refuses_in_a_value_is_an_error(make: Make, value: str, found: str) -> None:
    """Line breaks, tabs, more than four spaces, and what steers a screen or turns the text."""
    contact = make(PLAIN, _plain(Cidade=value))
    assert _said(contact) == [f"BODY {{{{2}}}} (column Cidade) holds {found}, which cannot be sent."]


@pytest.mark.parametrize("code", CONTROLS)
def test_a_profile_name_holds_no_control_character(make: Make, code: int) -> None:
    """It is shown on the screens of those who answer."""
    text = HEAD + '[columns]\nwa_contact_id = "T"\nremote_profile_name = "N"\n'
    contact = make(text, {"T": "11 90000-0001", "N": f"a{chr(code)}b"})
    found = f"the control character U+{code:04X}"
    assert _said(contact) == [f"remote_profile_name (column N) holds {found}, which cannot be sent."]


@pytest.mark.parametrize("code", INVISIBLE)
def test_what_is_not_seen_is_taken_out_and_noted(make: Make, code: int) -> None:
    """A person never sees it, and a message may be read differently by it."""
    contact = make(PLAIN, _plain(Cidade=f"{chr(code)}a{chr(code)}b", Nome="Ana"))
    assert contact.message is not None
    assert contact.message.template_fields[1].value == "Ab"
    assert [sentence(note) for note in contact.notes] == [
        "Invisible characters were taken out of the text (column Cidade)."
    ]


def test_a_cell_of_nothing_that_is_seen_is_empty(make: Make) -> None:
    """The message would have a gap."""
    text = HEAD + '[columns]\nwa_contact_id = "T"\n[[template_fields]]\ncomponent = "BODY"\nindex = 1\nvalue = "{V}"\n'
    assert _reasons(make(text, {"T": "11 90000-0001", "V": "\u200b\ufeff"})) == [Reason.VALUE_MISSING]


def test_joiners_of_emoji_are_text(make: Make) -> None:
    """Emoji of several parts need them."""
    contact = make(PLAIN, _plain(Cidade="👩\u200d👧"))
    assert contact.message is not None
    assert contact.message.template_fields[1].value == "👩\u200d👧"


def test_four_spaces_in_a_row_are_allowed_and_strip_mends_the_rest(make: Make) -> None:
    """The limit is exact."""
    assert make(PLAIN, _plain(Cidade="a    b")).message is not None
    text = PLAIN.replace("|title|", "|strip|")
    contact = make(text, _plain(Cidade="a \n     b"))
    assert contact.message is not None
    assert contact.message.template_fields[1].value == "a b"


@pytest.mark.parametrize(
    ("value", "cell", "reason"),
    [
        ("{V|date:dd/mm}", "31/02/2026", Reason.VALUE_NOT_A_DATE),
        ("{V|brl}", "a combinar", Reason.VALUE_NOT_MONEY),
        ("{V|digits}", "x", Reason.VALUE_NOT_A_NUMBER),
        ("Ate {V|date:dd/mm}", None, Reason.VALUE_MISSING),
        ("Ola {V}", " ", Reason.VALUE_MISSING),
        ("{V|default:}", None, Reason.VALUE_MISSING),
    ],
)
def test_a_filter_that_cannot_do_its_work_makes_the_row_an_error(
    make: Make, value: str, cell: str | None, reason: Reason
) -> None:
    """With field, column and what was found; a hole in a sentence counts as missing."""
    text = (
        HEAD + f'[columns]\nwa_contact_id = "T"\n[[template_fields]]\ncomponent = "BODY"\nindex = 1\nvalue = "{value}"'
    )
    [finding] = make(text, {"T": "11988887777", "V": cell}).problems
    assert finding.reason is reason
    assert finding.values["column"] == "V"
    assert str(finding.values["field"]) == "BODY {{1}}"


def test_a_doubtful_amount_shows_the_doubt_with_the_value(make: Make) -> None:
    """The sentence says what cannot be told."""
    text = HEAD + '[columns]\nwa_contact_id = "T"\n[[template_fields]]\ncomponent = "BODY"\nindex = 1\n'
    [finding] = make(text + 'value = "{V|brl}"', {"T": "11988887777", "V": "12,345"}).problems
    assert sentence(finding) == (
        "BODY {{1}} (column V): 12,345 (English thousands or Brazilian decimals?) is not an amount of money."
    )


def test_a_default_that_is_empty_lets_a_part_of_a_value_be_empty(make: Make) -> None:
    """Asked for by the campaign, and only there."""
    text = HEAD + '[columns]\nwa_contact_id = "T"\n[[template_fields]]\ncomponent = "BODY"\nindex = 1\n'
    contact = make(text + 'value = "Ola{V|default:}!"', {"T": "11988887777", "V": None})
    assert contact.message is not None
    assert contact.message.template_fields[0].value == "Ola!"


def test_lengths_are_those_of_the_api_and_of_whatsapp(make: Make) -> None:
    """Name 255, header 60, body 1024 with its values, card body 160."""
    text = HEAD + '[columns]\nwa_contact_id = "T"\nremote_profile_name = "N"\n'
    for component, column, more in (("HEADER", "H", ""), ("BODY", "B", ""), ("BODY", "C", "card_index = 1\n")):
        text += f'[[template_fields]]\ncomponent = "{component}"\nindex = 1\nvalue = "{{{column}}}"\n{more}'
    longest: dict[str, str | None] = {"N": "n" * 255, "H": "h" * 60, "B": "b" * 1024, "C": "c" * 160}
    assert make(text, {"T": "11988887777", **longest}).problems == ()
    too_long = {column: f"{value}x" for column, value in longest.items()}
    assert _said(make(text, {"T": "11988887777", **too_long})) == [
        "remote_profile_name (column N) has 256 characters; 255 are allowed.",
        "HEADER {{1}} (column H) has 61 characters; 60 are allowed.",
        "The body with its values has 1025 characters; WhatsApp allows 1024.",
        "The body of card 1 with its values has 161 characters; WhatsApp allows 160.",
    ]


def test_the_body_counts_with_its_text_when_that_is_known(make: Make) -> None:
    """`Ola {{1}}, bem-vindo a {{2}}!` has 19 characters of its own."""
    own = len("Ola , bem-vindo a !")
    fits = "x" * (1024 - own - len("Recife"))
    text = PLAIN.replace('remote_profile_name = "Nome"\n', "").replace("{Nome|first_name}", "{Nome}")
    assert make(text, _plain(Nome=fits, Cidade="Recife")).problems == ()
    assert _reasons(make(text, _plain(Nome=fits + "x", Cidade="Recife"))) == [Reason.TEXT_TOO_LONG]


def test_a_component_that_is_not_documented_goes_out_with_a_warning_of_the_campaign(maker: Maker) -> None:
    """The API's page shows HEADER, BODY and TEXT; the rest is the user's word, told once and not in every row."""
    text = HEAD + '[columns]\nwa_contact_id = "T"\n'
    text += '[[template_fields]]\ncomponent = "BUTTON"\ntype = "URL"\nindex = 1\nbutton_index = 0\n'
    text += 'value = "{V|urlencode}"\n'
    text += '[[template_fields]]\ncomponent = "BUTTON"\nindex = 1\nbutton_index = 1\nvalue = "b"\n'
    fitted = maker(text, "T", "V")
    contact = _evaluate(fitted, SheetRow(number=2, cells=("11988887777", "a b/ç")))
    assert contact.message is not None
    assert contact.message.template_fields[0].value == "a%20b%2F%C3%A7"
    assert contact.notes == ()
    assert fitted.warnings == (
        "The component BUTTON in the campaign is not named by the API's page; it is sent as it is.",
        "The type URL in the campaign is not named by the API's page; it is sent as it is.",
    )


def test_a_component_of_a_column_is_noted_only_on_rows_with_a_message(maker: Maker) -> None:
    """A row in error, or hidden and skipped, is not sent as it is."""
    text = HEAD + '[columns]\nwa_contact_id = "T"\n[[template_fields]]\ncomponent = { column = "C" }\n'
    fitted = maker(text + 'type = "TEXT"\nindex = 1\nvalue = "a"\n', "T", "C")
    good = SheetRow(number=2, cells=("11988887777", "FOOTER"))
    assert fitted.warnings == ()
    assert [sentence(note) for note in fitted.evaluate(good).notes] == [
        "component is FOOTER, which the API's page does not name; sent as it is."
    ]
    assert fitted.evaluate(SheetRow(number=3, cells=("12", "FOOTER"))).notes == ()
    assert fitted.evaluate(SheetRow(number=4, cells=good.cells, hidden=True)).notes == ()


def test_a_component_of_a_column_holds_no_control_character(maker: Maker) -> None:
    """It goes into the request as it is."""
    text = HEAD + '[columns]\nwa_contact_id = "T"\n[[template_fields]]\ncomponent = { column = "C" }\n'
    fitted = maker(text + 'type = "TEXT"\nindex = 1\nvalue = "a"\n', "T", "C")
    contact = fitted.evaluate(SheetRow(number=2, cells=("11988887777", "BO\x1bDY")))
    assert [finding.reason for finding in contact.problems] == [Reason.VALUE_BAD_CHARACTERS]


def test_people_see_the_body_with_its_values(maker: Maker) -> None:
    """None where the campaign gives no body, or the row has no message."""
    columns = ("Telefone", "Nome", "Cidade", "Agente")
    fitted = maker(PLAIN, *columns)
    good = fitted.evaluate(SheetRow(number=2, cells=("11988887777", "Ana Lima", None, None)))
    assert fitted.render_body(good) == "Ola Ana, bem-vindo a sua cidade!"
    assert fitted.render_body(fitted.evaluate(SheetRow(number=2, cells=("x", "Ana", None, None)))) is None
    assert maker(PLAIN.replace("body = ", "# "), *columns).render_body(good) is None


def test_a_default_stands_in_for_an_empty_phone_too(make: Make) -> None:
    """The same rule for every field; a phone without one is missing."""
    text = HEAD + '[columns]\nwa_contact_id = { column = "T", default = "11988887777" }\n'
    assert make(text, {"T": None}).person == "+5511988887777"
    assert _reasons(make(HEAD + '[columns]\nwa_contact_id = "T"\n', {"T": None})) == [Reason.PHONE_MISSING]


@pytest.mark.parametrize(
    ("form", "phone", "sent"),
    [
        ("national", "5511988887777", "11988887777"),
        ("e164", "11988887777", "+5511988887777"),
        ("digits", "11988887777", "5511988887777"),
        ("national", "+351 912 345 678", "+351912345678"),
    ],
)
def test_the_number_goes_out_in_the_campaigns_form(make: Make, form: str, phone: str, sent: str) -> None:
    """A number of another country keeps its plus."""
    text = HEAD + f'[columns]\nwa_contact_id = "T"\n[phone]\nformat = "{form}"\n'
    message = make(text, {"T": phone}).message
    assert message is not None
    assert message.wa_contact_id == sent


def test_every_sentence_of_a_row_names_its_column() -> None:
    """All findings about a value have the column in their words."""
    for reason in (
        Reason.VALUE_MISSING,
        Reason.VALUE_NOT_UUID,
        Reason.VALUE_TOO_LONG,
        Reason.VALUE_NOT_ALLOWED,
        Reason.VALUE_BAD_CHARACTERS,
        Reason.VALUE_NOT_A_DATE,
        Reason.VALUE_NOT_MONEY,
        Reason.VALUE_NOT_A_NUMBER,
        Reason.CELL_UNREADABLE,
    ):
        assert "{column}" in reason.sentence
