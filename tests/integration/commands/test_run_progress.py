"""The progress bar of a real run on a pseudo-terminal: figures, colours, width, and terminals that cannot draw."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from program import start_on_terminal

from batch.sandbox import Faults, RunningSandbox, running_sandbox

pytest.importorskip("pty", reason="Windows has no pseudo-terminals")

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
[stop]
errors = "100%"
"""
ROWS = 40


class Place:
    """A sheet whose run takes a second or two."""

    def __init__(self, folder: Path, sandbox: RunningSandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        phones = [f"11 9{number:04d}-{'0400' if number % 10 == 0 else '7001'}" for number in range(ROWS)]
        (folder / "c.csv").write_text("\n".join(["Telefone", *phones]) + "\n", encoding="utf-8")
        (folder / "teste.toml").write_text(CAMPAIGN, encoding="utf-8")

    def fill(self, rows: int) -> None:
        """Make a large sheet without a single phone."""
        lines = ["Telefone;Nota", *[f"nenhum {number};{'x' * 500}" for number in range(rows)]]
        (self.folder / "c.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def on_terminal(self, *more: str, columns: int = 120, **environment: str) -> str:
        """What a person at a terminal of that width sees, raw."""
        words = ["run", "c.csv", "-c", "teste.toml", "--yes", "--base-url", self.sandbox.url, "--rate", "20/s", *more]
        ledger = f"sqlite:///{self.folder / 'ledger.sqlite3'}"
        own = {"WEGLY_TOKEN": "a-token", "WEGLY_BATCH_LEDGER": ledger, "TERM": "xterm"}
        everything = {**os.environ, **own, **environment}
        code, shown = start_on_terminal(words, folder=self.folder, environment=everything, size=(24, columns))
        assert code == 3, shown
        return shown


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with running_sandbox(faults=Faults(latency=0.05)) as sandbox:
        yield Place(tmp_path, sandbox)


def test_a_bar_has_all_the_figures_and_colours_only_what_went_wrong(place: Place) -> None:
    """Redrawn at most ten times a second: some two seconds, so no more than some thirty times."""
    shown = place.on_terminal()
    assert "40/40  accepted 36 (0 existing), \x1b[31mto fix 4\x1b[0m, to decide 0" in shown, shown
    assert shown.count("\r") - shown.count("\r\n") < 45
    assert "Reading" not in shown  # of a small sheet that would flicker


def test_no_color_means_none(place: Place) -> None:
    """NO_COLOR=1: not one escape sequence of colour."""
    shown = place.on_terminal(NO_COLOR="1")
    assert "to fix 4, to decide 0" in shown
    assert not re.search(r"\x1b\[\d*m", shown), shown


def test_a_narrow_terminal_has_a_line_that_fits(place: Place) -> None:
    """Forty columns: nothing wraps while it is drawn."""
    shown = place.on_terminal(columns=40)
    drawn = [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", part) for part in re.split(r"[\r\n]+", shown)]
    bars = [line for line in drawn if re.match(r" *\d+%", line)]
    assert bars
    assert max(map(len, bars)) < 40
    assert any("to fix 4" in line for line in bars)


def test_a_dumb_terminal_gets_no_bar(place: Place) -> None:
    """TERM=dumb: lines only, nothing that goes back on one."""
    shown = place.on_terminal(TERM="dumb")
    assert "\x1b" not in shown
    assert "\r" not in shown.replace("\r\n", "")
    assert "Messaged: 36 of 40 rows" in shown


@pytest.mark.parametrize("columns", [40, 120])
def test_who_waits_for_a_large_sheet_sees_how_far_it_is(place: Place, columns: int) -> None:
    """No question for half a minute would look like a program that hangs; and that nothing is left is told at once."""
    place.fill(9000)
    shown = place.on_terminal(columns=columns)
    drawn = [re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", part) for part in re.split(r"[\r\n]+", shown)]
    bars = [line.rstrip() for line in drawn if line.startswith("Reading c.csv")]
    assert bars[0] == "Reading c.csv"
    assert any("%" in line for line in bars)
    assert max(map(len, bars)) < columns
    assert shown.index("Reading c.csv") < shown.index("Nothing is left to send.") < shown.index("This run")


@pytest.mark.parametrize(("more", "environment"), [(["--quiet"], {}), (["--json"], {}), ([], {"TERM": "dumb"})])
def test_no_bar_is_drawn_where_none_is_wanted(place: Place, more: list[str], environment: dict[str, str]) -> None:
    """A program reads along, or the terminal cannot go back on a line."""
    place.fill(9000)
    assert "Reading" not in place.on_terminal(*more, **environment)
