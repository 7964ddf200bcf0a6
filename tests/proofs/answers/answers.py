"""The long proof: random and hostile answers to whole runs. Exit 1 when a row is untrue, or a run fails.

    python tests/proofs/answers/answers.py --answers 20000 --seed 1
    python tests/proofs/answers/answers.py --only 17            one sheet again
    python tests/proofs/answers/answers.py --client 20000       the client alone
    python tests/proofs/answers/answers.py --follow 5000        passes of `follow`

The same seed draws the same answers.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))
from answer_client import post_all
from answer_follow import follow_all
from answer_runs import play

_ROWS = 400


def main() -> int:
    """Run sheet after sheet until so many answers were given; returns the exit code."""
    parser = argparse.ArgumentParser(description="Answer whole runs with random and hostile answers.")
    parser.add_argument("--answers", type=int, default=20_000, help="how many answers in all (default 20,000)")
    parser.add_argument("--seed", type=int, default=1, help="the first sheet's seed; the next has the next")
    parser.add_argument("--only", type=int, help="the seed of one sheet")
    parser.add_argument("--client", type=int, metavar="ANSWERS", help="so many answers to the client alone")
    parser.add_argument("--follow", type=int, metavar="ANSWERS", help="so many answers to passes of `follow`")
    options = parser.parse_args()
    if options.follow:
        return _follow(options.seed, options.follow)
    if options.client:
        posted = post_all(options.seed, options.client)
        sys.stdout.writelines(f"{each}\n" for each in posted.breaches)
        sys.stdout.write(f"{posted.answers} answers. Slowest: {posted.slowest:.1f} s of the processor.\n")
        return int(bool(posted.breaches))
    answers, runs, greeted, outcomes, breaches = 0, 0, 0, Counter[str](), 0
    seconds, size, begin = 0.0, 0, time.monotonic()
    for seed in [options.only] if options.only is not None else count(options.seed):
        with tempfile.TemporaryDirectory(prefix="wegly-batch-answers-") as folder:
            seen = play(seed, Path(folder), rows=_ROWS)
        for each in seen.breaches:
            sys.stdout.write(f"{each}\n")
        breaches += len(seen.breaches)
        answers, runs, greeted = answers + seen.answers, runs + seen.runs, greeted + seen.greeted
        outcomes += seen.outcomes
        seconds, size = max(seconds, seen.most_seconds), max(size, seen.most_bytes)
        sys.stdout.flush()
        sys.stderr.write(f"seed {seed}: {answers} answers, {breaches} breaches\n")
        if answers >= options.answers or not seen.answers:
            break
    sys.stdout.write(
        f"{answers} answers to {runs} runs in {time.monotonic() - begin:.0f} s; {greeted} connections answered early. "
        f"Rows: {dict(outcomes)}. Most of the processor {seconds:.1f} s, of memory {size / 1e6:.0f} MB. "
        f"Breaches: {breaches}\n"
    )
    return int(breaches > 0)


def _follow(first: int, wanted: int) -> int:
    answers = looks = breaches = 0
    for seed in count(first):
        with tempfile.TemporaryDirectory(prefix="wegly-batch-answers-") as folder:
            seen = follow_all(seed, Path(folder), messages=40, passes=4)
        answers, looks, breaches = answers + seen.answers, looks + seen.looks, breaches + len(seen.breaches)
        sys.stdout.writelines(f"{each}\n" for each in seen.breaches)
        if answers >= wanted:
            break
    sys.stdout.write(f"{answers} answers to {looks} looks. Breaches: {breaches}\n")
    return int(breaches > 0)


if __name__ == "__main__":
    sys.exit(main())
