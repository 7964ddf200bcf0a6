"""Readers of a row's values: compiled once from the campaign, then called for every row.

A reader picks its cells of a row and returns their value, or a tuple of the findings that say why there is none.
Columns of a sheet repeat their cells (names, cities, dates), so what a reader made of cells is memoised: a cell that
came before costs one look-up.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from batch.campaign import find_control_character
from batch.i18n import N_
from batch.loader.filters.registry import Filter
from batch.loader.mapping.suspects import PLAIN_RULE, CellRule, Cleaned
from batch.model.phrases import Phrase, Value
from batch.model.reasons import Finding, Reason
from batch.model.sheets import tuple_getter

Cells = Sequence[str | None]
Findings = tuple[Finding, ...]

_REFUSALS = (Reason, Finding)
"""Why a filter gives no text. A Reason is a str as well, so a look for str would not tell."""

_MEMO_ENTRIES = 16_384
_MEMO_CHARACTERS = 128
"""Of an entry at most: so bounded, the memo of a column takes 5 MB."""

_REFUSED = re.compile(r"[\n\r\t]| {5,}|\{\{\s*\w{1,40}\s*\}\}")
"""Characters that WhatsApp refuses in a template value (132018), and `{{1}}`, which it may take for a placeholder."""
_LINE_BREAK = Phrase(N_("a line break"))
_REFUSED_NAMES = {"\n": _LINE_BREAK, "\r": _LINE_BREAK, "\t": Phrase(N_("a tab"))}


class Memo(dict[Any, Any]):
    """Results of a pure function of cells, kept as long as there is room."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self._read = read

    def __missing__(self, cells: Any) -> Any:
        result = self._read(cells)
        if len(self) < _MEMO_ENTRIES and _count_characters(result) + _count_characters(cells) <= _MEMO_CHARACTERS:
            self[cells] = result
        return result


def _count_characters(value: object) -> int:
    if isinstance(value, tuple):
        return sum(map(_count_characters, value))
    return len(value) if isinstance(value, str) else 0


