"""Tokens that `init` keeps: where, which one counts, and how they go."""

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from batch.app.settings import read_token
from batch.app.token_store import find_token, forget_token, keep_token, user_file
from batch.chats import Token
from batch.errors import SettingsError

HERE, THERE = "https://api.example.com", "http://127.0.0.1:9"


class Memory(KeyringBackend):
    """A keyring in memory."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def _open(self) -> dict[tuple[str, str], str]:
        if self.locked:
            raise KeyringLocked
        return self.kept

    def get_password(self, service: str, username: str) -> str | None:
        return self._open().get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self._open().pop((service, username), None) is None:
            raise PasswordDeleteError


@pytest.fixture
def memory() -> Iterator[Memory]:
    before = keyring.get_keyring()
    keyring.set_keyring(found := Memory())
    yield found
    keyring.set_keyring(before)


def _text(token: Token | None) -> str | None:
    return token and token.header().removeprefix("Bearer ")


def test_a_token_is_kept_in_the_keyring_by_endpoint(memory: Memory) -> None:
    """Found again for its endpoint alone; nothing of it in a file."""
    where = keep_token(HERE, Token.parse("abc", "x"))
    assert "keyring" in where
    assert (_text(find_token(HERE)), find_token(THERE)) == ("abc", None)
    assert memory.kept == {("wegly-batch", HERE): "abc"}
    assert not user_file("tokens.json").exists()


@pytest.mark.parametrize("text", ["abc", "a" * 3_000])
def test_without_a_keyring_that_takes_it_a_token_is_in_a_private_file(memory: Memory, text: str) -> None:
    """Locked, or too long for the keyring of Windows."""
    memory.locked = len(text) == 3
    where = keep_token(HERE, Token.parse(text, "x"))
    assert str(user_file("tokens.json")) in where
    assert _text(find_token(HERE)) == text
    if os.name != "nt":
        assert stat.S_IMODE(user_file("tokens.json").stat().st_mode) == 0o600
        assert stat.S_IMODE(user_file("tokens.json").parent.stat().st_mode) == 0o700


def test_the_token_that_was_kept_last_counts(memory: Memory) -> None:
    """Whichever of the two places was open at that time."""
    for locked, text in ((False, "one"), (True, "two"), (False, "three")):
        memory.locked = locked
        keep_token(HERE, Token.parse(text, "x"))
        memory.locked = False
        assert _text(find_token(HERE)) == text


def test_a_token_is_forgotten_everywhere(memory: Memory) -> None:
    """That of its endpoint; a second time there is nothing to forget."""
    keep_token(HERE, Token.parse("one", "x"))
    keep_token(THERE, Token.parse("other", "x"))
    memory.locked = True
    keep_token(HERE, Token.parse("two", "x"))
    memory.locked = False
    assert forget_token(HERE)
    assert find_token(HERE) is None
    assert not forget_token(HERE)
    assert _text(find_token(THERE)) == "other"


def test_a_machine_without_the_library_keeps_a_token_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Linux, where it is not installed along."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    keep_token(HERE, Token.parse("abc", "x"))
    assert _text(find_token(HERE)) == "abc"


def test_file_and_environment_come_before_what_was_kept(memory: Memory, tmp_path: Path) -> None:
    """And without any the sentence names all of them."""
    with pytest.raises(SettingsError) as error:
        read_token(None, None, HERE)
    assert HERE in error.value.problem
    for word in ("init", "WEGLY_TOKEN", "--token-file"):
        assert word in error.value.remedy
    keep_token(HERE, Token.parse("kept", "x"))
    file = tmp_path / "t"
    file.write_text("ofthefile")
    found = [read_token(value, path, HERE) for value, path in ((None, None), ("env", None), ("env", file))]
    assert list(map(_text, found)) == ["kept", "env", "ofthefile"]


def test_a_damaged_file_is_no_token(memory: Memory) -> None:
    """It is as if there were none, and is written anew."""
    user_file("tokens.json").parent.mkdir(parents=True, exist_ok=True)
    for text in ("{", "[]", f'{{"{HERE}": 1}}'):
        user_file("tokens.json").write_text(text)
        assert find_token(HERE) is None
    memory.locked = True
    keep_token(HERE, Token.parse("abc", "x"))
    assert _text(find_token(HERE)) == "abc"
