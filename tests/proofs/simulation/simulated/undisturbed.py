"""What is put aside of the real process while a world is played."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from unittest.mock import patch

from batch.app import looks, run
from batch.app.runs import run_looks
from batch.ledger import FollowedMessage
from batch.ledger.deliveries.looks import Deliveries
from batch.ledger.send import queue as sending_module
from batch.model.delivery import Sighting
from simulated.delivery_promise import SAMPLING
from simulated.process import PROCESS

__all__ = ["undisturbed"]


def _now() -> datetime:
    return PROCESS.get().now()


def _noting(record: Callable[..., Any]) -> Callable[..., Any]:
    """Let a process know which of its looks became durable, whatever it hears of the commit."""

    def record_and_note(deliveries: Deliveries, message: FollowedMessage, seen: Sighting) -> Any:
        process = PROCESS.get()
        before = process.durable
        try:
            return record(deliveries, message, seen)
        finally:
            if process.durable > before:
                process.recorded.add((message.key, seen.at))

    return record_and_note


@contextmanager
def undisturbed(*, page: int, waits: bool) -> Iterator[None]:
    """No garbage collection (its moments depend on what was played before), and `page` jobs read at a time.

    Looks go by the clock of their process, and a run samples small sheets too; seldom where it `waits` for hours.
    """
    collects, pages = gc.isenabled(), sending_module._PAGE
    gc.disable()
    sending_module._PAGE = page  # so that small sheets have several pages too
    constants = {"SAMPLE_AFTER": SAMPLING.after, "SAMPLE_OF": SAMPLING.of, "FEWEST_SAMPLES": SAMPLING.fewest}
    constants["SAMPLE_EVERY"] = 900.0 if waits else SAMPLING.every
    try:
        with (
            patch.multiple(run_looks, **constants, utc_now=_now),
            patch.object(run, "SAMPLE_AFTER", SAMPLING.after),
            patch.object(run, "utc_now", _now),
            patch.object(looks, "utc_now", _now),
            patch.object(Deliveries, "record", _noting(Deliveries.record)),
        ):
            yield
    finally:
        if collects:
            gc.enable()
        sending_module._PAGE = pages
