"""How truly a run keeps the rate that was asked for, from the sheet to the answer, over real sockets.

    python tests/benchmarks/pacing.py                    10, 80, 500 and 1,000 a second, for some seconds each
    python tests/benchmarks/pacing.py --rates 1000 --latency 0.3 --seconds 60 --one-core
    python tests/benchmarks/pacing.py --rates 500 1000 --one-core --against ../other-checkout --rounds 5

A bare server in a process of its own (`arrivals.py`) answers after a while; when each request arrived is noted by the
kernel. The whole program runs as a person runs it: sheet, ledger on disk with full durability, report. Told are the
rate of the report, the rate of what arrived, the most that any moving second held on arrival with what it may hold,
what the program adds (from when a post was due to its first byte at the server, the 99th of a hundred), and what a row
costs. Ends with 1 when a rate was reached to less than 97 %, or a moving second held too many.

`--against`: what a row costs here and in another checkout of this program, in turn, with the packages of this one; the
ratio is the median of the rounds, so that a busy machine changes little.
"""

from __future__ import annotations

import argparse
import json
import math
import sqlite3
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from arrivals import arrivals_of
from measuring import Cost, measured

LATENCY = 0.1
MISSED = 0.03
"""The share of a rate that need not be reached."""
SENDERS = ("0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c", "1c39ff68-8b68-4518-ba05-6de5f6b6fe7d")
FIRST = 90_000_000
"""The last eight digits of the first row's phone."""
CAMPAIGN = """
[campaign]
name = "pacing"
[sender]
whatsapp_phone_id = {senders}
[template]
name = "t"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
[throttle]
concurrency = 512
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One run at one rate."""

    wanted: float
    reported: float
    arrived: float
    """Starts a second as the server saw them."""
    most: int
    """Requests that arrived within one moving second."""
    allowed: int
    added: float
    """Milliseconds from when a post was due to its first byte at the server: the 99th of a hundred."""
    cost: Cost
    """Of the whole program."""
    rows: int
    sending: float
    """Milliseconds of CPU a row while it sends, all threads, without start, plan and report; NaN but on Linux."""

    @property
    def missed(self) -> float:
        """The share of the rate that was not reached."""
        return 1 - min(self.reported, self.arrived) / self.wanted

    @property
    def over(self) -> int:
        """How many more than allowed a moving second held; below 0: how many fewer the fullest one held."""
        return self.most - self.allowed

    @property
    def holds(self) -> bool:
        return self.missed <= MISSED and self.over <= 0


def measure(
    rate: float,
    seconds: float,
    *,
    latency: float = LATENCY,
    one_core: bool = False,
    senders: int = 1,
    checkout: Path | None = None,
) -> Measured:
    """Run the program at `rate` starts a second of each sender for about so many seconds. `one_core`: it gets no other.

    `checkout`: where the program is; None: here.
    """
    count = max(20, round(rate * seconds * senders))
    allowed = senders * math.floor(max(rate + 1, rate * 1.01))
    with tempfile.TemporaryDirectory(prefix="wegly-batch-bench-") as name, arrivals_of(latency) as server:
        folder = Path(name)
        shares = ", ".join(f'{{ id = "{each}", share = "{100 // senders}%" }}' for each in SENDERS[:senders])
        campaign = CAMPAIGN.replace("{senders}", f"[{shares}]" if senders > 1 else f'"{SENDERS[0]}"')
        (folder / "campaign.toml").write_text(campaign, encoding="utf-8")
        cost = _run(folder, server.port, rate, count, core=0 if one_core else None, checkout=checkout)
        arrivals = server.arrivals()
        summary = json.loads(next(folder.glob("reports/*/summary.json")).read_text(encoding="utf-8"))
        added = sorted(_added(folder, arrivals))
    if summary["counts"]["success"] != count or len(arrivals) != count:
        raise SystemExit(f"{len(arrivals)} posts, {summary['counts']}, of {count} rows")
    times = sorted(arrivals.values())
    return Measured(
        wanted=rate * senders,
        reported=summary["this_run"]["achieved_rate"],
        arrived=(count - 1) / (times[-1] - times[0]),
        most=max(bisect_left(times, at + 1) - number for number, at in enumerate(times)),
        allowed=allowed,
        added=added[math.ceil(0.99 * count) - 1],
        cost=cost,
        rows=count,
        sending=1000 * cost.between(times[0], times[-1]) / count,
    )


