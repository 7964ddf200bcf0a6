"""summary.json: the figures of a run for other programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePath
from typing import BinaryIO
from zoneinfo import ZoneInfo

from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason, advice, in_general
from batch.model.runs import Run, Tally, ranked
from batch.reporter.atomic_file import write_aside
from batch.reporter.printable_text import printable


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


_READABLE = 0o644
"""node_exporter runs as another user; there is nobody's data in the file."""


def write_metrics(target: Path, run: Run, tally: Tally) -> None:
    """Write the file aside and put it in place, so that it is never read half. Raises OSError."""

    def write(file: BinaryIO) -> None:
        file.write(metrics_text(run, tally).encode())

    write_aside(target, write, mode=_READABLE, elsewhere=False)


def metrics_text(run: Run, tally: Tally) -> str:
    """The whole file. What the run does not have (a rate of fewer than two attempts) is left out."""
    return "".join(_families(run, tally))


def _families(run: Run, tally: Tally) -> Iterator[str]:
    this = tally.this_run
    rows = {outcome.value: tally.counts.get(outcome, 0) for outcome in Outcome}
    name = run.campaign
    yield _family("rows", "Rows of the sheet by outcome, as they stand after the campaign's last run.", name, rows)
    yield _one("run_attempts", "POSTs made by the last run.", name, this.attempts)
    yield _one("wanted_rate", "Starts a second that were wanted, per sender.", name, this.wanted_rate)
    yield _one("achieved_rate", "Starts a second that the last run achieved.", name, this.achieved_rate)
    yield _one("exit_code", "Exit code of the last run; 0 means that every row is done.", name, run.exit_code)
    started = run.started.timestamp()
    yield _one("started_timestamp_seconds", "When the last run started.", name, started)
    finished = run.finished.timestamp() if run.finished else None
    yield _one("finished_timestamp_seconds", "When the last run finished.", name, finished)
    lasted = None if finished is None else max(0.0, finished - started)
    yield _one("duration_seconds", "How long the last run took.", name, lasted)


def _one(name: str, words: str, campaign: str, value: float | None) -> str:
    return "" if value is None else _family(name, words, campaign, {"": value})


def _family(name: str, words: str, campaign: str, values: Mapping[str, float]) -> str:
    """A gauge with a line for each value; the key is its outcome, if it has one."""
    full = f"wegly_batch_{name}"
    lines = [f"# HELP {full} {words}", f"# TYPE {full} gauge"]
    for outcome, value in values.items():
        labels = {"campaign": campaign, **({"outcome": outcome} if outcome else {})}
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{full}{{{shown}}} {_number(value)}")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return repr(value) if isinstance(value, float) else str(int(value))  # an exit code is an int of its own kind


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
