"""What people read comes in the language they chose: the system's, WEGLY_BATCH_LANG's or that of --lang."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from program import start

from batch.cli.help_i18n import translate_click
from batch.cli.main import cli
from batch.cli.terminal import confirm as asked
from batch.i18n import describe_os_error, use_language
from batch.sandbox import RunningSandbox, running_sandbox

SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
CAMPAIGN = f"""
[campaign]
name = "teste"
[sender]
whatsapp_phone_id = "{SENDER}"
[template]
name = "saudacao"
language = "pt_BR"
body = "Ola {{{{1}}}}"
[columns]
wa_contact_id = "Telefone"
[[template_fields]]
component = "BODY"
index = 1
value = "{{Nome|first_name}}"
"""
SHEET = "Nome;Telefone\nAna;11 90000-1001\nBia;11 90000-1002\nCaio;\n"


class Desk:
    """A folder with a sheet and a campaign, and a person at the command line."""

    def __init__(self, folder: Path, sandbox: RunningSandbox | None = None) -> None:
        self.folder = folder
        self.sandbox = sandbox
        (folder / "contatos.csv").write_text(SHEET, encoding="utf-8")
        (folder / "teste.toml").write_text(CAMPAIGN, encoding="utf-8")

    def type(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""
        given = {
            **os.environ,
            "WEGLY_TOKEN": "a-token",
            "WEGLY_BATCH_LEDGER": f"sqlite:///{self.folder / 'ledger.sqlite3'}",
            "COLUMNS": "200",
            **environment,
        }
        ended = start(words, folder=self.folder, environment=given)
        err = ended.err.decode()
        assert "Traceback" not in err, err
        return ended.code, ended.out.decode(), err

    def portuguese(self, *words: str) -> tuple[int, str, str]:
        return self.type(*words, "--lang", "pt_BR")

    def run(self, *more: str) -> tuple[int, str, str]:
        assert self.sandbox is not None
        return self.portuguese("run", "contatos.csv", "-c", "teste.toml", "--base-url", self.sandbox.url, *more)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Desk]:
    with running_sandbox() as sandbox:
        yield Desk(tmp_path, sandbox)


def commands(command: click.Command = cli, *above: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it."""
    yield above, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            yield from commands(below, *above, name)


ALL = [words for words, _command in commands()]


def columns_agree(text: str, *labels: str) -> bool:
    """Whether what the labels say begins in one column, two blanks behind the longest label."""
    lines = {label: line for label in labels for line in text.splitlines() if line.startswith(f"{label}  ")}
    width = max(map(len, labels)) + 2
    return len(lines) == len(labels) and all(line[width - 1] == " " != line[width] for line in lines.values())


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_the_help_of_every_command_is_in_the_language(words: tuple[str, ...]) -> None:
    """Also click's own words; and --lang is everywhere."""
    translate_click()
    english, portuguese = _help(words, "en"), _help(words, "pt_BR")
    assert "--lang LANGUAGE" in english
    assert "Usage:" in english
    assert {"Uso:", "Opções:"} <= {line.split(" ")[0] for line in portuguese.splitlines()}
    for left in ("Usage:", "Options:", "Commands:", "Show this", "env var", "default:", "[required]", "The language"):
        assert left not in portuguese
    assert not re.search(r"\b(PATH|FILE|TEXT|INTEGER|DIR|SHEET)\b(?!\.)", portuguese)
    assert _help(words, "en") == english, "what was said in one language stays in it"


def test_the_contacts_of_the_sandbox_are_in_the_language() -> None:
    """Each reaction: none is shown as in the English help."""
    tables = [_help(("sandbox",), language).partition("wa_contact_id")[2] for language in ("en", "pt_BR")]
    english, portuguese = (
        {line[2:6]: line[8:] for line in table.splitlines() if line[2:6].isdigit()} for table in tables
    )
    assert english["0704"] == "accepted, then failed: 131026"
    assert portuguese["0704"] == "aceita, e depois falha: 131026"
    assert [digits for digits in english if english[digits] == portuguese[digits]] == ["0401", "0403", "0404"]


def _help(words: tuple[str, ...], language: str) -> str:
    with use_language(language):
        return CliRunner().invoke(cli, [*words, "--help"], prog_name="wegly-batch", terminal_width=110).output


def test_the_overview_speaks_the_language_of_the_system(desk: Desk) -> None:
    """Without any option; the exit codes too."""
    environment = {**os.environ, "COLUMNS": "200", "PYTHONUTF8": "1", "LANG": "pt_BR.UTF-8"}
    command = [sys.executable, "-m", "batch", "--help"]
    out = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True).stdout
    assert "Comandos:" in out
    assert "Códigos de saída:" in out
    assert "  4  há linhas a decidir (unknown)" in out
    assert "Exit codes:" in desk.type("--help", LANG="de_DE.UTF-8")[1]


