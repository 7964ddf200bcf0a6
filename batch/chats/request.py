"""The body of the POST, as the API's page has it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Sequence
from json.encoder import encode_basestring
from operator import itemgetter
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from batch.model.messages import Message

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


Values = Sequence[str | None]
_MOST_FORMS = 1000


class RequestForms:
    """Encodes messages that are made of values: the same bytes as `encode`, at a tenth of its work."""

    def __init__(self, make: Callable[[Values], Message], of_few_values: Collection[int] = ()) -> None:
        """`make`: the message of some values. It puts each value that is not None into one field, as it is.

        `of_few_values`: places of those that are words of a short list, for which no other text can stand.
        """
        self._make = make
        self._of_few = frozenset(of_few_values)
        self._forms: dict[Values, _Form | None] = {}
        self._whole: _Form | None = None
        """The form of values of which none is left out and none is of few: nearly every row has it."""

    def encode(self, values: Values) -> str:
        """`encode(make(values))`. The values are as the API's page wants them: their rows were checked."""
        if "" in values:
            return encode(self._make(values))
        form = self._form(values) if self._whole is None or None in values else self._whole
        return form.filled(values) if form else encode(self._make(values))

    def _form(self, values: Values) -> _Form | None:
        kept = tuple([value if place in self._of_few else value and "" for place, value in enumerate(values)])
        if kept not in self._forms and len(self._forms) < _MOST_FORMS:
            self._forms[kept] = form = self._new_form(values)
            if not self._of_few and None not in values:
                self._whole = form
        return self._forms.get(kept)

    def _new_form(self, values: Values) -> _Form | None:
        marks = {
            place: str(uuid.uuid4())  # a text that every field takes, and that stands nowhere else
            for place, value in enumerate(values)
            if value is not None and place not in self._of_few
        }
        body = encode(self._make([marks.get(place, value) for place, value in enumerate(values)]))
        places = {body.find(f'"{mark}"'): place for place, mark in marks.items()}
        if len(places) < len(marks) or -1 in places:
            return None
        return _Form(body, sorted(places.items()), marks)


class _Form:
    """A body with holes."""

    __slots__ = ("_picked", "_pieces")

    def __init__(self, body: str, found: list[tuple[int, int]], marks: dict[int, str]) -> None:
        self._pieces: list[str] = []
        """What is the same in all bodies, and between two of them room for a value."""
        after = 0
        for start, place in found:
            self._pieces += [body[after:start], ""]
            after = start + len(marks[place]) + 2
        self._pieces.append(body[after:])
        # Of one place alone, itemgetter gives no tuple.
        places = [place for _, place in found]
        self._picked: Callable[[Any], Sequence[str]] = (
            itemgetter(*places) if len(places) > 1 else lambda values: [values[place] for place in places]
        )

    def filled(self, values: Values) -> str:
        pieces = self._pieces.copy()
        pieces[1::2] = map(encode_basestring, self._picked(values))
        return "".join(pieces)