def _run(folder: Path, port: int, rate: float, count: int, *, core: int | None, checkout: Path | None) -> Cost:
    sheet = "Telefone\n" + "".join(f"119{FIRST + number}\n" for number in range(count))
    (folder / "sheet.csv").write_text(sheet, encoding="utf-8")
    words = ["run", str(folder / "sheet.csv"), "-c", str(folder / "campaign.toml"), "--yes", "--json"]
    words += ["--rate", f"{rate}/s", "--reports", str(folder / "reports")]
    words += ["--base-url", f"http://127.0.0.1:{port}", "--ledger", f"sqlite:///{folder / 'ledger.sqlite3'}"]
    command = [sys.executable, "-m", "batch", *words]
    return measured(command, rounds=1, environment={"WEGLY_TOKEN": "benchmark"}, core=core, folder=checkout)


def _added(folder: Path, arrivals: Mapping[int, float]) -> list[float]:
    """Of each row, the milliseconds that the program added: it was late for its moment, and then took a while."""
    with closing(sqlite3.connect(folder / "ledger.sqlite3")) as ledger:
        query = "SELECT rows.row, messages.sent_at FROM rows JOIN messages ON messages.key = rows.key"
        began = {row: at / 1e6 for row, at in ledger.execute(query)}
    log = next(folder.glob("reports/*/run.log")).read_text(encoding="utf-8")
    late = {line["row"]: line["late_ms"] for line in map(json.loads, log.splitlines()) if line["event"] == "attempt"}
    return [late[row] + 1000 * (arrivals[FIRST + row - 2] - at) for row, at in began.items()]


def line_of(found: Measured) -> str:
    """A line of the table."""
    kept = f"{found.wanted:g} | {found.reported:.1f} | {found.arrived:.1f} | {found.most} | {found.allowed}"
    cpu = f"{1000 * found.cost.cpu / found.rows:.2f} ms | {found.sending:.2f} ms"
    costs = f"{found.added:.1f} ms | {cpu} | {found.cost.mib} MiB"
    return f"| {kept} | {costs} | {'yes' if found.holds else 'NO'} |\n"


def compare(
    against: Path, rate: float, seconds: float, *, latency: float, one_core: bool, senders: int, rounds: int
) -> list[tuple[float, float, float]]:
    """Return what a row costs here and there, in milliseconds of CPU, and the ratio, as medians of rounds in turn.

    Twice: of whole runs, and while they send. At the reference's speed: it changes between two turns of a round.
    """
    scene = {"latency": latency, "one_core": one_core, "senders": senders}
    rounds_of = [[measure(rate, seconds, **scene, checkout=each) for each in (None, against)] for _ in range(rounds)]
    found = []
    for cost in (lambda run: 1000 * run.cost.reference / run.rows, lambda run: run.sending * run.cost.speed):
        pairs = [[cost(run) for run in pair] for pair in rounds_of]
        here, there = (median(each) for each in zip(*pairs, strict=True))
        found.append((here, there, median(ours / theirs for ours, theirs in pairs)))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=[10.0, 80.0, 500.0, 1000.0])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--latency", type=float, default=LATENCY)
    parser.add_argument("--one-core", action="store_true")
    parser.add_argument("--senders", type=int, default=1, help="1 or 2, each at the rate")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--rounds", type=int, default=3)
    words = parser.parse_args()
    if words.against:
        sys.stdout.write("| wanted /s | CPU a row | here | there | ratio |\n|---|---|---|---|---|\n")
        scene = {"latency": words.latency, "one_core": words.one_core, "senders": words.senders}
        for rate in words.rates:
            both = compare(words.against, rate, words.seconds, **scene, rounds=words.rounds)
            for name, (here, there, ratio) in zip(("whole", "sending"), both, strict=True):
                sys.stdout.write(f"| {rate:g} | {name} | {here:.3f} ms | {there:.3f} ms | {ratio:.2f} |\n")
            sys.stdout.flush()
        return 0
    names = "wanted /s | reported | arrived | most in a moving second | allowed | added, p99"
    names += " | CPU a row | sending | memory | holds"
    sys.stdout.write(f"| {names} |\n|---|---|---|---|---|---|---|---|---|---|\n")
    all_hold = True
    for rate in words.rates:
        found = measure(rate, words.seconds, latency=words.latency, one_core=words.one_core, senders=words.senders)
        all_hold &= found.holds
        sys.stdout.write(line_of(found))
        sys.stdout.flush()
    return 0 if all_hold else 1


if __name__ == "__main__":
    sys.exit(main())
