"""The program's own events: structured logging that shares nothing with structlog's configuration, which is the host's.

Events go to the log of the run that is under way (`batch.app.runs.run_log`), and nowhere outside one.
"""

from types import SimpleNamespace
from typing import Any, NoReturn

import structlog
from structlog.typing import FilteringBoundLogger, Processor

LEVELS = ("debug", "info", "warning", "error", "critical")


def drop(*_: object) -> NoReturn:
    """Let an event go nowhere."""
    raise structlog.DropEvent


sink = SimpleNamespace(**dict.fromkeys(LEVELS, drop))
"""Takes finished lines, by a function for each level."""
processors: list[Processor] = [drop]
"""Make lines of events; what is put into this list holds for loggers that are bound already."""
log: FilteringBoundLogger = structlog.wrap_logger(
    sink, processors=processors, wrapper_class=structlog.make_filtering_bound_logger(0), context_class=dict[str, Any]
).bind()  # once: the lazy logger binds anew for each event
