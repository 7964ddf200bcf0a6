"""The template fields of a row: their parts, the numbering that the template needs, and WhatsApp's limits of length.

All but the value of a field is nearly always the same in every row. So the fields without their values are a shape,
which is judged once, and the values of a row are measured against it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from batch.campaign import BODY_LIMIT, count_placeholders, fill_body, placeholders
from batch.i18n import N_, _
from batch.loader.mapping.values import FieldSlot, Findings, ValuePattern, ValueReader
from batch.model.messages import TemplateField
from batch.model.phrases import Phrase, Value
from batch.model.reasons import Finding, Reason

HEADER_LIMIT = 60
"""Characters of a text header with its one value."""
CARD_BODY_LIMIT = 160
_DOCUMENTED = {"component": ("HEADER", "BODY"), "type": ("TEXT",)}
"""Components and types that the API's page shows; others go out as they are, with a note."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateFieldPlan:
    """Sources of one template field."""

    constants: Mapping[str, Any]
    """Part (`component`, `index` ...) to its value, where that is the same in every row."""
    slots: tuple[FieldSlot, ...]
    """The parts that columns fill."""
    value: ValuePattern

    @property
    def columns(self) -> frozenset[str]:
        return frozenset(self.value.columns) | {slot.column for slot in self.slots if slot.column is not None}

    @property
    def constant_field(self) -> TemplateField | None:
        """The field without its value, where that is the same in every row; else None."""
        is_constant = not self.slots and tuple not in map(type, self.constants.values())
        return self.shape(()) if is_constant else None

    def readers(self) -> list[ValueReader]:
        """Return the readers of the parts that columns fill, then that of the value."""
        return [
            reader._replace(columns=self.columns) for reader in (*(s.reader() for s in self.slots), self.value.reader())
        ]

    def shape(self, parts: Iterable[str | int]) -> TemplateField:
        """Return the field without its value. `parts`: of the row, in the order of `slots`."""
        own: dict[str, Any] = {slot.field: part for slot, part in zip(self.slots, parts, strict=True)}
        return TemplateField(value="", **self.constants, **own)


class NumberingGap(NamedTuple):
    """A component whose values are not numbered as the template needs them."""

    component: Phrase
    found: Value
    needed: Value


def find_gaps(fields: Iterable[TemplateField], body: str | None) -> list[NumberingGap]:
    """Return the components with wrong indexes.

    Values count from 1 without a gap within each component, button and card; those of the body are as many as the
    text's placeholders, when `body` is known.
    """
    of_body = Phrase("{component}", {"component": "BODY"})
    groups: dict[Phrase, list[int]] = defaultdict(list)
    if body is not None:
        groups[of_body] = []
    for field in fields:
        groups[field.component_label].append(field.index)
    gaps = []
    for component, indexes in groups.items():
        in_text = body is not None and component == of_body
        needed = list(placeholders(body or "")) if in_text else list(range(1, len(indexes) + 1))
        if sorted(indexes) != needed:
            gaps.append(NumberingGap(component, _list_indexes(sorted(indexes)), _list_indexes(needed)))
    return gaps


def _list_indexes(indexes: Iterable[int]) -> Value:
    return ", ".join(map(str, indexes)) or Phrase(N_("none"))


@dataclass(frozen=True, kw_only=True, slots=True)
class LengthLimit:
    """A text of the message that WhatsApp limits."""

    limit: int
    """Characters at most."""
    base: int
    """Characters that are there without any value."""
    places: tuple[tuple[int, int], ...]
    """Which values it holds, and how often each."""
    reason: Reason
    values: Mapping[str, Value]

    def find_excess(self, texts: Sequence[str]) -> Finding | None:
        length = self.base + sum(times * len(texts[place]) for place, times in self.places)
        if length <= self.limit:
            return None
        return Finding(self.reason, {**self.values, "length": length, "limit": self.limit})


