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
    began = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if process.stdin is None or process.stderr is None:
        raise Failed("no pipes")
    process.stdin.write(stdin)
    process.stdin.close()
    said = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode not in allowed:
        raise Failed(f"{' '.join(command)} ended with {process.returncode}: {said.decode(errors='replace')[-1000:]}")
    kib = used.ru_maxrss // 1024 if sys.platform == "darwin" else used.ru_maxrss
    return Cost(cpu=used.ru_utime + used.ru_stime, wall=time.monotonic() - began, mib=kib // 1024)
