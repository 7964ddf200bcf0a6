"""One spelling for one address."""

import pytest

from batch.chats.endpoint import parse_endpoint, parse_origin
from batch.errors import SettingsError
from batch.model.messages import is_loopback


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("https://api.wegly.com.br", "https://api.wegly.com.br"),
        ("  https://api.wegly.com.br/  ", "https://api.wegly.com.br"),
        ("HTTPS://API.Wegly.COM.br:443", "https://api.wegly.com.br"),
        ("https://api.wegly.com.br.", "https://api.wegly.com.br"),
        ("https://api.wegly.com.br:8443/v2/", "https://api.wegly.com.br:8443/v2"),
        ("https://api.wegly.com.br/integrations/external/chats", "https://api.wegly.com.br"),
        ("https://api.wegly.com.br/v2/integrations/external/chats/", "https://api.wegly.com.br/v2"),
        ("https://m\u00fcnchen.example", "https://xn--mnchen-3ya.example"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:80/", "http://localhost"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("http://127.9.9.9", "http://127.9.9.9"),
    ],
)
def test_an_endpoint_has_one_spelling(given: str, canonical: str) -> None:
    """Whatever way an address is written, the same text comes out, and comes out of itself."""
    assert parse_endpoint(given) == canonical
    assert parse_endpoint(canonical) == canonical


@pytest.mark.parametrize(
    "given",
    [
        "",
        "api.wegly.com.br",
        "//api.wegly.com.br",
        "ftp://api.wegly.com.br",
        "https://",
        "https:///path",
        "https://api.wegly.com.br?x=1",
        "https://api.wegly.com.br?",
        "https://api.wegly.com.br#top",
        "https://api.wegly.com.br:0",
        "https://api.wegly.com.br:",
        "https://api.wegly.com.br:99999",
        "https://api.wegly.com.br:port",
        "https://api wegly.com.br",
        "https://api.wegly.com.br\\evil",
        "https://api.wegly.com.br/a/../b",
        "https://api.wegly.com.br//b",
        "https://api.wegly.com.br/%2e%2e",
        "https://-bad.example",
        "https://" + "a" * 64 + ".example",
        "https://[::1",
        "https://[::zz]",
        "https://a..b",
        "http://api.wegly.com.br",
        "http://localhost.evil.example",
        "http://10.0.0.1",
    ],
)
def test_anything_odd_is_refused(given: str) -> None:
    """What is not plainly an address, or would carry the token in clear, is an error with a remedy."""
    with pytest.raises(SettingsError) as caught:
        parse_endpoint(given)
    assert caught.value.problem.endswith(".")
    assert caught.value.remedy.endswith(".")


def test_a_password_in_an_address_is_not_repeated() -> None:
    """The error about a user name in the address does not quote the password."""
    with pytest.raises(SettingsError) as caught:
        parse_endpoint("https://maria:geheim@api.wegly.com.br")
    assert "geheim" not in str(caught.value)


def test_plain_http_is_refused_with_its_reason() -> None:
    """The one error that people will meet says why."""
    with pytest.raises(SettingsError, match="in clear"):
        parse_endpoint("http://api.wegly.com.br")


@pytest.mark.parametrize(
    ("given", "origin"),
    [("https://Loja.Example/", "https://loja.example"), ("http://loja.example:8080", "http://loja.example:8080")],
)
def test_an_origin_is_scheme_and_host(given: str, origin: str) -> None:
    """The origin may be plain http: nothing is sent there."""
    assert parse_origin(given) == origin


@pytest.mark.parametrize("given", ["loja.example", "https://loja.example/path", "https://loja.example\r\nX: y", ""])
def test_an_odd_origin_is_refused(given: str) -> None:
    """A path, a missing scheme or a line break cannot get into the header."""
    with pytest.raises(SettingsError):
        parse_origin(given)


def test_loopback_is_told_by_the_name_alone() -> None:
    """Only names that cannot mean another machine count."""
    assert is_loopback("http://[::1]:1")
    assert is_loopback("https://localhost")
    assert not is_loopback("https://127.0.0.1.nip.io")
