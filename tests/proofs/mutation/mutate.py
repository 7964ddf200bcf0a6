"""Put defects into the modules of the promise, one at a time, and see whether their tests notice.

    python tests/proofs/mutation/mutate.py --count 300 --seed 1
    python tests/proofs/mutation/mutate.py --count 60 --seed 1 --skip 60     the next sixty of the same three hundred

Each defect is put into a copy of the project and meets the tests that belong to its module (`TESTS`), which stop at the
first failure. Killed: a test fails. Timed out: the tests take several times as long as without the defect. Survived:
they pass; it is listed, for a test to be written or for a line in `equivalent.tsv`, with the reason why nothing that
anyone could notice has changed. Those are not counted. Exit 1 when fewer than `--least` percent are noticed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from defects import Defect, find_defects
from hypothesis import Phase, settings
from reach import Choice, Tracer

ROOT = Path(__file__).parents[3]
EQUIVALENT = Path(__file__).with_name("equivalent.tsv")

_LEDGER = (
    "tests/unit/ledger/test_claims.py",
    "tests/unit/ledger/test_contact_limits.py",
    "tests/unit/ledger/test_settlement.py",
    "tests/unit/ledger/test_ledger.py",
    "tests/unit/ledger/test_rules.py",
    "tests/unit/ledger/test_corrections.py",
    "tests/unit/ledger/test_purge.py",
)
_POOL = ("tests/unit/pool/test_pool.py", "tests/unit/pool/test_sender.py")
_PHONES = ("tests/unit/model/test_phone.py", "tests/unit/model/test_timezones.py", "tests/property/model/test_phone.py")
_LOOKS = (
    "tests/unit/model/test_replies.py",
    "tests/unit/model/test_chat_history.py",
    "tests/property/model/test_delivery.py",
    "tests/unit/ledger/test_looks.py",
    "tests/unit/ledger/test_rules.py",
)
_FOLLOW = ("tests/integration/commands/test_follow.py", "tests/integration/commands/test_follow_delivery.py")

TESTS: dict[str, tuple[str, ...]] = {
    "batch/chats/failure_table.py": (
        "tests/unit/chats/test_failure_table.py",
        "tests/unit/chats/test_whatsapp_codes.py",
        "tests/property/chats/test_failure_table.py",
    ),
    "batch/ledger/send/claims.py": (*_LEDGER, *_POOL),
    "batch/ledger/send/contact_limits.py": (*_LEDGER, *_POOL),
    "batch/ledger/send/rolling_quota.py": (*_LEDGER, *_POOL),
    "batch/ledger/plan/rules.py": (
        "tests/unit/ledger/test_rules.py",
        *_LEDGER,
        "tests/unit/ledger/test_staging.py",
        "tests/property/ledger/test_purge.py",
    ),
    "batch/ledger/plan/undelivered.py": (
        "tests/unit/ledger/test_rules.py",
        "tests/unit/ledger/test_staging.py",
        "tests/integration/commands/test_run_undelivered.py",
    ),
    "batch/pool/attempt.py": ("tests/unit/pool/test_attempt.py", *_POOL),
    "batch/pool/pacing.py": ("tests/unit/pool/test_pacing.py", *_POOL),
    "batch/pool/stop.py": ("tests/unit/pool/test_stop.py", *_POOL, "tests/integration/commands/test_run_signals.py"),
    "batch/model/phone/brazil.py": _PHONES,
    "batch/model/phone/cells.py": _PHONES,
    "batch/model/phone/digits.py": _PHONES,
    "batch/model/phone/international.py": _PHONES,
    "batch/model/phone/__init__.py": _PHONES,
    "batch/loader/formats/delimited.py": (
        "tests/unit/loader/test_delimited.py",
        "tests/integration/sheets/test_text_files.py",
    ),
    "batch/app/inputs/change_guard.py": (
        "tests/unit/app/test_change_guard.py",
        "tests/integration/ledger/test_change_guard.py",
    ),
    "batch/ledger/deliveries/looks.py": (
        "tests/unit/ledger/test_looks.py",
        *_FOLLOW,
        "tests/integration/commands/test_run_undelivered.py",
    ),
    "batch/model/delivery.py": _LOOKS,
    "batch/model/replies.py": _LOOKS,
    "batch/app/follow.py": _FOLLOW,
}
"""The modules of the promise, and the tests that belong to each: the quick ones first."""

_COPIED = ("batch", "tests", "samples", "pyproject.toml", "README.md")
_LEAST_SECONDS, _TIMES = 40.0, 6.0
"""A defect's tests may take so long, and so many times as long as without it."""
_MEMORY = 4 << 30
"""Bytes of address space, where the system can limit it: a defect may fill the memory."""
_LIBRARIES = ["pytest", "hypothesis", "httpx", "openpyxl", "pydantic", "sqlalchemy.dialects.sqlite", "structlog"]
"""What is loaded once for all defects, where a process can be forked: never a module of the project."""
_PROCESSES = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")


