"""The plan file: the messages that would be sent, frozen, so that what was reviewed is what goes out.

It holds personal data, so it is readable by its owner alone (0600).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from batch.campaign import Campaign
from batch.errors import PlanChanged, SettingsError
from batch.i18n import N_, _, describe_os_error

FORMAT = 1
_CHUNK = 1 << 20
_HEAD = 4096
"""Bytes in which a plan says that it is one."""
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
    """SHA-256 over the messages, as `plan` printed it."""
    requests: Mapping[int, str]
    """Row to the SHA-256 of its request's body."""

    def refuse_changes(self, *, campaign: Campaign, endpoint: str, sheet_sha256: str) -> None:
        """Raise PlanChanged when the plan was made of another sheet, campaign or endpoint."""
        if self.sheet_sha256 != sheet_sha256:
            changed = _("The sheet is not the one that {file} was made of ({sheet}).")
            raise PlanChanged(changed.format(file=self.path.name, sheet=self.sheet), _(_AGAIN))
        if self.campaign_sha256 != sha256_of(campaign.path):
            changed = _("The campaign file has changed since {file} was made.")
            raise PlanChanged(changed.format(file=self.path.name), _(_AGAIN))
        if self.campaign != campaign.name:
            other = _("{file} was made for the campaign {planned!r}, and this is {now!r}.")
            raise PlanChanged(other.format(file=self.path.name, planned=self.campaign, now=campaign.name), _(_AGAIN))
        if self.endpoint != endpoint:
            other = _("{file} was made for {planned}, and this run goes to {now}.")
            raise PlanChanged(other.format(file=self.path.name, planned=self.endpoint, now=endpoint), _(_AGAIN))

    def refuse_other_messages(self, requests: Iterable[tuple[int, str, str, str]]) -> None:
        """Raise PlanChanged when a planned row would get another message today: (row, person, hash, body) each."""
        for row, _person, digest, _body in requests:
            if self.requests.get(row, digest) != digest:
                another = _("Row {row} would get another message than {file} has.")
                raise PlanChanged(another.format(row=row, file=self.path.name), _(_AGAIN))


def read_plan(path: Path) -> Plan:
    """Read a plan. Raises SettingsError when there is none, or it was changed by hand."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        total = hashlib.sha256()
        requests = {}
        for each in data["messages"]:
            body = json.dumps(each["body"], ensure_ascii=False, separators=(",", ":"))
            total.update(_line(each["row"], each["person"], body))
            requests[each["row"]] = each["request_sha256"]
        names = ("campaign", "endpoint", "sheet", "sheet_sha256", "campaign_sha256", "hash")
        plan = Plan(path=path, requests=requests, **{name: str(data[name]) for name in names})
    except OSError as error:
        problem = _("The plan {file} cannot be read: {error}.").format(file=path, error=describe_os_error(error))
        raise SettingsError(problem, _("Check its name.")) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        problem = _("{file} is no plan of wegly-batch.").format(file=path)
        raise SettingsError(problem, _("Make one with `wegly-batch plan`.")) from None
    if data.get("format") != FORMAT:
        problem = _("The plan {file} was written by another version of wegly-batch.").format(file=path)
        raise SettingsError(problem, _(_AGAIN))
    if total.hexdigest() != plan.hash:
        problem = _("The plan {file} was changed after it was made: its hash is another.").format(file=path)
        raise SettingsError(problem, _(_AGAIN))
    return plan


def write_plan(out: Path, head: Mapping[str, object], requests: Iterator[tuple[int, str, str, str]]) -> tuple[int, str]:
    """Write a plan atomically; returns how many messages it has and their hash."""
    _refuse_other_files(out)
    aside = out.with_name(f".{out.name}.{os.getpid()}")
    total, count = hashlib.sha256(), 0
    try:
        with os.fdopen(os.open(aside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(json.dumps(head, ensure_ascii=False, indent=2).removesuffix("\n}") + ',\n  "messages": [')
            for row, person, digest, payload in requests:
                body = json.loads(payload)
                line = {"row": row, "person": person, "request_sha256": digest, "body": body}
                file.write(("," if count else "") + "\n    " + json.dumps(line, ensure_ascii=False))
                total.update(_line(row, person, json.dumps(body, ensure_ascii=False, separators=(",", ":"))))
                count += 1
            file.write(f'\n  ],\n  "hash": "{total.hexdigest()}"\n}}\n')
            file.flush()
            os.fsync(file.fileno())
        aside.replace(out)
    except OSError as error:
        raise _not_written(out, error) from None
    finally:
        aside.unlink(missing_ok=True)  # whatever ended it: the file is full of people
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


def _line(row: int, person: str, body: str) -> bytes:
    return f"{row}\t{person}\t{body}\n".encode()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex digits."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            total.update(chunk)
    return total.hexdigest()
