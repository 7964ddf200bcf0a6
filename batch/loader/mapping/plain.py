"""The short cut for rows with which nothing is wrong or unusual: nearly all of a large sheet.

Such a row comes to the few texts in which its request differs from that of any other row; what is the same in all is
made once. Whatever is not plain here (a cell that is missing or refused, a text that may be too long, a hidden row, a
template field whose place stands in the sheet) is left to `ContactMaker.contact`, which alone says what is wrong. Where
both can judge a row they say the same, which a test holds them to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from batch.campaign import BODY_LIMIT, Campaign, Shares, count_placeholders
from batch.loader.mapping.compile import Mapping
from batch.loader.mapping.optout import opted_out
from batch.loader.mapping.template_fields import CARD_BODY_LIMIT, HEADER_LIMIT, Frame
from batch.loader.mapping.values import REFUSALS, Cells, CellText, Slot, TextPlan, refused_in
from batch.model.messages import Message, TemplateField
from batch.model.phone.cells import format_for_api, plain_mobile, read_phone
from batch.model.reasons import Finding, Reason
from batch.model.sheets import SheetRow

_REMEMBERED = 16_384
_LONGEST_REMEMBERED = 128
"""Characters: so bounded, what is remembered of a column takes 5 MB at most."""
_SENDER = "whatsapp_phone_id"
_OF_FEW_VALUES = "status"
_A_MOBILE = "+5511900000000"


class Plain(NamedTuple):
    """A good row."""

    person: str
    """E.164."""
    values: tuple[str | None, ...]
    """The texts of its request, as `PlainContacts.message` takes them; None where an optional field is left out."""
    notes: tuple[Finding, ...]
    unique: tuple[str, ...]
    """The values of the campaign's `unique_by` columns, as in the sheet."""
    opted_out: bool


class PlainContacts:
    """Reads the plain rows of a sheet as a campaign says. The same row gives the same contact, always."""

    def __init__(self, campaign: Campaign, mapping: Mapping, frames: Sequence[Frame]) -> None:
        """`frames`: all of each template field but its value."""
        sender = campaign.sender.whatsapp_phone_id
        self._shares = sender if isinstance(sender, Shares) else None
        self._region = campaign.phone.region
        self._outgoing = partial(format_for_api, form=campaign.phone.format, region=campaign.phone.region)
        self._left_out = len(_A_MOBILE) - len(self._outgoing(_A_MOBILE))
        """Characters at the beginning of a plain mobile that do not go out."""
        self._mapping = mapping
        self._frames = frames
        self._open = tuple(slot for slot in mapping.slots if slot.column is not None)
        self._readers = (*map(_slot_reader, self._open), *(_text_reader(field.value) for field in mapping.fields))
        """Of the values in their order; after them comes the number, and the sender where people are shared."""
        self._first_text = len(self._open)
        self._number_at = len(self._readers)
        self._bounds = _bounds(frames, campaign.template.body)
        constant = (slot.fallback for slot in mapping.slots if slot.field == _SENDER)
        self._constant_sender = next(constant, "")
        of_rows = [slot.field for slot in self._open]
        column = of_rows.index(_SENDER) if _SENDER in of_rows else None
        self._sender_at = self._number_at + 1 if self._shares else column
        self._most_of_all = min(
            (limit - base) // max([times for _, times in places], default=1) for limit, base, places in self._bounds
        )
        """Characters that all texts together may have, whatever their places."""
        self._unique = [place for _, place in mapping.unique]
        self._optout = _optout_reader(*mapping.optout) if mapping.optout else None
        self.of_few_values = frozenset(place for place, slot in enumerate(self._open) if slot.field == _OF_FEW_VALUES)
        """Places of the values that are words of a short list."""

    @classmethod
    def of(cls, campaign: Campaign, mapping: Mapping) -> PlainContacts | None:
        """None where each row must be judged by itself."""
        frames = [field.frame for field in mapping.fields if field.frame is not None]
        return cls(campaign, mapping, frames) if len(frames) == len(mapping.fields) else None

    def read(self, row: SheetRow) -> Plain | None:
        """The contact of a row; None when it is not plain."""
        if row.errors or row.hidden:
            return None
        cells = row.cells
        found = self._phone(cells)
        if found is None:
            return None
        person, number, notes = found
        try:
            values = [known[pick(cells)] for pick, known in self._readers]
            wants_none = self._optout is not None and self._optout(cells)
        except _NotPlain:
            return None
        if not self._fit(values[self._first_text :]):
            return None
        values.append(number)
        if self._shares:
            values.append(self._shares.sender_of(person))
        unique = tuple([cells[place] or "" for place in self._unique]) if self._unique else ()
        return Plain(person, tuple(values), notes, unique, wants_none)

    def message(self, values: Sequence[str | None]) -> Message:
        """The message with these values."""
        given: dict[str, str | None] = {slot.field: slot.fallback for slot in self._mapping.slots}
        given |= {slot.field: value for slot, value in zip(self._open, values, strict=False)}
        texts = values[self._first_text : self._number_at]
        return Message(
            whatsapp_phone_id=self.sender(values),
            wa_contact_id=values[self._number_at] or "",
            template_name=given["template.name"] or "",
            template_language=given["template.language"] or "",
            template_fields=tuple(map(_field, self._frames, texts)),
            person_contact_id=given.get("person_contact_id") or None,
            remote_profile_name=given.get("remote_profile_name") or None,
            crm_person_id=given.get("crm_person_id") or None,
            assigned_agent_id=given.get("assigned_agent_id") or None,
            status=given.get("status") or None,
        )

    def sender(self, values: Sequence[str | None]) -> str:
        """Who sends the message with these values."""
        return (self._constant_sender if self._sender_at is None else values[self._sender_at]) or ""

    def _phone(self, cells: Cells) -> tuple[str, str, tuple[Finding, ...]] | None:
        """The person, the number as it goes out, and notes."""
        text = self._mapping.phone.text(cells)
        if e164 := plain_mobile(text, region=self._region):
            return e164, e164[self._left_out :], ()
        read = read_phone(text, region=self._region)
        return None if isinstance(read, Finding) else (read.e164, self._outgoing(read.e164), read.notes)

    def _fit(self, texts: Sequence[str]) -> bool:
        """Whether no text can be longer than WhatsApp allows. False may be wrong."""
        return self._most_of_all >= len("".join(texts)) or all(
            base + sum(times * len(texts[place]) for place, times in places) <= limit
            for limit, base, places in self._bounds
        )


