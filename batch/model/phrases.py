"""Phrases: texts with values in them that are translated when they are shown.

A phrase stands in a finding, or is the error of a cell or a remark about a sheet. It is kept as its code and values.
The code is the English text as it is marked for the catalogues (`N_`), with the names of the values in braces. So the
ledger stores no sentence, and a report can be written again in another language. A code that no catalogue has, such as
a text that others wrote, is shown as it is.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from batch.i18n import _, current_language, number, use_language

Value: TypeAlias = "str | int | float | Phrase"
"""Value of a phrase or finding: text that is never translated, a figure, or a phrase."""

_PLACE = re.compile(r"\{(\w+)(:,)?\}")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Marked text with the values of its braces. `str()` gives it in the current language."""

    text: str
    values: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        # Without values nothing is filled in: the text may be foreign, and its braces mean nothing then.
        return fill(_(self.text), self.values) if self.values else _(self.text)

    def __hash__(self) -> int:
        return hash(self.text)


def fill(text: str, values: Mapping[str, Value], missing: str = "?") -> str:
    """Replace the braces of a translated text by values. `missing` stands for a value that is not there."""
    return _PLACE.sub(lambda place: _shown(values.get(place[1], missing), grouped=bool(place[2])), text)


def _shown(value: Value, *, grouped: bool) -> str:
    """Return a value in the current language. English figures are grouped only where the text has `{people:,}`."""
    if isinstance(value, int | float):
        form = "" if isinstance(value, int) else "g"
        return number(value, f",{form}" if grouped or current_language() != "en" else form)
    return str(value)


def to_json(value: object) -> object:
    """Return a phrase as a list of its text and, if it has any, its values. For `json.dumps(default=to_json)`."""
    if isinstance(value, Phrase):
        return [value.text, dict(value.values)] if value.values else [value.text]
    raise TypeError(type(value))


def phrase_from_json(parts: Sequence[Any]) -> Phrase:
    """Return a phrase from its list of `to_json`."""
    text, *values = parts
    return Phrase(text, {name: value_from_json(value) for name, value in values[0].items()} if values else {})


def value_from_json(value: Any) -> Value:
    """Return a value from its JSON: a list is a phrase, texts and figures are themselves."""
    return phrase_from_json(value) if isinstance(value, list) else value


def in_english(value: Value) -> str:
    """Return a value as machines get it, whatever the current language."""
    with use_language("en"):
        return str(value)


_PHRASE_MARK = '["'


def value_to_text(value: Value) -> str:
    """Encode a value for a text column of the ledger: a phrase as JSON, a text as itself."""
    # A text that looks like the JSON of a phrase is stored as a phrase, which shows the same text.
    if isinstance(value, str) and value.startswith(_PHRASE_MARK):
        value = Phrase(value)
    return json.dumps(value, ensure_ascii=False, default=to_json) if isinstance(value, Phrase) else str(value)


def value_from_text(text: str) -> Value:
    """Decode a value of a text column; a text of an older ledger is itself."""
    if text.startswith(_PHRASE_MARK):
        try:
            return phrase_from_json(json.loads(text))
        except (ValueError, AttributeError):
            return text
    return text
