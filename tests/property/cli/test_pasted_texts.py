"""Whatever text is pasted into a conversation: it is taken as it is, and nothing of it is left for the shell."""

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch.cli.prompts import END

pexpect = pytest.importorskip(
    "pexpect", reason="pseudo-terminals are a POSIX thing; on Windows the same is tried by hand"
)

_ASKING = """
import json, select, sys, termios
import click
from batch.cli import prompts
prompts._QUIET_AT_END = 0.05
before = termios.tcgetattr(0)
while True:
    try:
        with prompts.conversation():
            text = prompts.ask_lines("NOW", str)
    except (click.Abort, KeyboardInterrupt) as ended:
        text = type(ended).__name__
    finally:
        left = bool(select.select([0], [], [], 0)[0])
    print("GOT " + json.dumps([text, left, termios.tcgetattr(0) == before]), flush=True)
"""
LINES = st.text(
    st.one_of(
        st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\r\n\x03\x04\x7f"),
        st.sampled_from(list("{}12 .,!%\t$\x00\x11\x13\x15\x16\x17\x1a\x1c\x1bãç😀\u2028")),
    ),
    max_size=60,
)
TEXTS = st.lists(LINES.filter(lambda line: line != END), max_size=8).map("\n".join)


@pytest.fixture(scope="module")
def terminal() -> Iterator[Any]:
    """A program that asks for one text after another, at a terminal of 80 x 24."""
    child = pexpect.spawn(sys.executable, ["-c", _ASKING], dimensions=(24, 80), timeout=30)
    child.delaybeforesend = None
    yield child
    child.close(force=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=TEXTS, beyond=TEXTS, end=st.sampled_from(["", "\n"]))
def test_a_pasted_text_is_taken_whole_and_nothing_is_left(terminal: Any, text: str, beyond: str, end: str) -> None:
    """Up to the line that ends it; what was pasted behind, with a line end or without, is no answer and no command."""
    terminal.expect(b"NOW\r\n")
    terminal.send(f"{text}\n{END}\n{beyond}{end}")
    terminal.expect(rb"GOT (\[.*\])\r\n")
    found, is_left, is_restored = json.loads(terminal.match[1])
    assert found == (text.strip() or None)
    assert (is_left, is_restored) == (False, True)


@pytest.mark.parametrize(("key", "ended"), [("\x03", "KeyboardInterrupt"), ("\x04", "Abort")])
def test_a_key_that_ends_it_leaves_nothing_of_the_paste(terminal: Any, key: str, ended: str) -> None:
    """What was pasted before and behind is gone, and the terminal is as it was."""
    terminal.expect(b"NOW\r\n")
    terminal.send(f"Ol\u00e1\n{key}rm -rf sobra\nmais")
    terminal.expect(rb"GOT (\[.*\])\r\n")
    assert json.loads(terminal.match[1]) == [ended, False, True]