Bound = tuple[int, int, tuple[tuple[int, int], ...]]
"""Characters allowed, characters that are always there, and which values add how many times their length."""


def _bounds(frames: Sequence[Frame], body: str | None) -> list[Bound]:
    """What the template fields may come to, by the rules of `mapping_template.lengths`."""
    inside = count_placeholders(body or "")
    cards: dict[int, list[tuple[int, int]]] = {}
    bodies: list[tuple[int, int]] = []
    bounds: list[Bound] = []
    for place, frame in enumerate(frames):
        if frame.component == "HEADER":
            bounds.append((HEADER_LIMIT, 0, ((place, 1),)))
        elif frame.component == "BODY" and frame.card_index is None:
            bodies.append((place, 1 if body is None else inside[frame.index]))
        elif frame.component == "BODY" and frame.card_index is not None:
            cards.setdefault(frame.card_index, []).append((place, 1))
    bounds += [(CARD_BODY_LIMIT, 0, tuple(places)) for places in cards.values()]
    return [*bounds, (BODY_LIMIT, len(body or ""), tuple(bodies))]


def _field(frame: Frame, value: str | None) -> TemplateField:
    return TemplateField(
        component=frame.component,
        type=frame.type,
        index=frame.index,
        value=value or "",
        button_index=frame.button_index,
        card_index=frame.card_index,
    )


class _NotPlain(Exception):
    """A value is for `contact` to judge."""


class _Remembered(dict[Any, Any]):
    """What cells come to, as long as there is room. Raises _NotPlain for those that are not plain."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self._make = make

    def __missing__(self, cells: Any) -> Any:
        made = self._make(cells)
        if len(self) < _REMEMBERED and _length(made) + _length(cells) <= _LONGEST_REMEMBERED:
            self[cells] = made
        return made


def _length(value: object) -> int:
    """Characters of a text, or of some cells."""
    if isinstance(value, tuple):
        return sum(map(_length, value))
    return len(value) if isinstance(value, str) else 0


_Reader = tuple[Callable[[Cells], Any], _Remembered]
"""Picks cells of a row, and says what they come to."""
_Found = TypeVar("_Found", str, bool, str | None)


def _slot_reader(slot: Slot) -> _Reader:
    return itemgetter(slot.place), _Remembered(lambda cell: _plain(slot.of(cell)))


def _text_reader(plan: TextPlan) -> _Reader:
    """The value of a template field."""
    if len(plan.parts) == 1 and isinstance(plan.parts[0], CellText):
        of = plan.parts[0].of
        return itemgetter(plan.parts[0].place), _Remembered(lambda cell: _checked(_plain(of(cell))))
    pieces = [part if isinstance(part, str) else _piece_reader(part) for part in plan.parts]
    places = [part.place for part in plan.parts if isinstance(part, CellText)]

    def made(cells: Cells) -> str:
        own = iter(cells)
        return _checked("".join([piece if isinstance(piece, str) else piece(next(own)) for piece in pieces]))

    return lambda cells: tuple([cells[place] for place in places]), _Remembered(made)


def _piece_reader(part: CellText) -> Callable[[str | None], str]:
    return _Remembered(lambda cell: _plain(part.of(cell))).__getitem__


def _optout_reader(column: str, place: int) -> Callable[[Cells], bool]:
    """Whether the person wants no messages."""
    known = _Remembered(lambda cell: _plain(opted_out(cell, column)))
    return lambda cells: known[cells[place]] is True


def _plain(found: _Found | Reason | Finding) -> _Found:
    if isinstance(found, REFUSALS):
        raise _NotPlain
    return found


def _checked(text: str) -> str:
    if refused_in(text) or not text.strip():
        raise _NotPlain
    return text
