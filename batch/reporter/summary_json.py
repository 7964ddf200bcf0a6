"""summary.json: the figures of a run for other programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePath
from zoneinfo import ZoneInfo

from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, advice, in_general
from batch.model.runs import Run, Tally, ranked
from batch.reporter.printable_text import printable

__all__ = ["summary", "summary_bytes"]


def summary(run: Run, tally: Tally) -> dict[str, object]:
    """What summary.json holds; the command line prints the same with `--json`.

    Dates are ISO 8601 in the campaign's time zone with its offset, rates are starts a second; None (null) is what the
    run does not have, or not yet; `purged`, when people's data were removed, is there only then. Both lists of outcomes
    name all six. `slowed` counts how often the rate was cut, and `stopped` says why a sender ended before its rows were
    done.
    """
    zone = ZoneInfo(run.timezone)
    this = tally.this_run
    return {
        "run": run.run,
        "campaign": run.campaign,
        "endpoint": run.endpoint,
        "input": {"name": printable(PurePath(run.sheet_path).name), "sha256": run.sheet_sha256},
        "version": run.version,
        "started": _iso(run.started, zone),
        "finished": _iso(run.finished, zone),
        "counts": _all_six(tally.counts),
        "reasons": [_reason(*each) for each in ranked(tally.reasons)],
        "this_run": {
            "attempts": this.attempts,
            "outcomes": _all_six(this.outcomes),
            "wanted_rate": this.wanted_rate,
            "achieved_rate": this.achieved_rate,
            "senders": [
                {
                    "sender": each.sender,
                    "attempts": each.attempts,
                    "achieved_rate": each.achieved_rate,
                    "slowed": each.slowed,
                    "stopped": each.cause,
                }
                for each in this.senders
            ],
        },
        "exit_code": run.exit_code,
        **({"purged": _iso(run.purged, zone)} if run.purged else {}),
    }


def summary_bytes(run: Run, tally: Tally) -> bytes:
    """The whole content of summary.json."""
    return json.dumps(summary(run, tally), ensure_ascii=False, indent=2).encode() + b"\n"


def _iso(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return moment.astimezone(zone).isoformat(timespec="seconds") if moment else None


def _all_six(counts: Mapping[Outcome, int]) -> dict[str, int]:
    return {outcome.value: counts.get(outcome, 0) for outcome in Outcome}


def _reason(outcome: Outcome, reason: str, rows: int) -> dict[str, object]:
    return {
        "outcome": outcome.value,
        "reason": reason,
        "rows": rows,
        "message": in_general(Reason(reason)),
        "action": advice(Finding(Reason(reason))),
    }
