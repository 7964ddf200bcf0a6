"""The API token: used in one header, shown nowhere."""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from typing import Final, NoReturn

from batch.errors import SettingsError
from batch.i18n import _

_HIDDEN: Final = "[token]"
_LONGEST: Final = 8_000
"""Characters; longer header lines are refused by common servers, and a file that long is not a token."""
_LONG_PART: Final = 16
"""Characters from which on a part of the token is hidden too: servers quote tokens in part."""
_PIECE: Final = _LONG_PART // 2
"""Characters: what has _LONG_PART of the token in a row holds such a piece wherever it is cut into pieces."""
_RUN = re.compile(rf"[A-Za-z0-9_~+/=-]{{{_LONG_PART},}}")
_CHARACTERS = re.compile(r"[\x21-\x7e]+")


class Token:
    """Bearer token. Printing, formatting, logging and pickling do not show its text; only `header()` does."""

    __slots__ = ("_hidden", "_parts", "_pieces", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        parts = {text, *(part for part in text.split(".") if len(part) >= _LONG_PART)}
        self._parts = sorted(parts, key=len, reverse=True)
        self._hidden = re.compile("|".join(map(re.escape, self._parts)))
        self._pieces = frozenset(text[at : at + _PIECE] for at in range(len(text) - _PIECE + 1))

    @classmethod
    def parse(cls, text: str, source: str) -> Token:
        """Parse a token as a person pasted it: ends trimmed, a leading `Bearer ` removed.

        `source` names in errors where the text came from (`WEGLY_TOKEN`, `the file token.txt`).

        Raises:
            SettingsError: empty, too long, or with characters that no token has. The text is never in the message.
        """
        token = re.sub(r"^bearer(\s+|$)", "", text.strip("\ufeff \t\r\n"), flags=re.IGNORECASE)
        if not token:
            raise SettingsError(
                _("The token in {source} is empty.").format(source=source),
                _("Put the token of your Wegly integration there."),
            )
        if re.search(r"\s", token):
            raise SettingsError(
                _("The token in {source} has a blank or a line break inside.").format(source=source),
                _("Copy the token again, all of it, alone."),
            )
        if not _CHARACTERS.fullmatch(token) or token[0] in "\"'" or token[-1] in "\"'":
            raise SettingsError(
                _("The token in {source} holds a character that no token has (an accent, a quote).").format(
                    source=source
                ),
                _("Copy the token again, without quotes."),
            )
        if len(token) > _LONGEST:
            raise SettingsError(
                _("The token in {source} has {characters} characters; that is no token.").format(
                    source=source, characters=len(token)
                ),
                _("Check what was put there."),
            )
        return cls(token)

    @property
    def expires(self) -> datetime | None:
        """Expiry date by the token's own `exp` claim (UTC); None without one. Nothing is verified."""
        parts = self._text.split(".")
        if len(parts) != 3:  # noqa: PLR2004 - a JWT is header.claims.signature
            return None
        try:
            claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
            return datetime.fromtimestamp(float(claims["exp"]), UTC)
        except (binascii.Error, ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
            return None

    def header(self) -> str:
        """Return the value of the header `Authorization`."""
        return f"Bearer {self._text}"

    def redact(self, text: str) -> str:
        """Replace every occurrence of the token in a text, of each long part of it, and of what is left of one.

        An answer may be cut or damaged: any 16 characters in a row are too many.
        """
        if any(part in text for part in self._parts):  # a tenth of what the pattern costs
            text = self._hidden.sub(_HIDDEN, text)
        return _RUN.sub(self._hide, text) if len(text) >= _LONG_PART else text

    def _hide(self, run: re.Match[str]) -> str:
        pieces = (run[0][at : at + _PIECE] for at in range(0, len(run[0]) - _PIECE + 1, _PIECE))
        return run[0] if self._pieces.isdisjoint(pieces) else _HIDDEN

    def __repr__(self) -> str:
        return "Token(hidden)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a token is not pickled or copied")
