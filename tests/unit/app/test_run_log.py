"""run.log: what cannot be written is counted and said, and never stops who logs."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

import pytest
from rights import is_private

from batch.app.runs.run_log import log_to
from batch.chats import Token
from batch.event_log import log


def test_a_line_is_json_and_private(tmp_path: Path) -> None:
    """0600, appended, without the token, and also with text that is no Unicode."""
    path = tmp_path / "run.log"
    with log_to(path, token=Token.parse("a-secret-token", "a test"), verbose=False) as written:
        log.info("first", value="a-secret-token")
        log.info("second", path="relat\udce9rio \x1b\x7f\x9b31m\u202e")
        assert written.problem is None
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [line["event"] for line in lines] == ["first", "second"]
    assert lines[1]["path"] == "relat\udce9rio \x1b\x7f\x9b31m\u202e"
    assert path.read_text("utf-8").replace("\n", "").isprintable()
    assert "secret" not in path.read_text("utf-8")
    assert is_private(path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a device that is always full")
def test_a_full_disk_loses_lines_and_nothing_else(tmp_path: Path) -> None:
    """The kernel itself refuses each write: No space left on device."""
    (tmp_path / "run.log").symlink_to("/dev/full")
    with log_to(tmp_path / "run.log", token=None, verbose=False) as written:
        for number in range(3):
            log.info("attempt", row=number)
        log.error("failed", exc_info=ValueError("x"))
    assert written.problem == (
        "run.log lacks 4 lines: No space left on device. The ledger and the report do not need them."
    )


def test_a_log_that_cannot_be_opened_stops_nothing(tmp_path: Path) -> None:
    """Its folder is gone."""
    with log_to(tmp_path / "gone" / "run.log", token=None, verbose=False) as written:
        log.info("begun")
    assert written.problem is not None
    assert "No such file" in written.problem


def test_a_terminal_that_is_gone_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """-v into a pipe that nobody reads any more: the file has the line all the same."""
    reading, writing = os.pipe()
    os.close(reading)
    pipe = os.fdopen(writing, "w", encoding="utf-8")
    monkeypatch.setattr(sys, "stderr", pipe)
    with log_to(tmp_path / "run.log", token=None, verbose=True) as written:
        log.info("begun")
    with contextlib.suppress(OSError):  # BrokenPipeError, and EINVAL on Windows
        pipe.close()
    assert written.problem is None
    assert "begun" in (tmp_path / "run.log").read_text("utf-8")


def test_no_phone_gets_into_a_line_whoever_logs_it(tmp_path: Path) -> None:
    """In a text, a number, a list, a mapping or an exception; ids, times and counts stay as they are."""
    path = tmp_path / "run.log"
    with log_to(path, token=None, verbose=False):
        log.info("x", words="o contato 11 98888-7777", number=5511988887777, more=[{"to": "+5511988887777"}], ms=123456)
        log.error("failed", exc_info=ValueError("11988887777 is no key"), run="20261122T150411Z-a-1b02")
    text = path.read_text("utf-8")
    first, second = map(json.loads, text.splitlines())
    for line in (first, second):
        text = text.replace(line["timestamp"], "")  # whose microseconds may have the same digits
    assert "8887" not in text
    assert (first["words"], first["number"], first["ms"]) == ("o contato ** *****-**77", "***********77", 123456)
    assert second["run"] == "20261122T150411Z-a-1b02"
    assert len(second["timestamp"]) == 27


def test_a_worker_keeps_its_name_whatever_it_looks_like(tmp_path: Path) -> None:
    """A host, a process and a version are nobody's phone. The same digits are masked anywhere else."""
    names = ("vm:98765 0.4.0", "ip-172-31-22-105:4194304 0.4.0")
    path = tmp_path / "run.log"
    with log_to(path, token=Token.parse("a-secret-token", "a test"), verbose=False):
        for name in names:
            log.info("worker_begun", worker=name, words=name)
        log.info("worker_begun", worker="a-secret-token")
    first, second, third = map(json.loads, path.read_text("utf-8").splitlines())
    assert (first["worker"], second["worker"]) == names
    assert (first["words"], second["words"]) == ("vm:***** *.4.0", "ip-***-**-**-*05:******* *.4.0")
    assert third["worker"] != "a-secret-token"
