"""Texts of cells in messages: as Excel shows them, the value where a filter or a key takes it, errors of the row."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from openpyxl import Workbook

from batch.app.inputs.campaign_sheet import open_campaign_sheet
from batch.app.inputs.staging import utc_now
from batch.campaign import load_campaign
from batch.errors import CampaignError
from batch.model.messages import Contact
from batch.model.reasons import sentence

CAMPAIGN = """
[campaign]
name = "textos"
{campaign}
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "{template}"
language = "{language}"
[columns]
wa_contact_id = "Telefone"
{columns}
[[template_fields]]
component = "BODY"
index = 1
value = "{value}"
{more}
"""


def evaluate(
    folder: Path,
    cells: Sequence[tuple[object, str]],
    value: str = "{Valor}",
    *,
    template: str = "ola",
    language: str = "pt_BR",
    **parts: str,
) -> tuple[list[Contact], list[str | None], tuple[str, ...]]:
    """Return contacts, first template values and warnings for cells of the column Valor with their number formats."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Telefone", "Valor", "Nome"])
    for number, (cell, code) in enumerate(cells):
        sheet.append([f"11 90000-{1000 + number}", cell, "Ana"])
        sheet.cell(number + 2, 2).number_format = code
    book.save(folder / "a.xlsx")
    filled = {"campaign": "", "columns": "", "more": "", **parts}
    text = CAMPAIGN.format(value=value, template=template, language=language, **filled)
    (folder / "c.toml").write_text(text, encoding="utf-8")
    campaign = load_campaign(folder / "c.toml", now=utc_now())
    source = open_campaign_sheet(folder / "a.xlsx", campaign, endpoint="https://x")
    contacts = [source.evaluator.evaluate(row) for row in source.sheet.rows()]
    messages = map(source.evaluator.build_message, contacts)
    values = [message.template_fields[0].value if message else None for message in messages]
    return contacts, values, source.evaluator.warnings


FORMATTED = [(0.075, "0.0%"), (123, "000000"), (1310100, "00000\\-000"), (1234.5, '"R$" #,##0.00'), (3, '0" parcelas"')]


def test_a_bare_column_says_what_excel_shows(tmp_path: Path) -> None:
    """Also between other texts, and with a default, which changes no filled cell."""
    shown = ["7,5%", "000123", "01310-100", "R$ 1.234,50", "3 parcelas"]
    assert evaluate(tmp_path, FORMATTED)[1] == shown
    assert evaluate(tmp_path, FORMATTED, "{Valor} de {Nome|upper}")[1] == [f"{each} de ANA" for each in shown]
    assert evaluate(tmp_path, FORMATTED, "{Valor|default:nada}")[1] == shown


def test_filters_and_keys_take_the_value(tmp_path: Path) -> None:
    """So an amount is never rounded twice, and ledgers of before know their keys."""
    assert evaluate(tmp_path, FORMATTED[3:4], "{Valor|brl}")[1] == ["R$ 1.234,50"]
    assert evaluate(tmp_path, [(10.555, "0.00")], "{Valor|strip}")[1] == ["10,555"]
    contacts, _values, _warnings = evaluate(tmp_path, FORMATTED, campaign='unique_by = ["Valor"]')
    assert [contact.unique for contact in contacts] == [("0,075",), ("123",), ("1310100",), ("1234,5",), ("3",)]


