"""The README's help texts are the program's own. `python tests/project/test_readme.py` writes them anew."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from batch.cli.main import cli

README = Path(__file__).parents[2] / "README.md"
_HELP = re.compile(r"(<!-- help:(?P<command>[^>]*) -->\n```\n).*?(```\n)", re.DOTALL)


def rendered(text: str) -> str:
    """The README with the help texts as the program prints them now."""

    def block(match: re.Match[str]) -> str:
        words = match["command"].split()
        done = CliRunner().invoke(cli, [*words, "--help"], prog_name="wegly-batch", terminal_width=110)
        return f"{match[1]}$ {' '.join(['wegly-batch', *words, '--help'])}\n{done.output}{match[3]}"

    return _HELP.sub(block, text)


def test_the_help_texts_in_the_readme_are_the_programs_own() -> None:
    """Stale help in the README fails here."""
    text = README.read_text(encoding="utf-8")
    assert len(_HELP.findall(text)) == 2
    assert rendered(text) == text, "run: python tests/project/test_readme.py"


def test_links_in_the_readme_lead_somewhere() -> None:
    """Every relative link names a file of the repository."""
    links = re.findall(r"\]\(([^)#:]+)\)", README.read_text(encoding="utf-8"))
    assert links
    missing = [link for link in links if not (README.parent / link).exists()]
    assert missing == []


if __name__ == "__main__":
    README.write_text(rendered(README.read_text(encoding="utf-8")), encoding="utf-8")
