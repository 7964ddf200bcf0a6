"""Template fields of a row: filled, numbered without a gap, and not too long."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from batch.campaign import BODY_LIMIT, fill_body, placeholders
from batch.i18n import N_, _
from batch.model.messages import TemplateField
from batch.model.phrases import Phrase, Value
from batch.model.reasons import Finding, Reason
from row_oracle.values import Cells, Slot, TextPlan

HEADER_LIMIT = 60
"""Characters of a text header with its one value."""
CARD_BODY_LIMIT = 160
_CARD_BODY = N_("body of card {card}")
_SHORTEST_LIMIT = min(HEADER_LIMIT, CARD_BODY_LIMIT, BODY_LIMIT)
_DOCUMENTED = {"component": ("HEADER", "BODY"), "type": ("TEXT",)}
"""What the API's page shows; the rest goes out as it is, with a note."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """A template field without its value."""

    component: str
    type: str
    index: int
    button_index: int | None
    card_index: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldPlan:
    """One template field: where each of its parts comes from."""

    component: Slot
    type: Slot
    index: Slot
    button_index: Slot | None
    card_index: Slot | None
    value: TextPlan
    frame: Frame | None
    """Present when all but the value is the same in every row."""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every part but the value."""
        parts = (self.component, self.type, self.index, self.button_index, self.card_index)
        return tuple(part for part in parts if part is not None)

    @property
    def columns(self) -> frozenset[str]:
        return frozenset(self.value.columns) | {slot.column for slot in self.slots if slot.column is not None}

    def fill(self, cells: Cells, problems: list[Finding]) -> TemplateField | None:
        """The field of a row; None, with all that is wrong added to `problems`, when there is none."""
        value = self.value.text(cells)
        frame = self.frame or self.read_frame(cells, problems)
        if isinstance(value, list):
            problems += value
            return None
        if frame is None:
            return None
        return TemplateField(
            component=frame.component,
            type=frame.type,
            index=frame.index,
            value=value,
            button_index=frame.button_index,
            card_index=frame.card_index,
        )

    def read_frame(self, cells: Cells, problems: list[Finding]) -> Frame | None:
        """All but the value, of one row."""
        before = len(problems)
        frame = Frame(
            component=settled(self.component.word(cells), problems, ""),
            type=settled(self.type.word(cells), problems, ""),
            index=settled(self.index.number(cells, 1), problems, 1),
            button_index=settled(self.button_index.number(cells, 0), problems, 0) if self.button_index else None,
            card_index=settled(self.card_index.number(cells, 0), problems, 0) if self.card_index else None,
        )
        return frame if len(problems) == before else None


def settled(value: T | Finding, problems: list[Finding], otherwise: T) -> T:
    """The value; or, for a finding, `otherwise`, with the finding added to `problems`."""
    if isinstance(value, Finding):
        problems.append(value)
        return otherwise
    return value


def label(field: Frame | TemplateField) -> Phrase:
    """`BODY {{1}}`, `card 0 BUTTON 1 {{1}}`: a template field, as a value of findings."""
    return _component_label(field, f" {{{{{field.index}}}}}")


def _component_label(field: Frame | TemplateField, ending: str = "") -> Phrase:
    button = "" if field.button_index is None else f" {field.button_index}"
    component = f"{field.component}{button}{ending}"
    if field.card_index is None:
        return Phrase("{component}", {"component": component})
    return Phrase(N_("card {card} {component}"), {"card": field.card_index, "component": component})


def numbering(fields: Sequence[Frame | TemplateField], body: str | None) -> list[tuple[Phrase, Value, Value]]:
    """Where the indexes are not as the template needs them: (component, indexes found, indexes needed).

    Values count from 1 without a gap within each component, button and card; those of the body are as many as the
    text's placeholders, when `body` is known.
    """
    of_body = Phrase("{component}", {"component": "BODY"})
    groups: dict[Phrase, list[int]] = defaultdict(list)
    if body is not None:
        groups[of_body] = []
    for field in fields:
        groups[_component_label(field)].append(field.index)
    wrong = []
    for component, indexes in groups.items():
        in_text = body is not None and component == of_body
        needed = list(placeholders(body or "")) if in_text else list(range(1, len(indexes) + 1))
        if sorted(indexes) != needed:
            wrong.append((component, _listed(sorted(indexes)), _listed(needed)))
    return wrong


def _listed(indexes: Iterable[int]) -> Value:
    return ", ".join(map(str, indexes)) or Phrase(N_("none"))


def body_values(fields: Iterable[TemplateField]) -> dict[int, str]:
    """Index to value of the body's fields, cards left out."""
    return {field.index: field.value for field in fields if field.component == "BODY" and field.card_index is None}


def lengths(fields: Sequence[TemplateField], columns: Sequence[str], body: str | None) -> list[Finding]:
    """Texts that are longer than WhatsApp allows. Without the template's text its values alone are counted.

    `columns` names, for each field, the columns of its value.
    """
    if sum(len(field.value) for field in fields) + len(body or "") <= _SHORTEST_LIMIT:
        return []
    values = body_values(fields)
    text = "".join(values.values()) if body is None else fill_body(body, values)
    return [
        *(finding for field, column in zip(fields, columns, strict=True) for finding in _long_header(field, column)),
        *_over(Phrase(N_("body")), len(text), BODY_LIMIT),
        *(
            finding
            for card, size in _card_sizes(fields).items()
            for finding in _over(Phrase(_CARD_BODY, {"card": card}), size, CARD_BODY_LIMIT)
        ),
    ]


def _long_header(field: TemplateField, column: str) -> list[Finding]:
    length = len(field.value)
    if field.component != "HEADER" or field.type != "TEXT" or length <= HEADER_LIMIT:
        return []
    sizes = {"length": length, "limit": HEADER_LIMIT}
    return [Finding(Reason.VALUE_TOO_LONG, {"field": label(field), "column": column, **sizes})]


def _card_sizes(fields: Iterable[TemplateField]) -> dict[int, int]:
    sizes: dict[int, int] = defaultdict(int)
    for field in fields:
        if field.component == "BODY" and field.card_index is not None:
            sizes[field.card_index] += len(field.value)
    return sizes


def _over(text: Phrase, length: int, limit: int) -> list[Finding]:
    if length <= limit:
        return []
    return [Finding(Reason.TEXT_TOO_LONG, {"field": text, "length": length, "limit": limit})]


def undocumented(plans: Sequence[FieldPlan]) -> tuple[str, ...]:
    """A sentence for each component and type of the campaign itself that the API's page does not show."""
    fixed = (
        (part, slot.fallback)
        for plan in plans
        for part, slot in (("component", plan.component), ("type", plan.type))
        if slot.column is None and slot.fallback not in _DOCUMENTED[part]
    )
    return tuple(
        _("The {part} {found} in the campaign is not named by the API's page; it is sent as it is.").format(
            part=part, found=found
        )
        for part, found in dict.fromkeys(fixed)
    )


def undocumented_in_row(plans: Sequence[FieldPlan], fields: Sequence[TemplateField]) -> tuple[Finding, ...]:
    """A note for each component and type out of a column that the API's page does not show.

    `fields` are the row's, one for each of `plans`.
    """
    read = (
        (part, found)
        for plan, field in zip(plans, fields, strict=True)
        for part, slot, found in (("component", plan.component, field.component), ("type", plan.type, field.type))
        if slot.column is not None and found not in _DOCUMENTED[part]
    )
    return tuple(
        Finding(Reason.NOTE_UNDOCUMENTED, {"field": part, "found": found}) for part, found in dict.fromkeys(read)
    )
