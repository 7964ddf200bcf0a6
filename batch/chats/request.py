"""Requests: their header fields; the body of a POST as the API's page has it, and the encoder that fills it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from json.encoder import encode_basestring
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from batch._version import __version__
from batch.chats.endpoint import parse_origin
from batch.chats.token import Token
from batch.model.messages import Message

if TYPE_CHECKING:
    import httpx

USER_AGENT: Final = f"wegly-batch/{__version__}"

_UUID = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$")]
_Text = Annotated[str, StringConstraints(min_length=1)]
Values = Sequence[str | int | None]
_MOST_TEMPLATES = 1000


def request_headers(token: Token, origin: str | None, extra: Mapping[str, str] | None = None) -> httpx.Headers:
    """Return the header fields that are the same for every request, `extra` among them.

    `origin` None leaves out `Origin` and `Referer`. Raises SettingsError for an origin that is none.
    """
    import httpx  # noqa: PLC0415 - a check, which only encodes requests, starts sooner without

    headers = {
        "Authorization": token.header(),
        **(extra or {}),
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": USER_AGENT,
    }
    if origin is not None:
        origin = parse_origin(origin)
        headers |= {"Origin": origin, "Referer": f"{origin}/"}
    return httpx.Headers(headers)


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
    """Body of the POST. Its fields are sent in this order, which is that of the API's page."""

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
    """Return the body of the POST: compact JSON, accents as they are, without fields that the message does not have.

    Raises:
        ValueError: (pydantic's) when the message breaks a rule of the API's page. Rows are checked long before, so
            this is a defect of the caller; the values are not in the error's text.
    """
    fields = asdict(message)
    fields["template"] = {"name": fields.pop("template_name"), "language": fields.pop("template_language")}
    fields["template_fields"] = fields["template_fields"] or None
    return ChatRequest.model_validate(fields).model_dump_json(exclude_none=True)


class RequestEncoder:
    """Encodes the messages of one campaign from the values in which they differ.

    The first message of each shape is encoded by the model above; its body, with a gap for each value, is the template
    that all others of that shape fill. That gives the same bytes at a tenth of the work.
    """

    def __init__(self, make: Callable[[Values], Message], literal_places: Collection[int] = ()) -> None:
        """Prepare for messages that `make` makes of values: it puts each that is not None into one field, as it is.

        `literal_places`: places of values for which no other text can stand, as they are numbers or words of a list.
        """
        self._make = make
        self._literal = sorted(literal_places)
        self._templates: dict[tuple[object, ...], _BodyTemplate] = {}

    def encode(self, values: Values) -> str:
        """Return `encode(make(values))`. Only the first message of a shape is checked: rows were before."""
        shape: tuple[object, ...] = tuple(map(type, values))
        if self._literal:
            shape += tuple([values[place] for place in self._literal])
        template = self._templates.get(shape)
        if template is None:
            if len(self._templates) >= _MOST_TEMPLATES:
                self._templates.clear()
            template = self._templates[shape] = self._make_template(values)
        return template.fill(values)

    def _make_template(self, values: Values) -> _BodyTemplate:
        marks = {
            place: str(uuid.uuid4())  # a text that every field takes, and that stands nowhere else
            for place, value in enumerate(values)
            if value is not None and place not in self._literal
        }
        body = encode(self._make([marks.get(place, value) for place, value in enumerate(values)]))
        return _BodyTemplate(body, {f'"{mark}"': place for place, mark in marks.items()})


class _BodyTemplate:
    """The body of a POST with gaps for values."""

    __slots__ = ("_pick", "_pieces")

    def __init__(self, body: str, marks: Mapping[str, int]) -> None:
        """`marks`: JSON texts in `body`, each with the place of the value that it stands for. At least two."""
        self._pieces = re.split(f"({'|'.join(marks)})", body)
        places = [marks[mark] for mark in self._pieces[1::2]]
        if len(places) != len(marks):
            raise ValueError("a value of the message is not in its request")
        self._pick: Callable[[Any], Sequence[str]] = itemgetter(*places)

    def fill(self, values: Values) -> str:
        pieces = self._pieces.copy()
        pieces[1::2] = map(encode_basestring, self._pick(values))
        return "".join(pieces)
