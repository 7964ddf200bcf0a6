"""Problems of a campaign file, joined into one error that names them all."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from pydantic_core import ErrorDetails

from batch.errors import CampaignError, nearest
from batch.i18n import N_, _

_CORRECT = N_("Correct it in the campaign file.")
_SHOWN_AT_MOST = 80
_LISTS = ("window", "template_fields")
SECRET_KEYS = (("notify",), ("notify", "webhook"), ("notify", "prometheus"))
"""Keys whose values are not repeated."""
_REMOVED_LIMITS = ("sheet", "limits")
"""A section of campaign files of earlier versions."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One problem. `text` says what and where, a sentence without its full stop; `remedy` what to do."""

    text: str
    remedy: str = field(default_factory=lambda: _(_CORRECT))


def campaign_error(file: str, problems: Sequence[Problem]) -> CampaignError:
    """Return one error for all `problems` (at least one) of a campaign file or of its fit with a sheet."""
    if len(problems) == 1:
        return CampaignError(f"{file}: {_with_stop(problems[0].text)}", problems[0].remedy)
    lines = "".join(f"\n- {_with_stop(problem.text)} {problem.remedy}".rstrip() for problem in problems)
    return CampaignError(
        _("{file} has {problems} problems, and nothing was sent:{lines}").format(
            file=file, problems=len(problems), lines=lines
        )
    )


def _with_stop(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def format_key(path: Sequence[str | int]) -> str:
    """Return a key as people find it in the file: `[throttle] rate`, `[[template_fields]] number 2, index`."""
    section, *rest = [
        str(part) if isinstance(part, str) else _("number {number}").format(number=part + 1) for part in path
    ]
    shown = f"[[{section}]]" if section in _LISTS else f"[{section}]"
    return f"{shown} {', '.join(rest)}" if rest else shown


def _allowed(kind: str, context: Mapping[str, object], otherwise: str) -> str:
    if kind == "literal_error":
        return str(context["expected"]).replace("' or '", "', '")
    if kind == "greater_than_equal":
        return _("a number from {least} up").format(least=context["ge"])
    if kind == "less_than_equal":
        return _("a number of at most {most}").format(most=context["le"])
    return _(_SHAPES[kind]) if kind in _SHAPES else otherwise


_SHAPES: Mapping[str, str] = MappingProxyType(
    {
        "bool_type": N_("true or false"),
        "int_type": N_("a whole number"),
        "list_type": N_("a list, each part under [[...]] of its own"),
        "tuple_type": N_("a list, each part under [[...]] of its own"),
        "model_type": N_("a section with keys of its own"),
    }
)


def explain_problem(details: ErrorDetails, known: Callable[[Sequence[str | int]], Sequence[str]]) -> Problem:
    """Return the problem of an error of pydantic. `known` returns the keys that exist at a place in the file."""
    path = details["loc"]
    kind = details["type"]
    if tuple(path) == _REMOVED_LIMITS:
        return Problem(
            text=_("the limits of [sheet.limits] are fixed now"),
            remedy=_("Delete that section; for a file you trust, write trusted = true under [sheet]."),
        )
    if kind == "extra_forbidden":
        return _unknown_key(path, known(path[:-1]))
    if kind == "missing":
        return Problem(
            text=_("{key} is missing").format(key=format_key(path)), remedy=_("Add it to the campaign file.")
        )
    if kind == "value_error":
        return Problem(text=_format(path, details, _("{key} is {found}; {error}"), error=details["ctx"]["error"]))
    allowed = _allowed(kind, details.get("ctx", {}), details["msg"])
    return Problem(text=_format(path, details, _("{key} is {found}; allowed is {allowed}"), allowed=allowed))


def _format(path: Sequence[str | int], details: ErrorDetails, words: str, **values: object) -> str:
    # A value that may be a secret is not repeated: then only the error or what is allowed.
    if tuple(path) in SECRET_KEYS:
        words = "{key}: {error}" if "error" in values else _("{key}: allowed is {allowed}")
        return words.format(key=format_key(path), **values)
    return words.format(key=format_key(path), found=_found(details["input"]), **values)


def _unknown_key(path: Sequence[str | int], known: Sequence[str]) -> Problem:
    key = str(path[-1])
    what = (
        _("there is no section or key '{key}'").format(key=key)
        if len(path) == 1
        else _("{section} has no key '{key}'").format(section=format_key(path[:-1]), key=key)
    )
    return Problem(text=f"{what}{nearest(key, known)}", remedy=_("Known are: {known}.").format(known=", ".join(known)))


def _found(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except TypeError:
        text = str(value)
    return text if len(text) <= _SHOWN_AT_MOST else text[: _SHOWN_AT_MOST - 3] + "..."
