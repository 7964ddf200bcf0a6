"""All promises about speed and memory, measured side by side with what people would use instead.

    python tests/benchmarks/suite.py                 100,000 rows: some minutes on a quiet machine
    python tests/benchmarks/suite.py --rows 1000000  the largest sheet; openpyxl's load and save is left out
    python tests/benchmarks/suite.py --quick         small, to see that it works; nothing is judged
    python tests/benchmarks/suite.py --against ../3bbba84   what a sent row costs beside a checkout of that commit

Everything runs as processes below this one, in turn, from inputs made of a seed. Seconds are user and system CPU of a
process and its children, medians of some rounds; ratios are of the same run. A promise in seconds is judged at the
speed of the machine by which it was made, where pandas + openpyxl read a million rows in 81 s: in brackets stands what
a command would have taken there (`yardstick.py`). Ends with 1 when a promise of `PROMISES` is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import math
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import client
import ledger
import pacing
import report
from inputs import make
from measuring import UNKNOWN, Cost, measured, medians

HERE = Path(__file__).resolve().parent
PEERS = [sys.executable, str(HERE / "peers.py")]
OURS = [sys.executable, "-m", "batch"]
JUDGED_BY_LATENESS = 500.0
FEWER = 4
"""Divisor of the rows of the smaller sheet beside which growth is judged: with fewer, the start hides what a row costs.
A part of 18.5 % that grows with the rows shows as 1.16 here, as 1.2 beside a tenth of the rows."""
IMPORT_PANDAS = 0.4
"""Seconds, on the machine by which the promises were made: what starts is judged beside it."""
MILLION = 1_000_000
SHORT_ROUNDS = 5
"""Rounds at least of what takes a second."""
LONG_ROUNDS = 3
"""Rounds at least of what takes more, and is judged by a speed that one round may have missed."""
BESIDE = 100_000
"""Rows at most of the sheet that the yardstick reads; it is also checked beside pandas, whose own start counts then."""
OPENPYXL_START, OPENPYXL_ROW = 1.0, 80e-6
"""Seconds of pandas + openpyxl on the machine by which the promises were made: 9.0 for 100,000 rows, 81 for a million.
"""
MOST_FOR_OPENPYXL = 200_000
"""Rows: beyond, openpyxl's load and save takes many minutes and gigabytes."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much is measured."""

    rows: int = 100_000
    posts: int = 4000
    rates: tuple[float, ...] = (10.0, 80.0, 500.0, 1000.0)
    seconds: float = 10.0
    slow_rate: float = 1000.0
    slow_seconds: float = 30.0
    """At this rate, for so long, with answers that take 300 ms, on one core."""
    rounds: int = 3
    against: Path | None = None
    """A checkout of 3bbba84, beside which a sent row is measured; `pacing.py` compares with any other."""


