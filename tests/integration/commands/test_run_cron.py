"""The crontab's own line, run as cron runs it: /bin/sh, an empty environment, no terminal."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from batch.sandbox import RunningSandbox, running_sandbox

SAMPLES = Path(__file__).parents[3] / "samples"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="cron and systemd are POSIX things")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home as the crontab expects it: the program, and a folder with sheet, campaign and token."""
    (tmp_path / ".local/bin").mkdir(parents=True)
    program = tmp_path / ".local/bin/wegly-batch"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m batch "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    folder = tmp_path / "wegly"
    folder.mkdir()
    for name in ("contatos.xlsx", "boas-vindas.toml"):
        shutil.copy(SAMPLES / name, folder)
    (folder / "token.txt").write_text("a-token\n", encoding="utf-8")
    (folder / "token.txt").chmod(0o600)
    return tmp_path


def crontab_command() -> str:
    """What stands behind the five fields of the crontab's line."""
    lines = (SAMPLES / "crontab.example").read_text(encoding="utf-8").splitlines()
    (line,) = [line for line in lines if line[:1].isdigit() and " run " in line]
    return line.split(maxsplit=5)[5]


def as_cron(command: str, home: Path, sandbox: RunningSandbox) -> subprocess.CompletedProcess[str]:
    """Only HOME, PATH and SHELL, as cron gives; and where the imitation is, in place of the API."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "WEGLY_BASE_URL": sandbox.url}
    return subprocess.run(
        ["/bin/sh", "-c", command],
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
    )


@pytest.mark.long
def test_the_crontabs_line_sends_and_tells(home: Path) -> None:
    """The first start sends and mails what needs somebody; the next one sends nothing more."""
    with running_sandbox() as sandbox:
        first = as_cron(crontab_command(), home, sandbox)
        applied = len(sandbox.log.applied)
        assert first.returncode == 4, first.stderr
        assert first.stdout == ""
        assert "3 linhas a decidir" in first.stderr
        assert "\r" not in first.stderr
        assert as_cron(crontab_command(), home, sandbox).returncode == 4
        assert len(sandbox.log.applied) == applied
    assert len(list((home / "wegly/reports").glob("*/"))) == 1
    assert (home / ".local/share/wegly-batch/ledger.sqlite3").exists()


def test_cron_prints_three_lines_of_what_is_new_and_else_nothing(home: Path) -> None:
    """One short mail, in the campaign's language, for a day on which something was sent, and none for any other."""
    (home / "wegly/contatos.csv").write_text("Nome;Telefone;Empresa;Valor;Agente\nAna;11 90000-1001;X;1,00;\n", "utf-8")
    campaign = home / "wegly/boas-vindas.toml"
    text = campaign.read_text(encoding="utf-8").replace("header_row = 4", "")
    campaign.write_text(text, encoding="utf-8")
    with running_sandbox() as sandbox:
        done = as_cron(crontab_command().replace("contatos.xlsx", "contatos.csv"), home, sandbox)
        again = as_cron(crontab_command().replace("contatos.xlsx", "contatos.csv"), home, sandbox)
        assert len(sandbox.log.applied) == 1
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (0, "", 3)
    assert done.stderr.splitlines()[2].startswith("Relatório: ")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.long
def test_the_services_command_works_with_a_credential(home: Path) -> None:
    """systemd puts the token at %d/token and the work folder at %S; the rest of the line is the same."""
    service = (SAMPLES / "wegly-batch.service").read_text(encoding="utf-8")
    (line,) = [line for line in service.splitlines() if line.startswith("ExecStart=")]
    command = line.removeprefix("ExecStart=").replace("%d/token", str(home / "wegly/token.txt"))
    command = command.replace("/opt/wegly-batch/bin", str(home / ".local/bin"))
    with running_sandbox() as sandbox:
        done = as_cron(f"cd '{home / 'wegly'}' && {command}", home, sandbox)
        assert len(sandbox.log.applied) > 30
    assert done.returncode == 4, done.stderr
