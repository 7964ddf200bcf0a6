"""What a command costs: CPU and memory of its process and of all that it started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
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


def measured(command: Sequence[str], *, rounds: int = 3, allowed: Sequence[int] = (0,), stdin: bytes = b"") -> Cost:
    """Run a command some times. Raises Failed when it ends with a code that is not allowed."""
    costs = [_once(command, allowed, stdin) for _ in range(rounds)]
    return Cost(
        cpu=median(each.cpu for each in costs),
        wall=median(each.wall for each in costs),
        mib=max(each.mib for each in costs),
    )


def _once(command: Sequence[str], allowed: Sequence[int], stdin: bytes) -> Cost:
    # By a small process of its own: what is measured begins with the memory of who starts it.
    words = [sys.executable, "-I", "-S", __file__, *command]
    # What is installed has its bytecode already, and so must ours: it is written by the first round.
    cached = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(words, input=stdin, capture_output=True, check=False, env=cached)
    said = done.stdout.decode(errors="replace").splitlines()
    if done.returncode or not said:
        raise Failed(f"{' '.join(command)} could not be measured: {done.stderr.decode(errors='replace')[-1000:]}")
    code, cpu, wall, kib = said[-1].split()
    if int(code) not in allowed:
        raise Failed(f"{' '.join(command)} ended with {code}: {done.stderr.decode(errors='replace')[-1000:]}")
    return Cost(cpu=float(cpu), wall=float(wall), mib=int(kib) // 1024)


def _measure(command: Sequence[str]) -> None:
    """Run a command, and print its exit code, CPU, seconds and KiB."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    kib = used.ru_maxrss // 1024 if sys.platform == "darwin" else used.ru_maxrss
    spent = used.ru_utime + used.ru_stime
    sys.stdout.write(f"{process.returncode} {spent} {time.monotonic() - began} {kib}\n")


if __name__ == "__main__":
    _measure(sys.argv[1:])
