"""A run tells its watcher of each second and its log of each half minute, in virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from batch.app.runs.progress import Meter, MeteredWatcher, tick_every_second
from batch.app.runs.run_log import log_to
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Reason

SLOW_DOWN = Finding(Reason.RATE_LIMITED, {"status": "429"})


class Watcher:
    """Counts what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def done(self, row: int, outcome: Outcome) -> None:
        self.heard.append(f"{row} {outcome.value}")

    def waiting(self, seconds: float, finding: Finding, sender: str) -> None:
        self.heard.append(f"{sender} waits {seconds:g}")

    def on_signal(self, *, again: bool) -> None:
        self.heard.append("signal")

    def go_on(self, sent: int) -> bool:
        return sent > 1

    def tick(self) -> None:
        self.heard.append("tick")


def test_the_log_has_a_line_every_half_minute(tmp_path: Path, in_virtual_time: Callable[[Any], Any]) -> None:
    """Counts, what is left, the rate, the time: for who has no terminal."""
    watcher = Watcher()

    async def work() -> None:
        meter = Meter(total=1000, wanted=10, clock=asyncio.get_running_loop().time)
        metered = MeteredWatcher(meter, watcher)
        telling = asyncio.create_task(tick_every_second(meter, watcher))
        for row in range(350):
            await asyncio.sleep(0.1)
            metered.done(row, Outcome.ERROR if row % 10 == 0 else Outcome.SUCCESS)
        metered.waiting(50, SLOW_DOWN, "a")
        await asyncio.sleep(27.05)
        telling.cancel()

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
    assert watcher.heard.count("tick") == 62


def test_the_watcher_hears_everything_first_hand() -> None:
    """What is counted is passed on as it was."""
    watcher = Watcher()
    meter = Meter(total=2)
    metered = MeteredWatcher(meter, watcher)
    metered.done(7, Outcome.REUSED)
    metered.waiting(3, SLOW_DOWN, "a")
    metered.on_signal(again=False)
    assert metered.go_on(2)
    assert not metered.go_on(1)
    assert watcher.heard == ["7 reused", "a waits 3", "signal"]
    assert meter.look().counts[Outcome.REUSED] == 1
