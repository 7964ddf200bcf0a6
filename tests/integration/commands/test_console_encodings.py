"""Consoles and pipes that lack some signs, as cp850 and cp1252 on Windows do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from program import start


@pytest.mark.parametrize("encoding", ["cp850", "cp1252"])
def test_a_sign_that_the_console_lacks_is_written_as_an_escape(tmp_path: Path, encoding: str) -> None:
    """A column with an emoji is shown as `\\ud83d\\ude00` with exit 0, and JSON in such a pipe keeps its meaning."""
    sheet = tmp_path / "contatos.csv"
    sheet.write_text("n😀me ção,telefone\nAna,11988887777\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}

    command = [sys.executable, "-m", "batch", "inspect", str(sheet)]
    shown = subprocess.run(command, env=environment, capture_output=True, check=True).stdout.decode(encoding)
    assert r"n\ud83d\ude00me ção" in shown
    ended = start(["inspect", str(sheet), "--json"], folder=tmp_path, environment=environment, encoding=encoding)
    assert json.loads(ended.out.decode(encoding))["columns"][0] == "n😀me ção"
