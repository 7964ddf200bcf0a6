"""The plan file: the messages that would be sent, frozen, so that what was reviewed is what goes out.

It holds personal data, so it is readable by its owner alone (0600). Its hash binds all that a run compares or sends:
campaign, endpoint, sheet, the checksums of the input files, and each row with its person and its body. A file cannot
vouch for itself, though: who noted the hash elsewhere gives it to `run` (`--plan-hash`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from batch.atomic_file import write_atomic
from batch.campaign import Campaign
from batch.control_characters import show_controls
from batch.errors import PlanChanged, SettingsError
from batch.formatting import to_json
from batch.i18n import N_, _, describe_os_error
from batch.model.messages import hash_request

FORMAT = 2
"""Version of the file and of the rule of its hash. 1: the hash did not cover the head."""
_HEAD = 4096
"""Bytes in which a plan says that it is one."""
_HEAD_HASHED = ("campaign", "endpoint", "sheet", "sheet_sha256", "campaign_sha256")
"""What the hash covers of the head; when and by which version it was made is for people alone."""
_OTHER_PLACE = N_("Name another place with --out.")
_AGAIN = N_("Look at what has changed, and make the plan anew with `wegly-batch plan`. Nothing was sent.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A plan that was read: its messages, and what they were made of."""

    path: Path
    campaign: str
    endpoint: str
    sheet: str
    """The sheet's name, for people."""
    sheet_sha256: str
    campaign_sha256: str
    hash: str
    """SHA-256 over head and messages, as `plan` printed it."""
    requests: Mapping[int, tuple[str, str]]
    """Row to its person and the SHA-256 of its request's body."""

    def refuse_changes(self, *, campaign: Campaign, endpoint: str, sheet_sha256: str) -> None:
        """Raise PlanChanged when the plan was made of another sheet, campaign or endpoint."""
        if self.sheet_sha256 != sheet_sha256:
            raise self._refusal(_("The sheet is not the one that {file} was made of ({sheet})."), sheet=self.sheet)
        if self.campaign_sha256 != campaign.sha256:
            raise self._refusal(_("The campaign file has changed since {file} was made."))
        if self.campaign != campaign.name:
            other = _("{file} was made for the campaign {planned!r}, and this is {now!r}.")
            raise self._refusal(other, planned=self.campaign, now=campaign.name)
        if self.endpoint != endpoint:
            other = _("{file} was made for {planned}, and this run goes to {now}.")
            raise self._refusal(other, planned=self.endpoint, now=endpoint)

    def refuse_other_hash(self, noted: str) -> None:
        """Raise PlanChanged when the plan is not the one whose hash a person noted."""
        if noted.strip().casefold() != self.hash:
            another = _("{file} is not the plan that was looked at: its hash is {hash}.")
            raise self._refusal(another, hash=self.hash)

    def _refusal(self, problem: str, **values: object) -> PlanChanged:
        return PlanChanged(problem.format(file=self.path.name, **values), _(_AGAIN))

    def planned_rows(self, requests: Iterable[tuple[int, str, str, str]]) -> dict[int, str]:
        """Return the planned rows among `requests`, (row, person, hash, body) each, with that hash.

        Raises PlanChanged when a planned row would get another message today. Bodies are compared, not hashes: that
        of a purged message is in the ledger's own form.
        """
        found = {}
        for row, person, digest, body in requests:
            if row not in self.requests:
                continue
            if self.requests[row] != (person, hash_request(body)):
                raise self._refusal(_("Row {row} would get another message than {file} has."), row=row)
            found[row] = digest
        return found


