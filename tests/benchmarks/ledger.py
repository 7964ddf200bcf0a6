"""What a sheet costs whose rows were all sent before: per row, from small to large.

    python tests/benchmarks/ledger.py --rows 1000 10000 100000

The sheet is planned by the real code; its messages are then marked as sent in one statement, since sending them takes
hours. Measured is `check` of the same sheet against that ledger, as a process: user and system CPU, memory.
"""

from __future__ import annotations

import argparse
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from inputs import CAMPAIGN, write_csv
from measuring import Cost, measured

from batch.app.prepared import prepare
from batch.campaign import load_campaign
from batch.ledger import Judging, Ledger, Owner
from batch.model.campaign_traits import Traits
from batch.model.run import Run

ENDPOINT = "http://127.0.0.1:9"
_FINISHED = """
UPDATE messages SET state = 'success', payload = NULL, attempts = 1, run = ?, chat_id = lower(hex(randomblob(16))),
  findings = '[["created", {}]]', sent_at = 1773230400000000 + rowid * 1000, duration_ms = 180, http_status = 200
"""


@dataclass(frozen=True, kw_only=True)
class Again:
    """A sheet of finished rows."""

    rows: int
    planned: float
    """Seconds of CPU of staging and planning it."""
    cost: Cost
    """Of checking it again."""


def finished_ledger(folder: Path, rows: int) -> tuple[Path, Path, str]:
    """A sheet, its campaign, and the URL of a ledger in which all of its rows were sent."""
    csv, file = folder / "contacts.csv", folder / "campaign.toml"
    write_csv(csv, rows)
    file.write_text(CAMPAIGN, encoding="utf-8")
    url = f"sqlite:///{folder / 'ledger.sqlite3'}"
    now = datetime(2026, 3, 11, 12, tzinfo=UTC)
    campaign = load_campaign(file, now=now)
    prepared = prepare(csv, campaign, endpoint=ENDPOINT)
    run = Run(
        run="20260311T120000Z-benchmark-0001",
        campaign=campaign.name,
        endpoint=ENDPOINT,
        sheet_path=str(csv),
        sheet_sha256="0" * 64,
        version="0",
        started=now,
    )
    owner = Owner(host="here", pid=1, run=run.run)
    with Ledger.open(url) as ledger, ledger.stage(Judging()) as staging:
        prepared.stage(staging, ledger.knows_run, now=now)
        staging.plan(run, owner, Traits(unique_by=(), region="BR", phone_rule=1, template="t"))
    with closing(sqlite3.connect(folder / "ledger.sqlite3")) as database:
        database.execute(_FINISHED, (run.run,))
        database.commit()
    return csv, file, url


def again(rows: int, rounds: int = 1) -> Again:
    """Measure one size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before = datetime.now(UTC)
        csv, file, url = finished_ledger(folder, rows)
        planned = (datetime.now(UTC) - before).total_seconds()
        command = [sys.executable, "-m", "batch", "check", str(csv), "-c", str(file), "--ledger", url]
        command += ["--base-url", ENDPOINT, "--accept-change", "--json"]
        return Again(rows=rows, planned=planned, cost=measured(command, rounds=rounds))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    for size in options.rows:
        found = again(size, options.rounds)
        each = 1e6 * found.cost.cpu / size
        print(
            f"{size:,} rows: {found.cost.cpu:.1f} s CPU ({each:.0f} us a row), {found.cost.wall:.1f} s, {found.cost.mib} MiB"
        )  # noqa: T201
