"""Rules for the fields of a request, for cells, constants and defaults alike. Source: the page of the API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from batch.control_characters import find_control
from batch.i18n import N_, _
from batch.model.phrases import Phrase, Value
from batch.model.reasons import Finding, Reason

STATUSES = ("OPEN", "RESOLVED", "SNOOZED")

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldRule:
    """Rule for one field of the request."""

    kind: Literal["uuid", "status", "text"]
    required: bool = False
    limit: int | None = None
    """Most characters; None: no documented limit."""

    @property
    def valid_values(self) -> str:
        """Description of valid values, for error messages."""
        if self.kind == "uuid":
            return _("a UUID like 0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c")
        if self.kind == "status":
            return _("one of {statuses}").format(statuses=", ".join(STATUSES))
        if self.limit:
            return _("a text of at most {limit} characters").format(limit=self.limit)
        return _("a text that is not empty")


FIELDS: Mapping[str, FieldRule] = MappingProxyType(
    {
        "whatsapp_phone_id": FieldRule(kind="uuid", required=True),
        "wa_contact_id": FieldRule(kind="text", required=True, limit=50),
        "template.name": FieldRule(kind="text", required=True),
        "template.language": FieldRule(kind="text", required=True),
        "person_contact_id": FieldRule(kind="uuid"),
        "remote_profile_name": FieldRule(kind="text", limit=255),
        "crm_person_id": FieldRule(kind="uuid"),
        "assigned_agent_id": FieldRule(kind="uuid"),
        "status": FieldRule(kind="status"),
    }
)
"""Fields of a request except `template_fields`, in the order of the API's page."""


def check_value(field: str, value: str, *, column: str = "?") -> str | Finding:
    """Return a non-empty value as it goes into the request, UUIDs in lower case, or the finding that forbids it."""
    rule = FIELDS[field]
    where: dict[str, Value] = {"field": field, "column": column}
    if rule.kind == "text" and (control := find_control_character(value)):
        return Finding(Reason.VALUE_BAD_CHARACTERS, {**where, "found": control})
    if rule.kind == "text" and (rule.limit is None or len(value) <= rule.limit):
        return value
    if rule.kind == "uuid":
        return value.lower() if _UUID.fullmatch(value) else Finding(Reason.VALUE_NOT_UUID, {**where, "found": value})
    if rule.kind == "status":
        allowed = {**where, "found": value, "allowed": ", ".join(STATUSES)}
        return value if value in STATUSES else Finding(Reason.VALUE_NOT_ALLOWED, allowed)
    return Finding(Reason.VALUE_TOO_LONG, {**where, "length": len(value), "limit": rule.limit or 0})


def find_control_character(text: str) -> Phrase | None:
    """Return the first character, as findings name it, that steers a screen or turns the text; None without one."""
    code = find_control(text)
    return Phrase(N_("the control character {code}"), {"code": code}) if code else None
