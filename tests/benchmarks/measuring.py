"""Cost of a command: CPU and memory of its process and of all that it started, and the machine's speed meanwhile."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

__all__ = ["UNKNOWN", "Cost", "Failed", "Yardstick", "measured", "medians"]

UNKNOWN = 1.0
"""The machine's speed where no yardstick was beside."""
_PAUSE = "0.1"
_REFERENCE = 37.4
"""Microseconds of the yardstick's row where pandas + openpyxl read a million rows in 81 s: on the quiet machine of two
cores by which the promises in seconds were made."""


class Failed(Exception):
    """A command that was to be measured went wrong."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The medians of some rounds; the most memory of them."""

    cpu: float
    """Seconds, user and system."""
    wall: float
    """Seconds; on a busy machine these say little."""
    mib: int
    """Peak memory of the largest process."""
    until: float = 0.0
    """Seconds of CPU until a file was there, where one was waited for (on Linux)."""
    until_wall: float = 0.0
    """The same by the clock."""
    said_wall: float = math.nan
    """Seconds of the clock until a text stood on its terminal; NaN where none was waited for, or none came."""
    speed: float = UNKNOWN
    """How quick the machine was meanwhile, beside the reference (on Linux)."""
    samples: Sequence[tuple[float, float]] = ()
    """Of the last round, on Linux: moments by the wall clock, with the seconds of CPU until then."""

    def between(self, begin: float, end: float) -> float:
        """Return the seconds of CPU between two moments of the wall clock; NaN where there are no samples."""
        return self._until(end) - self._until(begin)

    @property
    def reference(self) -> float:
        """Seconds of CPU that it would have taken at the reference's speed."""
        return self.cpu * self.speed

    def _until(self, moment: float) -> float:
        after = next((number for number, (at, _cpu) in enumerate(self.samples) if at >= moment), 0)
        if not after:
            return math.nan
        (early, less), (late, more) = self.samples[after - 1 : after + 1]
        return less + (more - less) * (moment - early) / (late - early)


def measured(
    command: Sequence[str],
    *,
    rounds: int = 3,
    allowed: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
    core: int | None = None,
    until: str = "",
    says: str = "",
    folder: Path | None = None,
    by_turns: Path | None = None,
) -> Cost:
    """Run a command some times, with more in its environment. Raises Failed when it ends with a code that is not
    allowed.

    `core`: the only one it may use, where the system has a way to say so. `until`: a pattern of files that are not
    there yet. `says`: a text that is waited for on its terminal, which it has then. `folder`: where it runs; None:
    here. `by_turns`: a sheet that the yardstick reads on half of the one core of both, so that `speed` is sure beside
    that of others that were measured so.
    """
    more = {**os.environ, **(environment or {})}
    yardstick = (str(by_turns), "0") if by_turns else (_sheet(), _PAUSE)
    core = 0 if by_turns else core
    waits = (until, says)
    return medians([_once(command, allowed, more, yardstick, waits, core=core, folder=folder) for _ in range(rounds)])


def medians(costs: Sequence[Cost]) -> Cost:
    """Return the medians of rounds, and the most memory of them."""
    return Cost(
        cpu=median(each.cpu for each in costs),
        wall=median(each.wall for each in costs),
        mib=max(each.mib for each in costs),
        until=median(each.until for each in costs),
        until_wall=median(each.until_wall for each in costs),
        said_wall=median(each.said_wall for each in costs),
        speed=median(each.speed for each in costs),
        samples=costs[-1].samples,
    )


def _once(
    command: Sequence[str],
    allowed: Sequence[int],
    environment: Mapping[str, str],
    yardstick: tuple[str, str],
    waits: tuple[str, str],
    *,
    core: int | None,
    folder: Path | None,
) -> Cost:
    # By a small process of its own: what is measured begins with the memory of who starts it.
    where = "any" if core is None else str(core)
    words = [sys.executable, "-I", "-S", __file__, *yardstick, where, *waits, *command]
    # What is installed has its bytecode already, and so must ours: it is written by the first round.
    cached = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(words, env=cached, capture_output=True, check=False, cwd=folder)
    said = done.stdout.decode(errors="replace").splitlines()
    if done.returncode or not said:
        raise Failed(f"{' '.join(command)} could not be measured: {done.stderr.decode(errors='replace')[-1000:]}")
    code, cost = json.loads(said[-1])
    if code not in allowed:
        raise Failed(f"{' '.join(command)} ended with {code}: {done.stderr.decode(errors='replace')[-1000:]}")
    return Cost(**cost)