class TemplateShape:
    """The template fields of a row without their values, judged."""

    def __init__(self, plans: Sequence[TemplateFieldPlan], parts: Iterable[str | int], body: str | None) -> None:
        """`parts`: those of the row that columns fill, field by field. `body`: the template's text, if known."""
        own = iter(parts)
        self._fields = [plan.shape([next(own) for _ in plan.slots]) for plan in plans]
        columns = ", ".join(dict.fromkeys(slot.column or "" for plan in plans for slot in plan.slots))
        self._gaps: Findings = tuple(
            Finding(
                Reason.VALUE_NOT_ALLOWED,
                {
                    "field": Phrase(N_("index of {component}"), {"component": gap.component}),
                    "column": columns,
                    "found": gap.found,
                    "allowed": gap.needed,
                },
            )
            for gap in find_gaps(self._fields, body)
        )
        undocumented = {
            (slot.field, part): None
            for plan, field in zip(plans, self._fields, strict=True)
            for slot in plan.slots
            if (part := getattr(field, slot.field)) not in _DOCUMENTED.get(slot.field, (part,))
        }
        self.notes: Findings = tuple(
            Finding(Reason.NOTE_UNDOCUMENTED, {"field": part, "found": found}) for part, found in undocumented
        )
        """Components and types out of a column that the API's page does not show."""
        self._limits = [*_length_limits(self._fields, [", ".join(plan.value.columns) for plan in plans], body)]
        self._never_too_long = min(
            ((each.limit - each.base) // max(1, *[times for _, times in each.places]) for each in self._limits),
            default=0,
        )
        """Characters that all values together may have, whatever their places."""

    def find_problems(self, texts: Sequence[str]) -> Findings:
        """Return findings for wrong numbering, and for each text that is too long with these values."""
        if len("".join(texts)) <= self._never_too_long:
            return self._gaps
        too_long = [finding for limit in self._limits if (finding := limit.find_excess(texts)) is not None]
        return (*self._gaps, *too_long)

    def fill(self, texts: Sequence[str]) -> tuple[TemplateField, ...]:
        return tuple(replace(field, value=text) for field, text in zip(self._fields, texts, strict=True))


def _length_limits(fields: Sequence[TemplateField], columns: Sequence[str], body: str | None) -> Iterator[LengthLimit]:
    """Yield the limits of the fields in the order of their findings. Without `body` its values alone are counted."""
    cards: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for place, field in enumerate(fields):
        if field.component == "HEADER" and field.type == "TEXT":
            yield LengthLimit(
                limit=HEADER_LIMIT,
                base=0,
                places=((place, 1),),
                reason=Reason.VALUE_TOO_LONG,
                values={"field": field.label, "column": columns[place]},
            )
        elif field.component == "BODY" and field.card_index is not None:
            cards[field.card_index].append((place, 1))
    if in_body := {
        field.index: place
        for place, field in enumerate(fields)
        if field.component == "BODY" and field.card_index is None
    }:
        times = count_placeholders(body or "")
        yield LengthLimit(
            limit=BODY_LIMIT,
            base=len(fill_body(body or "", dict.fromkeys(in_body, ""))),
            places=tuple((place, 1 if body is None else times[index]) for index, place in in_body.items()),
            reason=Reason.TEXT_TOO_LONG,
            values={"field": Phrase(N_("body"))},
        )
    for card, places in cards.items():
        yield LengthLimit(
            limit=CARD_BODY_LIMIT,
            base=0,
            places=tuple(places),
            reason=Reason.TEXT_TOO_LONG,
            values={"field": Phrase(N_("body of card {card}"), {"card": card})},
        )


def body_values(fields: Iterable[TemplateField]) -> dict[int, str]:
    """Return the values of the body by index; cards have bodies of their own and are left out."""
    return {field.index: field.value for field in fields if field.component == "BODY" and field.card_index is None}


def undocumented_warnings(plans: Iterable[TemplateFieldPlan]) -> tuple[str, ...]:
    """Return a sentence for each component and type of the campaign itself that the API's page does not show."""
    undocumented = {
        (part, plan.constants[part]): None
        for plan in plans
        for part, documented in _DOCUMENTED.items()
        if plan.constants.get(part, documented[0]) not in documented
    }
    return tuple(
        _("The {part} {found} in the campaign is not named by the API's page; it is sent as it is.").format(
            part=part, found=found
        )
        for part, found in undocumented
    )
