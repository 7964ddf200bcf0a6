"""What is to be sent, to whom, and what makes two messages the same message."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring

from batch.model.reasons import Finding

TRIAL = " (trial)"
"""What follows a campaign's name where its trials are listed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateField:
    """One value of a template. `index` counts from 1 ({{1}}); button and card indexes count from 0."""

    component: str
    type: str
    index: int
    value: str
    button_index: int | None = None
    card_index: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """The request of one row, checked. None means: not in the request at all."""

    whatsapp_phone_id: str
    wa_contact_id: str
    template_name: str
    template_language: str
    template_fields: tuple[TemplateField, ...] = ()
    person_contact_id: str | None = None
    remote_profile_name: str | None = None
    crm_person_id: str | None = None
    assigned_agent_id: str | None = None
    status: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """A row after mapping and checking: a message, or the findings that say why there is none."""

    row: int
    person: str | None
    """E.164 (`+5511999990001`), or None when the phone could not be read."""
    unique: tuple[str, ...] = ()
    """The values of the campaign's `unique_by` columns, as in the sheet."""
    message: Message | None = None
    """None exactly when `problems` is not empty."""
    problems: tuple[Finding, ...] = ()
    """Why this row is an error; the first gives its reason."""
    notes: tuple[Finding, ...] = ()
    """What a person should know of a good row: a repaired phone, a landline."""
    hidden: bool = False
    opted_out: bool = False
    """The campaign's opt-out column says that the person wants no messages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A message that waits in the ledger, as the pool takes it."""

    key: str
    row: int
    sender: str
    payload: str
    """The body of the POST, exactly as it will be sent (JSON, UTF-8)."""
    person: str = ""
    """E.164: who gets it."""


def normalize(value: str) -> str:
    """A value as it counts in a key: NFC, ends trimmed."""
    return unicodedata.normalize("NFC", value).strip()


def campaign_scope(name: str) -> str:
    """A campaign's name as it counts: `Boas-vindas ` and `boas-vindas` are the same campaign."""
    return normalize(name).casefold()


def message_key(*, endpoint: str, campaign: str, person: str, unique: tuple[str, ...] = ()) -> str:
    """The key: two messages with the same key are the same message. 64 hex digits of SHA-256.

    The campaign's name counts casefolded; `unique` values count normalized.
    """
    return _keys_of(endpoint, campaign).key(person, unique)


class MessageKeys:
    """The keys of one campaign's messages: what they have in common is hashed once."""

    def __init__(self, *, endpoint: str, campaign: str) -> None:
        self._begun = hashlib.sha256(f"[{_listed(endpoint, campaign_scope(campaign))}, ".encode())

    def key(self, person: str, unique: tuple[str, ...] = ()) -> str:
        """`message_key` of a message."""
        digest = self._begun.copy()
        own = _listed(person, *map(normalize, unique)) if unique else encode_basestring(person)
        digest.update(f"{own}]".encode())
        return digest.hexdigest()


@lru_cache(maxsize=16)
def _keys_of(endpoint: str, campaign: str) -> MessageKeys:
    return MessageKeys(endpoint=endpoint, campaign=campaign)


def _listed(*parts: str) -> str:
    """Texts as they stand within a list in JSON."""
    return ", ".join(map(encode_basestring, parts))


ORIGIN_COLUMNS = ("wegly_origin_file", "wegly_origin_row", "wegly_origin_run")
"""By these columns a sheet of rows to correct is known, and each of its rows leads back to where it was wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """A row of the sheet of a run."""

    run: str
    """The run that found the row wrong."""
    row: int
    """Its number in that run's sheet, as Excel shows it."""
    file: str = ""
    """The name of that sheet's file, for people."""


def has_origins(header: Iterable[str | None]) -> bool:
    """Whether a header with these names is that of a sheet of rows to correct."""
    return set(ORIGIN_COLUMNS) <= {(name or "").strip().casefold() for name in header}


def sheet_key(*, endpoint: str, campaign: str, sha256: str, tab: str | None) -> str:
    """What makes two sheets the same one: 64 hex digits. The same file, worksheet (None: a text file), and campaign.

    Another campaign corrects nothing of this one, and no rehearsal at another endpoint does.
    """
    parts = [endpoint, campaign_scope(campaign), sha256, tab or ""]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
