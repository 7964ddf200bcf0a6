"""SIGUSR1, which once asked a run for its state, disturbs nothing (POSIX)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from batch.sandbox import Faults, running_sandbox

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGUSR1")

CAMPAIGN = """
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
"""
ROWS = 20


def test_an_old_kill_usr1_ends_no_run(tmp_path: Path) -> None:
    """The signal at several moments of a run: nothing is printed, every row is sent once, the run ends as always."""
    phones = "\n".join(["Telefone", *(f"11 9{number:04d}-7001" for number in range(ROWS))])
    (tmp_path / "c.csv").write_text(f"{phones}\n", encoding="utf-8")
    (tmp_path / "teste.toml").write_text(CAMPAIGN, encoding="utf-8")
    ledger = f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
    with running_sandbox(faults=Faults(latency=0.05)) as sandbox:
        options = ["--yes", "--quiet", "--base-url", sandbox.url, "--rate", "20/s", "--ledger", ledger]
        command = [sys.executable, "-m", "batch", "run", "c.csv", "-c", "teste.toml", *options]
        environment = {**os.environ, "WEGLY_TOKEN": "a-token"}
        with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
            for posts in (1, 5, 15):
                end = time.monotonic() + 60
                while len(sandbox.log.received) < posts:
                    assert time.monotonic() < end
                    time.sleep(0.005)
                process.send_signal(signal.SIGUSR1)
            _out, printed = process.communicate(timeout=60)
        assert (process.returncode, printed) == (0, "")
        assert len(sandbox.log.received) == ROWS
    (summary,) = (json.loads(file.read_bytes()) for file in (tmp_path / "reports").glob("*/summary.json"))
    assert summary["counts"]["success"] == ROWS


def test_a_signal_to_any_command_ends_nothing() -> None:
    """Its default would kill the process."""
    script = (
        "import os, signal, sys\n"
        "from batch.cli.main import _run\n"
        "code = _run(['--version'])\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
