"""What a sheet costs whose rows were all sent before: per row, from small to large.

    python tests/benchmarks/ledger.py --rows 1000 10000 100000

The sheet is planned by the real code; its messages are then marked as sent in one statement, since sending them takes
hours. Measured is `check` of the same sheet against that ledger, as a process: user and system CPU, memory.
"""

from __future__ import annotations

import argparse
import hashlib
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from inputs import CAMPAIGN, write_csv, write_xlsx
from measuring import Cost, measured

from batch.app.changes import traits_of
from batch.app.prepared import prepare
from batch.app.reading import reading_of
from batch.campaign import load_campaign
from batch.ledger import Judging, Ledger, Owner
from batch.model.run import Run

ENDPOINT = "http://127.0.0.1:9"
_FINISHED = """
UPDATE messages SET state = 'success', payload = NULL, attempts = 1, run = ?, chat_id = lower(hex(randomblob(16))),
  findings = '[["created", {}]]', sent_at = 1773230400000000 + rowid * 1000, duration_ms = 180, http_status = 200
"""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A sheet whose rows were all sent, by a ledger."""

    sheet: Path
    campaign: Path
    url: str
    """Of the ledger."""
    run: str


def finished(folder: Path, rows: int, *, kind: str = "csv") -> Finished:
    """Make sheet, campaign and ledger. `kind`: csv or xlsx."""
    sheet, file = folder / f"contacts.{kind}", folder / "campaign.toml"
    (write_csv if kind == "csv" else write_xlsx)(sheet, rows)
    file.write_text(CAMPAIGN, encoding="utf-8")
    url = f"sqlite:///{folder / 'ledger.sqlite3'}"
    now = datetime(2026, 3, 11, 12, tzinfo=UTC)
    campaign = load_campaign(file, now=now)
    prepared = prepare(sheet, campaign, endpoint=ENDPOINT)
    run = Run(
        run="20260311T120000Z-benchmark-0001",
        campaign=campaign.name,
        endpoint=ENDPOINT,
        sheet_path=str(sheet),
        sheet_sha256=hashlib.sha256(sheet.read_bytes()).hexdigest(),
        sheet_options=reading_of(campaign, prepared.sheet.info),
        version="0",
        started=now,
    )
    owner = Owner(host="here", pid=1, run=run.run)
    with Ledger.open(url) as ledger:
        with ledger.stage(Judging()) as staging:
            prepared.stage(staging, ledger.run, now=now)
            staging.plan(run, owner, traits_of(campaign))
        with closing(sqlite3.connect(folder / "ledger.sqlite3")) as database:
            database.execute(_FINISHED, (run.run,))
            database.commit()
        ledger.finish_run(run.run, finished=now, attempts=rows, achieved_rate=1000.0, pending=None)
    return Finished(sheet=sheet, campaign=file, url=url, run=run.run)


def again(folder: Path, rows: int, rounds: int = 1) -> Cost:
    """What checking a sheet costs whose rows were all sent."""
    done = finished(folder, rows)
    command = [sys.executable, "-m", "batch", "check", str(done.sheet), "-c", str(done.campaign)]
    command += ["--ledger", done.url, "--base-url", ENDPOINT, "--json"]
    return measured(command, rounds=rounds)


def main() -> None:
    """A line for each size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    for rows in options.rows:
        with tempfile.TemporaryDirectory(prefix="wegly-batch-bench-") as folder:
            cost = again(Path(folder), rows, options.rounds)
        each = 1e6 * cost.cpu / rows
        sys.stdout.write(
            f"{rows:,} rows: {cost.cpu:.1f} s CPU ({each:.0f} us a row), {cost.wall:.1f} s, {cost.mib} MiB\n"
        )


if __name__ == "__main__":
    main()
