"""The demo of workers: a worker is killed in the middle, and nothing temporary stays, however it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from postgres import NoServer, find_programs
from program import start

ROOT = Path(__file__).parents[3]


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A folder for temporary ones, into which another user may go: a server of root's runs as one."""
    folder = Path(tempfile.mkdtemp(prefix="wegly-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def environment(temporary: Path) -> dict[str, str]:
    """As a shell has it, with another server named, which is none of the demo's."""
    try:
        find_programs()
    except NoServer as error:
        pytest.skip(str(error))
    return {"PATH": os.environ["PATH"], "TMPDIR": str(temporary), "PGSSLMODE": "require", "PGUSER": "other"}


def left_of(temporary: Path) -> list[str]:
    """What is still there: folders, and processes of the server or of workers."""
    processes = []
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            if str(temporary) in " ".join([*each.cmdline(), *map(str, each.environ().values())]):
                processes.append(" ".join(each.cmdline()))
    return [*map(str, temporary.iterdir()), *processes]


@pytest.mark.long
def test_one_worker_is_killed_and_the_report_is_true(
    environment: dict[str, str], temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others take over, and the log of the imitation agrees; no command leads to the ledger, which is gone."""
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr("batch.app.demo.postgres.secrets.token_urlsafe", lambda _size: "its-own-password")
    printed = start(["demo", "--workers", "3"], folder=tmp_path, environment=environment)
    out = printed.out.decode()
    assert (printed.code, printed.err.decode()) == (0, "")
    assert re.search(
        r"One of 3 workers was killed after 1[2-9]\d of 240 messages, while it sent for \d senders?\.", out
    )
    assert re.search(r"\d s later the others were sending for all of them\.", out)
    assert re.search(r"The imitation's own log: 2[34]\d people, each at most one message: true\.", out)
    (report,) = (tmp_path / "reports").glob("*/report.html")
    assert f"{report.relative_to(tmp_path)}" in out
    sent = {name: re.search(rf"{name}\)? +(\d+)", out) for name in ("success", "unknown")}
    assert sum(int(found[1]) for found in sent.values() if found) == 240
    assert "postgresql://wegly" not in out
    texts = [out, *(file.read_text("utf-8", errors="replace") for file in report.parent.iterdir())]
    assert [text for text in texts if "its-own-password" in text or "wegly-batch-demo-workers" in text] == []
    assert "wegly-batch settle " not in texts[0]
    assert left_of(temporary) == []


@pytest.mark.long
@pytest.mark.parametrize("moment", ["Starting", "%"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_behind(
    environment: dict[str, str], temporary: Path, tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    """While the server is being made, and while workers send: server, workers and folders are gone at its end."""
    pexpect = pytest.importorskip("pexpect")
    demo = pexpect.spawn(
        sys.executable, ["-m", "batch", "demo", "--workers", "2"], cwd=str(tmp_path), encoding="utf-8", timeout=60,
        env={**environment, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
    )  # fmt: skip
    demo.expect_exact(moment)
    demo.kill(number)
    demo.expect(pexpect.EOF)
    demo.close()
    assert demo.exitstatus == (130 if number == signal.SIGINT else 143)
    assert left_of(temporary) == []


@pytest.mark.parametrize("workers", ["0", "-1", "1", "7", "200"])
def test_a_number_that_makes_no_sense_is_refused_in_words(workers: str, tmp_path: Path) -> None:
    """It says which numbers do, and why."""
    printed = start(["demo", "--workers", workers], folder=tmp_path, environment={})
    assert printed.code == 2
    assert f"{workers} is not from 2 to 6. One worker is killed, so a second must be there" in printed.err.decode()


def test_where_no_postgresql_is_installed_one_sentence_says_how_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And nothing was begun."""
    monkeypatch.setattr("batch.app.demo.postgres._PLACES", ())
    printed = start(["demo", "--workers", "3"], folder=tmp_path, environment={"PATH": str(tmp_path)})
    assert (printed.code, printed.out) == (2, b"")
    error = printed.err.decode()
    assert "starts a PostgreSQL of its own, 15 or newer, and none is installed here." in error
    assert re.search(r"Install one, for example with `[^`]+`, and type the same command again", error)
    assert list(tmp_path.glob("reports")) == []


def test_without_the_extra_one_sentence_names_its_command() -> None:
    """Before anything is looked for."""
    program = (
        "import sys; sys.modules['procrastinate'] = None; sys.argv = ['wegly-batch', 'demo', '--workers', '3']\n"
        "from batch.cli.main import main\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs Procrastinate, which is not installed" in done.stderr
    assert "pip install 'procrastinate" in done.stderr
