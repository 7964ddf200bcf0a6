"""The stamp beside the campaign file: which ledger knows whom the campaign has messaged.

A ledger cannot tell that it is the wrong one, or an old copy; a note outside it can. The stamp is no record of what was
sent: losing it loses no outcome.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from batch.model.messages import campaign_scope

__all__ = ["Stamp", "StampUnreadable", "read_stamps", "stamp_path", "write_stamp"]

_KEPT = 100
"""Notes in one stamp: a name with {yyyy-mm} makes a new one each month."""


class StampUnreadable(Exception):
    """There is a stamp, and it cannot be read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """What a run of a campaign noted of its ledger and endpoint."""

    campaign: str
    """The name as it counts."""
    endpoint: str
    ledger: str
    """The ledger's id."""
    where: str
    """Its place, for people."""
    run: str
    """The campaign's last run there."""
    finished: bool
    """Whether that run had come to its end; False while it sends."""
    people: int
    """Who has, or may have, a message of this campaign there."""


def stamp_path(campaign: Path) -> Path:
    """`boas-vindas.toml.stamp`."""
    return campaign.with_name(f"{campaign.name}.stamp")


def read_stamps(campaign: Path, name: str) -> list[Stamp]:
    """The stamps of a campaign name, one for each endpoint; none where there is no file.

    Raises StampUnreadable when there is one that cannot be read: it may speak of people who have a message.
    """
    try:
        return [stamp for stamp in _all(campaign) if stamp.campaign == campaign_scope(name)]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        raise StampUnreadable from error


def write_stamp(campaign: Path, stamp: Stamp) -> bool:
    """Note a stamp in place of the one before. False when the folder takes no file.

    Others may read it, since whoever runs the campaign next must see it; it names no person.
    """
    path = stamp_path(campaign)
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        before = _readable(campaign)
        others = [one for one in before if (one.campaign, one.endpoint) != (stamp.campaign, stamp.endpoint)]
        with os.fdopen(os.open(aside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644), "w", encoding="utf-8") as file:
            json.dump([asdict(one) for one in [*others, stamp][-_KEPT:]], file, ensure_ascii=False, indent=2)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        return False
    return True


def _all(campaign: Path) -> list[Stamp]:
    """Every stamp of the file. Raises OSError, ValueError or TypeError when it cannot be read."""
    return [Stamp(**one) for one in json.loads(stamp_path(campaign).read_text(encoding="utf-8"))]


def _readable(campaign: Path) -> list[Stamp]:
    """The stamps before a new one: of a damaged file, which was accepted, none."""
    try:
        return _all(campaign)
    except (FileNotFoundError, ValueError, TypeError):
        return []
