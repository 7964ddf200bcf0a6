"""Validation of requests: the request of the API's page, checked as strictly as the page allows."""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from batch.sandbox.faults import whatsapp_error

_NATIONAL: Final = (10, 11)
_INTERNATIONAL: Final = (12, 13)


def digits_of(contact: str) -> str:
    """Return the 8 to 15 digits of a contact; empty when it is no phone number."""
    if not re.fullmatch(r"\+?[\d ().-]+", contact, re.ASCII):
        return ""
    digits = re.sub(r"\D", "", contact)
    return digits if 8 <= len(digits) <= 15 else ""  # noqa: PLR2004 - the lengths of E.164


def person_of(contact: str) -> str:
    """Return the person of a contact: `+` and all digits, the same for the national form, with 55, and with `+55`.

    A mobile without its ninth digit is the one with it, as WhatsApp has it.
    """
    digits = digits_of(contact)
    if contact.startswith("+") and not digits.startswith("55"):
        return f"+{digits}"
    national = digits.lstrip("0")
    if len(national) in _INTERNATIONAL and national.startswith("55"):
        national = national[2:]
    if len(national) not in _NATIONAL:
        return f"+{digits}"
    if len(national) == _NATIONAL[0] and national[2] in "6789":
        national = f"{national[:2]}9{national[2:]}"
    return f"+55{national}"


_BAD_VALUE: Final = re.compile(r"[\n\r\t]| {5,}")
"""Character sequences that WhatsApp refuses in a value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Refusal of a request: status and body of the answer."""

    status: int
    body: object


def _uuid(text: str) -> str:
    if str(UUID(text)) != text.lower():
        raise ValueError("not in the usual form")
    return text


def _contact(text: str) -> str:
    if not digits_of(text):
        raise ValueError("is no phone number")
    return text


def _value(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text


_Uuid = Annotated[str, AfterValidator(_uuid)]
_Text = Annotated[str, StringConstraints(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Template(_Strict):
    name: _Text
    language: _Text


class PostedField(_Strict):
    """One value of the template."""

    component: _Text
    type: _Text
    index: Annotated[int, Field(ge=1)]
    value: Annotated[str, AfterValidator(_value)]
    button_index: Annotated[int, Field(ge=0)] | None = None
    card_index: Annotated[int, Field(ge=0)] | None = None


class PostedChat(_Strict):
    """The request. What the page does not call nullable may be left out, but not be null."""

    whatsapp_phone_id: _Uuid
    wa_contact_id: Annotated[str, StringConstraints(min_length=1, max_length=50), AfterValidator(_contact)]
    template: _Template
    template_fields: list[PostedField] = []
    remote_profile_name: Annotated[str, StringConstraints(max_length=255)] | None = None
    person_contact_id: _Uuid = ""
    crm_person_id: _Uuid | None = None
    assigned_agent_id: _Uuid | None = None
    status: Literal["OPEN", "RESOLVED", "SNOOZED"] = "OPEN"


def read_request(body: str) -> PostedChat | Refusal:
    """Parse the request in a POST's body.

    Refused are: no JSON (400), wrong fields (422), a value that WhatsApp refuses (400 with WhatsApp's code).
    """
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return Refusal(status=400, body={"statusCode": 400, "message": "The body is not JSON."})
    try:
        chat = PostedChat.model_validate(content)
    except ValidationError as error:
        return _invalid(error)
    if any(_BAD_VALUE.search(field.value) for field in chat.template_fields):
        return Refusal(status=400, body=whatsapp_error(132018, "Param text cannot have new-line/tab characters"))
    return chat


def _invalid(error: ValidationError) -> Refusal:
    errors = [
        {"field": ".".join(map(str, entry["loc"])) or "body", "message": entry["msg"].removeprefix("Value error, ")}
        for entry in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    return Refusal(status=422, body={"statusCode": 422, "message": "The request is not valid.", "errors": errors})
