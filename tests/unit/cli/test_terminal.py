"""Texts on a terminal: folded between words, never in a command to type, bold where the terminal can show it."""

import os
import sys
from io import StringIO
from pathlib import Path

import click
import pytest

from batch.cli import terminal
from batch.cli.main import cli
from batch.cli.terminal import bold, fold, path_text, render_text
from batch.formatting import quote_path


class Screen(StringIO):
    """A terminal to write to."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A terminal of 80 columns."""
    monkeypatch.setattr(terminal, "terminal_width", lambda stream: 80 if stream.isatty() else None)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("WT_SESSION", "1")  # Windows Terminal, which knows the signs of bold; elsewhere it means nothing
    return Screen()


def test_a_long_sentence_goes_on_below_its_beginning() -> None:
    """Two columns deeper than it begins, no word broken, nothing lost."""
    sentence = "  " + "Dois-telefones dizem outra coisa. " * 5
    lines = fold(sentence, 40)
    assert all(len(line) <= 40 for line in lines)
    assert {line[:4] for line in lines[1:]} == {"    "}
    assert " ".join(lines).split() == sentence.split()


def test_a_value_goes_on_beside_its_label() -> None:
    """As the columns of a table do."""
    lines = fold("row 7   the phone has no area code, so that nobody can be found by it", 40)
    assert lines == ["row 7   the phone has no area code, so", "        that nobody can be found by it"]


@pytest.mark.parametrize(
    "command",
    [
        "wegly-batch settle 20260101T000000Z-campanha-1a2b --sent 5,7-9 --not-sent 12",
        "wegly-batch run 'Meus Documentos/lista de clientes.csv' -c campanha.toml",
    ],
)
@pytest.mark.parametrize("before", ["Look in WhatsApp, then say which: ", "  ", "Next  ", ""])
def test_a_command_stays_on_one_line(command: str, before: str) -> None:
    """However narrow the terminal is, so that it can be copied; the terminal itself goes on with it."""
    for width in (20, 40, 60, 79):
        assert sum(command in line for line in fold(before + command, width)) == 1


def test_what_stands_in_backticks_or_goes_into_a_file_stays_whole() -> None:
    """A line of the campaign file is typed like a command."""
    text = 'A longer beginning of it, then give `wegly-batch report 1a2b --open` or write row_ends = "loose" there.'
    for width in range(20, 100, 7):
        folded = "\n".join(fold(text, width))
        assert "`wegly-batch report 1a2b --open`" in folded
        assert 'row_ends = "loose"' in folded


def test_a_path_is_never_broken(tmp_path: Path) -> None:
    """Also at a blank in a folder's name, so that it can be copied as it stands."""
    path = tmp_path / "relatórios de março" / "lista de clientes" / "report.xlsx"
    for text in (
        "The report: {}",
        "Relatório  {}",
        "It is in {} for two weeks, and then it is removed by the next run.",
    ):
        for width in range(20, 140, 7):
            lines = fold(text.format(path_text(path)), width)
            assert sum(str(path) in line for line in lines) == 1


def test_wide_characters_count_twice() -> None:
    """As the terminal draws them."""
    assert fold("漢字 " * 4, 11) == ["漢字 漢字", "  漢字 漢字 "]


def test_a_terminal_gets_folds_and_bold_and_a_file_neither(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR turns the bold off."""
    text = bold("Enviadas: 3") + "\n" + "palavra " * 12 + "fim"
    assert render_text(text, screen).split("\n")[0] == "\x1b[1mEnviadas: 3\x1b[0m"
    assert len(render_text(text, screen).split("\n")) == 3
    assert render_text(text, StringIO()) == "Enviadas: 3\n" + "palavra " * 12 + "fim"
    monkeypatch.setenv("NO_COLOR", "1")
    assert render_text(text, screen).split("\n")[0] == "Enviadas: 3"
    assert os.environ["NO_COLOR"]


def test_what_a_cell_holds_draws_nothing(screen: Screen) -> None:
    """Also beside what is bold."""
    assert render_text(bold("\x1b[31mAna"), screen) == "\x1b[1m\\x1b[31mAna\x1b[0m"


def test_a_command_names_the_program_as_it_was_started(
    screen: Screen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its path, as the README has it, where the shell would not find it by name; else by its name."""
    program = tmp_path / ".venv" / "bin" / ("wegly-batch.exe" if os.name == "nt" else "wegly-batch")
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [str(program), "demo"])
    text = "What to do:\n    wegly-batch init SHEET\nSee `wegly-batch runs` of wegly-batch."
    shown = {}
    for path in (os.defpath, f"{program.parent}{os.pathsep}{os.defpath}"):
        monkeypatch.setenv("PATH", path)
        terminal._program.cache_clear()
        shown[path] = render_text(text, screen).split("\n")
    terminal._program.cache_clear()
    typed = quote_path(Path(".venv", "bin", program.name))
    by_path, by_name = shown.values()
    assert by_path == ["What to do:", f"    {typed} init SHEET", f"See `{typed} runs` of wegly-batch."]
    assert "\n".join(by_name) == text


@pytest.mark.parametrize("is_there", [True, False], ids=["script", "module"])
def test_a_module_names_the_program_beside_its_python(
    *, is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m batch`: where none is installed beside it, commands begin in the same way; in the help too."""
    python = tmp_path / "bin" / Path(sys.executable).name
    program = python.with_name(f"wegly-batch{python.suffix}")
    python.parent.mkdir()
    if is_there:
        program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.setattr("sys.executable", str(python))
    monkeypatch.setattr("sys.argv", [str(tmp_path / "batch" / "__main__.py"), "--help"])
    own = quote_path(Path("bin", program.name)) if is_there else f"{quote_path(Path('bin', python.name))} -m batch"
    terminal._program.cache_clear()
    shown = cli.get_help(click.Context(cli, info_name="wegly-batch", **cli.context_settings))
    terminal._program.cache_clear()
    assert f"Usage: {own} [OPTIONS]" in shown
    assert f"    {own} demo\n" in shown
