"""Questions of a conversation at a terminal: answers of one line, texts of several lines, and secrets.

A pasted text may hold anything. While a conversation lasts, no character but Ctrl+C, Ctrl+D and Backspace acts on the
terminal, and what was pasted beyond an answer is dropped: it is no answer to the next question, and no command for the
shell.
"""

import getpass
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import click

from batch.cli.terminal import say
from batch.errors import InputError, SettingsError
from batch.i18n import _

T = TypeVar("T")

END = "."
"""Line that ends a text of several lines."""
_QUIET, _QUIET_AT_END = 0.02, 0.2
"""Seconds without a further character after which a paste is over: between questions, and before the shell."""
_LONGEST_PASTE = 5.0
"""Seconds."""
_LONGEST_LINE = 1_023 if sys.platform == "darwin" else 4_095
"""Bytes of a line that a terminal takes; it drops what is beyond."""


def ask(question: str, take: Callable[[str], T], *, default: str = "") -> T | None:
    """Ask on stderr until `take` makes something of the answer; None for Enter alone where there is no `default`.

    A ValueError or InputError of `take` says what is wrong. Raises click.Abort at the end of the input.
    """
    asked = f"{question} [{default}]:" if default else f"{question}:"
    while answer := _read_answer(f"{asked} ").strip() or default:
        try:
            return take(answer)
        except (ValueError, InputError, click.BadParameter) as error:
            _say(error)
    return None


def ask_lines(question: str, take: Callable[[str], T]) -> T | None:
    """Ask for a text of several lines, until `take` makes something of it; None for no text. Raises as `ask`."""
    while True:
        lines = [_read_answer(f"{question}\n")]
        while lines[-1] != END:
            lines.append(_read_line())
        text = "\n".join(lines[:-1]).strip()
        if not text:
            return None
        try:
            if max(len(line.encode()) for line in lines) >= _LONGEST_LINE:
                problem = _("A line is too long for this terminal, which may have cut it.")
                raise SettingsError(problem, _("Save the text in a file, and give it with --body-file."))
            return take(text)
        except InputError as error:
            _say(error)


def ask_secret(question: str, take: Callable[[str], T]) -> T | None:
    """Ask as `ask` does; the answer is not shown."""
    while True:
        drain(_QUIET)
        try:
            answer = getpass.getpass(f"{question}: ", stream=sys.stderr)
        except EOFError:
            raise click.Abort from None
        if not answer.strip():
            return None
        try:
            return take(answer)
        except InputError as error:
            _say(error)


def _say(error: Exception) -> None:
    say("\n".join(f"  {line}" for line in str(error).split("\n")))


def _read_answer(question: str) -> str:
    drain(_QUIET)
    say(question, nl=False)
    return _read_line()


if sys.platform == "win32":
    import msvcrt

    @contextmanager
    def conversation() -> Iterator[None]:
        """Leave nothing that was pasted for the shell when the block ends."""
        try:
            yield
        finally:
            drain(_QUIET_AT_END)

    def drain(quiet: float) -> None:
        """Drop what was pasted, until nothing has come for so many seconds."""
        end = time.monotonic() + _LONGEST_PASTE
        while msvcrt.kbhit() and time.monotonic() < end:
            while msvcrt.kbhit():
                msvcrt.getwch()
            time.sleep(quiet)

    def _read_line() -> str:
        try:
            return input()
        except EOFError:
            raise click.Abort from None

else:
    import termios

    _ACTING = ("VKILL", "VWERASE", "VLNEXT", "VREPRINT", "VDISCARD", "VSUSP", "VDSUSP", "VQUIT", "VEOL", "VEOL2")
    """Characters that would change a line or stop the program."""

    @contextmanager
    def conversation() -> Iterator[None]:
        """Take characters as they are while the block runs, and leave nothing that was pasted for the shell."""
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        literal = termios.tcgetattr(terminal)
        literal[0] &= ~termios.IXON
        off = os.fpathconf(terminal, "PC_VDISABLE").to_bytes(1, "little")
        for name in _ACTING:
            if hasattr(termios, name):
                literal[6][getattr(termios, name)] = off
        termios.tcsetattr(terminal, termios.TCSANOW, literal)
        try:
            yield
        finally:
            with suppress(OSError, termios.error):  # the terminal is gone
                drain(_QUIET_AT_END)
                termios.tcsetattr(terminal, termios.TCSAFLUSH, before)

    def drain(quiet: float) -> None:
        """Drop what was pasted, until nothing has come for so many seconds."""
        terminal = sys.stdin.fileno()
        before = termios.tcgetattr(terminal)
        raw = termios.tcgetattr(terminal)
        raw[3] &= ~(termios.ICANON | termios.ECHO)  # a line without an end is read as well
        termios.tcsetattr(terminal, termios.TCSANOW, raw)
        end = time.monotonic() + _LONGEST_PASTE
        try:
            while time.monotonic() < end and select.select([terminal], [], [], quiet)[0]:
                if not os.read(terminal, 65_536):
                    break
        finally:
            termios.tcsetattr(terminal, termios.TCSANOW, before)

    def _read_line() -> str:
        line = b""
        while not line.endswith(b"\n"):
            piece = os.read(sys.stdin.fileno(), 65_536)
            if not piece:
                raise click.Abort
            line += piece
        return line.decode("utf-8", errors="replace").rstrip("\r\n")