def test_the_option_wins_over_the_environment_wherever_it_stands(desk: Desk) -> None:
    """Before the command, behind it, before and behind --help."""
    for words in (("--lang", "pt", "suppress", "--help"), ("suppress", "--help", "--lang=pt-br")):
        assert desk.type(*words)[1].startswith("Uso:")
    for words in (("--lang", "en", "suppress", "add", "--help"), ("suppress", "add", "--lang", "en", "--help")):
        assert desk.type(*words, WEGLY_BATCH_LANG="pt")[1].startswith("Usage:")
    code, _, err = desk.type("--lang", "en", "report", WEGLY_BATCH_LANG="pt")
    assert (code, "has no runs yet" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--lim", "3"), "Erro: Não existe a opção '--lim'."),
        (("check",), "Erro: Falta o argumento 'SHEET'."),
        (("inspect", "c.csv", "--header-row", "x"), "'x' não é um número válido."),
        (("inspect", "c.csv", "--header-row", "0"), "0 não está no intervalo 1<=x<=1048576."),
        (("runs", "um", "dois"), "Erro: Argumentos a mais (um dois)"),
        (("run", "c.csv", "-c", "c.toml", "--not-after", "cedo"), "'cedo': o valor aceito é uma hora como 18:00."),
    ],
)
def test_mistakes_on_the_command_line_are_told_in_the_language(desk: Desk, words: tuple[str, ...], said: str) -> None:
    """Also those that are found before --lang is reached; the exit code is that of every refusal."""
    code, out, err = desk.portuguese(*words)
    assert (code, out) == (2, "")
    assert said in err
    assert "Tente 'wegly-batch" in err


def test_mistakes_beside_the_language_are_told_in_it(desk: Desk) -> None:
    """An option without its value, no such command, and a language that is not spoken here."""
    assert "A opção '--ledger' precisa de 1 valor." in desk.type("runs", "--lang", "pt", "--ledger")[2]
    assert "Não existe o comando 'chek'" in desk.type("chek", WEGLY_BATCH_LANG="pt")[2]
    code, _, err = desk.type("runs", "--lang", "klingon", WEGLY_BATCH_LANG="pt")
    assert (code, "'klingon' não é um idioma disponível; os disponíveis são pt_BR e en." in err) == (2, True)


def test_check_speaks_portuguese(desk: Desk) -> None:
    """Labels stand in columns, numbers and plurals are those of the language; codes stay."""
    code, out, _ = desk.portuguese("check", "contatos.csv", "-c", "teste.toml")
    assert code == 3
    assert columns_agree(out, "Planilha", "Campanha", "Endereço", "Livro de registros")
    assert "contatos.csv: 3 linhas abaixo do cabeçalho na linha 1" in out
    assert "1 linha tem erros e não será enviada:" in out
    assert "  linha 2, para +55 11 90000-1001" in out
    assert re.search(r"  Falta \(pending\) +2\n", out)
    assert re.search(r"  linhas +3\n", out)
    assert "2 mensagens seriam enviadas, a 10 por segundo, em cerca de 1 s. Nada foi enviado agora." in out


def test_the_keys_and_codes_of_json_have_no_language(desk: Desk) -> None:
    """Programs read the same whoever starts them."""
    said = [
        json.loads(desk.type("check", "contatos.csv", "-c", "teste.toml", "--json", "--lang", lang)[1])
        for lang in ("pt_BR", "en")
    ]
    assert _shape(said[0]) == _shape(said[1])
    assert said[0]["counts"] == said[1]["counts"]
    assert [each["reason"] for each in said[0]["errors"]] == ["phone_missing"]


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(each) for key, each in value.items()}
    return [_shape(each) for each in value] if isinstance(value, list) else type(value)


def test_a_run_speaks_portuguese_and_its_log_english(office: Desk) -> None:
    """The summary, the table of runs and the way back to the report."""
    code, _, err = office.run("--yes")
    assert code == 3
    assert "\nRitmo\n" in err
    assert columns_agree(err, "Relatório", "Livro de registros")
    assert re.search(r"  Aceita \(success\) +2\n", err)
    log = next((office.folder / "reports").glob("*/run.log")).read_text(encoding="utf-8")
    assert json.loads(log.splitlines()[0])["event"] == "run_begun"
    _, table, where = office.portuguese("runs")
    head, line = table.splitlines()
    words = ["Aceita", "Aceita, conversa já existia", "Corrigir", "Decidir", "Fora", "Falta"]
    assert re.split(" {2,}", head) == ["execução", "início", "campanha", "linhas", *words, "saída"]
    assert len(head) == len(line)
    assert where.startswith("Livro de registros: ")
    assert office.portuguese("report")[1].startswith("Relatório  ")


