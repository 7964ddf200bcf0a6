"""The text of a new campaign file: it loads, it explains itself, and what is missing is refused by name."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from batch.app.init.draft import CampaignFacts, campaign_name
from batch.campaign import (
    Campaign,
    Column,
    Constant,
    Draft,
    DraftField,
    is_writable,
    load_campaign,
    quote,
    render_campaign,
)
from batch.campaign.scaffold import fill_in
from batch.campaign.validators import name_problem
from batch.errors import CampaignError, SettingsError
from batch.model.sending_hours import Window

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
ODD = "a \"b\" \\c\\ 'd' = # [e] {f} {{1}} | ñ 😀 \x01\x7f\t"


def _draft(**more: object) -> Draft:
    known: dict[str, object] = {
        "name": "contatos",
        "sheet": "contatos.xlsx",
        "file": "contatos.toml",
        "all_columns": ["Nome", "Telefone"],
        "columns": {"wa_contact_id": "Telefone", "remote_profile_name": "Nome"},
        "language": Constant(value="pt_BR"),
        "sender": Constant(value=SENDER),
        "template": Constant(value="saudacao"),
    }
    return Draft(**{**known, **more})  # type: ignore[arg-type]


def _load(tmp_path: Path, text: str) -> Campaign:
    path = tmp_path / "c.toml"
    path.write_text(text, encoding="utf-8", newline="\n")
    return load_campaign(path, now=datetime(2026, 11, 3, tzinfo=UTC))


def test_a_whole_draft_loads_as_it_was_meant(tmp_path: Path) -> None:
    """Defaults are the program's own; the sheet's reading only where it was given."""
    fields = (
        DraftField(component="BODY", index=1, value=Constant(value="{Nome}")),
        DraftField(component="BUTTON", index=1, value=Column(column="a{b"), button_index=0, card_index=2),
    )
    draft = _draft(body="Olá {{1}}", fields=fields, tab="Plan 1", header_row=4, reasons={"wa_contact_id": "57 of 60."})
    text = render_campaign(draft)
    campaign = _load(tmp_path, text)
    assert (campaign.name, campaign.unique_by, campaign.template.body) == ("contatos", (), "Olá {{1}}")
    assert campaign.column_sources == {
        "wa_contact_id": Column(column="Telefone"),
        "remote_profile_name": Column(column="Nome"),
    }
    assert campaign.template_fields is not None
    assert [spec.value for spec in campaign.template_fields] == [each.value for each in fields]
    assert campaign.template_fields[1].button_index == Constant(value="0")
    assert (campaign.sheet.name, campaign.sheet.header_row) == ("Plan 1", 4)
    assert _load(tmp_path, render_campaign(_draft(trusted=True))).sheet.trusted
    plain = _load(tmp_path, render_campaign(_draft()))
    assert (plain.sheet.name, plain.sheet.header_row, plain.template_fields) == (None, None, None)
    bare = _load(
        tmp_path, f'[campaign]\nname="x"\n[sender]\nwhatsapp_phone_id="{SENDER}"\n[template]\nname="x"\nlanguage="en"'
    )
    assert (plain.phone, plain.throttle, plain.stop, plain.canary) == (
        bare.phone,
        bare.throttle,
        bare.stop,
        bare.canary,
    )
    assert "# 57 of 60.\nwa_contact_id" in text


def test_the_usual_hours_are_in_it(tmp_path: Path) -> None:
    """In use, not as a comment: Monday to Friday 9 to 20, Saturday 10 to 16, where the person lives, no holidays."""
    text = render_campaign(_draft())
    assert _load(tmp_path, text).hours.windows == (
        Window(days=frozenset(range(5)), begin=540, end=1200, zone=None, holidays="BR"),
        Window(days=frozenset({5}), begin=600, end=960, zone=None, holidays="BR"),
    )
    assert "without a [[window]] any hour is allowed" in text


def test_what_is_commented_out_is_right_once_its_signs_are_gone(tmp_path: Path) -> None:
    """The example block of a template value."""
    text = render_campaign(_draft())
    with_block = text.replace("# [[template_fields]]", "[[template_fields]]")
    for key in ("component", "type", "index", "value"):
        with_block = with_block.replace(f"# {key} = ", f"{key} = ")
    fields = _load(tmp_path, with_block).template_fields
    assert fields is not None
    assert fields[0].value == Constant(value="{Nome|first_name|title}")


def test_odd_texts_come_back(tmp_path: Path) -> None:
    """Quotes, backslashes, control signs, emoji; in keys, values and comments."""
    draft = _draft(
        sheet=f"{ODD}\n.csv",
        all_columns=[ODD, "x" * 900],
        columns={"wa_contact_id": ODD.strip()},
        reasons={"wa_contact_id": ODD + "\nname = 1"},
        example="{" + ODD + "\n}",
        body=ODD,
        tab=ODD,
        fields=[DraftField(component="BODY", index=1, value=Column(column=ODD.strip(), default=ODD))],
    )
    campaign = _load(tmp_path, render_campaign(draft))
    assert (campaign.template.body, campaign.sheet.name) == (ODD, ODD)
    assert campaign.column_sources == {"wa_contact_id": Column(column=ODD.strip())}
    assert campaign.template_fields is not None
    assert campaign.template_fields[0].value == Column(column=ODD.strip(), default=ODD.strip())


def test_every_line_fits_and_ends(tmp_path: Path) -> None:
    """A person's editor shows 120 characters; many columns are listed up to a number."""
    text = render_campaign(
        _draft(all_columns=[f"Pergunta {number}: {'o que acha disso ' * 9}" for number in range(100)])
    )
    assert text.endswith("\n")
    assert max(map(len, text.splitlines())) <= 120
    assert "and 40 more" in text