_kept = ExitStack()


@cache
def _sheet() -> str:
    """Make the yardstick's sheet, which is gone with this process."""
    from inputs import write_xlsx  # noqa: PLC0415 - the small process that measures has none

    folder = _kept.enter_context(tempfile.TemporaryDirectory(prefix="wegly-batch-bench-"))
    write_xlsx(Path(folder) / "yardstick.xlsx", 2000)
    return str(Path(folder) / "yardstick.xlsx")


class Yardstick:
    """The speed of the machine while a process runs."""

    def __init__(self, sheet: str = "", pause: str = _PAUSE) -> None:
        """Be ready to `follow`. `sheet`: its rows; empty: some are made. `pause`: seconds between its readings."""
        self._process: subprocess.Popen[str] | None = None
        if sys.platform == "linux":
            words = [sys.executable, str(Path(__file__).with_name("yardstick.py")), sheet or _sheet(), pause]
            self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self._read()

    def follow(self, process: int) -> None:
        """Begin to measure where a process runs."""
        if self._process and self._process.stdin:
            self._process.stdin.write(f"{process}\n")
            self._process.stdin.flush()

    def end(self) -> float:
        """Return the speed since `follow`: below 1, slower than the reference."""
        if not self._process:
            return UNKNOWN
        if self._process.stdin:
            self._process.stdin.close()
        taken = float(self._read())
        self._process.wait()
        return _REFERENCE / taken

    def _read(self) -> str:
        return (self._process.stdout.readline() if self._process and self._process.stdout else "").strip()


class _Terminal:
    """A terminal on which a command says something; none where nothing is waited for."""

    def __init__(self, says: str) -> None:
        self._says = says
        self._text = ""
        self._ours, self.theirs = os.openpty() if says else (-1, None)
        if says:
            os.set_blocking(self._ours, False)

    def has_said(self) -> bool:
        """Return whether the text is there by now. Its other side never waits for a reader."""
        if self._says:
            with suppress(OSError):  # nothing new
                while more := os.read(self._ours, 1 << 16):
                    self._text += more.decode(errors="replace")
        return bool(self._says) and self._says in self._text


def _measure(words: Sequence[str]) -> None:
    """Run the command of `_once`'s words, and print its exit code and what it cost, as JSON."""
    sheet, pause, core, until, says, *command = words
    yardstick = Yardstick(sheet, pause)
    if core != "any" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})
    began = time.monotonic()
    terminal, said_at = _Terminal(says), math.nan
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=terminal.theirs)
    yardstick.follow(process.pid)
    reached, reached_at, samples = 0.0, began, []
    ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
    while sys.platform == "linux" and os.waitid(os.P_PID, process.pid, ended) is None:
        spent = _cpu(process.pid)
        samples.append((time.time(), spent))
        if until and not _there(Path(until)):
            reached, reached_at = spent, time.monotonic()
        if terminal.has_said() and math.isnan(said_at):
            said_at = time.monotonic()
        time.sleep(0.02)
    _, status, used = os.wait4(process.pid, 0)
    kib = used.ru_maxrss // 1024 if sys.platform == "darwin" else used.ru_maxrss
    cost = {"cpu": used.ru_utime + used.ru_stime, "wall": time.monotonic() - began, "mib": kib // 1024}
    cost |= {"until": reached, "until_wall": reached_at - began, "samples": samples, "speed": yardstick.end()}
    cost["said_wall"] = said_at - began
    process.returncode = os.waitstatus_to_exitcode(status)
    sys.stdout.write(json.dumps([process.returncode, cost]) + "\n")


def _there(pattern: Path) -> bool:
    return any(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))


def _cpu(process: int) -> float:
    """Seconds of CPU of a process that is running, by Linux' word for it; elsewhere 0."""
    try:
        spent = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    _measure(sys.argv[1:])
