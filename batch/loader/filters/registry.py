"""Filters of `{Column|filter}` in a template value, by name.

Filters are pure functions of a cell's value. An empty value passes all but `default` untouched; any other becomes text,
or the reason why it cannot; one of more than 1,000 characters is refused.

    first_name      the first name, without title, emoji or remark: `Dr. JOÃO da Silva` -> `JOÃO`
    title           each word with a capital; da, de, do, das, dos, e stay small, and so does a word of mixed case
                    (McDonald) as it is
    upper, lower    capitals, small letters
    strip           no space at the ends, one space for every line break, tab or run of spaces
    default:TEXT    TEXT for an empty value; `default:` with nothing allows the empty value
    date:FORMAT     a date again, in another form: dd mm yyyy yy HH MM SS, and anything else as it stands
    brl             money: `1234,5` -> `R$ 1.234,50`
    amount          money where the text has `R$` already: `1234,5` -> `1.234,50`
    digits          only the digits
    urlencode       percent-encoding, for the end of a button's URL
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from urllib.parse import quote

from batch.errors import nearest
from batch.i18n import _
from batch.loader.filters.dates import date_filter
from batch.loader.filters.money import amount, brl
from batch.loader.filters.names import first_name, title
from batch.model.reasons import Finding, Reason

Filter = Callable[[str], str | Reason | Finding]
"""From a value, which may be empty, to text or the reason why not; a Finding says what was `found` in the cell."""

_DEFAULT = "default"
_MOST_CHARACTERS = 1000
"""Of a value that a filter takes; a message with all its values has at most 1,024."""
_NOT_DIGITS = re.compile(r"[^0-9]+")


def _digits(value: str) -> str | Reason:
    return _NOT_DIGITS.sub("", value) or Reason.VALUE_NOT_A_NUMBER


def _strip(value: str) -> str:
    return " ".join(value.split())


def _urlencode(value: str) -> str:
    return quote(value, safe="", errors="replace")


def default_filter(text: str) -> Filter:
    """Return a filter that puts `text` in place of an empty value."""
    return lambda value: value if value.strip() else text


_PLAIN: Mapping[str, Filter] = MappingProxyType(
    {
        "first_name": first_name,
        "title": title,
        "upper": str.upper,
        "lower": str.lower,
        "strip": _strip,
        "brl": brl,
        "amount": amount,
        "digits": _digits,
        "urlencode": _urlencode,
    }
)
_WITH_ARGUMENT: Mapping[str, Callable[[str], Filter]] = MappingProxyType(
    {_DEFAULT: default_filter, "date": date_filter}
)

FILTERS = (*_PLAIN, *_WITH_ARGUMENT)


def is_default(text: str) -> bool:
    """Return True for a filter, as written, that fills empty values."""
    return text.partition(":")[0].strip() == _DEFAULT


def compile_filter(text: str) -> Filter:
    """Return the filter that `text` (`upper`, `date:dd/mm`) names. Raises ValueError with a sentence for people."""
    name, colon, argument = (part.strip() for part in text.partition(":"))
    if name in _PLAIN:
        if colon:
            raise ValueError(
                _("the filter '{name}' takes nothing after it, but has ':{argument}'").format(
                    name=name, argument=argument
                )
            )
        return _unless_empty(_PLAIN[name])
    if name not in _WITH_ARGUMENT:
        raise ValueError(
            _("there is no filter '{name}'{nearest}; known are {known}").format(
                name=name, nearest=nearest(name, FILTERS), known=", ".join(FILTERS)
            )
        )
    if not colon:
        raise ValueError(_("the filter '{name}' needs a text after it, like '{name}:...'").format(name=name))
    made = _WITH_ARGUMENT[name](argument)
    return made if name == _DEFAULT else _unless_empty(made)


def _unless_empty(apply: Filter) -> Filter:
    def filtered(value: str) -> str | Reason | Finding:
        if len(value) > _MOST_CHARACTERS:
            return Finding(Reason.VALUE_TOO_LONG, {"length": len(value), "limit": _MOST_CHARACTERS})
        return apply(value) if value else value

    return filtered
