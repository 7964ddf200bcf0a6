"""What a command costs: CPU and memory of its process and of all that it started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

__all__ = ["Cost", "Failed", "measured"]


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


def measured(
    command: Sequence[str],
    *,
    rounds: int = 3,
    allowed: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
    core: int | None = None,
) -> Cost:
    """Run a command some times, with more in its environment. Raises Failed when it ends with a code that is not
    allowed. `core`: the only one it may use, where the system has a way to say so."""
    costs = [_once(command, allowed, {**os.environ, **(environment or {})}, core) for _ in range(rounds)]
    return Cost(
        cpu=median(each.cpu for each in costs),
        wall=median(each.wall for each in costs),
        mib=max(each.mib for each in costs),
    )


def _once(command: Sequence[str], allowed: Sequence[int], environment: Mapping[str, str], core: int | None) -> Cost:
    # By a small process of its own: what is measured begins with the memory of who starts it.
    words = [sys.executable, "-I", "-S", __file__, "any" if core is None else str(core), *command]
    # What is installed has its bytecode already, and so must ours: it is written by the first round.
    cached = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(words, env=cached, capture_output=True, check=False)
    said = done.stdout.decode(errors="replace").splitlines()
    if done.returncode or not said:
        raise Failed(f"{' '.join(command)} could not be measured: {done.stderr.decode(errors='replace')[-1000:]}")
    code, cpu, wall, kib = said[-1].split()
    if int(code) not in allowed:
        raise Failed(f"{' '.join(command)} ended with {code}: {done.stderr.decode(errors='replace')[-1000:]}")
    return Cost(cpu=float(cpu), wall=float(wall), mib=int(kib) // 1024)


def _measure(core: str, command: Sequence[str]) -> None:
    """Run a command, and print its exit code, CPU, seconds and KiB."""
    if core != "any" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core)})
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    kib = used.ru_maxrss // 1024 if sys.platform == "darwin" else used.ru_maxrss
    spent = used.ru_utime + used.ru_stime
    sys.stdout.write(f"{process.returncode} {spent} {time.monotonic() - began} {kib}\n")


if __name__ == "__main__":
    _measure(sys.argv[1], sys.argv[2:])
