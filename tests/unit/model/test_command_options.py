"""The options of a command that is printed for a person to type, maybe in another terminal."""

from __future__ import annotations

import pytest

from batch.model.messages import DEFAULT_BASE_URL, command_options


@pytest.mark.parametrize(
    ("endpoint", "ledger", "options"),
    [
        (DEFAULT_BASE_URL, "", ""),
        (DEFAULT_BASE_URL, "postgresql://db/wegly", " --ledger postgresql://db/wegly"),
        ("http://127.0.0.1:8765", "", " --base-url http://127.0.0.1:8765 --only-at http://127.0.0.1:8765"),
        ("https://staging.wegly.com.br", "", " --base-url https://staging.wegly.com.br"),
    ],
)
def test_a_command_names_each_address_but_the_usual(endpoint: str, ledger: str, options: str) -> None:
    """A person is silenced at a rehearsal's address alone."""
    assert command_options(endpoint, ledger, "base-url", "only-at", "ledger") == options