class Project:
    """A copy of the project whose tests can be run with a defect in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ignore = shutil.ignore_patterns("__pycache__", "browser", "benchmarks")
        for name in _COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=ignore)
            else:
                shutil.copy(source, folder / name)
        self._traces: dict[str, Any] = {}
        self._traced: set[str] = set()

    def trace(self, tests: tuple[str, ...]) -> dict[str, Any]:
        """Return the seconds and lines of each test, and of what ran before; without a defect all must pass.

        No file is traced twice: many belong to several modules.
        """
        if new := [file for file in tests if file not in self._traced]:
            target = self._folder / "trace.json"
            if not _pass(self._folder, new, [Tracer(self._folder, [*TESTS], target)], limit=1200.0, learn=True):
                sys.exit(f"The tests fail without any defect: {' '.join(new)}")
            found = json.loads(target.read_text(encoding="utf-8"))
            known = self._traces.get("", {"seconds": 0.0, "lines": {}})["lines"]
            for module, lines in known.items():
                found[""]["lines"][module] = sorted({*lines, *found[""]["lines"].get(module, ())})
            self._traces |= found
            self._traced.update(new)
        return {name: each for name, each in self._traces.items() if not name or name.split("::")[0] in tests}

    def judge(self, defect: Defect) -> str:
        """Return `killed`, `timed out` or `survived`."""
        tests = tuple(dict.fromkeys(TESTS[defect.module]))
        traced = self.trace(tests)
        path = self._folder / defect.module
        whole = path.read_text(encoding="utf-8")
        for compiled in path.parent.glob(f"__pycache__/{path.stem}.*"):
            compiled.unlink()
        path.write_text(defect.break_source(whole), encoding="utf-8")
        before = traced.pop("")
        loaded = defect.lines is not None and _runs(before, defect)
        seconds = {test: each["seconds"] for test, each in traced.items() if loaded or _reaches(each, defect)}
        files = [file for file in tests if any(test.startswith(f"{file}::") for test in seconds)]
        choice = Choice(seconds, traced.keys() - seconds.keys())
        try:
            limit = max(_LEAST_SECONDS, _TIMES * sum(seconds.values()))
            return "survived" if not files or _pass(self._folder, files, [choice], limit=limit) else "killed"
        except TimeoutError:
            return "timed out"
        finally:
            path.write_text(whole, encoding="utf-8")


def _reaches(traced: dict[str, Any], defect: Defect) -> bool:
    """Return True for a test that runs the defect's statement, or none of the modules: it may start a program.

    Where the defect has no lines, others read what was made there before.
    """
    return defect.lines is None or not traced["lines"] or _runs(traced, defect)


def _runs(traced: dict[str, Any], defect: Defect) -> bool:
    return any(each in (defect.lines or ()) for each in traced["lines"].get(defect.module, ()))


def _pass(folder: Path, tests: Sequence[str], plugins: Sequence[object], *, limit: float, learn: bool = False) -> bool:
    """Return whether tests of a copy pass. `learn`: keep what was compiled for the runs to come."""
    process = _PROCESSES.Process(target=_run_tests, args=(folder, tests, plugins), kwargs={"learn": learn})
    process.start()
    process.join(limit)
    try:
        if process.exitcode is None:
            raise TimeoutError
        return process.exitcode in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}
    finally:
        _end(process)


def _run_tests(folder: Path, tests: Sequence[str], plugins: Sequence[object], *, learn: bool) -> None:
    """Run tests in this process, which ends with pytest's code."""
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    if os.name == "posix":
        _limit_memory()
        os.setsid()
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)
    if not learn:
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        sys.dont_write_bytecode = True
    for tracer in plugins:
        if isinstance(tracer, Tracer):
            tracer.begin()
    # A failing example is enough, it need not be the shortest.
    phases = (Phase.explicit, Phase.generate)
    settings.register_profile("mutation", deadline=None, database=None, phases=phases)
    options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", "--hypothesis-seed=1", "--hypothesis-profile=mutation"]
    options += ["-k", "not postgresql"]  # the rules are the same there, and their tests take several times as long
    sys.exit(pytest.main([*options, "-W", "ignore::pytest.PytestAssertRewriteWarning", *tests], plugins=plugins))