class ValueReader(NamedTuple):
    """One value of a row: `memo[pick(cells)]`."""

    pick: Callable[[Cells], Any]
    """The cells that the value is made of: one cell, or a tuple of several."""
    memo: Memo
    """The value of picked cells, or the findings (a tuple, never empty) that say why there is none."""
    columns: frozenset[str]
    """The value counts only where the cells of all these columns can be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldSlot:
    """A field of the request, or a part of a template field, and the column or constant that fills it."""

    field: str
    column: str | None
    """None for a constant."""
    place: int
    """The column's index among the sheet's columns."""
    fallback: str
    """The constant, or the default of an empty cell; empty where there is none."""
    label: str | Phrase
    """The field as findings name it."""
    convert: Callable[[str], str | int | Finding]
    """Checks a text that is not empty, and gives it as it goes into the request; its findings name no field."""
    required: bool
    rule: CellRule = PLAIN_RULE

    def read(self, cell: str | None) -> str | int | Findings | None:
        """Return the value; None where an optional field is left out."""
        value: str | int | Finding | None = self.rule.admit(cell.strip()) if cell and self.column else ""
        if isinstance(value, str):
            missing = Finding(Reason.VALUE_MISSING) if self.required else None
            value = self.convert(text) if (text := value or self.fallback) else missing
        return (Finding(value.reason, {**self.origin, **value.values}),) if isinstance(value, Finding) else value

    @property
    def origin(self) -> dict[str, Value]:
        """Field and column, as values of a finding."""
        return {"field": self.label, "column": self.column or ""}

    def reader(self) -> ValueReader:
        return ValueReader(itemgetter(self.place), Memo(self.read), frozenset({self.column or ""}))


@dataclass(frozen=True, kw_only=True, slots=True)
class CellText:
    """`{Column|filter}` in a template value."""

    column: str
    place: int
    filters: tuple[Filter, ...]
    may_be_empty: bool
    rule: CellRule = PLAIN_RULE

    def read(self, cell: str | None) -> str | Finding:
        """Return the cell after its filters."""
        own = self.rule.admit(cell.strip()) if cell else ""
        if isinstance(own, Finding):
            return own
        value: str = own
        for apply in self.filters:
            filtered = apply(value)
            if isinstance(filtered, _REFUSALS):
                return filtered if isinstance(filtered, Finding) else Finding(filtered)
            value = filtered
        if not (value.strip() or self.may_be_empty):
            return Finding(Reason.VALUE_MISSING)
        return Cleaned(value) if type(own) is Cleaned else value


@dataclass(frozen=True, kw_only=True, slots=True)
class ValuePattern:
    """The text of a template value: literal text and cells."""

    label: Phrase
    """The value as findings name it."""
    parts: tuple[str | CellText, ...]

    @property
    def cells(self) -> tuple[CellText, ...]:
        return tuple(part for part in self.parts if isinstance(part, CellText))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it names, each once, in order."""
        return tuple(dict.fromkeys(part.column for part in self.cells))

    def reader(self) -> ValueReader:
        """Compile the pattern. Its value is a text; every cell that cannot fill its place has a finding."""
        cells = self.cells
        form = "".join([part.replace("%", "%%") if isinstance(part, str) else "%s" for part in self.parts])
        if len(cells) == 1:
            read = cells[0].read
            memo = Memo(lambda cell: self._fill(form, [read(cell)], [cell]))
        else:
            # Cells of several columns seldom come again together, so each has a memo of its own.
            memos = [Memo(part.read) for part in cells]
            memo = Memo(lambda own: self._fill(form, [each[cell] for each, cell in zip(memos, own, strict=True)], own))
        places = [part.place for part in cells]
        return ValueReader(
            itemgetter(*places) if len(places) == 1 else tuple_getter(places), memo, frozenset(self.columns)
        )

    def _fill(self, form: str, texts: Sequence[str | Finding], cells: Cells) -> str | Findings:
        kinds = set(map(type, texts))
        if Finding in kinds:
            return tuple(
                [
                    self._name(text, part.column, cell or "")
                    for part, text, cell in zip(self.cells, texts, cells, strict=True)
                    if isinstance(text, Finding)
                ]
            )
        text = form % tuple(texts)
        refused = find_refused(text)
        if refused is None and text.strip():
            return Cleaned(text) if Cleaned in kinds else text
        reason = Reason.VALUE_BAD_CHARACTERS if refused else Reason.VALUE_MISSING
        return (self._name(Finding(reason), ", ".join(self.columns), refused or ""),)

    def _name(self, finding: Finding, column: str, found: Value) -> Finding:
        return Finding(finding.reason, {"field": self.label, "column": column, "found": found, **finding.values})


def parse_whole_number(text: str, *, least: int) -> int | Finding:
    """Return a whole number from `least` up."""
    if not (text.isascii() and text.isdigit()):
        return Finding(Reason.VALUE_NOT_A_NUMBER, {"found": text})
    if int(text) < least:
        allowed = Phrase(N_("{least} and up"), {"least": least})
        return Finding(Reason.VALUE_NOT_ALLOWED, {"found": text, "allowed": allowed})
    return int(text)


def refuse_controls(text: str) -> str | Finding:
    """Return the text, or a finding when it has a control character."""
    control = find_control_character(text)
    return Finding(Reason.VALUE_BAD_CHARACTERS, {"found": control}) if control else text


def find_refused(text: str) -> Phrase | None:
    """Return what no template value may hold and `text` holds; None when there is no such thing."""
    if text.isprintable() and "{{" not in text and "     " not in text:
        return None  # as nearly every text, in a quarter of the time
    if (refused := _REFUSED.search(text)) is None:
        return find_control_character(text)
    if refused[0].startswith("{"):
        return Phrase(N_("the placeholder {text}"), {"text": refused[0]})
    return _REFUSED_NAMES.get(refused[0]) or Phrase(N_("{spaces} spaces in a row"), {"spaces": len(refused[0])})