def test_keys_are_those_of_3bbba84(tmp_path: Path) -> None:
    """The texts that commit made of these cells: formats, dates and invisible characters do not change who is known."""
    day, moment = datetime(2024, 3, 1), datetime(2024, 3, 1, 10, 30)  # noqa: DTZ001 - cells have no zone
    cells = [
        (0.075, "0.0%"), (7, ";;;"), (0.5, "# ?/?"), (day, "mmm/yy"), (moment, "dd/mm/yyyy hh:mm"),
        (timedelta(hours=30), "[h]:mm"), ("a\u200bb", "General"), ("\u202eabc\u202c", "General"),
        ("x\u00ad ", "General"),
        (True, "General"), (1 / 3, "0.00"), (-5.5, "#,##0.00;[Red]-#,##0.00"), (12345678901234567, "0"),
    ]  # fmt: skip
    contacts, _values, _warnings = evaluate(tmp_path, cells, "{Nome}", campaign='unique_by = ["Valor"]')
    assert [contact.unique[0] for contact in contacts] == [
        "0,075", "7", "0,5", "01/03/2024", "01/03/2024 10:30", "30:00", "a\u200bb", "\u202eabc\u202c", "x\u00ad",
        "SIM", "0,333333333333333", "-5,5", "12345678901234570",
    ]  # fmt: skip


def test_what_a_format_changes_is_told_once_for_a_column(tmp_path: Path) -> None:
    """Of formats that round, and of those that are not understood; not where only a filter takes the column."""
    cells = [(10.555, "0.00"), (20.555, "0.00"), (0.5, "# ?/?"), (1.5, "# ?/?")]
    _contacts, values, warnings = evaluate(tmp_path, cells)
    assert values == ["10,56", "20,56", "0,5", "1,5"]
    assert len(warnings) == 2
    assert "rounds: row 2 holds 10,555 and shows 10,56" in warnings[0]
    assert "(row 4) is not understood: the plain number 0,5 is used" in warnings[1]
    assert evaluate(tmp_path, cells, "{Valor|strip}")[2] == ()


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (12345678901234567, "has lost digits"),
        ("3,52E+43", "has lost digits"),
        ("#N/D", "the error word #N/D"),
        ("JoÃ£o", "garbled letters"),
        ("A &amp; B", "the HTML entity &amp;"),
        ("Jo\ufffdo", "a character that was lost"),
        ("NULL", "stands for an empty cell"),
        ("{{2}}", "the placeholder {{2}}"),
    ],
)
def test_what_no_person_wrote_is_an_error_where_it_is_used(tmp_path: Path, cell: object, said: str) -> None:
    """In a message, a field or a key; beside them it may stand."""
    (contact,), _values, _warnings = evaluate(tmp_path, [(cell, "General")])
    assert [said in sentence(each) for each in contact.problems] == [True]
    (beside,), _values, _warnings = evaluate(tmp_path, [(cell, "General")], "{Nome}")
    assert beside.problems == ()
    (key,), _values, _warnings = evaluate(tmp_path, [(cell, "General")], "{Nome}", campaign='unique_by = ["Valor"]')
    assert bool(key.problems) == (cell not in {"NULL", "{{2}}"})


def test_a_word_of_the_campaign_passes(tmp_path: Path) -> None:
    """`[values] allow` names it, in any case."""
    cells = [("-", "General"), ("n/a", "General"), ("null", "General")]
    allow = '[values]\nallow = ["-", "N/A"]'
    assert evaluate(tmp_path, cells, more=allow)[1] == ["-", "n/a", None]


def test_null_words_take_the_default(tmp_path: Path) -> None:
    """Of a template value, and of a field, which is then left out."""
    columns = 'assigned_agent_id = { column = "Valor", default = "" }'
    contacts, values, _warnings = evaluate(tmp_path, [("NULL", "General")], "{Valor|default:você}", columns=columns)
    assert (values, contacts[0].problems) == (["você"], ())


@pytest.mark.parametrize(("template", "language"), [("Olá Cliente", "pt_BR"), ("Saudacao", "pt_BR"), ("ola", "pt-BR")])
def test_names_and_languages_that_no_template_has_are_refused(tmp_path: Path, template: str, language: str) -> None:
    """WhatsApp has small letters, digits and _, and codes like pt_BR."""
    with pytest.raises(CampaignError, match="as WhatsApp has it"):
        evaluate(tmp_path, [("x", "General")], template=template, language=language)
