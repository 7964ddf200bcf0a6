"""What each field of the request may hold, as the API's page says: one place for cells, constants and defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from batch.i18n import _
from batch.model.reasons import Finding, Reason

STATUSES = ("OPEN", "RESOLVED", "SNOOZED")

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldRule:
    """What a field may hold, and whether a request can do without it."""

    kind: Literal["uuid", "status", "text"]
    required: bool = False
    limit: int | None = None
    """Characters at most; None for no documented limit."""

    @property
    def allowed(self) -> str:
        """What is allowed, for people."""
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
"""The request's fields but for `template_fields`, in the order of the API's page."""


def check_value(field: str, value: str, *, column: str = "?") -> str | Finding:
    """A value that is not empty, as it goes into the request, or why it cannot. UUIDs go out in lower case."""
    rule = FIELDS[field]
    if rule.kind == "text" and (rule.limit is None or len(value) <= rule.limit):
        return value
    where = {"field": field, "column": column}
    if rule.kind == "uuid":
        return value.lower() if _UUID.fullmatch(value) else Finding(Reason.VALUE_NOT_UUID, {**where, "found": value})
    if rule.kind == "status":
        allowed = {**where, "found": value, "allowed": ", ".join(STATUSES)}
        return value if value in STATUSES else Finding(Reason.VALUE_NOT_ALLOWED, allowed)
    return Finding(Reason.VALUE_TOO_LONG, {**where, "length": len(value), "limit": rule.limit or 0})
