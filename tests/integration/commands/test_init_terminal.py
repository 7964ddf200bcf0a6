"""`wegly-batch init` on a terminal of 80 x 24: from an empty folder to a right first message, and how it ends early."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.sandbox import RunningSandbox, running_sandbox

pexpect = pytest.importorskip(
    "pexpect", reason="pseudo-terminals are a POSIX thing; on Windows the same is tried by hand"
)

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
TEXT = "Olá {{1}}!\nSua fatura {{2}} de R$ {{3}} vence em {{4}}.\n\nPague pelo botão."
ANY_HOUR = """
import batch.model.sending_hours as hours
hours.Hours.state_at = lambda self, at, zones: hours.HoursState(open=True, until=None)
from batch.cli.main import main
main()
"""
"""The program at an hour in which messages may go out."""


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The person's own folder, and no keyring."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")


class Screen:
    """A terminal with the program in it: answers follow questions."""

    def __init__(self, *words: str) -> None:
        command = ["-c", ANY_HOUR, *words]
        self._child = pexpect.spawn(sys.executable, command, dimensions=(24, 80), timeout=60, encoding="utf-8")
        self.shown = ""

    def answer(self, text: str, *questions: str) -> None:
        for question in questions:
            self._child.expect(question)
            self.shown += self._child.before + self._child.after
        self._child.send(text)

    def end(self) -> int:
        self._child.expect(pexpect.EOF)
        self.shown += self._child.before
        self._child.close()
        return int(self._child.exitstatus)


def _messy_sheet(path: Path) -> None:
    """500 rows below a title: two invoices a person, four ways to write a phone and an amount, opt-outs."""
    rows = []
    for at in range(250):
        name = ("Dr. BRUNO CARVALHO", "MARIA DE SOUZA", "joão pereira")[at % 3]
        for of in range(2):
            phone = f"9{7000 + at // 100}-{1000 + at}"
            ways = (f"(11) {phone}", f"11 {phone}", f"+55 11 {phone}", "11" + phone.replace("-", ""))
            amount = ("R$ 1.234,50", "89,9", "1234,56", "75,00")[(at + of) % 4]
            optout = ("", "não", "sim")[at % 3 if at % 20 == 5 else at % 2]
            number = "sem telefone" if at == 60 else ways[(at + of) % 4]
            rows.append(
                [name, number, str(1000 + 2 * at + of), amount, f"{1 + at % 28:02}/01/2027", f"b{at}-{of}", optout]
            )
    with path.open("w", encoding="cp1252", newline="") as file:
        lines = csv.writer(file, delimiter=";")
        lines.writerow(["Relatório de clientes", *[""] * 6])
        lines.writerow([""] * 7)
        lines.writerow(["Cliente", "Celular", "Fatura", "Valor", "Vencimento", "Boleto", "Opt-out"])
        lines.writerows(rows)


def _ask_until_text(screen: Screen) -> None:
    screen.answer("\n", r"\[Celular\]: ")
    screen.answer("123\n", "id|Id")
    screen.answer(f"{SENDER}\n", "UUID")
    screen.answer("Aviso de Fatura\n", "Nome do modelo aprovado: ")
    screen.answer("aviso_fatura\n", "como saudacao_inicial")
    screen.answer("\n", r"\[pt_BR\]: ")


def test_three_commands_and_no_edit_lead_to_a_right_first_message(sandbox: RunningSandbox) -> None:
    """Installed it is: `init`, its questions and a pasted text, and `run`. What was pasted beyond the text is gone."""
    _messy_sheet(Path("clientes.csv"))
    url = ["--base-url", sandbox.url]
    screen = Screen("--lang", "pt_BR", "init", "clientes.csv", *url)
    _ask_until_text(screen)
    screen.answer(f"{TEXT}\n.\nrm -rf sobra\nmais", r"encerra \(")
    screen.answer("Aviso da fatura {{1}}\n", "cabeçalho como está no WhatsApp")
    screen.answer("\n", r"Aviso da fatura \{\{1\}\} \[\{Fatura\}\]: ")
    for value in (r"\{Cliente\|first_name\|title\}", r"\{Fatura\}", r"\{Valor\|amount\}", "date:dd/mm/yyyy"):
        screen.answer("\n", rf"\[.*{value}.*\]: ")
    screen.answer("https://loja.com.br/boleto/{{1}}\n", "Enter: não")
    screen.answer("\n", r"\[1\]: ")
    screen.answer("\n", r"\[\{Boleto\}\]: ")
    screen.answer("s\n", "diferem em 'Fatura'", r"\[s/N\]: ")
    screen.answer("\n", "'Opt-out' parece dizer", r"\[S/n\]: ")
    screen.answer("a-token\n", "Token da sua integração")
    screen.answer("\n", "para o seu próprio número", ": ")
    assert screen.end() == 0, screen.shown
    assert "a-token" not in screen.shown
    assert "wegly-batch run clientes.csv" in screen.shown
    lines = [line.rstrip() for line in re.sub("\r", "", screen.shown).split("\n")]
    first = lines.index("  | Olá Bruno!")
    assert lines[first - 2 : first] == ["  | Aviso da fatura 1000", "  |"]
    assert lines[first : first + 6] == [
        "  | Olá Bruno!",
        "  | Sua fatura 1000 de R$ 1.234,50 vence em 01/01/2027.",
        "  |",
        "  | Pague pelo botão.",
        "  |",
        "  | [ https://loja.com.br/boleto/b0-0 ]",
    ]
    wide = [line for line in lines if len(line) > 80 and SENDER not in line and "{{" not in line and "/" not in line]
    assert wide == []

    screen = Screen("--lang", "pt_BR", "run", "clientes.csv", *url, "--limit", "2", "--rate", "100/s")
    screen.answer("s\n", r"\[s/N\]")
    assert screen.end() == 3, screen.shown
    (one, two) = (json.loads(each.body) for each in sandbox.log.received)
    assert (one["wa_contact_id"], two["wa_contact_id"]) == ("11970001000", "11970001000")
    assert one["template"] == {"name": "aviso_fatura", "language": "pt_BR"}
    values = [(each["component"], each["index"], each["value"]) for each in one["template_fields"]]
    body = [("BODY", 1, "Bruno"), ("BODY", 2, "1000"), ("BODY", 3, "1.234,50"), ("BODY", 4, "01/01/2027")]
    assert values == [("HEADER", 1, "1000"), *body, ("BUTTON", 1, "b0-0")]
    assert two["template_fields"][2]["value"] == "1001"


def test_ctrl_c_writes_nothing_and_says_so() -> None:
    """In the middle of a text; the terminal is as it was."""
    _messy_sheet(Path("clientes.csv"))
    screen = Screen("--lang", "pt_BR", "init", "clientes.csv")
    _ask_until_text(screen)
    screen.answer("Olá\n\x03", r"encerra \(")
    assert screen.end() == 130
    assert "Interrompido: nenhum arquivo foi gravado." in screen.shown
    assert sorted(file.name for file in Path().iterdir()) == ["clientes.csv", "home"]
