"""Text of a template, which the campaign file may give for previews and checks."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

from batch.i18n import _

BODY_LIMIT = 1024
"""Most characters of a body with its values. Source: WhatsApp."""

_PLACEHOLDER = re.compile(r"\{\{([^{}]*+)\}\}")


def placeholders(body: str) -> tuple[int, ...]:
    """Return the numbers of the `{{n}}` in a checked body, each once, ascending."""
    return tuple(sorted({int(name) for name in _names(body) if _is_number(name)}))


def count_placeholders(body: str) -> Counter[int]:
    """Count each `{{n}}` of a checked body."""
    return Counter(int(name) for name in _names(body) if _is_number(name))


def fill_body(body: str, values: Mapping[int, str]) -> str:
    """Replace the `{{n}}` of a body; a placeholder without a value stays."""

    def value(match: re.Match[str]) -> str:
        name = match[1].strip()
        return values.get(int(name), match[0]) if _is_number(name) else match[0]

    return _PLACEHOLDER.sub(value, body)


def body_problem(body: str) -> str | None:
    """Return the problem of a body by itself (named or missing placeholders, length), or None."""
    named = [name for name in _names(body) if not _is_number(name)]
    if named:
        return _("it has the placeholder {{{{{name}}}}}; allowed are numbers: {{{{1}}}}, {{{{2}}}} and so on").format(
            name=named[0]
        )
    numbers = placeholders(body)
    gaps = [number for number in range(1, len(numbers) + 1) if number not in numbers]
    if gaps:
        return _(
            "its placeholders must be numbered from {{{{1}}}} without a gap, and {{{{{number}}}}} is missing"
        ).format(number=gaps[0])
    if len(body) > BODY_LIMIT:
        return _("it has {length} characters, and WhatsApp allows {limit}").format(length=len(body), limit=BODY_LIMIT)
    return None


def _names(body: str) -> list[str]:
    return [name.strip() for name in _PLACEHOLDER.findall(body)]


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) <= len(str(BODY_LIMIT))
