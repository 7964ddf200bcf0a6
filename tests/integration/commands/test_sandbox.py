"""`sandbox`: what it says to type in another terminal."""

from __future__ import annotations

import shlex

import pytest

from batch.cli.commands import sandbox
from batch.cli.main import _run as wegly_batch


def test_it_names_the_commands_of_a_run_and_of_workers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with its address; those of workers with a ledger that machines share."""

    def announce_alone(announce: object, **_options: object) -> tuple[int, int]:
        assert callable(announce)
        announce("http://127.0.0.1:9")
        return 0, 0

    monkeypatch.setattr(sandbox, "serve_sandbox", announce_alone)
    assert wegly_batch(["sandbox"]) == 0
    printed = capsys.readouterr().err
    lines = [shlex.split(line) for line in printed.splitlines() if line.startswith("  wegly-batch ")]
    assert [words[1] for words in lines] == ["run", "worker", "submit"]
    assert all(words[words.index("--base-url") + 1] == "http://127.0.0.1:9" for words in lines)
    assert ["--ledger" in words for words in lines] == [False, True, True]
    assert "WEGLY_TOKEN=anything" in printed
