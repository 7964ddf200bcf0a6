"""Redaction of personal data, for reports that are passed on and for the log."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath

from batch.model.delivery import Delivery, DeliveryCounts
from batch.model.outcomes import Outcome
from batch.model.phone.cells import format_phone
from batch.model.phrases import Value
from batch.model.reasons import Finding
from batch.model.replies import BUTTON
from batch.model.runs import RUN_NAME, Result

_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
_BRAZILIAN = re.compile(r"\+55 (\d{2}) (9?)\d{4}-\d{2}(\d{2})")
_LAST_TWO = re.compile(r"\d(?=(?:\D*\d){2})")
"""Each digit but the last two."""
_HARMLESS = frozenset(
    [
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
    ]
)
"""Values that this program made. All others come from the sheet, the API or a person, and may identify someone."""
_WORD = re.compile(r"[A-Z_]{1,20}")
"""A status as the API has them; other texts may hold personal data."""
_STATUS = re.compile(rf"\d{{3}}|{'|'.join(Outcome)}")

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_NO_PHONE = (
    r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"  # an id
    r"|\d{8}T\d{6}Z"  # a run
    r"|(?:19|20)\d\d-[01]\d-[0-3]\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?"  # a time
    rf"|(?<![\d.])(?:{_OCTET}\.){{3}}{_OCTET}(?![\d.])"  # a machine
)
_NUMBERS = re.compile(rf"(?P<kept>{_NO_PHONE})|\+?\(?\d(?:[ ().\-\u00a0]{{0,3}}\d){{7,}}")
"""Eight digits or more, as phones are written; `kept` is what looks so and is no phone."""


def mask_phone(e164: str) -> str:
    """Return `+55 11 9****-**77`: country, area and the last two digits; for other countries without the area.

    A number that is masked already is returned as it is.
    """
    if "*" in e164:
        return e164
    spaced = format_phone(e164)
    known = _BRAZILIAN.fullmatch(spaced)
    if known:
        return f"+55 {known[1]} {known[2]}****-**{known[3]}"
    country, gap, rest = spaced.partition(" ")
    return f"{country} {_LAST_TWO.sub('*', rest)}" if gap else _LAST_TWO.sub("*", spaced)


def mask_file_name(path: str) -> str:
    """Return `sheet.xlsx` for any workbook: its folders and its name may be of a person."""
    return f"sheet{PurePath(path).suffix.lower()}"


def mask_numbers(text: str) -> str:
    """Mask each run of digits that may be a phone but for its last two. Ids, times and addresses stay."""
    return _NUMBERS.sub(lambda found: found["kept"] or _LAST_TWO.sub("*", found[0]), text)


def mask_finding(finding: Finding) -> Finding:
    """Return the finding with only those values that this program made."""
    return Finding(finding.reason, {key: _masked(key, value) for key, value in finding.values.items()})


def _masked(key: str, value: Value) -> Value:
    shapes: Mapping[str, re.Pattern[str]] = {"run": RUN_NAME, "status": _STATUS}
    harmless = key in _HARMLESS or (key in shapes and shapes[key].fullmatch(str(value)))
    return value if harmless else _ELLIPSIS


def mask_status(status: str | None) -> str | None:
    """Return a chat's status if it has the form of the API's statuses, else None."""
    return status if _WORD.fullmatch(status or "") else None


def _mask_delivery(delivery: Delivery) -> Delivery:
    """Remove the API's words and the label of a button; codes, kinds and times stay."""
    reply = delivery.reply
    if reply is not None and reply.kind.startswith(BUTTON):
        reply = replace(reply, kind=BUTTON.rstrip(":"))
    return replace(delivery, words="", word=None, reply=reply)


def mask_counts(counts: DeliveryCounts) -> DeliveryCounts:
    """Return the counts without the API's words, and with masked phones."""
    codes = Counter[tuple[int | None, str]]()
    for (code, _words), messages in counts.codes.items():
        codes[code, ""] += messages
    undecided = (replace(each, person=mask_phone(each.person)) for each in counts.undecided)
    return replace(counts, codes=codes, undecided=tuple(undecided))


def mask_result(result: Result) -> Result:
    """Return a row's result without its chat, with the phone masked and findings redacted."""
    return replace(
        result,
        person=mask_phone(result.person) if result.person else None,
        chat_id=None,
        request=None,
        message_id=None,
        message_status=None,
        chat_status=mask_status(result.chat_status),
        findings=tuple(map(mask_finding, result.findings)),
        notes=tuple(map(mask_finding, result.notes)),
        delivery=result.delivery and _mask_delivery(result.delivery),
    )
