"""`wegly-batch init` on a real pseudo-terminal: what it asks, and what it makes of the answers."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from batch.cli.main import _run as wegly_batch

_WHY = "pseudo-terminals are a POSIX thing; on Windows the same is tried by hand"
pty = pytest.importorskip("pty", reason=_WHY)

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person's own folder, with a ledger that is nobody else's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")


def _terminal(answers: list[str], *words: str) -> tuple[int, str]:
    """The program at a real terminal, each prompt answered with the next answer. Exit code and what it showed."""
    child, screen = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "batch", *words])  # noqa: S606 - the program itself
    shown, left = b"", list(answers)
    while select.select([screen], [], [], 30)[0]:
        try:
            piece = os.read(screen, 4096)
        except OSError:
            break
        shown += piece
        if shown.endswith(b": ") and left:
            os.write(screen, left.pop(0).encode() + b"\n")
    os.close(screen)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()


def test_on_a_terminal_it_asks_and_checks_each_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """Which phone, the sender, the template, its text, what stands for its numbers; the file needs no editing."""
    sheet = "Nome;Telefone;Celular;Fatura\nAna Lima;11 90000-1001;11 90000-1002;77\n"
    Path("c.csv").write_text(sheet, encoding="utf-8")
    answers = ["Celular", "abc", SENDER, "saudacao", "", "Oi {{1}}, veja o boleto {{2}}", "", "Faturas", "Fatura"]
    code, shown = _terminal(answers, "init", "c.csv")
    assert code == 0, shown
    assert "is not a UUID" in shown
    assert "did you mean 'Fatura'?" in shown
    code = wegly_batch(["check", "c.csv", "-c", "c.toml"])
    out = capsys.readouterr().out
    assert code == 0, out
    assert "+55 11 90000-1002" in out
    assert "Oi Ana, veja o boleto 77" in out


def test_on_a_terminal_everything_may_be_left_for_later(capsys: pytest.CaptureFixture[str]) -> None:
    """Enter at each question."""
    Path("c.csv").write_text("Nome;Telefone\nAna;11 90000-1001\n", encoding="utf-8")
    code, shown = _terminal(["", "", ""], "init", "c.csv")
    assert code == 0, shown
    assert "FILL IN" in shown
    assert wegly_batch(["check", "c.csv", "-c", "c.toml"]) == 2
    assert "is not filled in yet" in capsys.readouterr().err