def test_what_is_not_filled_in_is_refused_by_name(tmp_path: Path) -> None:
    """All blanks at once, each with what belongs there; nothing else is said about their values."""
    draft = _draft(sender=None, template=None, fields=[DraftField(component="BODY", index=1, value=None)])
    with pytest.raises(CampaignError) as caught:
        _load(tmp_path, render_campaign(draft))
    said = str(caught.value)
    assert "3 problems" in said
    assert "[sender] whatsapp_phone_id is not filled in yet. Put there the id of the WhatsApp number" in said
    assert "[template] name is not filled in yet. Put there the name of the approved template" in said
    assert "[[template_fields]] number 1, value is not filled in yet. Put there what stands for {{1}}" in said


def test_blanks_and_other_mistakes_are_told_together(tmp_path: Path) -> None:
    """A person corrects the file once."""
    text = render_campaign(_draft(sender=None)).replace('rate = "10/s"', 'rate = "fast"')
    with pytest.raises(CampaignError, match="2 problems"):
        _load(tmp_path, text)


def test_a_blank_is_plain_to_see() -> None:
    """It stands in capitals."""
    assert fill_in("the id") == "FILL IN: the id"


def test_quoted_text_is_toml() -> None:
    """Every character that a file can hold."""
    text = "".join(map(chr, range(0x250))) + "\u2028\ufeff\U0001f600"
    assert tomllib.loads(f"x = {quote(text)} # {quote(text)}") == {"x": text}
    assert is_writable(text)
    assert not is_writable("\ud800")


@pytest.mark.parametrize("stem", ["contatos", "  ", "a{b}c", "x\ny", "n" * 300, "Março 😀", "{yyyy}"])
def test_a_file_name_makes_a_campaign_name(stem: str) -> None:
    """Always one that the campaign file allows."""
    assert name_problem(campaign_name(stem)) is None


def test_what_can_never_be_right_is_refused_at_once() -> None:
    """Before anything is written."""
    for wrong in ({"sender": "abc"}, {"template": " "}, {"language": ""}, {"body": "{{nome}}"}, {"body": "{{2}}"}):
        with pytest.raises(SettingsError):
            CampaignFacts(**wrong)  # type: ignore[arg-type]
