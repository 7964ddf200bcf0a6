"""A ledger on PostgreSQL that is restored from a dump: an older copy, which is known by the campaign's stamp."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from postgres import Cluster, new_ledger

from batch.sandbox import RunningSandbox, running_sandbox

pytestmark = pytest.mark.long
CAMPAIGN = """[campaign]
name = "teste"
language = "en"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a50001"
[template]
name = "saudacao_inicial"
language = "pt_BR"
[columns]
wa_contact_id = "Telefone"
[throttle]
rate = "100/s"
"""


def wegly_batch(folder: Path, url: str, sandbox: RunningSandbox, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"WEGLY_TOKEN": "anything", "WEGLY_BASE_URL": sandbox.url, "WEGLY_BATCH_LEDGER": url}
    return subprocess.run(
        [sys.executable, "-m", "batch", *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def write_sheet(folder: Path, rows: int) -> None:
    phones = [f"(11) 9{row:04d}-7001" for row in range(rows)]
    (folder / "s.csv").write_text("\n".join(["Telefone", *phones, ""]))


@pytest.mark.parametrize("send", ["run", "submit"])
def test_a_restored_dump_is_an_older_copy(postgres: Cluster, tmp_path: Path, send: str) -> None:
    """Whom the last run has messaged is not in it: nothing is sent, by `run` nor by workers, until that is accepted."""
    url = new_ledger(postgres)
    schema, dump = url.rpartition("=")[2], postgres.folder / f"{send}.sql"
    (tmp_path / "c.toml").write_text(CAMPAIGN)
    with running_sandbox() as sandbox:
        write_sheet(tmp_path, 3)
        assert wegly_batch(tmp_path, url, sandbox, "run", "s.csv", "-c", "c.toml", "--yes").returncode == 0
        postgres.run("pg_dump", "-h", postgres.folder, "-U", "wegly", "-n", schema, "-f", dump, "postgres")
        write_sheet(tmp_path, 6)
        assert wegly_batch(tmp_path, url, sandbox, "run", "s.csv", "-c", "c.toml", "--yes").returncode == 0
        postgres.ask(f"DROP SCHEMA {schema} CASCADE")
        postgres.run(
            "psql", "-h", postgres.folder, "-U", "wegly", "-q", "-v", "ON_ERROR_STOP=1", "-f", dump, "postgres"
        )
        refused = wegly_batch(tmp_path, url, sandbox, send, "s.csv", "-c", "c.toml", "--yes")
        assert refused.returncode == 2
        assert "is an older copy" in refused.stderr
        assert "--accept-change" in refused.stderr
        assert len(sandbox.log.applied) == 6


def test_another_database_is_another_ledger(postgres: Cluster, tmp_path: Path) -> None:
    """By its id, whatever its address."""
    (tmp_path / "c.toml").write_text(CAMPAIGN)
    write_sheet(tmp_path, 3)
    with running_sandbox() as sandbox:
        words = ("run", "s.csv", "-c", "c.toml", "--yes")
        assert wegly_batch(tmp_path, new_ledger(postgres), sandbox, *words).returncode == 0
        refused = wegly_batch(tmp_path, new_ledger(postgres), sandbox, *words)
        assert (refused.returncode, len(sandbox.log.applied)) == (2, 3)
        assert "this is another one" in refused.stderr
