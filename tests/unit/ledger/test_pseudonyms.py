"""Keyed hashes stay what they were: a ledger of before must know the people in it again."""

from __future__ import annotations

import pytest

from batch.ledger.storage.pseudonyms import Hashes, clear_value

SHORT, LONG = bytes(range(32)), bytes(range(100))
"""A ledger's secret, and one that is longer than a block of SHA-256, which HMAC hashes first."""


@pytest.mark.parametrize(
    ("secret", "value", "key", "pseudonyms"),
    [
        (
            SHORT,
            "",
            "d38b42096d80f45f826b44a9d5607de72496a415d3f4a1a8c88e3bb9da8dc1cb",
            ("#6Udr2Da05mMKP179DyU", "#sDpvre8YXQMSYaWZJew", "#GGjUOMpzPWL4xEDzhlM"),
        ),
        (
            SHORT,
            "k1",
            "0ed854f28763f70b6dbd19d776e8c29030e78248b4c156116561c336755f23d8",
            ("#0wXiIxRl3aVY55cYpXA", "#qOj7sCoAYTATjmQnZ0c", "#Bs0gKrgJ4y937AkuICU"),
        ),
        (
            SHORT,
            "ação\n" + "x" * 200,
            "84ccd8021d5ded642c1d8747d21fe4ae941e163f1f0dea2892506fc9362de91c",
            ("#0AbarHJ3V6jx4uqfH-o", "#Qb0n3keT4aITe15CsKA", "#KKoz0hEtbkeIyYuw-CE"),
        ),
        (
            LONG,
            "k1",
            "3f4b6b8b28461f5130a7ed26c4fdc82279da18123d4fad787a4f5350cca5cd29",
            ("#3VlyaeO3c9LzBpwoSx4", "#KqXsBuaGS-dkaqzTrho", "#0__lu_g5cWPLQi6evVk"),
        ),
    ],
)
def test_hashes_are_those_of_before(secret: bytes, value: str, key: str, pseudonyms: tuple[str, str, str]) -> None:
    """Byte for byte as the hand-written HMAC of version 0.1.0 gave them; and asking twice gives the same."""
    hashes = Hashes(secret)
    for _ in range(2):
        assert hashes.key(value) == key
        assert (hashes.person(value), hashes.chat(value), hashes.request(value)) == pseudonyms


def test_a_hash_takes_the_room_of_a_phone_number_and_is_no_value() -> None:
    """The columns of people hold twenty characters."""
    hashed = Hashes(SHORT).person("+5511970010001")
    assert len(hashed) == 20
    assert clear_value(hashed) is None
    assert clear_value("+5511970010001") == "+5511970010001"
