"""Phrases: texts of this program that hold values, translated when they are shown.

A phrase is the nested part of a finding, a cell's error or a remark about a sheet. It is kept as a code and its
values, and its code is its English text as it is marked for the catalogues (`N_`), with the values in braces. So the
ledger stores no sentence in a language, and a report can be written again in another one. A code that the catalogues
no longer have is shown in English.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from batch.i18n import _, current_language, number, use_language

Value: TypeAlias = "str | int | float | Phrase"
"""A value of a phrase or finding: text that is never translated, a figure, or a phrase of ours."""

_PLACE = re.compile(r"\{(\w+)(:,)?\}")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A marked text, and the values that stand in its braces. As a string it is in the present language."""

    text: str
    values: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        # Without values nothing is filled in, so that the text may be somebody else's and hold braces.
        return fill(_(self.text), self.values) if self.values else _(self.text)

    def __hash__(self) -> int:
        return hash(self.text)


def fill(text: str, values: Mapping[str, Value], missing: str = "?") -> str:
    """Put values into a translated text; `missing` stands for those that are not there."""
    return _PLACE.sub(lambda place: _shown(values.get(place[1], missing), grouped=bool(place[2])), text)


def _shown(value: Value, *, grouped: bool) -> str:
    """A value in the present language. Figures are grouped in English only where the text asks for it: `{people:,}`."""
    if isinstance(value, int | float):
        form = "" if isinstance(value, int) else "g"
        return number(value, f",{form}" if grouped or current_language() != "en" else form)
    return str(value)


def to_json(value: object) -> object:
    """A phrase as a list of its text and, if it has any, its values: for `json.dumps(default=to_json)`."""
    if isinstance(value, Phrase):
        return [value.text, dict(value.values)] if value.values else [value.text]
    raise TypeError(type(value))


def phrase_from_json(parts: Sequence[Any]) -> Phrase:
    """A phrase as `to_json` wrote it."""
    text, *values = parts
    return Phrase(text, {name: value_from_json(value) for name, value in values[0].items()} if values else {})


def value_from_json(value: Any) -> Value:
    """A value as `to_json` and JSON wrote it: a list is a phrase, texts and figures are themselves."""
    return phrase_from_json(value) if isinstance(value, list) else value


def in_english(value: Value) -> str:
    """A value for machines, whose language is always the same."""
    with use_language("en"):
        return str(value)


_PHRASE_MARK = '["'


def value_to_text(value: Value) -> str:
    """A value for a column of a database that holds texts: a phrase as JSON, a text as itself."""
    # A text that begins as a phrase does is stored as one, which shows the same and cannot be mistaken.
    if isinstance(value, str) and value.startswith(_PHRASE_MARK):
        value = Phrase(value)
    return json.dumps(value, ensure_ascii=False, default=to_json) if isinstance(value, Phrase) else str(value)


def value_from_text(text: str) -> Value:
    """A value as `value_to_text` stored it, or a text of a ledger of an older version."""
    if text.startswith(_PHRASE_MARK):
        try:
            return phrase_from_json(json.loads(text))
        except (ValueError, AttributeError):
            return text
    return text
