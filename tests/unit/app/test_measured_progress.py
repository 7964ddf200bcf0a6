"""A run tells its watcher of each second and its log of each half minute, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from batch.app.runs.progress import Meter, Watcher, tick_every_second
from batch.app.runs.run_log import log_to
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason

SLOW_DOWN = Finding(Reason.RATE_LIMITED, {"status": "429"})


class Ticking(Watcher):
    """Counts its ticks."""

    ticks = 0

    def tick(self) -> None:
        self.ticks += 1


def test_the_log_has_a_line_every_half_minute(tmp_path: Path, in_virtual_time: Callable[[Any], Any]) -> None:
    """Counts, what is left, the rate, the time: for who has no terminal."""
    watcher = Ticking()

    async def work() -> None:
        watcher.begin(Meter(total=1000, wanted=10, clock=asyncio.get_running_loop().time))
        ticks = asyncio.create_task(tick_every_second(watcher))
        for row in range(350):
            await asyncio.sleep(0.1)
            watcher.done(row, Outcome.ERROR if row % 10 == 0 else Outcome.SUCCESS)
        watcher.pause(50, SLOW_DOWN, "a")
        await asyncio.sleep(27.05)
        ticks.cancel()

    with log_to(tmp_path / "run.log", token=None, verbose=False):
        in_virtual_time(work())
    lines = [json.loads(line) for line in (tmp_path / "run.log").read_text("utf-8").splitlines()]
    assert [line["event"] for line in lines] == ["progress", "progress"]
    first, second = lines
    assert first["counts"] == {"success": 270, "reused": 0, "error": 30, "unknown": 0, "skipped": 0, "pending": 0}
    assert (first["left"], first["waits_seconds"]) == (700, 0)
    assert abs(first["achieved_rate"] - 10) < 0.2
    assert abs(first["eta_seconds"] - 70) <= 2
    assert (second["left"], second["waits_seconds"]) == (650, 25)
    assert abs(second["achieved_rate"] - 10) < 0.2
    assert abs(second["eta_seconds"] - 90) <= 2
    assert watcher.ticks == 62


def test_a_watcher_counts_before_and_after_it_gets_a_meter() -> None:
    """A trial has no meter of its own, and is sent all the same."""
    watcher = Watcher()
    watcher.done(7, Outcome.REUSED)
    watcher.begin(Meter(total=2))
    watcher.done(8, Outcome.REUSED)
    watcher.pause(3, SLOW_DOWN, "a")
    now = watcher.meter.look()
    assert (now.counts[Outcome.REUSED], now.remaining) == (1, 1)
    assert now.waits > 2
    assert watcher.go_on(1)
