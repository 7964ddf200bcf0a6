"""README and docs: short, linked, with the program's help, which `python tests/project/test_docs.py` writes anew."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from batch.cli.main import _COMMANDS, cli

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
COMMANDS = ROOT / "docs" / "commands.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
MOST_LINES = 130
_HELP = re.compile(r"(<!-- help:(?P<command>[^>]*) -->\n```\n).*?(```\n)", re.DOTALL)


def rendered(text: str) -> str:
    """The page with the help texts as the program prints them now."""

    def block(match: re.Match[str]) -> str:
        words = match["command"].split()
        done = CliRunner().invoke(cli, [*words, "--help"], prog_name="wegly-batch", terminal_width=110)
        return f"{match[1]}$ {' '.join(['wegly-batch', *words, '--help'])}\n{done.output}{match[3]}"

    return _HELP.sub(block, text)


def test_the_help_texts_in_the_docs_are_the_programs_own() -> None:
    """Stale help fails here, and a command that is missing."""
    text = COMMANDS.read_text(encoding="utf-8")
    named = [match["command"].strip() for match in _HELP.finditer(text)]
    assert {name.partition(" ")[0] for name in named} == {"", *_COMMANDS}
    assert rendered(text) == text, "run: python tests/project/test_docs.py"


def test_the_readme_is_short() -> None:
    """It says what this is, how to begin, and where everything else stands."""
    assert len(README.read_text("utf-8").splitlines()) <= MOST_LINES


def test_every_page_is_found_from_the_readme() -> None:
    """No page of the docs is an orphan."""
    text = README.read_text("utf-8")
    assert [page.name for page in PAGES[1:] if f"](docs/{page.name})" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file of the repository."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != COMMANDS], ids=lambda page: page.stem)
def test_commands_in_the_docs_are_there(page: Path) -> None:
    """A command that a page names exists, and so does each of its options."""
    for line in re.findall(r"wegly-batch ([a-z][^`\n]*)", page.read_text("utf-8")):
        name, *words = line.split()
        if name not in _COMMANDS:
            continue  # a part of a sentence
        command = cli.get_command(None, name)  # type: ignore[arg-type]  # the context is not used
        assert command is not None
        several = getattr(command, "commands", {})
        command = several.get(words[0], command) if several and words else command
        known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)} | {"--help"}
        given = [word.rstrip(".,;:)") for word in words if re.fullmatch(r"--[a-z][a-z-]+[.,;:)]?", word)]
        assert [option for option in given if option not in known] == [], line


if __name__ == "__main__":
    COMMANDS.write_text(rendered(COMMANDS.read_text(encoding="utf-8")), encoding="utf-8")
