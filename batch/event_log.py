"""The program's own events: structured logging that shares nothing with structlog's configuration, which is the host's.

Events go to the log of the run that is under way, and nowhere outside one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import structlog
from structlog.typing import FilteringBoundLogger, Processor


def _drop(*_: object) -> NoReturn:
    raise structlog.DropEvent


class _Sink:
    """Takes finished lines, by a method for each level as structlog asks for it."""

    write: Callable[[str], object] = staticmethod(_drop)

    def __getattr__(self, _level: str) -> Callable[[str], object]:
        return self.write


_sink, _processors = _Sink(), list[Processor]([_drop])
log: FilteringBoundLogger = structlog.wrap_logger(
    _sink,
    processors=_processors,  # the list itself: what `events_to` puts there holds for loggers that are bound already
    wrapper_class=structlog.make_filtering_bound_logger(0),
    context_class=dict[str, Any],
    cache_logger_on_first_use=True,
)


@contextmanager
def events_to(write: Callable[[str], object], processors: Sequence[Processor]) -> Iterator[None]:
    """Give each event, as the text that `processors` make of it, to `write` while the block runs."""
    before = _sink.write, list(_processors)
    _sink.write, _processors[:] = write, processors
    try:
        yield
    finally:
        _sink.write, _processors[:] = before
