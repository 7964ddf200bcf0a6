"""What is put aside of the real process while a world is played."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from batch.ledger.send import queue as sending_module

__all__ = ["undisturbed"]


@contextmanager
def undisturbed(*, page: int) -> Iterator[None]:
    """No log, no garbage collection (its moments depend on what was played before), and `page` jobs read at a time."""
    logs, collects, pages = structlog.get_config(), gc.isenabled(), sending_module._PAGE
    silent = structlog.make_filtering_bound_logger(logging.CRITICAL)
    structlog.configure(wrapper_class=silent, cache_logger_on_first_use=False)
    gc.disable()
    sending_module._PAGE = page  # so that small sheets have several pages too
    try:
        yield
    finally:
        structlog.configure(**logs)
        if collects:
            gc.enable()
        sending_module._PAGE = pages
