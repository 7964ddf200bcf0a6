"""Keyed hashes: what still tells that somebody is known when the number itself is no longer kept.

Plain SHA-256 of a phone number hides nothing: all numbers of a country are tried in minutes. So keys, and people whose
data was purged, are HMAC-SHA-256 under a secret that each ledger makes for itself. The secret lies in the ledger: who
has the file can still try number after number, who has only a key or a hash cannot. That is a pseudonym, no anonymity.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from sqlalchemy import Connection, select

from batch.ledger.storage.schema import meta

MARK = "#"
"""What a hash begins with where the value itself may stand as well; no number and no chat id does."""
SECRET = "secret"  # noqa: S105 - the name of the entry
PURGED = "purged"
_BYTES = 32
_BLOCK, _INNER, _OUTER = 64, 0x36, 0x5C
"""Of HMAC-SHA-256: bytes of a block, and what its halves are padded with."""
_SHORT = 14
"""Bytes of a hash in place of a value: with the mark it takes no more room than a phone number."""


class Hashes:
    """The keyed hashes of one ledger."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        # HMAC as it is defined. What it begins with is hashed once: of a whole sheet that is half of its work.
        padded = (hashlib.sha256(secret).digest() if len(secret) > _BLOCK else secret).ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ _INNER for byte in padded))
        self._outer = hashlib.sha256(bytes(byte ^ _OUTER for byte in padded))

    def key(self, key: str) -> str:
        """The ledger's own form of a `message_key`: 64 hex digits."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(key.encode())
        outer.update(inner.digest())
        return outer.hexdigest()

    def person(self, person: str) -> str:
        """What stands for a person whose number was purged, in 20 characters."""
        return self._short("person", person)

    def chat(self, chat_id: str) -> str:
        """What stands for a chat whose id was purged."""
        return self._short("chat", chat_id)

    def request(self, request_hash: str) -> str:
        """What stands for the hash of a request that was purged: its text can be guessed from a plain one."""
        return self._short("request", request_hash)

    def _short(self, kind: str, value: str) -> str:
        digest = hmac.digest(self._secret, f"{kind}\n{value}".encode(), "sha256")[:_SHORT]
        return MARK + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def in_clear(value: str | None) -> str | None:
    """A value that was not purged; None where a hash stands for it."""
    return None if value is None or value.startswith(MARK) else value


def new_secret() -> str:
    """A secret for a new ledger, as `meta` keeps it."""
    return secrets.token_hex(_BYTES)


def read_hashes(connection: Connection) -> Hashes:
    """The hashes of the ledger that `connection` is to."""
    return Hashes(bytes.fromhex(connection.execute(select(meta.c.value).where(meta.c.name == SECRET)).scalar_one()))


def was_purged(connection: Connection) -> bool:
    """Whether anything was ever purged from the ledger: only then do hashes stand for values."""
    return connection.execute(select(meta.c.value).where(meta.c.name == PURGED)).scalar() is not None
