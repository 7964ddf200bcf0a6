"""The limits of a reading worker, those on systems that refuse some of them, and a worker that reached one."""

import subprocess
import sys
from pathlib import Path

import pytest
from systems import limited_memory

from batch.errors import SheetError
from batch.loader.formats import worker
from batch.model.sheets import Limits, SheetFile


@limited_memory
def test_a_worker_gets_no_more_memory_than_its_limit() -> None:
    """Also on Windows, where a job limits it: half of that is given, twice as much is not."""
    code = """from batch.loader.formats import worker
worker._limit_this_process()
print(len(bytes(600 << 20)))
bytes(2400 << 20)"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert int(ended.stdout) == 600 << 20
    assert "MemoryError" in ended.stderr


def test_a_limit_that_the_system_refuses_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """macOS refuses any limit of memory: the worker reads all the same, with the limit of time."""
    resource = pytest.importorskip("resource")
    kept = {}

    def setrlimit(kind: int, limits: tuple[int, int]) -> None:
        if kind == resource.RLIMIT_AS:
            raise ValueError("current limit exceeds maximum limit")
        kept[kind] = limits

    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    worker._limit_this_process()
    assert kept == {resource.RLIMIT_CPU: (120, 120), resource.RLIMIT_CORE: (0, 0)}


def test_a_harder_limit_of_the_machine_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an administrator allows less, the worker takes that, and does not ask for more, which would be refused."""
    resource = pytest.importorskip("resource")
    kept = {}
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limits: kept.update({kind: limits}))
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (30, 30))
    worker._limit_this_process()
    assert kept == {resource.RLIMIT_AS: (30, 30), resource.RLIMIT_CPU: (30, 30), resource.RLIMIT_CORE: (0, 0)}


def test_a_worker_that_ends_between_two_answers_is_a_damaged_file(tmp_path: Path) -> None:
    """It makes the next rows ahead, and may be killed at them: a sentence, and no broken pipe."""
    ended = "import os; os.close(0); print(1, flush=True)"
    source = SheetFile(path=tmp_path / "contacts.xls", name="contacts.xls", limits=Limits())
    answers = worker._answer(source, [sys.executable, "-c", ended])
    assert next(answers) == 1
    with pytest.raises(SheetError, match=r"contacts\.xls.*damaged"):
        answers.send("[0, 0]")
