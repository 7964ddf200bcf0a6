"""Execution of a call of the Python API: its language, its thread, its log, its progress."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial, wraps
from typing import ParamSpec, TypeVar

from batch.app.runs.progress import Meter, RunProgress, Watcher
from batch.errors import SettingsError
from batch.i18n import _, parse_language, system_language, use_language

P = ParamSpec("P")
T = TypeVar("T")

_PATIENCE = 0.5
"""Seconds."""
_one_call = threading.Lock()
"""Held by a call: a run freezes the memory of the whole process, and there is one log."""


def in_its_language(function: Callable[P, T]) -> Callable[P, T]:
    """Call the function in the language of its options, else of the environment or the system."""

    @wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> T:
        name = options.get("language")
        chosen = parse_language(str(name)) if name else _environment_language()
        if chosen is None:
            raise SettingsError(_("There is no language {name!r}: name pt_BR or en.").format(name=name))
        with use_language(chosen):
            return function(*args, **options)

    return call


def called_alone(function: Callable[P, T]) -> Callable[P, T]:
    """Call the function while no other such call is at work, in a thread without a running event loop."""

    def work(*args: P.args, **options: P.kwargs) -> T:
        with _one_call:
            return function(*args, **options)

    @wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> T:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return work(*args, **options)
        return _work_in_thread(partial(work, *args, **options))

    return in_its_language(call)


def _work_in_thread(work: Callable[[], T]) -> T:
    """Do the work in a thread of its own; an interrupt of the waiting one stops the run that is sending, if any."""
    with ThreadPoolExecutor(1) as executor:
        future = executor.submit(contextvars.copy_context().run, work)
        while not future.done():
            try:
                wait([future], timeout=_PATIENCE)  # an endless wait would not notice each signal
            except KeyboardInterrupt:
                if _interrupt is None:
                    raise
                _interrupt()
        return future.result()


_interrupt: Callable[[], object] | None = None
"""Stops the run that is sending."""


def _environment_language() -> str:
    return parse_language(os.environ.get("WEGLY_BATCH_LANG", "")) or system_language()


class ProgressWatcher(Watcher):
    """Watcher that passes the progress on."""

    def __init__(self, on_progress: Callable[[RunProgress], object] | None) -> None:
        super().__init__()
        self._on_progress = on_progress

    def begin(self, meter: Meter) -> None:
        global _interrupt  # noqa: PLW0603 - one call at a time
        super().begin(meter)
        _interrupt = self._stop

    def tick(self) -> None:
        if self._on_progress is None:
            return
        try:
            self._on_progress(self.meter.look())
        except Exception as error:  # noqa: BLE001 - of the caller's own; it must not hide what was sent
            self._on_progress = None
            words = _("on_progress raised {kind}, and was not called any more.")
            self.problems.append(words.format(kind=type(error).__name__))

    def end(self) -> None:
        global _interrupt  # noqa: PLW0603 - likewise
        _interrupt = None
        if self.meter.total:
            self.tick()

    def _stop(self) -> None:
        if self.interrupt is not None:
            self.interrupt()
