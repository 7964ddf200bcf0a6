"""Characters that steer a terminal are written out, and no others."""

import json
import unicodedata

import pytest

from batch.control_characters import escape_controls, find_control, show_controls

DIRECTION = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
CONTROLS = [chr(code) for code in range(0x100) if unicodedata.category(chr(code)) == "Cc"]
"""Unicode promises that no more will come."""
STEERING = [*(set(CONTROLS) - {"\n", "\t"}), *DIRECTION, "\udc9b"]


@pytest.mark.parametrize("sign", sorted(STEERING))
def test_a_character_that_steers_is_seen(sign: str) -> None:
    """On the screen as a mark, in JSON as an escape of the same value."""
    assert sign not in show_controls(f"a{sign}b")
    assert show_controls(sign).isprintable()
    assert show_controls(sign).isprintable()
    written = escape_controls(json.dumps(sign, ensure_ascii=False))
    assert written.isprintable()
    assert json.loads(written) == sign


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2K\x9b31m", r"\x1b[2K\x9b31m"),
        ("\u202egpj.exe", "[U+202E]gpj.exe"),
        ("\udc9b", "\N{REPLACEMENT CHARACTER}"),
        ("a\r\nb\rc", "a\nb\\x0dc"),
    ],
)
def test_marks(text: str, shown: str) -> None:
    """The forms that the README and the report use; a line end of Windows stays one."""
    assert show_controls(text) == shown


@pytest.mark.parametrize("text", ["João 👩‍👩‍👧 مرحبا שלום ½ x²", "two\nlines\tand a tab", "a\u00a0b\u2007c\ufeff"])
def test_other_text_stays_as_it_is(text: str) -> None:
    """Joiners of emoji and letters that are written from the right are no danger."""
    assert show_controls(text) == escape_controls(text) == text


def test_what_no_message_may_hold() -> None:
    """Line breaks and tabs have a rule of their own; the marks of copied phones harm nothing."""
    for sign in [*CONTROLS, *DIRECTION]:
        expected = None if sign in "\n\r\t\u200e\u200f" else f"U+{ord(sign):04X}"
        assert find_control(f"a{sign}b") == expected
