"""Pytest plugins: which lines each test runs, and the choice of the tests that run a defect's lines."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Collection, Generator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import pytest


class Tracer:
    """Notes each test's seconds and the lines of the modules that it runs, in a file; under "" what ran before."""

    def __init__(self, folder: Path, modules: Collection[str], target: Path) -> None:
        self._modules = {str(folder / module): module for module in modules}
        self._target = target
        self._lines = defaultdict[str, set[int]](set)
        self._found: dict[str, dict[str, Any]] = {}

    def begin(self) -> None:
        """Note also what runs before the tests: what modules make as they are loaded, the tests only use."""
        sys.settrace(self._enter)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self._found.setdefault("", {"seconds": 0.0, "lines": self._noted()})
        self._lines = defaultdict(set)
        started = time.monotonic()
        threading.settrace(self._enter)
        sys.settrace(self._enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type] - as the library's documentation has it
            self._found[item.nodeid] = {"seconds": time.monotonic() - started, "lines": self._noted()}

    def _noted(self) -> dict[str, list[int]]:
        return {module: sorted(numbers) for module, numbers in self._lines.items()}

    def pytest_sessionfinish(self) -> None:
        self._target.write_text(json.dumps(self._found), encoding="utf-8")

    def _enter(self, frame: FrameType, _event: str, _value: object) -> Any:
        module = self._modules.get(frame.f_code.co_filename)
        if module is None:
            return None
        lines = self._lines[module]

        def note(frame: FrameType, _event: str, _value: object) -> Any:
            lines.add(frame.f_lineno)
            return note

        return note(frame, "call", None)


class Choice:
    """Leaves out tests, and runs the others by a rank: the lowest first."""

    def __init__(self, ranks: Mapping[str, float], left_out: Collection[str]) -> None:
        self._ranks = ranks
        self._left_out = left_out

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = [each for each in items if each.nodeid not in self._left_out]
        items[:] = sorted(kept, key=lambda each: self._ranks.get(each.nodeid, 0.0))