def _limit_memory() -> None:
    import resource  # noqa: PLC0415 - where there is one

    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _end(process: BaseProcess) -> None:
    """End the tests, and what they have left running."""
    if os.name == "posix" and process.pid is not None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()


def read_equivalent() -> dict[tuple[str, str], str]:
    """Return the reasons of the defects that change nothing, by module and name."""
    lines = EQUIVALENT.read_text(encoding="utf-8").splitlines()
    fields = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {(module, name): reason for module, name, reason in fields}


def draw(modules: Sequence[str], seed: int, *, listed: bool) -> list[Defect]:
    """Return all defects of the modules but the equivalent ones, in the seed's order; `listed`: only those."""
    equivalent = read_equivalent()
    found = [each for module in modules for each in find_defects(ROOT, module)]
    unknown = set(equivalent) - {(each.module, each.name) for each in found} if len(modules) == len(TESTS) else set()
    for module, name in sorted(unknown):
        say(f"equivalent.tsv names a defect that there is not: {module} {name}")
    defects = [each for each in found if ((each.module, each.name) in equivalent) is listed]
    random.Random(seed).shuffle(defects)  # noqa: S311 - a sample
    return defects


def _read_survivors(output: Path) -> list[str]:
    return [line for line in output.read_text(encoding="utf-8").splitlines() if line.startswith("survived: ")]


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--count", type=int, default=60, help="defects that are tried (default 60)")
    options.add_argument("--skip", type=int, default=0, help="defects of the seed's order that are passed over")
    options.add_argument("--seed", type=int, default=1, help="which ones (default 1)")
    options.add_argument("--module", action="append", choices=[*TESTS], help="only of this module; may be repeated")
    options.add_argument("--only", default="", help="only defects with this text in their name")
    options.add_argument("--again", type=Path, help="only those that an earlier run's output in this file names")
    options.add_argument("--least", type=float, default=95.0, help="percent that must be noticed (default 95)")
    options.add_argument("--listed", action="store_true", help="try those of equivalent.tsv: each must survive")
    options.add_argument("--list", action="store_true", help="name the defects, and try none")
    chosen = options.parse_args()

    drawn = [
        each for each in draw(chosen.module or [*TESTS], chosen.seed, listed=chosen.listed) if chosen.only in each.name
    ]
    if chosen.again:
        named = {tuple(re.split(r":\d+\t", line.split(": ", 1)[1])) for line in _read_survivors(chosen.again)}
        drawn = [each for each in drawn if (each.module, each.name) in named]
    defects = drawn[chosen.skip : chosen.skip + chosen.count]
    if chosen.list:
        for defect in defects:
            say(f"{defect.module}:{defect.line}\t{defect.name}")
        return 0
    counts = dict.fromkeys(("killed", "timed out", "survived"), 0)
    if os.name == "posix":
        _PROCESSES.set_forkserver_preload(_LIBRARIES)
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        project = Project(Path(folder))
        for defect in defects:
            verdict = project.judge(defect)
            counts[verdict] += 1
            if chosen.listed is (verdict != "survived") or verdict == "timed out":
                say(f"{verdict}: {defect.module}:{defect.line}\t{defect.name}")
    tried = sum(counts.values())
    if chosen.listed:
        say(f"{counts['survived']} of {tried} defects change nothing, as {EQUIVALENT.name} has it")
        return 0 if counts["survived"] == tried else 1
    noticed = 100 * (tried - counts["survived"]) / tried if tried else 100.0
    say(f"{tried} of {len(drawn)} defects: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    say(f"{noticed:.1f} % noticed; at least {chosen.least:g} % wanted")
    return 0 if noticed >= chosen.least else 1


if __name__ == "__main__":
    sys.exit(main())
