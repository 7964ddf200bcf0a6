"""The body of the POST is what the API's page shows."""

import dataclasses
import json

import pytest

from batch.chats import encode
from batch.model.messages import Message, TemplateField

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
OTHER = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
LEAST = Message(
    whatsapp_phone_id=SENDER, wa_contact_id="11999999999", template_name="saudacao_inicial", template_language="pt_BR"
)


def test_the_page_s_own_example() -> None:
    """The example of the API's page comes out byte for byte (compact)."""
    field = TemplateField(component="BODY", type="TEXT", index=1, value="Jo\u00e3o")
    assert encode(dataclasses.replace(LEAST, template_fields=(field,))) == (
        '{"whatsapp_phone_id":"0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c","wa_contact_id":"11999999999",'
        '"template":{"name":"saudacao_inicial","language":"pt_BR"},'
        '"template_fields":[{"component":"BODY","type":"TEXT","index":1,"value":"Jo\u00e3o"}]}'
    )


def test_what_is_not_there_is_left_out() -> None:
    """No null and no empty list that nobody asked for."""
    assert list(json.loads(encode(LEAST))) == ["whatsapp_phone_id", "wa_contact_id", "template"]


def test_every_field_in_the_page_s_order() -> None:
    """All fields, in the order of the page; an index of 0 is kept."""
    field = TemplateField(component="BUTTON", type="TEXT", index=1, value="a b", button_index=0, card_index=2)
    message = dataclasses.replace(
        LEAST,
        template_fields=(field,),
        person_contact_id=OTHER,
        remote_profile_name='Ana "Zoe" \\ \U0001f600',
        crm_person_id=OTHER,
        assigned_agent_id=OTHER,
        status="OPEN",
    )
    body = json.loads(encode(message))
    assert list(body) == [
        "whatsapp_phone_id",
        "wa_contact_id",
        "template",
        "person_contact_id",
        "remote_profile_name",
        "crm_person_id",
        "assigned_agent_id",
        "status",
        "template_fields",
    ]
    assert body["remote_profile_name"] == 'Ana "Zoe" \\ \U0001f600'
    assert list(body["template_fields"][0].items()) == [
        ("component", "BUTTON"),
        ("type", "TEXT"),
        ("index", 1),
        ("value", "a b"),
        ("button_index", 0),
        ("card_index", 2),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"whatsapp_phone_id": "12345"},
        {"wa_contact_id": ""},
        {"wa_contact_id": "1" * 51},
        {"remote_profile_name": "Maria" * 52},
        {"crm_person_id": "none"},
        {"status": "CLOSED"},
        {"template_name": ""},
        {"template_fields": (TemplateField(component="BODY", type="TEXT", index=0, value="x"),)},
    ],
)
def test_a_message_that_breaks_a_rule_is_not_encoded(change: dict[str, object]) -> None:
    """The last defence: nothing leaves that the page forbids, and the error does not quote a person's data."""
    with pytest.raises(ValueError, match="validation error") as caught:
        encode(dataclasses.replace(LEAST, **change))  # type: ignore[arg-type]  # any field
    assert "Maria" not in str(caught.value)
