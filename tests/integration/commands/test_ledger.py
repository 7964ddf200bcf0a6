"""`wegly-batch ledger`: what it prints, what it refuses, and a copy that is put back."""

from __future__ import annotations

import gc
import json
import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from rights import is_private

from batch.cli.main import _run as wegly_batch
from batch.sandbox import running_sandbox

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
[throttle]
rate = "200/s"
"""

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Typed:
    """A person at a command line, with a sheet of six rows."""
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    monkeypatch.setenv("WEGLY_BATCH_REPORTS", str(tmp_path / "reports"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "teste.toml").write_text(CAMPAIGN, encoding="utf-8")
    people = "".join(f"11 9000{n}-7001\n" for n in range(6))
    (tmp_path / "contatos.csv").write_text("Telefone\n" + people, encoding="utf-8")

    def type_(*words: object) -> tuple[int, str, str]:
        code = wegly_batch([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return type_


def run(typed: Typed, url: str, *more: str) -> tuple[int, str, str]:
    return typed("run", "contatos.csv", "-c", "teste.toml", "--base-url", url, *more)


@pytest.mark.skipif(os.name == "nt", reason="modes say nothing about other users there")
def test_what_others_may_read_is_named_with_the_command_that_mends_it(typed: Typed, tmp_path: Path) -> None:
    """Token file and ledger, a sentence each; nothing is changed, and nothing said of what is private."""
    token, ledger = tmp_path / "my token.txt", tmp_path / "ledger.sqlite3"
    token.write_text("any", encoding="utf-8")
    token.chmod(0o600)
    with running_sandbox() as sandbox:
        assert run(typed, sandbox.url, "--quiet", "--token-file", str(token))[::2] == (0, "")
        token.chmod(0o644)
        ledger.chmod(0o640)
        for words in (("run", "--quiet"), ("check",)):
            command = (words[0], "contatos.csv", "-c", "teste.toml", "--base-url", sandbox.url, *words[1:])
            code, _, err = typed(*command, "--token-file", str(token))
            assert code == 0
            assert [line.partition("chmod 600 ")[2] for line in err.splitlines()] == [f"'{token}'", str(ledger)]
    assert stat.S_IMODE(ledger.stat().st_mode) == 0o640


def test_a_damaged_ledger_ends_a_run_without_a_traceback(
    typed: Typed, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is there one that SQLAlchemy logs for a query that was still open when the ledger was closed."""
    with running_sandbox() as sandbox:
        run(typed, sandbox.url)
        with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as ledger:
            ledger.execute("UPDATE messages SET state = 5")
            ledger.commit()
        code, _, err = run(typed, sandbox.url)
    gc.collect()
    assert code == 5
    assert "messages.state holds what wegly-batch never writes" in err
    assert "Traceback" not in err + caplog.text


def test_a_copy_put_back_is_noticed_by_the_next_run(typed: Typed, tmp_path: Path) -> None:
    """As the command's own words say: nobody who was messaged since gets a second message."""
    with running_sandbox() as sandbox:
        run(typed, sandbox.url, "--limit", "2")
        code, out, err = typed("ledger", "backup", "copy.sqlite3")
        assert (code, err) == (0, "")
        assert f"Copied to {tmp_path / 'copy.sqlite3'}" in out
        assert "1 run, 6 messages" in out
        assert "the next run notices" in out
        assert run(typed, sandbox.url)[0] == 0
        assert len(sandbox.log.applied) == 6
        for file in tmp_path.glob("ledger.sqlite3*"):
            if file.is_file():
                file.unlink()
        (tmp_path / "copy.sqlite3").replace(tmp_path / "ledger.sqlite3")
        code, _, err = run(typed, sandbox.url)
        assert code == 2
        assert "is an older copy" in err
        assert len(sandbox.log.applied) == 6


def test_info_says_where_the_ledger_is_and_what_it_holds(typed: Typed, tmp_path: Path) -> None:
    """For people, and as JSON for programs; nothing is sent, settled or made."""
    with running_sandbox() as sandbox:
        run(typed, sandbox.url, "--limit", "2")
    code, out, err = typed("ledger", "info")
    assert (code, err) == (0, "")
    lines = dict(line.strip().split(maxsplit=1) for line in out.splitlines())
    assert lines["Ledger"] == str(tmp_path / "ledger.sqlite3")
    assert (lines["Runs"], lines["Messages"]) == ("1", "6")
    assert (lines["Accepted"].split(), lines["Waiting"].split()) == (["(success)", "2"], ["(pending)", "4"])
    code, out, _ = typed("ledger", "info", "--json")
    found = json.loads(out)
    assert code == 0
    keys = ["ledger", "id", "schema_version", "counter", "runs", "messages", "purged", "size", "synchronised_by"]
    assert list(found) == keys
    assert (found["id"], found["counter"]) == (lines["Id"], 1)
    assert found["messages"] == {"pending": 4, "success": 2}
    assert found["size"] > 10_000
    assert found["synchronised_by"] is None


def test_a_copy_as_json(typed: Typed, tmp_path: Path) -> None:
    """The copy's own figures, and the file is for its owner alone."""
    with running_sandbox() as sandbox:
        run(typed, sandbox.url, "--limit", "2")
    code, out, _ = typed("ledger", "backup", "copy.sqlite3", "--json")
    assert code == 0
    assert json.loads(out)["ledger"] == str(tmp_path / "copy.sqlite3")
    assert is_private(tmp_path / "copy.sqlite3")


def test_what_cannot_be_copied_is_refused_in_two_sentences(typed: Typed, tmp_path: Path) -> None:
    """No ledger yet; a name that is taken; exit 2."""
    code, out, err = typed("ledger", "backup", "copy.sqlite3")
    assert (code, out) == (2, "")
    assert f"There is no ledger {tmp_path / 'ledger.sqlite3'} yet." in err
    assert not (tmp_path / "ledger.sqlite3").exists()
    with running_sandbox() as sandbox:
        run(typed, sandbox.url, "--limit", "2")
    (tmp_path / "copy.sqlite3").write_text("mine")
    code, out, err = typed("ledger", "backup", "copy.sqlite3")
    assert (code, out) == (2, "")
    assert "is there already and is not overwritten" in err


def test_a_synchronised_folder_is_said(typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence on stderr: the ledger works there, but only for one machine."""
    (tmp_path / "OneDrive").mkdir()
    monkeypatch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{tmp_path / 'OneDrive' / 'ledger.sqlite3'}")
    with running_sandbox() as sandbox:
        code, _, _ = run(typed, sandbox.url)
    assert code == 0
    code, _, err = typed("ledger", "info")
    assert code == 0
    assert "folder of OneDrive: use it from one machine only" in err
