"""Reader libraries in a process of their own, with limits of memory and time; requests and answers are lines of JSON.

A few changed bytes in a binary workbook can make a library ask for more memory than there is, or end the process on the
spot. So these never run in ours: whatever ends the worker is a damaged file here.
"""

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice, repeat
from pathlib import Path
from typing import Any

from batch.i18n import N_, _
from batch.model.phrases import to_json
from batch.model.sheets import SheetFile

WIDE_AREA = N_("its cells span {value} places, {most} are allowed here (limit loaded_cells)")

_MEMORY_BYTES = 1200 * 1024 * 1024
"""Address space of the worker (on Windows its committed memory), where the system can limit it: half a gigabyte for the
largest sheet, and the file."""
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
_JOB_LIMITS = struct.pack("qqINNINII6QNNNN", _SECONDS * 10**7, 0, 0x102, *[0] * 12, _MEMORY_BYTES, 0, 0, 0)
"""JOBOBJECT_EXTENDED_LIMIT_INFORMATION of Windows, with the processor time and the memory of each process."""
_NO_MEMORY, _DAMAGED = "no memory", "damaged"
_BLOCK_CHARACTERS = 100_000


class Worker:
    """A reader of one file in a process of its own, which parses the file once for all sheets that are asked for."""

    def __init__(self, source: SheetFile, module: str, *arguments: str) -> None:
        """`module`: the worker's in this package."""
        self._source = source
        self._command = [sys.executable, "-P", "-c", _START, f"{__package__}.{module}", str(source.path), *arguments]
        self._answers: Generator[Any, str, None] | None = None

    def describe(self) -> Any:
        """Start the process, and return what it sends first. Raises SheetError like `rows`."""
        answers = _answer(self._source, self._command)
        description = next(answers)
        self._answers = answers
        return description

    def rows(self, sheet: str) -> Iterator[Any]:
        """Yield what the process sends of a sheet. It goes on until `end`.

        Raises:
            SheetError: the process ended before its output was whole, or it has not enough memory.
        """
        count = 0
        while block := self._ask(sheet, count):
            yield from block
            count += len(block)

    def end(self) -> None:
        """End the process; it starts anew when rows are asked for."""
        self._answers = None

    def _ask(self, sheet: str, count: int) -> Any:
        answers, self._answers = self._answers, None  # one that raises has ended
        if answers is None:
            answers = _answer(self._source, self._command)
            next(answers)
        block = answers.send(json.dumps([sheet, count]))
        self._answers = answers
        return block


def _answer(source: SheetFile, command: Sequence[str]) -> Generator[Any, str, None]:
    """Run a worker as long as this generator lives, which yields the answer to each request that it is sent."""
    with subprocess.Popen(  # noqa: S603 - our own module; the file's name is an argument, not a command
        command,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    ) as worker:
        try:
            while True:
                line = worker.stdout.readline() if worker.stdout else ""
                answer = json.loads(line) if line.endswith("\n") else _DAMAGED
                if answer == _DAMAGED:
                    raise source.damage(_("its records do not make a sheet"))
                if answer == _NO_MEMORY:
                    raise source.no_memory()
                request = yield answer
                with suppress(OSError):  # it has ended, as its missing answer tells; Windows names no broken pipe
                    os.write(worker.stdin.fileno() if worker.stdin else -1, f"{request}\n".encode())
        finally:
            worker.kill()


def _environment() -> dict[str, str]:
    """Our environment with the place of this package, and without the token."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith("WEGLY")}
    return kept | {"PYTHONPATH": str(Path(__file__).parents[3])}


def serve(open_file: Callable[[Sequence[str]], tuple[object, Callable[[int], Iterable[object]]]]) -> None:
    """Be a worker: send a line of JSON that describes the file, and then one in answer to each line.

    `open_file` returns the description, and what yields the rows of a sheet. `["7", 20]` is answered with a block of
    those of sheet 7, from the twentieth on; an empty block is the end. The next one is made while the last is used.
    """
    _limit_this_process()
    out, sys.stdout = sys.stdout, sys.stderr  # a library that prints does not spoil the output
    out.reconfigure(encoding="utf-8")  # type: ignore[union-attr]  # always a text file here
    try:
        description, read = open_file(sys.argv[1:])
        print(json.dumps(description), file=out, flush=True)
        place, blocks = None, _make_blocks(())
        block, size = next(blocks)
        for line in sys.stdin:
            sheet, count = json.loads(line)
            if (sheet, count) != place:
                blocks = _make_blocks(islice(read(int(sheet)), count, None))
                block, size = next(blocks)
            print(block, file=out, flush=True)
            place = sheet, count + size
            block, size = next(blocks)
    except MemoryError:
        print(json.dumps(_NO_MEMORY), file=out, flush=True)


def _make_blocks(rows: Iterable[object]) -> Iterator[tuple[str, int]]:
    """Yield rows as JSON lists of some size, and how many are in each; behind the last, empty ones without end."""
    block: list[str] = []
    size = 0
    for row in rows:
        block.append(json.dumps(row, default=to_json))
        size += len(block[-1])
        if size > _BLOCK_CHARACTERS:
            yield f"[{','.join(block)}]", len(block)
            block, size = [], 0
    if block:
        yield f"[{','.join(block)}]", len(block)
    yield from repeat(("[]", 0))


def _limit_this_process() -> None:
    if sys.platform == "win32":
        _enter_limited_job()
        return
    import resource  # noqa: PLC0415 - the module does not exist on Windows

    limits = {resource.RLIMIT_AS: _MEMORY_BYTES, resource.RLIMIT_CPU: _SECONDS, resource.RLIMIT_CORE: 0}
    for kind, limit in limits.items():
        hard = resource.getrlimit(kind)[1]
        least = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        # macOS refuses a limit of memory below what it has reserved already: the time's limit holds alone then.
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (least, least))


def _enter_limited_job() -> None:
    """Put this process into a job of Windows that limits it. A Windows that refuses leaves it without limits."""
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - a worker's first need of it

        kernel = ctypes.WinDLL("kernel32")
        job = ctypes.c_void_p(kernel.CreateJobObjectW(None, None))  # it lives as long as the process
        kernel.SetInformationJobObject(job, 9, _JOB_LIMITS, len(_JOB_LIMITS))
        kernel.AssignProcessToJobObject(job, ctypes.c_void_p(-1))
