"""`plan`: freezes what would be sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from batch._version import __version__
from batch.app.check import Check, look
from batch.app.inputs.change_guard import refuse_changes
from batch.app.inputs.plan_file import FORMAT, sha256_of, write_plan
from batch.app.inputs.recipient_lists import run_lists
from batch.app.inputs.staging import prepare, utc_now
from batch.app.settings import Settings
from batch.campaign import load_campaign
from batch.ledger import Ledger, RetryOptions


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """A plan that was written."""

    path: Path
    messages: int
    hash: str
    check: Check


def make_plan(
    sheet: Path, campaign: Path, out: Path, *, settings: Settings, retries: RetryOptions, accept_change: bool
) -> Planned:
    """Freeze what a run would send now in the file `out`, in place of one that is there. Sends nothing, needs no token.

    Raises InputError as `check` does, SettingsError when the file cannot be written; then what was there stays.
    """
    now = utc_now()
    loaded = load_campaign(campaign, now=now)
    prepared = prepare(sheet, loaded, endpoint=settings.endpoint)
    lists = run_lists(loaded, settings.only_allowed)
    with Ledger.for_reading(settings.ledger) as ledger:
        if not accept_change:
            refuse_changes(loaded, ledger, prepared.endpoint)
        with ledger.stage(retries) as staging:
            warnings = prepared.stage(staging, ledger.run, now=now, lists=lists)
            found = look(prepared, staging, settings, ledger, now=now, warnings=warnings)
            head = {
                "format": FORMAT,
                "version": __version__,
                "made": now.isoformat(timespec="seconds"),
                "campaign": loaded.name,
                "endpoint": prepared.endpoint,
                "sheet": sheet.name,
                "sheet_sha256": sha256_of(sheet),
                "campaign_sha256": sha256_of(campaign),
            }
            messages, digest = write_plan(out, head, staging.requests())
    return Planned(path=out, messages=messages, hash=digest, check=found)
