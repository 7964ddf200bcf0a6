"""The body of the POST, as the API's page has it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from batch.model.messages import Message

__all__ = ["ChatRequest", "encode"]

_UUID = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$")]
_Text = Annotated[str, StringConstraints(min_length=1)]


class _Strict(BaseModel):
    # Input is hidden in errors because it is a person's name and number.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class _Template(_Strict):
    name: _Text
    language: _Text


class _TemplateField(_Strict):
    component: _Text
    type: _Text
    index: Annotated[int, Field(ge=1)]
    value: str
    button_index: Annotated[int, Field(ge=0)] | None = None
    card_index: Annotated[int, Field(ge=0)] | None = None


class ChatRequest(_Strict):
    """The request; its fields stand in the order of the API's page, which is the order they are sent in."""

    whatsapp_phone_id: _UUID
    wa_contact_id: Annotated[str, StringConstraints(min_length=1, max_length=50)]
    template: _Template
    person_contact_id: _UUID | None = None
    remote_profile_name: Annotated[str, StringConstraints(max_length=255)] | None = None
    crm_person_id: _UUID | None = None
    assigned_agent_id: _UUID | None = None
    status: Literal["OPEN", "RESOLVED", "SNOOZED"] | None = None
    template_fields: tuple[_TemplateField, ...] | None = None


def encode(message: Message) -> str:
    """The body of the POST: compact JSON, accents as they are, nothing in it that the message does not have.

    Raises:
        ValueError: (pydantic's) when the message breaks a rule of the API's page. Rows are checked long before, so
            this is a defect of the caller; the values are not in the error's text.
    """
    fields = tuple(
        _TemplateField(
            component=field.component,
            type=field.type,
            index=field.index,
            value=field.value,
            button_index=field.button_index,
            card_index=field.card_index,
        )
        for field in message.template_fields
    )
    request = ChatRequest.model_validate(
        {
            "whatsapp_phone_id": message.whatsapp_phone_id,
            "wa_contact_id": message.wa_contact_id,
            "template": _Template(name=message.template_name, language=message.template_language),
            "person_contact_id": message.person_contact_id,
            "remote_profile_name": message.remote_profile_name,
            "crm_person_id": message.crm_person_id,
            "assigned_agent_id": message.assigned_agent_id,
            "status": message.status,
            "template_fields": fields or None,
        }
    )
    return request.model_dump_json(exclude_none=True)
