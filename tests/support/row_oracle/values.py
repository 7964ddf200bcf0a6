"""The compiled sources of a mapping: each reads its value out of a row's cells, or says why it cannot."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from batch.campaign import FIELDS, check_value
from batch.i18n import N_
from batch.loader.filters.registry import Filter
from batch.model.phrases import Phrase, Value
from batch.model.reasons import Finding, Reason

Cells = Sequence[str | None]
REFUSALS = (Reason, Finding)
"""Why there is no value. A tuple: each row asks, and a union is made anew each time."""

_REFUSED = re.compile(r"[\n\r\t]| {5,}")
"""What WhatsApp refuses in a value (132018)."""
_LINE_BREAK = Phrase(N_("a line break"))
_REFUSED_NAMES = {"\n": _LINE_BREAK, "\r": _LINE_BREAK, "\t": Phrase(N_("a tab"))}


def refused_in(text: str) -> Phrase | None:
    """The first thing in `text` that WhatsApp refuses in a template value; None when there is none."""
    if (refused := _REFUSED.search(text)) is None:
        return None
    return _REFUSED_NAMES.get(refused[0]) or Phrase(N_("{spaces} spaces in a row"), {"spaces": len(refused[0])})


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A field filled by a column or a constant."""

    field: str
    column: str | None
    """None for a constant."""
    place: int
    fallback: str
    """The constant, or what stands in for an empty cell."""
    label: Phrase | None = None
    """The field as findings call it; None: by its name."""

    def text(self, cells: Cells) -> str:
        """The value, ends trimmed; empty when there is none."""
        return self.fallback if self.column is None else (cells[self.place] or "").strip() or self.fallback

    def value(self, cells: Cells) -> str | Finding | None:
        """The value as it goes into the request; None where an optional field is left out."""
        return self.of(None if self.column is None else cells[self.place])

    def of(self, cell: str | None) -> str | Finding | None:
        """`value`, of the cell itself."""
        text = (cell or "").strip() or self.fallback
        if text:
            return text if self.column is None else check_value(self.field, text, column=self.column)
        return self.missing() if FIELDS[self.field].required else None

    def word(self, cells: Cells) -> str | Finding:
        """A text that must be there."""
        return self.text(cells) or self.missing()

    def missing(self) -> Finding:
        return Finding(Reason.VALUE_MISSING, self._place())

    def number(self, cells: Cells, least: int) -> int | Finding:
        """A whole number from `least` up."""
        text = self.text(cells)
        values: dict[str, Value] = {**self._place(), "found": text}
        if not text:
            return self.missing()
        if not (text.isascii() and text.isdigit()):
            return Finding(Reason.VALUE_NOT_A_NUMBER, values)
        if int(text) < least:
            return Finding(
                Reason.VALUE_NOT_ALLOWED, {**values, "allowed": Phrase(N_("{least} and up"), {"least": least})}
            )
        return int(text)

    def _place(self) -> dict[str, Value]:
        return {"field": self.label or self.field, "column": self.column or ""}


@dataclass(frozen=True, kw_only=True, slots=True)
class CellText:
    """`{Column|filter}` in a template value."""

    column: str
    place: int
    filters: tuple[Filter, ...]
    may_be_empty: bool

    def text(self, cells: Cells) -> str | Reason | Finding:
        """The cell after its filters, or why a filter cannot do its work, or that nothing is left."""
        return self.of(cells[self.place])

    def of(self, cell: str | None) -> str | Reason | Finding:
        """`text`, of the cell itself."""
        value = (cell or "").strip()
        for apply in self.filters:
            filtered = apply(value)
            if isinstance(filtered, REFUSALS):
                return filtered
            value = filtered
        return value if value.strip() or self.may_be_empty else Reason.VALUE_MISSING


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPlan:
    """A template value: literal text and cells."""

    label: Phrase
    """The value as findings call it."""
    parts: tuple[str | CellText, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(part.column for part in self.parts if not isinstance(part, str)))

    def text(self, cells: Cells) -> str | list[Finding]:
        """The value, check_value for what WhatsApp refuses; or every reason why there is none."""
        pieces: list[str] = []
        problems: list[Finding] = []
        for part in self.parts:
            piece = part if isinstance(part, str) else part.text(cells)
            if isinstance(part, CellText) and isinstance(piece, Reason | Finding):
                problems.append(self._finding(piece, part.column, cells[part.place] or ""))
            elif isinstance(piece, str):
                pieces.append(piece)
        return problems or self._checked("".join(pieces))

    def _checked(self, text: str) -> str | list[Finding]:
        if found := refused_in(text):
            return [self._finding(Reason.VALUE_BAD_CHARACTERS, ", ".join(self.columns), found)]
        return text if text.strip() else [self._finding(Reason.VALUE_MISSING, ", ".join(self.columns), "")]

    def _finding(self, why: Reason | Finding, column: str, found: Value) -> Finding:
        said = why if isinstance(why, Finding) else Finding(why)
        return Finding(said.reason, {"field": self.label, "column": column, "found": found, **said.values})
