"""What is left of a person in a report that is passed on, and in the log: nothing by which one could be known. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from batch.model.outcomes import Outcome
from batch.model.phone.cells import format_phone
from batch.model.phrases import Value
from batch.model.reasons import Finding
from batch.model.runs import Result

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_BRAZILIAN = re.compile(r"\+55 (\d{2}) (9?)\d{4}-\d{2}(\d{2})")
_LAST_TWO = re.compile(r"\d(?=(?:\D*\d){2})")
"""Every digit that two more follow."""
_HARMLESS = frozenset(
    {
        "allowed",
        "area",
        "at",
        "campaign",
        "code",
        "field",
        "length",
        "limit",
        "people",
        "region",
        "row",
        "seconds",
        "when",
        "within",
    }
)
"""Values that this program itself made. All others are the sheet's, the API's or somebody's, and may name a person."""
_RUN = re.compile(r"\d{8}T\d{6}Z-[a-z0-9-]*-[0-9a-f]{4}")
_WORD = re.compile(r"[A-Z_]{1,20}")
"""A status as the API has them; anything else could be anything."""
_STATUS = re.compile(rf"\d{{3}}|{'|'.join(Outcome)}")

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_NO_PHONE = (
    r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"  # an id
    r"|\d{8}T\d{6}Z"  # a run
    r"|(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"  # a time
    rf"|(?<![\d.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\d.])"  # a machine
)
_NUMBERS = re.compile(rf"(?P<kept>{_NO_PHONE})|\+?\(?\d(?:[ ().\-\u00a0]{{0,3}}\d){{7,}}")
"""Eight digits or more, as phones are written, and what looks like that and is none."""


def mask_phone(e164: str) -> str:
    """`+55 11 9****-**77`: country, area and the last two digits. Of other countries the country alone, and those two.

    Takes what `shown` takes, and gives what it has masked already as it is.
    """
    if "*" in e164:
        return e164
    spaced = format_phone(e164)
    known = _BRAZILIAN.fullmatch(spaced)
    if known:
        return f"+55 {known[1]} {known[2]}****-**{known[3]}"
    country, gap, rest = spaced.partition(" ")
    return f"{country} {_LAST_TWO.sub('*', rest)}" if gap else _LAST_TWO.sub("*", spaced)


def mask_numbers(text: str) -> str:
    """The text with every run of digits that may be a phone cut to its last two. Ids, times and addresses stay."""
    return _NUMBERS.sub(lambda found: found["kept"] or _LAST_TWO.sub("*", found[0]), text)


def mask_finding(finding: Finding) -> Finding:
    """The same reason, without any value that did not come from this program itself."""
    return Finding(finding.reason, {key: _masked(key, value) for key, value in finding.values.items()})


def _masked(key: str, value: Value) -> Value:
    shapes: Mapping[str, re.Pattern[str]] = {"run": _RUN, "status": _STATUS}
    harmless = key in _HARMLESS or (key in shapes and shapes[key].fullmatch(str(value)))
    return value if harmless else _ELLIPSIS


def mask_status(status: str | None) -> str | None:
    """A chat's status where it is one of the API's words; None for anything else."""
    return status if _WORD.fullmatch(status or "") else None


def mask_result(result: Result) -> Result:
    """What became of a row, without who it was: no chat, the phone masked, and no words but our own."""
    return replace(
        result,
        person=mask_phone(result.person) if result.person else None,
        chat_id=None,
        chat_status=mask_status(result.chat_status),
        findings=tuple(map(mask_finding, result.findings)),
        notes=tuple(map(mask_finding, result.notes)),
    )
