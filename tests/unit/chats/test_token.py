"""The token is used, never shown."""

import base64
import copy
import json
import logging
import pickle
from datetime import UTC, datetime

import pytest

from batch.chats import Token
from batch.errors import SettingsError

SECRET = "s3cr3t-Token_of~some+length/=="


def jwt(claims: object) -> str:
    """A JWT with these claims and a signature that means nothing."""
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, "c2lnbmF0dXJlLXRoYXQtbWVhbnMtbm90aGluZw"])


@pytest.mark.parametrize(
    "pasted", [SECRET, f"  {SECRET}\r\n", f"Bearer {SECRET}", f"bearer  {SECRET}", f"\ufeff{SECRET}"]
)
def test_a_pasted_token_is_cleaned(pasted: str) -> None:
    """Ends, a BOM and a leading Bearer do not matter."""
    assert Token.parse(pasted, "WEGLY_TOKEN").header() == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "   ",
        "Bearer",
        "Bearer ",
        "abc def-geheim",
        "abc\ngeheim",
        "geheim-\u00e7",
        '"geheim"',
        "x" * 9_000,
        "a\x00b",
    ],
)
def test_a_broken_token_is_refused_without_being_shown(pasted: str) -> None:
    """The error names the source and never quotes the text."""
    with pytest.raises(SettingsError) as caught:
        Token.parse(pasted, "the file token.txt")
    assert "the file token.txt" in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "xxx" not in str(caught.value)


def test_no_way_of_printing_shows_it(caplog: pytest.LogCaptureFixture) -> None:
    """repr, str, format, percent, logging, vars, pickle and copy give nothing away."""
    token = Token.parse(SECRET, "x")
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("x").warning("token %s %r", token, token)
    shown = [repr(token), str(token), f"{token}", f"{token:>40}", "%s" % token, repr([token]), caplog.text]  # noqa: UP031 - percent is one of the ways
    assert not any(SECRET in text for text in shown)
    assert not hasattr(token, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(token)
    with pytest.raises(TypeError):
        copy.copy(token)


def test_redact_takes_out_the_token_and_its_long_parts() -> None:
    """A server that quotes the token, or a part of it, does not get it into a report."""
    text = jwt({"exp": 1})
    token = Token.parse(text, "x")
    signature = text.rsplit(".", 1)[1]
    assert token.redact(f"bad {text}!") == "bad [token]!"
    assert token.redact(f"...{signature}") == "...[token]"
    assert token.redact("nothing in it") == "nothing in it"


def test_the_expiry_of_a_jwt_is_read() -> None:
    """`exp` is seconds since 1970, whole or not."""
    assert Token.parse(jwt({"exp": 1_900_000_000}), "x").expires == datetime.fromtimestamp(1_900_000_000, UTC)
    assert Token.parse(jwt({"exp": 1.5}), "x").expires == datetime.fromtimestamp(1.5, UTC)


@pytest.mark.parametrize(
    "text",
    [SECRET, "a.b.c", jwt({}), jwt({"exp": "soon"}), jwt({"exp": None}), jwt([1]), jwt({"exp": 1e300}), "x.\xe9.z"],
)
def test_no_expiry_is_none(text: str) -> None:
    """What is no JWT, or says nothing of an end, has no expiry, and reading it does not fail."""
    assert Token(text).expires is None


def test_a_token_that_was_cut_is_hidden_too() -> None:
    """Servers quote the beginning of what they got; sixteen characters of it are enough to know it by."""
    token = Token("wk_0123456789abcdefghijklmnop")
    assert token.redact("Bad token wk_0123456789abcdef\u2026 (cut)") == "Bad token [token]\u2026 (cut)"
    assert token.redact("wk_0123456789abcwk_0123456789abcdefghijklmnop.") == "[token][token]."
    assert token.redact("wk_01234567") == "wk_01234567"


def test_what_is_left_of_a_damaged_token_is_hidden_too() -> None:
    """An answer that was damaged on its way: bytes changed, its beginning lost, other letters at both sides."""
    token = Token("wk_0123456789abcdefghijklmnopqrstuvwxyzABCDEF")
    assert token.redact("x \ufffd3456789abcdefghijklmn: opqrstuvwxyzABCDE, x") == "x \ufffd[token]: [token], x"
    assert token.redact("xx456789abcdefghijklmnoXYZ.") == "[token]."
    assert token.redact("0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c") == "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
    assert all(token.redact(f"a {token.header()[at : at + 16]}") == "a [token]" for at in range(7, 36))
