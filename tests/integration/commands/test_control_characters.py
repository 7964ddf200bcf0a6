"""A hostile sheet and campaign on the screen of a person, through every command that shows them."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
from program import start

from batch.sandbox import RunningSandbox, running_sandbox

CSI, BIDI = "\x9b", "\u202e"
CAMPAIGN = """
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
[template]
name = "saudacao"
language = "pt_BR"
body = "Oi\\u001b[2K\\u009b8m\\u0007\\u0008\\u202e {{1}}"
[columns]
wa_contact_id = "Telefone"
[[template_fields]]
component = "BODY"
type = "TEXT"
index = 1
value = "{Nome}"
[stop]
errors = "100%"
"""
_OWN = re.compile("\x1b\\[[0-9;]*m|\x1b\\[A|\x1b\\[K|\r")
"""What the program itself writes on a terminal: colours, and the movements of its bar."""
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Desk:
    """A folder with a workbook whose every text steers, and a person at its command line."""

    def __init__(self, folder: Path, sandbox: RunningSandbox) -> None:
        self.folder = folder
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.title = f"Folha{CSI}31m{BIDI}"
        forged = "Ana_x001B_7_x001B_[1A_x001B_[2K\x9b8m_x0007__x0008_"
        sheet.append(["Nome", "Telefone", f"Extra{CSI}2J{BIDI}_x001B_[2J"])
        for row in (
            ["Bia", "11 90000-7001", f"x{CSI}"],
            [forged, "11 90000-7002", "_x001B_c"],
            ["Caio", f"11 9?{CSI}8m_x001B_[8m{BIDI}", "x"],
        ):
            sheet.append(row)
        self.name = f"contatos\x1b[2K{CSI}{BIDI}.xlsx" if os.name != "nt" else f"contatos{CSI}{BIDI}.xlsx"
        book.save(folder / self.name)
        (folder / "teste.toml").write_text(CAMPAIGN, encoding="utf-8")
        self.environment = {
            **os.environ,
            "WEGLY_TOKEN": "x",
            "WEGLY_BASE_URL": sandbox.url,
            "WEGLY_BATCH_LEDGER": f"sqlite:///{folder / 'ledger.db'}",
            "WEGLY_BATCH_LANG": "en",
            "PYTHONUTF8": "1",
        }

    def words(self, command: str) -> list[str]:
        return [word.format(sheet=self.name) for word in command.split()]

    def type(self, command: str) -> str:
        """All that a command prints, as it comes out."""
        ended = start(self.words(command), folder=self.folder, environment=self.environment)
        return (ended.out + ended.err).decode().replace(os.linesep, "\n")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with running_sandbox() as sandbox:
        yield Desk(tmp_path, sandbox)


@pytest.mark.parametrize(
    "command",
    [
        "inspect {sheet}",
        "inspect {sheet} --json",
        "inspect {sheet} --rows",
        "check {sheet} -c teste.toml",
        "check {sheet} -c teste.toml --json",
        "run {sheet} -c teste.toml --dry-run",
        "run . -c teste.toml --yes",
        "init {sheet} --out neu.toml",
        "check {sheet} --sheet nenhuma -c teste.toml",
        "check nenhum{sheet} -c teste.toml",
        "check {sheet} -c {sheet}",
        "check {sheet} --{sheet}",
        "{sheet}",
    ],
)
def test_nothing_that_steers_is_printed(desk: Desk, command: str) -> None:
    """Neither on stdout nor on stderr, by whatever way: also click's own messages."""
    shown = desk.type(command)
    assert shown.strip()
    assert not _STEERING.findall(shown)
    if "--json" in command or "--rows" in command:
        values = [json.loads(line) for line in shown.splitlines()] if "--rows" in command else json.loads(shown)
        assert CSI in str([values]).encode().decode("unicode_escape")


def test_neither_screen_nor_files_of_a_run_are_steered(desk: Desk) -> None:
    """A run, then its report and the list of runs; run.log, the summary and the index are read in a terminal too."""
    shown = desk.type("run {sheet} -c teste.toml --yes --verbose")
    assert "value_bad_characters" in shown
    shown += desk.type("report") + desk.type("runs") + desk.type("runs --json")
    assert not _STEERING.findall(shown)
    reports = desk.folder / "reports"
    texts = [*reports.rglob("*.json"), *reports.rglob("*.log"), *reports.rglob("*.html")]
    assert {path.name for path in texts} >= {"summary.json", "run.log", "report.html", "index.html"}
    for path in texts:
        assert not _STEERING.findall(path.read_bytes().decode().replace(os.linesep, "\n")), path.name


def test_the_question_before_sending_cannot_be_forged(desk: Desk) -> None:
    """On a real terminal: the program's own colours and movements, and nothing of the sheet's or the campaign's."""
    pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals")
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(desk.folder)
        command = [sys.executable, "-m", "batch", *desk.words("run {sheet} -c teste.toml")]
        os.execve(sys.executable, command, {**desk.environment, "TERM": "xterm"})  # noqa: S606
    shown = b""
    answered = False
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        shown += piece
        if b"[y/N]" in shown and not answered:
            answered = True
            os.write(terminal, b"y\n")
    os.close(terminal)
    os.waitpid(child, 0)
    text = shown.decode()
    assert answered
    assert r"Oi\x1b[2K\x9b8m\x07\x08[U+202E] Bia" in text
    assert "success" in text
    assert not _STEERING.findall(_OWN.sub("", text))
