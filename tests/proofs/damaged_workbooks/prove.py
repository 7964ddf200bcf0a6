"""Run damaged workbooks against a sandbox: no traceback, a report or a sentence, each row's outcome true.

python tests/proofs/damaged_workbooks/prove.py --seeds 0-5000 [WORKBOOK ...]
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from batch.cli.main import main as main_of_the_command
from batch.sandbox import RunningSandbox, running_sandbox

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))
from damaged_workbooks import damage

ROOT = Path(__file__).parents[3]
MEMORY, SECONDS, AT_ONCE = 1 << 30, 20, 6
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["batch.cli.commands.run", "batch.app.run", "batch.reporter.report"])
CAMPAIGN = """[campaign]
name = "dano"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao"
language = "pt_BR"
"""


def prove(original: Path, seed: int, folder: Path, sandbox: RunningSandbox) -> str | None:
    """Run one damaged workbook; return what is wrong, or None."""
    sheet = folder / f"contatos{original.suffix}"
    sheet.write_bytes(damage(original.read_bytes(), seed))
    (folder / "c.toml").write_text(CAMPAIGN)
    child = FORKS.Process(target=_run, args=(folder, sheet, sandbox.url))
    began = time.monotonic()
    child.start()
    child.join(6 * SECONDS)
    child.kill()
    child.join()
    out, words = ((folder / name).read_text(errors="replace") for name in ("out", "err"))
    code = (folder / "code").read_text() if (folder / "code").exists() else f"by signal, {child.exitcode}"
    posted = Counter(each.person for each in sandbox.log.applied)
    if "Traceback" in words or code not in {"0", "2", "3", "4", "5", "6"}:
        return f"exit {code} after {time.monotonic() - began:.1f} s: {words[-400:]}"
    if code == "2":
        return None if words.strip() and not posted else f"refused without a sentence, or after sending: {words[-400:]}"
    return _judge(json.loads(out), folder, posted)


def _run(folder: Path, sheet: Path, url: str) -> None:
    """Be the command in a process of its own, forked from one that has imported it: an import costs more than a run."""
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    os.environ |= {
        "WEGLY_TOKEN": "a-token",
        "WEGLY_BATCH_LEDGER": f"sqlite:///{folder / 'ledger.sqlite3'}",
        "WEGLY_BATCH_REPORTS": str(folder / "reports"),
    }
    given = ["run", sheet, "-c", folder / "c.toml", "--base-url", url, "--yes", "--json", "--rate", "500/s"]
    sys.argv = ["wegly-batch", *map(str, given)]
    try:
        main_of_the_command()
    except SystemExit as ended:
        # In a file: threads that wait for their own processes take each other's exit codes away.
        (folder / "code").write_text(str(ended.code))


def _judge(summary: dict[str, object], folder: Path, posted: Counter[str]) -> str | None:
    results = folder / "reports" / str(summary["run"]) / "results.csv"
    if not results.exists():
        return "no report"
    text = results.read_text(encoding="utf-8-sig").lstrip()  # a header further down keeps its line
    rows = [row for row in csv.DictReader(io.StringIO(text), delimiter=";") if row["wegly_status"]]
    counts = dict(summary["counts"])  # type: ignore[call-overload]
    if sum(counts.values()) != len(rows):
        return f"{counts} for {len(rows)} rows"
    if max(posted.values(), default=0) > 1:
        return "a person got two messages"
    server = set(map(_digits, posted))
    accepted, unknown = (
        {_digits(row["wegly_phone"]) for row in rows if row["wegly_status"] in outcomes}
        for outcomes in ({"success", "reused"}, {"unknown"})
    )
    if accepted <= server <= accepted | unknown:
        return None
    return f"report {sorted(accepted - server)[:3]}, server {sorted(server - accepted - unknown)[:3]}"


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def run(originals: Sequence[Path], seeds: range) -> list[str]:
    """Prove each seed on the next workbook, several at a time, since the sandbox makes them wait; return the faults."""

    def one(seed: int) -> str | None:
        original = originals[seed % len(originals)]
        with tempfile.TemporaryDirectory() as place, running_sandbox() as sandbox:
            fault = prove(original, seed, Path(place), sandbox)
        return f"{original.name} seed {seed}: {fault}" if fault else None

    faults = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for fault in filter(None, pool.map(one, seeds)):
            faults.append(fault)
            sys.stdout.write(f"{fault}\n")
            sys.stdout.flush()
    return faults


def main() -> int:
    """Run the proof."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-100")
    parser.add_argument("workbooks", nargs="*", type=Path)
    given = parser.parse_args()
    first, last = map(int, given.seeds.split("-"))
    faults = run(given.workbooks or [ROOT / "samples" / "contatos.xlsx"], range(first, last))
    sys.stdout.write(f"{last - first} damaged workbooks, {len(faults)} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
