"""Text of a template, for previews and checks, and the fields of the API's request that a campaign may fill."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from batch.control_characters import find_control
from batch.i18n import N_, _
from batch.model.phrases import Phrase
from batch.model.reasons import Finding, Reason

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


def split_at(body: str, index: int) -> tuple[str, str]:
    """Return the texts before and behind the first `{{index}}`; the whole body and nothing where it is not there."""
    for match in _PLACEHOLDER.finditer(body):
        if match[1].strip() == str(index):
            return body[: match.start()], body[match.end() :]
    return body, ""


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


STATUSES = ("OPEN", "RESOLVED", "SNOOZED")

_FORMS = {
    "name": re.compile(r"[^A-Z\s]+"),
    "language": re.compile(r"[a-z]{2,3}(?:_(?:[A-Z]{2}|[A-Z][a-z]{3}|[0-9]{3}))?"),
    "status": re.compile("|".join(STATUSES)),
}
"""Of a template's name only what surely is no name is refused."""
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


_VALID_VALUES = {
    "uuid": N_("a UUID like 0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"),
    "status": N_("one of {statuses}"),
    "name": N_("the template's name as WhatsApp has it: small letters, digits and _, like saudacao_inicial"),
    "language": N_("a language's code as WhatsApp has it, like pt_BR, en_US or es"),
    "text": N_("a text of at most {limit} characters"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldRule:
    """Rule for one field of the request."""

    kind: Literal["uuid", "status", "text", "name", "language"]
    required: bool = False
    limit: int = 0
    """Most characters of a text."""

    @property
    def valid_values(self) -> str:
        """Description of valid values, for error messages."""
        return _(_VALID_VALUES[self.kind]).format(statuses=", ".join(STATUSES), limit=self.limit)


FIELDS: Mapping[str, FieldRule] = MappingProxyType(
    {
        "whatsapp_phone_id": FieldRule(kind="uuid", required=True),
        "wa_contact_id": FieldRule(kind="text", required=True, limit=50),
        "template.name": FieldRule(kind="name", required=True),
        "template.language": FieldRule(kind="language", required=True),
        "person_contact_id": FieldRule(kind="uuid"),
        "remote_profile_name": FieldRule(kind="text", limit=255),
        "crm_person_id": FieldRule(kind="uuid"),
        "assigned_agent_id": FieldRule(kind="uuid"),
        "status": FieldRule(kind="status"),
    }
)
"""Fields of a request except `template_fields`, in the order of the API's page."""


def check_value(field: str, value: str) -> str | Finding:
    """Return a non-empty value as it goes into the request, UUIDs in lower case, or the finding that forbids it.

    The finding does not name the field.
    """
    rule = FIELDS[field]
    if rule.kind == "text" and (control := find_control_character(value)):
        return Finding(Reason.VALUE_BAD_CHARACTERS, {"found": control})
    if rule.kind == "text" and len(value) <= rule.limit:
        return value
    if rule.kind == "uuid":
        return value.lower() if _UUID.fullmatch(value) else Finding(Reason.VALUE_NOT_UUID, {"found": value})
    if form := _FORMS.get(rule.kind):
        allowed = ", ".join(STATUSES) if rule.kind == "status" else rule.valid_values
        refusal = Finding(Reason.VALUE_NOT_ALLOWED, {"found": value, "allowed": allowed})
        return value if form.fullmatch(value) else refusal
    return Finding(Reason.VALUE_TOO_LONG, {"length": len(value), "limit": rule.limit})


def find_control_character(text: str) -> Phrase | None:
    """Return the first character, as findings name it, that steers a screen or turns the text; None without one."""
    code = find_control(text)
    return Phrase(N_("the control character {code}"), {"code": code}) if code else None