def read_plan(path: Path) -> Plan:
    """Read a plan. Raises SettingsError when there is none, it is of another version, or it was changed by hand."""
    try:
        text = "" if path.is_char_device() else path.read_text(encoding="utf-8")  # /dev/zero never ends
        data = json.loads(text, object_pairs_hook=_without_doubles)
        if "campaign_sha256" in data and data.get("format") != FORMAT:
            problem = _("The plan {file} was written by another version of wegly-batch.").format(file=path)
            raise SettingsError(problem, _(_AGAIN))
        head = {name: str(data[name]) for name in _HEAD_HASHED}
        total = hash_head(head)
        requests = {}
        is_whole = True
        for each in data["messages"]:
            body = _compact(each["body"])
            total.update(_line(each["row"], each["person"], body))
            requests[each["row"]] = each["person"], each["request_sha256"]
            is_whole = is_whole and each["request_sha256"] == hash_request(body)
        plan = Plan(path=path, requests=requests, hash=str(data["hash"]), **head)
    except OSError as error:
        problem = _("The plan {file} cannot be read: {error}.").format(file=path, error=describe_os_error(error))
        raise SettingsError(problem, _("Check its name.")) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        problem = _("{file} is no plan of wegly-batch.").format(file=path)
        raise SettingsError(problem, _("Make one with `wegly-batch plan`.")) from None
    if total.hexdigest() != plan.hash or not is_whole:
        problem = _("The plan {file} was changed after it was made: its hash is another.").format(file=path)
        raise SettingsError(problem, _(_AGAIN))
    return plan


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: a person may read the one, and JSON takes the other."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def write_plan(out: Path, head: Mapping[str, object], requests: Iterator[tuple[int, str, str, str]]) -> tuple[int, str]:
    """Write a plan atomically, 0600; returns how many messages it has and their hash."""
    _refuse_other_files(out)
    total, count = hash_head(head), 0

    def write(file: BinaryIO) -> None:
        nonlocal count
        file.write((to_json(head).removesuffix("\n}") + ',\n  "messages": [').encode())
        for row, person, _digest, payload in requests:
            body = json.loads(payload)
            sent = _compact(body)
            line = {"row": row, "person": person, "request_sha256": hash_request(sent), "body": body}
            file.write((("," if count else "") + "\n    " + to_json(line, indent=None)).encode())
            total.update(_line(row, person, sent))
            count += 1
        file.write(f'\n  ],\n  "hash": "{total.hexdigest()}"\n}}\n'.encode())

    try:
        write_atomic(out, write, elsewhere=False)
    except OSError as error:
        raise _not_written(out, error) from None
    return count, total.hexdigest()


def _refuse_other_files(out: Path) -> None:
    """Refuse to overwrite anything but a plan: not a sheet, a campaign or the ledger."""
    if not out.exists():
        return
    try:
        with out.open("rb") as file:
            is_plan = b'"campaign_sha256"' in file.read(_HEAD)
    except OSError as error:
        raise _not_written(out, error) from None
    if not is_plan:
        problem = _("There is a file {file} already, and it is no plan: it was left as it is.").format(file=out)
        raise SettingsError(problem, _(_OTHER_PLACE))


def _not_written(out: Path, error: OSError) -> SettingsError:
    problem = _("The plan {file} cannot be written: {error}.").format(file=out, error=describe_os_error(error))
    return SettingsError(problem, _(_OTHER_PLACE))


def describe_plan(campaign: Campaign, endpoint: str, sheet: Path, sheet_sha256: str) -> dict[str, object]:
    """Return the part of a plan's head that its hash covers."""
    return {
        "campaign": campaign.name,
        "endpoint": endpoint,
        "sheet": show_controls(sheet.name),
        "sheet_sha256": sheet_sha256,
        "campaign_sha256": campaign.sha256,
    }


def hash_head(head: Mapping[str, object]) -> hashlib._Hash:
    """Return the hash of a plan with this head, and no message yet."""
    return hashlib.sha256(f"{FORMAT}\n{_compact([str(head[name]) for name in _HEAD_HASHED])}\n".encode())


def hash_line(row: int, person: str, body: object) -> bytes:
    """Return what a message adds to a plan's hash."""
    return _line(row, person, _compact(body))


def _line(row: int, person: str, body: str) -> bytes:
    return f"{row}\t{person}\t{body}\n".encode()


def _compact(value: object) -> str:
    """Return JSON in the form in which bodies are sent."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