QUICK = Sizes(rows=1000, posts=200, rates=(80.0,), seconds=1.0, slow_rate=80.0, slow_seconds=1.0, rounds=1)


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What must hold: a figure that is at most so much."""

    figure: str
    at_most: float
    says: str
    rows: int = 0
    """Of a sheet of so many rows or more: smaller ones have much of what the program takes to start in each row."""


PROMISES = (
    Promise(figure="check xlsx / pandas+openpyxl", at_most=0.7, says="checking XLSX costs 0.7 of reading it there"),
    Promise(figure="check xlsx MiB", at_most=1000, says="XLSX is checked in less than 1 GB"),
    Promise(figure="check xlsx us", at_most=40, says="in 40 s of CPU a million rows of XLSX are checked", rows=MILLION),
    Promise(figure="check csv us", at_most=40, says="in 40 s of CPU a million rows of CSV are checked", rows=MILLION),
    Promise(figure="check csv / pandas", at_most=8, says="checking 100,000 rows of CSV costs 8 of pandas"),
    Promise(figure="check csv MiB", at_most=300, says="CSV is checked in less than 300 MB"),
    Promise(
        figure="check other texts", at_most=1.5, says="texts with &amp;, in cells or of two fonts cost 1.5 at most"
    ),
    Promise(figure="check growth", at_most=1.1, says="a row of a large sheet costs no more than one of a small sheet"),
    Promise(figure="workbook / openpyxl", at_most=0.1, says="report.xlsx takes a tenth of openpyxl's load and save"),
    Promise(figure="workbook MiB", at_most=200, says="report.xlsx is written in less than 200 MB"),
    Promise(figure="report / openpyxl", at_most=1 / 3, says="all files of a report together take a third of it"),
    Promise(figure="report MiB", at_most=400, says="the whole report is written in less than 400 MB"),
    Promise(figure="post / httpx", at_most=0.5, says="a POST costs half of one by an httpx client per worker"),
    Promise(figure="pace missed", at_most=0.03, says="the rate is kept within 3 %"),
    Promise(figure="pace over", at_most=0, says="no moving second holds more than the rate + 1 % (or + 1)"),
    Promise(figure="added p99 ms", at_most=20, says="at 500 a second the program adds less than 20 ms (p99) to a post"),
    Promise(figure="row / 3bbba84", at_most=0.5, says="a row costs half of one at 3bbba84 while it is sent"),
    Promise(figure="slow missed", at_most=0.015, says="1,000 a second with answers after 300 ms, on one core"),
    Promise(figure="slow over", at_most=0, says="no moving second holds more there either"),
    Promise(figure="two senders ms", at_most=0.45, says="2,000 a second of two senders cost 0.45 ms of CPU a row"),
    Promise(figure="slow MiB", at_most=190, says="in less than 200 MB, its report included"),
    Promise(figure="help s", at_most=0.15, says="--help answers in 0.15 s, where import pandas takes 0.4"),
    Promise(figure="check 10 s", at_most=1.0, says="check of 10 rows in 1 s there"),
    Promise(figure="demo s", at_most=7.0, says="the whole demo, with its canary and its look at what arrived, in 7 s"),
    Promise(figure="finished growth", at_most=1.16, says="what checking a finished row costs does not grow"),
    Promise(figure="first growth", at_most=1.16, says="what the ledger costs a row of a first check does not grow"),
    Promise(figure="ledger growth", at_most=1.16, says="what the ledger costs a row of a second run does not grow"),
    Promise(figure="ledger us", at_most=10, says="nor is it more than 10 us, of as many rows as there may be"),
    Promise(
        figure="second run us",
        at_most=30,
        says="after 30 s of the clock a run of a million finished rows says that nothing is left",
        rows=MILLION,
    ),
    Promise(
        figure="report or none us",
        at_most=60,
        says="in a minute more their report is there, or stands as it is",
        rows=MILLION,
    ),
    Promise(figure="second run MiB", at_most=300, says="a second run takes less than 300 MB"),
)
"""Figures that a run does not measure are not judged."""


@dataclass(kw_only=True)
class Results:
    """Lines of the table, and the figures that promises are about."""

    lines: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    second: float = 1.0
    """Seconds on the machine by which the promises were made, of one of `Cost.reference` that was measured by turns."""

    def add(self, what: str, how: str, cost: Cost, base: Cost | None = None) -> None:
        """A line: CPU, at the reference's speed too, memory, and its ratio to `base`."""
        ratio = f"{cost.reference / base.reference:.2f}" if base else ""
        there = "" if cost.speed == UNKNOWN else f" ({self.second * cost.reference:.2f})"
        seconds = f"{cost.cpu:.2f} s{there}"
        self.say(what, how, seconds, f"{cost.mib} MiB", ratio)

    def say(self, what: str, how: str, *figures: str) -> None:
        cpu, memory, ratio = (*figures, "", "", "")[:3]
        self.lines.append((what, how, cpu, memory, ratio))
        sys.stdout.write(f"| {what} | {how} | {cpu} | {memory} | {ratio} |\n")
        sys.stdout.flush()


