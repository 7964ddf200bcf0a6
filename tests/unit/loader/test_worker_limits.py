"""The limits of a reading worker, and those on systems that refuse some of them."""

import subprocess
import sys

import pytest
from systems import limited_memory

from batch.loader.formats import worker


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
