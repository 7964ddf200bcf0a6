"""A run's figures as a textfile for Prometheus' node_exporter. Names and words are the same in every language.

One family after the other, each with HELP and TYPE: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from batch.model.outcomes import Outcome
from batch.model.runs import Run, Tally
from batch.reporter.atomic_file import write_aside

__all__ = ["metrics_text", "write_metrics"]

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
