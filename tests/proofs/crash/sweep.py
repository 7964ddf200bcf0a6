"""The long proof: kills the program all over its life and judges what is left. Prints a table; exit 1 when the promise
is broken.

    python tests/proofs/crash/sweep.py --kills 200 --seed 1 --markdown
    python tests/proofs/crash/sweep.py --kills 200 --postgres
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "support"))

import postgres
from crash_kills import CALLS, AtCall, Kill, Measured, measure
from crash_promise import Trial, survive
from crash_scene import CONCURRENCY, scene

MOMENTS = "random times"
WEIGHTS: Mapping[str, float] = {
    "fdatasync": 5,
    "pwrite64": 4,
    "sendto": 4,
    "recvfrom": 2,
    "fsync": 1.5,
    "write": 1.5,
    "openat (ledger)": 1.5,
    "connect": 1,
    "rename": 1,
    "unlink": 1,
    "mkdir": 1,
    "flock": 0.75,
    "ftruncate": 0.5,
    MOMENTS: 6,
}
"""How the kills are shared out: most where a row can be in two minds."""
OF_FILES = {"fdatasync", "pwrite64", "openat (ledger)", "flock", "ftruncate"}
"""Calls by which SQLite writes, or locks lie beside it: a ledger on a server has none of them."""
AGAIN = 0.4
"""The second kill of a trial lies in this part of the calls: the run after a kill has less to do."""


def main() -> int:
    """Sweep; returns the exit code."""
    options = _options()
    dice = random.Random(options.seed)  # noqa: S311 - repeatable kills, no secrets
    folder = Path(tempfile.mkdtemp(prefix="wegly-batch-sweep-"))
    begin = time.monotonic()
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        servers = _servers(stack.enter_context(postgres.serving(durable=True))) if options.postgres else None
        weights = {title: weight for title, weight in WEIGHTS.items() if not servers or title not in OF_FILES}
        measured = measure(folder, servers=servers)
        _say(f"A run makes {dict(measured.calls)} calls in one thread and takes {measured.seconds:.1f} s.")
        trials = {title: Trial() for title in weights}
        for title, wanted in _shares(options.kills, weights).items():
            for number, kills in enumerate(_trials(title, wanted, measured, dice, trials[title])):
                server = next(servers) if servers else ""
                _one(folder / f"{title.split()[0]}-{number}", kills, trials[title], server)
    _say(f"{time.monotonic() - begin:.0f} s")
    sys.stdout.write(_table(trials, measured, markdown=options.markdown) + "\n")
    return int(any(trial.broken for trial in trials.values()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Kill the program at its system calls and at random times.")
    parser.add_argument("--kills", type=int, default=200, help="how many kills in all (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed plans the same kills")
    parser.add_argument("--postgres", action="store_true", help="ledgers on a PostgreSQL that is started for it")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    options = parser.parse_args()
    if shutil.which("strace") is None:
        parser.error("strace is not installed; it is what kills the program at a system call")
    return options


def _servers(cluster: postgres.Cluster) -> Iterator[str]:
    while True:
        yield postgres.new_ledger(cluster)


def _shares(kills: int, weights: Mapping[str, float]) -> Mapping[str, int]:
    """The kills of each kind, at least one of each, adding up to `kills` unless that is too few."""
    total = sum(weights.values())
    shares = {title: max(1, int(kills * weight / total)) for title, weight in weights.items()}
    shares[MOMENTS] += max(0, kills - sum(shares.values()))
    return shares


def _trials(
    title: str, wanted: int, measured: Measured, dice: random.Random, counted: Trial
) -> Iterator[tuple[Kill, ...]]:
    """Pairs of kills until `wanted` of them have killed: one spread evenly over the whole run, one after it."""
    pairs = (wanted + 1) // 2
    for number in range(3 * pairs + 3):
        left = wanted - counted.kills
        if left <= 0:
            return
        share = ((number % pairs) + dice.random()) / pairs
        yield (_kill(title, share, measured, dice), _kill(title, AGAIN * dice.random(), measured, dice))[:left]


def _kill(title: str, share: float, measured: Measured, dice: random.Random) -> Kill:
    if title == MOMENTS:
        return measured.at_random(dice)
    return measured.at_call(title, share)


def _one(folder: Path, kills: tuple[Kill, ...], total: Trial, server: str) -> None:
    with scene(folder, server=server) as stage:
        trial = survive(stage, kills)
    total.add(trial)
    for problem in trial.broken:
        _say(f"BROKEN by {kills}: {problem}")
    _say(f"{_named(kills)}: {trial.kills} killed, {trial.unknown} unknown")
    if not trial.broken:
        shutil.rmtree(folder)


def _named(kills: tuple[Kill, ...]) -> str:
    return ", ".join(f"{kill.call} {kill.number}" if isinstance(kill, AtCall) else str(kill) for kill in kills)


def _table(trials: Mapping[str, Trial], measured: Measured, *, markdown: bool) -> str:
    head = (
        "killed at",
        "calls in a run",
        "kills",
        "duplicates",
        "lost",
        "untrue",
        "unknown",
        "most by one kill",
        "allowed",
    )
    total = Trial()
    lines: list[tuple[str, ...]] = [head]
    for title, trial in trials.items():
        total.add(trial)
        lines.append(_line(title, str(measured.calls[title]) if title in CALLS else "-", trial))
    lines.append(_line("all", "-", total))
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    padded = [[text.ljust(width) for text, width in zip(line, widths, strict=True)] for line in lines]
    if not markdown:
        return "\n".join("  ".join(line).rstrip() for line in padded)
    rule = ["-" * width for width in widths]
    return "\n".join(f"| {' | '.join(line)} |" for line in (padded[0], rule, *padded[1:]))


def _line(title: str, calls: str, trial: Trial) -> tuple[str, ...]:
    broken = (trial.duplicates, trial.lost, [*trial.untrue, *trial.beyond])
    counts = (trial.kills, *map(len, broken), trial.unknown, trial.most_unknown, CONCURRENCY)
    return (title, calls, *map(str, counts))


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