def reading(results: Results, sizes: Sizes, folder: Path) -> None:
    """Reading, checking and staging."""
    csv, xlsx, campaign = make(folder / "many", sizes.rows)
    quarter = max(100, sizes.rows // 4)
    few, _, _ = make(folder / "few", quarter)
    small, beside, _ = make(folder / "beside", min(sizes.rows, BESIDE))
    said = f"{sizes.rows:,} x 8 XLSX"
    base = measured([*PEERS, "pandas-openpyxl", str(xlsx)], rounds=sizes.rounds, by_turns=beside)
    there = OPENPYXL_START + OPENPYXL_ROW * sizes.rows
    results.second = there / base.reference
    results.add(said, "pandas + openpyxl, reading only", base, base)
    for peer in ("pandas-calamine", "calamine-rows"):
        read = measured([*PEERS, peer, str(xlsx)], rounds=sizes.rounds, by_turns=beside)
        results.add(said, f"{peer}, reading only", read, base)
    read = measured([*OURS, "inspect", str(xlsx), "--json"], rounds=sizes.rounds, by_turns=beside)
    results.add(said, "wegly-batch inspect: reading only", read, base)
    checked = measured(_check(xlsx, campaign, folder), rounds=sizes.rounds, by_turns=beside)
    results.add(said, "wegly-batch check: reading, checking, staging, judging", checked, base)
    results.figures |= {"check xlsx / pandas+openpyxl": checked.reference / base.reference}
    results.figures["check xlsx MiB"] = checked.mib
    results.figures["check xlsx us"] = 1e6 * results.second * checked.reference / sizes.rows
    plain = checked.reference
    for form in ("escaped", "inline", "rich"):
        _, other, _ = make(folder / form, sizes.rows, **{form: True})
        checked = measured(_check(other, campaign, folder), rounds=sizes.rounds, by_turns=beside)
        results.add(said, f"wegly-batch check, texts {form}", checked, base)
        worst = max(results.figures.get("check other texts", 0.0), checked.reference / plain)
        results.figures["check other texts"] = worst
    said = f"{sizes.rows:,} x 8 CSV"
    base = measured([*PEERS, "pandas-csv", str(csv)], rounds=sizes.rounds, by_turns=beside)
    results.add(said, "pandas-csv, reading only", base, base)
    read = measured([*PEERS, "csv-reader", str(csv)], rounds=sizes.rounds, by_turns=beside)
    results.add(said, "csv-reader, reading only", read, base)
    checked = measured(_check(csv, campaign, folder), rounds=sizes.rounds, by_turns=beside)
    results.add(said, "wegly-batch check", checked, base)
    results.figures["check csv us"] = 1e6 * results.second * checked.reference / sizes.rows
    part = measured(_check(few, campaign, folder), rounds=sizes.rounds, by_turns=beside)
    ten, _, _ = make(folder / "ten", 10)
    start = measured(_check(ten, campaign, folder), rounds=sizes.rounds, by_turns=beside).reference
    grown = ((checked.reference - start) / sizes.rows) / ((part.reference - start) / quarter)
    results.figures |= {"check csv MiB": checked.mib, "check growth": grown}
    results.second = 1.0
    commands = {"pandas-csv": [*PEERS, "pandas-csv", str(small)], "wegly-batch check": _check(small, campaign, folder)}
    costs, ratios = _in_turn(commands, SHORT_ROUNDS)
    for what, cost in costs.items():
        results.add(f"{min(sizes.rows, BESIDE):,} x 8 CSV", f"{what}, in turn", cost, costs["pandas-csv"])
    results.figures["check csv / pandas"] = ratios["wegly-batch check"]


def _in_turn(commands: Mapping[str, Sequence[str]], rounds: int) -> tuple[dict[str, Cost], dict[str, float]]:
    """Return what each command costs, and how many times the first, by medians of rounds in which each has its turn."""
    turns = [{what: measured(command, rounds=1) for what, command in commands.items()} for _ in range(rounds)]
    first = next(iter(commands))
    costs = {what: medians([turn[what] for turn in turns]) for what in commands}
    return costs, {what: median(turn[what].cpu / turn[first].cpu for turn in turns) for what in commands}


def _check(sheet: Path, campaign: Path, folder: Path) -> list[str]:
    return [*OURS, "check", str(sheet), "-c", str(campaign), "--ledger", f"sqlite:///{folder / 'none'}", "--json"]


def reports(results: Results, sizes: Sizes, folder: Path) -> None:
    """The workbook alone, which the promise is about, and the whole command."""
    place = folder / "finished"
    place.mkdir()
    done = ledger.finished(place, sizes.rows, kind="xlsx")
    said = f"report of {sizes.rows:,} rows"
    base = None
    if sizes.rows <= MOST_FOR_OPENPYXL:
        base = _cost([report.measure("openpyxl", done, sizes.rows)])
        results.add(said, "openpyxl: load, thirteen columns, save", base, base)
    book = _cost([report.measure("xlsx", done, sizes.rows) for _ in range(sizes.rounds)])
    results.add(said, "the workbook, results read from the ledger", book, base)
    command = [*OURS, "report", done.run, "--ledger", done.url, "--reports", str(place)]
    whole = measured(command, rounds=sizes.rounds, allowed=(0, 3, 4, 5, 6))
    results.add(said, "wegly-batch report: workbook, CSV, page, summary", whole, base)
    results.figures |= {"workbook MiB": book.mib, "report MiB": whole.mib}
    if base:
        results.figures |= {"workbook / openpyxl": book.cpu / base.cpu, "report / openpyxl": whole.cpu / base.cpu}


def _cost(rounds: list[report.Measured]) -> Cost:
    return Cost(
        cpu=median(each.cpu_seconds for each in rounds),
        wall=median(each.seconds for each in rounds),
        mib=round(max(each.peak_mb for each in rounds)),
    )


def sending(results: Results, sizes: Sizes, folder: Path) -> None:
    """What a POST costs the client, 32 in flight."""
    with _server() as url:
        makers: dict[str, client.Maker] = dict(client.MAKERS)
        rounds: dict[str, list[float]] = {name: [] for name in makers}
        for _ in range(sizes.rounds):
            for name, maker in makers.items():
                run = client.measured(maker, url, workers=32, posts=sizes.posts, profile=None)
                rounds[name].append(asyncio.run(run).cpu / sizes.posts * 1000)
        costs = {name: median(found) for name, found in rounds.items()}
        others = {
            "curl -Z": _curl(url, sizes.posts, folder),
            "GNU parallel, a curl each": _parallel(url, sizes.posts // 10),
        }
    base = costs[next(iter(makers))]
    for name, cost in costs.items():
        results.say("a POST, 32 in flight", name, f"{cost:.3f} ms", "", f"{cost / base:.2f}")
    for name, other in others.items():
        if other is None:
            results.say("a POST, 32 in flight", f"{name}: not installed, left out")
        else:
            results.say("a POST, 32 in flight", f"{name} (no ledger)", f"{other:.3f} ms", "", f"{other / base:.2f}")
    if importlib.util.find_spec("aiohttp") is None:
        results.say("a POST, 32 in flight", "aiohttp: not installed, left out")
    results.figures["post / httpx"] = costs["ChatsClient"] / base


@contextmanager
def _server() -> Iterator[str]:
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=client.serve, args=(there, 0.0), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        server.terminate()
        server.join()


def _curl(url: str, posts: int, folder: Path) -> float | None:
    if shutil.which("curl") is None:
        return None
    one = f'url = "{url}/chats"\ndata = "{{}}"\noutput = "/dev/null"\n'
    (folder / "curl").write_text("next\n".join([one] * posts))
    cost = measured(["curl", "-s", "-Z", "--parallel-max", "32", "-K", str(folder / "curl")], rounds=1)
    return cost.cpu / posts * 1000


def _parallel(url: str, posts: int) -> float | None:
    if not (shutil.which("parallel") and shutil.which("curl")):
        return None
    post = ["curl", "-s", "-o", os.devnull, "-d", "[]", f"{url}/chats"]
    # -N0: a number is one more post, and no argument of curl; "{}" would stand for it.
    cost = measured(["parallel", "-j32", "-N0", *post, ":::", *map(str, range(posts))], rounds=1)
    return cost.cpu / posts * 1000


def pace(results: Results, sizes: Sizes, folder: Path) -> None:
    """How truly a whole run keeps its rate."""
    missed = over = 0.0
    if hasattr(os, "sync"):
        os.sync()  # what other parts have written would be waited for by each commit
    for rate in sizes.rates:
        found = pacing.measure(rate, sizes.seconds)
        _say_pace(results, f"{rate:g} a second", found)
        missed, over = max(missed, found.missed), max(over, found.over)
        if rate == JUDGED_BY_LATENESS:
            results.figures["added p99 ms"] = found.added
        naive = [*PEERS, "bucket-pacer", str(rate), str(max(2.0, sizes.seconds))]
        most = int(subprocess.run(naive, capture_output=True, check=True).stdout)
        results.say(
            f"{rate:g} a second", f"a bucket of one second: at most {most} in a second", "", "", f"{most / rate:.2f}"
        )
    slow = pacing.measure(sizes.slow_rate, sizes.slow_seconds, latency=0.3, one_core=True)
    _say_pace(results, f"{sizes.slow_rate:g} a second, answers after 300 ms, one core", slow)
    results.figures |= {"pace missed": missed, "pace over": over, "slow MiB": slow.cost.mib}
    results.figures |= {"slow missed": slow.missed, "slow over": slow.over}
    two = pacing.measure(sizes.slow_rate, sizes.seconds, senders=2)
    _say_pace(results, f"{two.wanted:g} a second, two senders", two)
    results.figures["two senders ms"] = two.sending * two.cost.speed


def beside(results: Results, sizes: Sizes, folder: Path) -> None:
    """What a sent row costs beside 3bbba84, on one core, with the server on another.

    Whole runs, and while they send: start, plan and report cost as much for a row that is sent slowly.
    """
    if sizes.against is None:
        return
    ratios = []
    for rate in (500.0, 1000.0):
        for latency in (0.05, 0.3):
            scene = {"latency": latency, "one_core": True, "senders": 1}
            rounds = max(LONG_ROUNDS, sizes.rounds)
            whole, sending = pacing.compare(sizes.against, rate, sizes.seconds, **scene, rounds=rounds)
            said = f"{rate:g} a second, answers after {1000 * latency:g} ms"
            for what, (here, there, ratio) in (("wegly-batch run", whole), ("while it sends", sending)):
                results.say(said, f"{what}: {there:.3f} ms a row there", f"{here:.3f} ms a row", "", f"{ratio:.2f}")
            ratios.append(sending[2])
    results.figures["row / 3bbba84"] = max(ratios)


def _say_pace(results: Results, what: str, found: pacing.Measured) -> None:
    kept = f"{found.arrived:.1f}/s arrived, at most {found.most} in a second (allowed {found.allowed})"
    how = f"wegly-batch run: {kept}, {found.added:.1f} ms added (p99)"
    each = f"{1000 * found.cost.cpu / found.rows:.2f} ms a row ({found.sending:.2f} while it sends)"
    how += f", speed {found.cost.speed:.2f}"
    results.say(what, how, each, f"{found.cost.mib} MiB", f"{found.arrived / found.wanted:.2f}")


def starting(results: Results, sizes: Sizes, folder: Path) -> None:
    """What a person waits for before anything happens."""
    csv, _, campaign = make(folder / "ten", 10)
    rounds = max(SHORT_ROUNDS, sizes.rounds)
    results.add("start", "python -c pass", measured([sys.executable, "-c", "pass"], rounds=rounds))
    commands = {
        "import pandas": [sys.executable, "-c", "import pandas"],
        "wegly-batch --help": [*OURS, "--help"],
        "wegly-batch check of 10 rows": _check(csv, campaign, folder),
    }
    costs, ratios = _in_turn(commands, rounds)
    for what, cost in costs.items():
        results.add("start", what, cost, costs["import pandas"])
    results.figures["help s"] = IMPORT_PANDAS * ratios["wegly-batch --help"]
    results.figures["check 10 s"] = IMPORT_PANDAS * ratios["wegly-batch check of 10 rows"]
    demo = measured([*OURS, "demo", "--reports", str(folder / "demo")], rounds=sizes.rounds)
    results.say("start", f"wegly-batch demo: {demo.wall:.1f} s on the clock", f"{demo.cpu:.2f} s", f"{demo.mib} MiB")
    results.figures["demo s"] = demo.wall - demo.cpu + demo.reference


def ledgers(results: Results, sizes: Sizes, folder: Path) -> None:
    """A second run of a sheet whose rows were all sent: what a row costs, from small to large."""
    few, many = max(20, sizes.rows // FEWER), sizes.rows
    checks, runs, alone = {}, {}, {}
    for rows in (10, few, many):
        said = f"{rows:,} rows, all sent before"
        checks[rows] = ledger.again(_place(folder, f"check-{rows}"), rows, sizes.rounds)
        results.add(said, "wegly-batch check", checks[rows])
        rounds = LONG_ROUNDS if rows >= MILLION else 1
        runs[rows] = ledger.second_run(_place(folder, f"run-{rows}"), rows, rounds)
        results.add(said, "wegly-batch run, with its report", runs[rows])
        clock = (
            f"wegly-batch run, to its plan: {runs[rows].until_wall:.1f} s of the clock, speed {runs[rows].speed:.2f}"
        )
        if not math.isnan(runs[rows].said_wall):
            clock += f"; after {runs[rows].said_wall:.1f} s it says that nothing is left"
        results.say(said, clock, f"{runs[rows].until:.2f} s")
        idle = ledger.idle_run(folder / f"run-{rows}")
        results.add(said, "wegly-batch run, nothing changed since: no report", idle)
        rounds = LONG_ROUNDS if rows < MILLION else 1
        shares = [ledger.share(_place(folder, f"share-{rows}-{each}"), rows) for each in range(rounds)]
        alone[rows] = [median(seconds) for seconds in zip(*shares, strict=True)]
        first, second = (1e6 * seconds / rows for seconds in alone[rows])
        results.say(said, "the ledger alone, a first check", f"{first:.1f} us a row")
        results.say(said, "the ledger alone, a second run", f"{second:.1f} us a row")
    results.figures |= {
        "finished growth": _grown({rows: cost.reference for rows, cost in checks.items()}, few, many),
        "first growth": _grown({rows: first for rows, (first, _) in alone.items()}, few, many),
        "ledger growth": _grown({rows: second for rows, (_, second) in alone.items()}, few, many),
        "ledger us": 1e6 * alone[many][1] / many,
        "second run us": 1e6 * runs[many].said_wall * runs[many].speed / many,
        "report or none us": 1e6 * min((runs[many].cpu - runs[many].until) * runs[many].speed, idle.reference) / many,
        "second run MiB": runs[many].mib,
    }


def _place(folder: Path, name: str) -> Path:
    place = folder / name
    place.mkdir()
    return place


def _grown(seconds: dict[int, float], few: int, many: int) -> float:
    """How much more a row of many costs than one of a few, without what ten rows cost."""
    start = seconds[10]
    return ((seconds[many] - start) / many) / ((seconds[few] - start) / few)


PARTS: dict[str, Callable[[Results, Sizes, Path], None]] = {
    "reading": reading,
    "report": reports,
    "sending": sending,
    "pacing": pace,
    "row": beside,
    "start": starting,
    "ledger": ledgers,
}


def judged(figures: dict[str, float], rows: int) -> list[tuple[Promise, float, bool]]:
    """Each promise that was measured, what was found, and whether it holds. `rows`: of the sheets."""
    about = [promise for promise in PROMISES if promise.rows <= rows]
    found = [(promise, figures[promise.figure]) for promise in about if promise.figure in figures]
    return [(promise, figure, figure <= promise.at_most) for promise, figure in found]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int, default=Sizes.rows)
    parser.add_argument("--rounds", type=int, default=Sizes.rounds)
    parser.add_argument("--only", choices=list(PARTS), nargs="+", default=list(PARTS))
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    words = parser.parse_args()
    sizes = QUICK if words.quick else Sizes(rows=words.rows, rounds=words.rounds, against=words.against)
    os.environ["WEGLY_TOKEN"] = "benchmark"  # else the keyring of who measures is asked for one
    results = Results()
    sys.stdout.write("| what | how | CPU | peak memory | ratio |\n|---|---|---|---|---|\n")
    for name in words.only:
        with tempfile.TemporaryDirectory(prefix="wegly-batch-bench-") as folder:
            PARTS[name](results, sizes, Path(folder))
    if words.quick:
        return 0
    verdicts = judged(results.figures, sizes.rows)
    sys.stdout.write("\n| promise | at most | found | holds |\n|---|---|---|---|\n")
    for promise, figure, holds in verdicts:
        sys.stdout.write(f"| {promise.says} | {promise.at_most:.4g} | {figure:.3g} | {'yes' if holds else 'NO'} |\n")
    return 0 if all(holds for _, _, holds in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
