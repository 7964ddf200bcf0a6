"""`plan`: freezes what would be sent."""

from dataclasses import dataclass
from pathlib import Path

from batch._version import __version__
from batch.app.check import Check, stage_for_reading, summarise
from batch.app.inputs.campaign_sheet import Choices
from batch.app.inputs.plan_file import FORMAT, describe_plan, write_plan
from batch.app.settings import Settings


@dataclass(frozen=True, kw_only=True, slots=True)
class FrozenPlan:
    """A plan that was written."""

    messages: int
    hash: str
    check: Check


def make_plan(sheet: Path, campaign: Path, out: Path, settings: Settings, choices: Choices) -> FrozenPlan:
    """Freeze what a run would send now in the file `out`, in place of one that is there. Sends nothing, needs no token.

    Raises InputError as `check` does, SettingsError when the file cannot be written; then what was there stays.
    """
    with stage_for_reading(sheet, campaign, settings, choices) as staged:
        found = summarise(staged, settings)
        head = {
            "format": FORMAT,
            "version": __version__,
            "made": staged.now.isoformat(timespec="seconds"),
            **describe_plan(staged.campaign, staged.source.endpoint, sheet, staged.source.sha256),
        }
        messages, digest = write_plan(out, head, staged.staging.requests())
    return FrozenPlan(messages=messages, hash=digest, check=found)
