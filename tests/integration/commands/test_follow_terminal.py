"""What a person sees while `follow` looks, on a real pseudo-terminal."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moving_messages import Moving, MovingApi, accept, serving
from program import start, start_on_terminal

from batch.ledger import Ledger

pty = pytest.importorskip("pty", reason="pseudo-terminals are a POSIX thing; on Windows the same is tried by hand")
PATIENCE = 20.0


class WaitingApi(MovingApi):
    """Answers no look before it may."""

    may_answer = threading.Event()

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        self.may_answer.wait(PATIENCE)
        return super().answer(path)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[WaitingApi]:
    """Serves three messages of an hour ago, which the folder's ledger knows."""
    began = datetime.now(UTC) - timedelta(hours=1)
    each = {"at": began, "way": "delivered", "code": None, "reply": None, "has_twin": False}
    served = WaitingApi([Moving(row=row, **each) for row in (2, 3, 4)], began + timedelta(hours=1))  # type: ignore[arg-type]
    served.may_answer = threading.Event()
    with serving(served), Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as ledger:
        accept(ledger, served)
        yield served


def words(api: MovingApi) -> list[str]:
    return ["follow", "--base-url", api.url, "--rate", "50/s"]


def environment(folder: Path, **more: str) -> dict[str, str]:
    ledger = f"sqlite:///{folder / 'ledger.sqlite3'}"
    return {**os.environ, "WEGLY_TOKEN": "a-token", "WEGLY_BATCH_LEDGER": ledger, **more}


def read_until(terminal: int, word: str) -> str:
    """Everything shown until a word is there, or until the other end is closed."""
    shown = ""
    while word not in shown and select.select([terminal], [], [], PATIENCE)[0]:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        shown += piece.decode(errors="replace")
        if not piece:
            break
    return shown


def test_a_bar_is_there_before_the_first_look_is_answered(tmp_path: Path, api: WaitingApi) -> None:
    """With how many looks there are; it counts them, and is gone when the result is shown."""
    child, terminal = pty.fork()
    if child == 0:
        command = [sys.executable, "-m", "batch", *words(api)]
        os.execve(sys.executable, command, environment(tmp_path, TERM="xterm"))  # noqa: S606 - the program itself
    shown = read_until(terminal, "0/3")
    assert "  0%" in shown
    assert "0/3" in shown
    api.may_answer.set()
    rest = read_until(terminal, "never shown")
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert rest.rsplit("\r", 1)[-1].count("%") == 0
    assert "3 of 3 messaged" in rest


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_none_is_drawn_without_a_terminal_or_on_one_that_cannot_go_back(
    tmp_path: Path, api: WaitingApi, term: str
) -> None:
    """Cron's mail and a log hold the result alone."""
    api.may_answer.set()
    surroundings: dict[str, Any] = {"folder": tmp_path, "environment": environment(tmp_path, TERM=term)}
    if term == "dumb":
        code, shown = start_on_terminal(words(api), **surroundings)
        assert code == 0
        shown = shown.replace("\r\n", "\n")
    else:
        ran = start(words(api), **surroundings)
        assert (ran.code, ran.err) == (0, b"")
        shown = ran.out.decode()
    assert "3 of 3 messaged" in shown
    assert "\r" not in shown
    assert "%" not in shown.splitlines()[0]
