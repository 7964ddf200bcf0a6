"""Messages and their keys: two messages with the same key are the same message, and are sent once.

A key covers endpoint, campaign, recipient and the values of the `unique_by` columns, nothing else: neither the text nor
the sheet a row came from.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from json.encoder import encode_basestring
from typing import NamedTuple
from urllib.parse import urlsplit

from batch.formatting import quote_path
from batch.i18n import N_
from batch.model.phrases import Phrase
from batch.model.reasons import Finding

DEFAULT_BASE_URL = "https://api.wegly.com.br"
TRIAL = " (trial)"
"""Suffix of a campaign's name where its trials are listed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateField:
    """One value of a template. `index` counts from 1 ({{1}}); button and card indexes count from 0."""

    component: str
    type: str
    index: int
    value: str
    button_index: int | None = None
    card_index: int | None = None

    @property
    def label(self) -> Phrase:
        """`BODY {{1}}`, `card 0 BUTTON 1 {{1}}`: the field, as a value of findings."""
        return self._label_with(f" {{{{{self.index}}}}}")

    @property
    def component_label(self) -> Phrase:
        """`BODY`, `card 0 BUTTON 1`: the part of the template whose values are numbered together."""
        return self._label_with("")

    def _label_with(self, ending: str) -> Phrase:
        button = "" if self.button_index is None else f" {self.button_index}"
        component = f"{self.component}{button}{ending}"
        if self.card_index is None:
            return Phrase("{component}", {"component": component})
        return Phrase(N_("card {card} {component}"), {"card": self.card_index, "component": component})


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Checked request of one row. A field that is None is left out of the request."""

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


class Contact(NamedTuple):  # not a dataclass: one is made for each row, and a tuple takes a quarter of the time
    """A row after mapping and checking: the values of its message, or the findings that say why there is none."""

    row: int
    person: str | None
    """E.164 (`+5511999990001`), or None when the phone could not be read."""
    unique: tuple[str, ...] = ()
    """The values of the campaign's `unique_by` columns, as in the sheet."""
    sender: str | None = None
    """The `whatsapp_phone_id` that sends it; None when there are `problems`."""
    values: tuple[str | int | None, ...] | None = None
    """Everything in which its request differs from other rows', as the campaign's evaluator orders it; None exactly
    when `problems` is not empty."""
    problems: tuple[Finding, ...] = ()
    """Why this row is an error; the first gives its reason."""
    notes: tuple[Finding, ...] = ()
    """Facts of a good row that a person should know: a repaired phone, a landline."""
    hidden: bool = False
    left_out: Finding | None = None
    """Why no row of the person is sent, as a column of opt-out or consent says."""
    skipped: Finding | None = None
    """Why this row is left out whatever it holds: not selected, no consent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """Pending message of the ledger, as the pool takes it."""

    key: str
    row: int
    sender: str
    payload: str
    """Body of the POST, exactly as it will be sent (JSON, encoded as UTF-8)."""
    person: str = ""
    """Recipient (E.164)."""


def normalize(value: str) -> str:
    """Return a value as it counts in a key: in Unicode form NFC, ends trimmed."""
    return unicodedata.normalize("NFC", value).strip()


def campaign_scope(name: str) -> str:
    """Return a campaign's name as it counts: `Boas-vindas ` and `boas-vindas` are the same campaign."""
    return normalize(name).casefold()


def is_loopback(endpoint: str) -> bool:
    """Return whether an address is on this machine by its name alone (`localhost`, 127.0.0.0/8, `::1`): a rehearsal."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def command_options(endpoint: str, ledger: str, *names: str) -> str:
    """Return the options, of these names, by which a command finds an address that is not the usual, and a ledger.

    Each with a blank before it. The address is there wherever the program had it from: another terminal, or another
    machine, has no variable that names it. `only-at` is for a rehearsal alone. An empty URL is the user's own ledger.
    """
    address = "" if endpoint == DEFAULT_BASE_URL else quote_path(endpoint)
    here = endpoint if is_loopback(endpoint) else ""
    values = {"base-url": address, "only-at": here, "ledger": ledger and quote_path(ledger)}
    return "".join(f" --{name} {values[name]}" for name in names if values[name])


def message_key(person: str, unique: tuple[str, ...] = (), *, endpoint: str, campaign: str) -> str:
    """Return the key of a message: 64 hex digits of SHA-256.

    The campaign's name counts as its `campaign_scope`, and each value of `unique` normalized.
    """
    digest = _hash_campaign(endpoint, campaign).copy()
    own = _json_items(person, *map(normalize, unique)) if unique else encode_basestring(person)
    digest.update(f"{own}]".encode())
    return digest.hexdigest()


@lru_cache(maxsize=16)
def _hash_campaign(endpoint: str, campaign: str) -> hashlib._Hash:
    # The common beginning of all keys of a campaign: copying the state is cheaper than hashing it for each row.
    return hashlib.sha256(f"[{_json_items(endpoint, campaign_scope(campaign))}, ".encode())


def hash_request(payload: str) -> str:
    """Return the SHA-256 of a request's body, in hex digits: a row is sent again only if it changed."""
    return hashlib.sha256(payload.encode()).hexdigest()


def _json_items(*parts: str) -> str:
    return ", ".join(map(encode_basestring, parts))


ORIGIN_COLUMNS = ("wegly_origin_file", "wegly_origin_row", "wegly_origin_run")
"""Columns of `retry.xlsx` that lead each row back to the one it corrects."""

ORIGIN_MAC = "wegly_origin_mac"
"""Column beside them, a keyed hash of run and row: only the ledger that wrote an origin can have made it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Row of a run's sheet that a row of `retry.xlsx` corrects."""

    run: str
    """Run that found the row wrong."""
    row: int
    """Row number in that run's sheet, as Excel shows it."""
    file: str = ""
    """Name of that sheet's file, for people."""


def has_origins(header: Iterable[str | None]) -> bool:
    """Return True for the header of a sheet of rows to correct (`retry.xlsx`)."""
    return set(ORIGIN_COLUMNS) <= {(name or "").strip().casefold() for name in header}


def sheet_key(*, endpoint: str, campaign: str, sha256: str, tab: str | None) -> str:
    """Return the identity of a sheet across runs, 64 hex digits: of file, worksheet (None: a text file) and campaign.

    Endpoint and campaign are part of it, so that neither another campaign nor a rehearsal corrects rows of this one.
    """
    parts = [endpoint, campaign_scope(campaign), sha256, tab or ""]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()
