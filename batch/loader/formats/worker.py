"""Reader libraries in a process of their own, with limits of memory and time, and their output as lines of JSON.

A few changed bytes in a binary workbook can make a library ask for more memory than there is, or end the process on the
spot. So these never run in ours: whatever ends the worker is a damaged file here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from batch.i18n import N_, _
from batch.model.phrases import to_json
from batch.model.sheets import SheetFile

WIDE_AREA = N_("its cells span {value} places, {most} are allowed here (limit loaded_cells)")

_MEMORY_BYTES = 1200 * 1024 * 1024
"""Address space of the worker, where the system can limit it: half a gigabyte for the largest sheet, and the file."""
_SECONDS = 120
"""Processor time of the worker; a million rows take about ten."""
_START = f"""
import runpy, sys, types
door = sys.modules["batch.loader"] = types.ModuleType("batch.loader")
door.__path__ = [{str(Path(__file__).parents[1])!r}]
del sys.argv[0]
runpy.run_module(sys.argv[0], run_name="__main__")
"""
"""Program of a worker. The package's door would load the mapping and pydantic, which take longer than a usual file."""
_END = "end"
"""Last line of whole output."""


def run_worker(source: SheetFile, module: str, *arguments: str) -> Iterator[Any]:
    """Run the worker `module` of this package for a file, and yield what it sends.

    Raises:
        SheetError: the worker ended before its output was whole.
    """
    command = [sys.executable, "-P", "-c", _START, f"{__package__}.{module}", str(source.path), *arguments]
    with subprocess.Popen(  # noqa: S603 - our own module; the file's name is an argument, not a command
        command,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as worker:
        try:
            for line in worker.stdout or ():
                sent = json.loads(line) if line.endswith("\n") else None
                if sent == _END:
                    return
                if sent is None:
                    break
                yield sent
            raise source.damage(_("its records do not make a sheet"))
        finally:
            worker.kill()


def _environment() -> dict[str, str]:
    """Our environment with the place of this package, and without the token."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("WEGLY")}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[3])}


def serve(read: Callable[[Sequence[str]], Iterable[object]]) -> None:
    """Be a worker: send what `read` yields for the arguments of this process, each as a line of JSON."""
    _limit_this_process()
    out, sys.stdout = sys.stdout, sys.stderr  # a library that prints does not spoil the output
    out.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # always a text file here
    for each in read(sys.argv[1:]):
        out.write(json.dumps(each, default=to_json) + "\n")
    out.write(json.dumps(_END) + "\n")


def _limit_this_process() -> None:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - the module does not exist on Windows

    limits = {resource.RLIMIT_AS: _MEMORY_BYTES, resource.RLIMIT_CPU: _SECONDS, resource.RLIMIT_CORE: 0}
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        least = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        # macOS refuses a limit of memory below what it has reserved already: the time's limit holds alone then.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (least, least))
