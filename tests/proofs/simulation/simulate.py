"""The simulation as a command: python tests/proofs/simulation/simulate.py --help"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import count

from simulated import Broken, Played, play

_AT_ONCE = 20
"""Worlds that a process plays before it reports."""
_SHOWN = 10
"""Broken seeds that are listed."""

Report = tuple[int, Counter[str], list[tuple[int, tuple[Broken, ...]]]]


def main(words: list[str] | None = None) -> int:
    """Play worlds; 0 when the promise held in all of them, 1 when not."""
    arguments = _parser().parse_args(words)
    if arguments.seed is not None:
        return _one(play(arguments.seed), digest=arguments.digest)
    return _many(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Plays the pool, the throttle, the failure table and the ledger in simulated worlds full of "
        "faults, kills and restarts, and checks the promise after each life. A seed gives the same world every time."
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--seed", type=int, metavar="N", help="play the world of one seed and print its events")
    what.add_argument("--seeds", type=int, metavar="N", help="play N worlds (1000 unless --minutes is given)")
    what.add_argument("--minutes", type=float, metavar="M", help="play worlds for M minutes")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the first seed (default 0)")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="processes (default: all cores)"
    )
    parser.add_argument("--digest", action="store_true", help="with --seed: print only the digest of the events")
    return parser


def _one(played: Played, *, digest: bool) -> int:
    if digest:
        _say(played.digest)
    else:
        _say(*played.trace, f"# {played.knobs}", f"# digest {played.digest}")
        _say(*(f"# BROKEN {breach.rule}: {breach.detail}" for breach in played.breaches))
    return 1 if played.breaches else 0


def _many(arguments: argparse.Namespace) -> int:
    begin = time.monotonic()
    figures: Counter[str] = Counter()
    broken: list[tuple[int, tuple[Broken, ...]]] = []
    with ProcessPoolExecutor(arguments.jobs) as workers:
        for worlds, more, breaches in _reports(workers, arguments, begin):
            figures["worlds"] += worlds
            figures.update(more)
            broken += breaches
            _progress(figures["worlds"], len(broken), begin)
    sys.stderr.write("\n")
    _summary(figures, time.monotonic() - begin)
    for seed, breaches in sorted(broken)[:_SHOWN]:
        _say(f"BROKEN in the world of seed {seed}: {breaches[0].rule}: {breaches[0].detail}")
    if broken:
        _say(f"The promise broke in {len(broken)} worlds. See one: python {sys.argv[0]} --seed {min(broken)[0]}")
    return 1 if broken else 0


def _reports(workers: ProcessPoolExecutor, arguments: argparse.Namespace, begin: float) -> Iterator[Report]:
    """Reports of seeds in their order, a few chunks ahead, until there are enough or the time is over."""
    first, minutes = arguments.first, arguments.minutes
    seeds = 1000 if arguments.seeds is None else arguments.seeds
    starts: Iterable[int] = range(first, first + seeds, _AT_ONCE) if minutes is None else count(first, _AT_ONCE)
    last = None if minutes is not None else first + seeds
    waiting = []
    for start in starts:
        if minutes is not None and time.monotonic() - begin > minutes * 60:
            break
        end = start + _AT_ONCE if last is None else min(last, start + _AT_ONCE)
        waiting.append(workers.submit(_chunk, start, end))
        if len(waiting) > arguments.jobs:
            yield waiting.pop(0).result()
    for future in waiting:
        yield future.result()


def _chunk(first: int, end: int) -> Report:
    figures: Counter[str] = Counter()
    broken = []
    for seed in range(first, end):
        played = play(seed)
        figures.update(played.figures)
        if played.breaches:
            broken.append((seed, played.breaches))
    return end - first, figures, broken


def _progress(worlds: int, broken: int, begin: float) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{worlds} worlds, {broken} broken, {time.monotonic() - begin:.0f} s ")
        sys.stderr.flush()


def _summary(figures: Counter[str], seconds: float) -> None:
    _say(
        f"{figures['worlds']} worlds with {figures['lives']} lives, {figures['kills']} of them killed; {seconds:.0f} s",
        f"  {figures['worlds'] / seconds * 60:,.0f} worlds and {figures['lives'] / seconds * 60:,.0f} lives a minute",
        f"  {figures['posts']} posts, {figures['events']} events at which a kill was possible",
    )
    for start, title in (("stop ", "runs that ended by"), ("left open ", "claims left open"), ("ending ", "exchanges")):
        found = sorted((name.removeprefix(start), times) for name, times in figures.items() if name.startswith(start))
        if found:
            _say(f"  {title}: " + ", ".join(f"{name} {times}" for name, times in found))


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
