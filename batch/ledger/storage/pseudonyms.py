"""Keyed hashes in place of keys, and of the phone numbers, chats and requests of purged messages.

A plain SHA-256 of a phone number hides nothing: all numbers of a country are tried in minutes. So every value is
HMAC-SHA-256 under a secret that each ledger makes for itself. The secret lies in the ledger: the file still allows
trying number after number, a key or a hash alone does not. That is pseudonymization, not anonymity.
"""

import base64
import hmac
import secrets

import sqlalchemy as sa

from batch.ledger.storage.schema import meta
from batch.model.messages import Origin

MARK = "#"
"""First character of a hash in a column that may hold the value itself; no number and no chat id begins with it."""
SECRET = "secret"  # noqa: S105 - the name of the entry
PURGED = "purged"
_SECRET_BYTES = 32
_MAC_DIGITS = 24
_SHORT_BYTES = 14
"""Of a hash in place of a value: with the mark it takes no more room than a phone number."""


class Hashes:
    """The keyed hashes of one ledger."""

    def __init__(self, secret: bytes) -> None:
        # Copying it saves hashing the secret again for each row, which is half of the work.
        self._keyed = hmac.new(secret, digestmod="sha256")

    def key(self, key: str) -> str:
        """Return the ledger's own form of a `message_key`: 64 hex digits."""
        return self._hash(key).hexdigest()

    def replacement(self, key: str) -> str:
        """Return the key of the message that replaces the failed one of this key; both in the ledger's own form."""
        return self.key(f"retry of {key}")

    def person(self, person: str) -> str:
        """Return the pseudonym of a purged person, 20 characters."""
        return self._pseudonym("person", person)

    def chat(self, chat_id: str) -> str:
        """Return the pseudonym of a purged chat's id, 20 characters."""
        return self._pseudonym("chat", chat_id)

    def request(self, request_hash: str) -> str:
        """Return the pseudonym of a purged request's hash: from a plain one its text could be guessed."""
        return self._pseudonym("request", request_hash)

    def origin(self, origin: Origin) -> str:
        """Return the code that proves an origin in retry.xlsx: text, which no spreadsheet takes for a number."""
        return "k" + self._hash(f"origin\n{origin.run}\n{origin.row}").hexdigest()[:_MAC_DIGITS]

    def _pseudonym(self, kind: str, value: str) -> str:
        digest = self._hash(f"{kind}\n{value}").digest()[:_SHORT_BYTES]
        return MARK + base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def _hash(self, value: str) -> hmac.HMAC:
        keyed = self._keyed.copy()
        keyed.update(value.encode())
        return keyed


def clear_value(value: str | None) -> str | None:
    """Return a value that was not purged; None where a hash stands for it."""
    return None if value is None or value.startswith(MARK) else value


def new_secret() -> str:
    """Return a secret for a new ledger, in the form that `meta` keeps."""
    return secrets.token_hex(_SECRET_BYTES)


def read_hashes(connection: sa.Connection) -> Hashes:
    """Return the hashes of the connection's ledger."""
    return Hashes(bytes.fromhex(connection.execute(sa.select(meta.c.value).where(meta.c.name == SECRET)).scalar_one()))


def has_purged_data(connection: sa.Connection) -> bool:
    """Return whether anything was ever purged from the ledger: only then do hashes stand for values."""
    return connection.execute(sa.select(meta.c.value).where(meta.c.name == PURGED)).scalar() is not None
