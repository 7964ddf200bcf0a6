"""wegly-batch: one row, one recipient, at most one message, and a report that tells the truth about it.

Data flows in one direction, and the packages are named after it:

    sheet -> loader -> plan -> ledger -> pool -> ledger -> reporter -> report

Invariants:

* Nothing is sent before every row of the sheet was checked.
* A POST is made only after its key was claimed, and the claim is durable before the first byte.
* A message that may have been sent is never posted again by itself.
* Every row has exactly one outcome, and the outcomes add up to the rows of the sheet.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from batch._version import __version__

if TYPE_CHECKING:
    from batch.app.api.functions import check, follow, read_sheet, report, results, run, runs, settle, suppress
    from batch.app.runs.progress import RunProgress
    from batch.errors import WeglyBatchError
    from batch.model.outcomes import Outcome

__all__ = [
    "Outcome",
    "RunProgress",
    "WeglyBatchError",
    "__version__",
    "check",
    "follow",
    "read_sheet",
    "report",
    "results",
    "run",
    "runs",
    "settle",
    "suppress",
]


def __dir__() -> list[str]:
    """Name the Python API, which `help(batch)` and completion read, before any of it is loaded."""
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Load the Python API when one of its names is first used: `--help` loads no library."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    elsewhere = {
        "Outcome": "batch.model.outcomes",
        "RunProgress": "batch.app.runs.progress",
        "WeglyBatchError": "batch.errors",
    }
    globals()[name] = value = getattr(import_module(elsewhere.get(name, "batch.app.api.functions")), name)
    return value