def test_what_stops_everything_is_told_in_the_language(desk: Desk) -> None:
    """Problem and remedy, also the system's own words."""
    code, _, err = desk.type("run", "contatos.csv", "-c", "teste.toml", "--token-file", "falta", "--lang", "pt")
    assert code == 2
    assert "Não dá para ler o arquivo do token falta: arquivo ou pasta não encontrado." in err
    assert "Confira o nome e as permissões do arquivo." in err
    assert "A planilha" not in desk.portuguese("report")[2]
    assert "ainda não tem execuções" in desk.portuguese("report")[2]


def test_inspect_and_init_speak_portuguese(desk: Desk) -> None:
    """What was seen, what was guessed, and what comes next."""
    _, out, _ = desk.portuguese("inspect", "contatos.csv")
    assert "arquivo             contatos.csv\n" in out
    assert "cabeçalho na linha  1\n" in out
    assert "telefones           Telefone: 2 de 2 células são telefones\n" in out
    code, out, err = desk.portuguese("init", "contatos.csv")
    assert (code, out) == (0, "contatos.toml\n")
    assert "coluna 'Telefone'" in err
    assert "contatos.toml está gravado. A seguir:" in err
    assert "contatos.toml já existe e não é sobrescrito." in desk.portuguese("init", "contatos.csv")[2]


def test_the_suppression_list_speaks_portuguese(desk: Desk) -> None:
    """In the words of whoever keeps it."""
    assert desk.portuguese("suppress", "add", "11 90000-1001")[1] == "+55 11 90000-1001  agora está na lista\n"
    assert "à mão: pediu" in desk.portuguese("suppress", "list")[1]
    (desk.folder / "lista.csv").write_text("Telefone\n11 90000-1001\n11 90000-1002\n123456789012345\n")
    code, out, err = desk.portuguese("suppress", "import", "lista.csv")
    assert (code, out) == (3, "lista.csv: novos na lista: 1; já estavam nela: 1.\n")
    assert "FORA da lista: quem está em 1 célula que não dá para ler:\n  linha 4: " in err
    assert desk.portuguese("suppress", "remove", "11 90000-1002", "--yes")[2] == "Saíram da lista: 1.\n"


def test_settle_speaks_portuguese(office: Desk) -> None:
    """The rows that cannot be decided, each with its reason."""
    assert office.run("--yes")[0] == 3
    run = next((office.folder / "reports").glob("*/")).name
    code, _, err = office.portuguese("settle", run, "--sent", "2,99", "--not-sent", "3", "--yes")
    assert code == 2
    assert "1 linha não pode ser decidida, por isso nada foi mudado:" in err
    assert "  linha 99: a planilha desta execução não tem essa linha." in err
    _, _, err = office.portuguese("settle", run, "--sent", "2", "--not-sent", "3", "--yes")
    assert "2 linhas não podem ser decididas, por isso nada foi mudado:" in err
    assert "  linha 2: está success (created): a API aceitou." in err


@pytest.mark.parametrize(
    ("language", "typed", "yes"),
    [
        ("pt_BR", "s", True),
        ("pt_BR", "Sim", True),
        ("pt_BR", "y", True),
        ("pt_BR", "", False),
        ("pt_BR", "não", False),
        ("en", "Y", True),
        ("en", "yes", True),
        ("en", "no", False),
        ("en", "", False),
    ],
)
def test_a_question_takes_the_answers_of_its_language(language: str, typed: str, *, yes: bool) -> None:
    """`s` and `sim`, and `y` as ever; Enter alone is no."""
    with use_language(language), CliRunner().isolation(input=f"{typed}\n"):
        assert asked("Enviar?") is yes


def test_another_answer_is_asked_for_again() -> None:
    """Nothing is sent because of a typing mistake; the question says what counts."""
    with use_language("pt_BR"), CliRunner().isolation(input="talvez\nsim\n") as (_, error, _both):
        assert asked("Enviar?") is True
        shown = error.getvalue().decode()
    assert shown.count("Enviar? [s/N]: ") == 2
    assert "responda s ou n" in shown


def test_what_the_system_says_is_translated_where_it_is_known() -> None:
    """A person who reads Portuguese is not told of a full disk in English; unknown words stay."""
    with use_language("pt_BR"):
        assert describe_os_error(OSError(28, "No space left on device")) == "não há espaço no disco"
        assert describe_os_error(OSError(999, "Quite another thing")) == "Quite another thing"
