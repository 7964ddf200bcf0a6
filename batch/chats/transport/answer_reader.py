"""The reader of one answer, HTTP/1.1: bytes in, its head and the pieces of its body out.

It takes and refuses exactly what h11 does (a property holds them together), at a fifth of its cost: h11 keeps both
sides of an exchange as a state machine, of which a client that writes a whole request at once needs nothing.
"""

import re
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, NamedTuple

import h11

from batch.i18n import N_

LONGEST_HEAD: Final = 100 * 1024
"""Bytes of an answer's head (or of one chunk's line) at most."""
_BLANK_LINE: Final = re.compile(rb"\n\r?\n")
_STATUS_LINE: Final = re.compile(rb"HTTP/(\d\.\d) (\d{3})(?: ((?:[ \t]|[^\x00\s])*))?")
_FIELD: Final = re.compile(rb"([-!#$%&'*+.^_`|~0-9a-zA-Z]+):[ \t]*((?:[^\x00\s]+(?:[ \t]+[^\x00\s]+)*)?)[ \t]*")
_CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,20})(?:;.*)?[ \t]*\r\n")
_LENGTH: Final = re.compile(rb"\d{1,20}")
_NO_BODY: Final = frozenset({204, 304})
_FIRST_VISIBLE: Final = 0x21
_NOT_HTTP: Final = N_("the answer is no HTTP")
_BAD_CHUNKS: Final = N_("the chunks of the answer are no HTTP")

Fields = list[tuple[bytes, bytes]]


class Sign(Enum):
    """An event that is no part of the answer."""

    MORE = "more"
    """All that came is used up."""
    END = "end"


class Head(NamedTuple):
    """The head of an answer; informational ones (1xx) are passed over."""

    status: int
    reason: bytes
    fields: Fields
    """Names in lower case."""


class AnswerReader:
    """Reads one answer; each error is an h11.RemoteProtocolError."""

    def __init__(self, *, tunnel: bool = False) -> None:
        """`tunnel`: the request was CONNECT, whose success has no body."""
        self.rest = bytearray()
        """Bytes that are not read yet; after the end: what followed the answer."""
        self.has_head = self.is_done = False
        self.may_go_on = False
        """The connection may have another exchange after this one."""
        self._tunnel = tunnel
        self._closed = False
        self._searched = 0
        self._left = 0
        """Bytes of the body, or of its chunk, that are to come."""
        self._read: Callable[[], Head | bytes | Sign] = self._read_head

    def feed(self, data: bytes) -> None:
        """Take bytes that came."""
        self.rest += data

    def close(self) -> None:
        """Take note that no more will come."""
        self._closed = True

    def read(self) -> Head | bytes | Sign:
        """Return the head, then pieces of the body, at last END; MORE when more bytes are needed for the next one."""
        event = self._read()
        if event is Sign.END:
            self.is_done = True
        elif event is Sign.MORE:
            if len(self.rest) > LONGEST_HEAD:
                raise h11.RemoteProtocolError(N_("a line of the answer is too long"))
            if self._closed:
                raise h11.RemoteProtocolError(N_("the connection was closed before the whole answer had come"))
        return event

    def _read_head(self) -> Head | bytes | Sign:
        while (lines := self._take_lines()) is not None:
            first = _STATUS_LINE.fullmatch(lines[0]) if lines else None
            if first is None:
                raise h11.RemoteProtocolError(_NOT_HTTP)
            version, status, reason = first.groups()
            head = Head(int(status), reason or b"", read_fields(lines[1:]))
            if head.status >= 200:  # noqa: PLR2004 - the final one
                self.has_head = True
                self._frame(head, version)
                return head
            if head.status in range(100) or head.status == 101:  # noqa: PLR2004 - another protocol, not asked for
                raise h11.RemoteProtocolError(_NOT_HTTP)
        if self.rest and self.rest[0] < _FIRST_VISIBLE:
            raise h11.RemoteProtocolError(_NOT_HTTP)
        return Sign.MORE

    def _take_lines(self) -> list[bytes] | None:
        """Take what comes before the first blank line; None when it is not there yet."""
        rest = self.rest
        if rest[:1] == b"\n" or rest[:2] == b"\r\n":
            self._take(1 + (rest[:1] == b"\r"))
            return []
        if (found := _BLANK_LINE.search(rest, self._searched)) is None:
            self._searched = max(0, len(rest) - 2)
            return None
        return [line.removesuffix(b"\r") for line in self._take(found.end()).split(b"\n")[:-2]]

    def _take(self, count: int) -> bytes:
        taken = bytes(self.rest[:count])
        del self.rest[:count]
        self._searched = 0
        return taken

    def _frame(self, head: Head, version: bytes) -> None:
        """Choose how the body is read (RFC 9112, 6.3)."""
        fields = dict(head.fields)
        options = b",".join(value for name, value in head.fields if name == b"connection").lower().split(b",")
        self.may_go_on = version >= b"1.1" and b"close" not in map(bytes.strip, options)
        if head.status in _NO_BODY or (self._tunnel and head.status < 300):  # noqa: PLR2004 - success
            self._read = self._read_sized
        elif b"transfer-encoding" in fields:
            self._read = self._read_chunk_line
        elif (length := fields.get(b"content-length")) is not None:
            self._left, self._read = int(length), self._read_sized
        else:
            self.may_go_on, self._read = False, self._read_all

    def _read_sized(self) -> bytes | Sign:
        if not self._left:
            return Sign.END
        return self._take_some()

    def _take_some(self) -> bytes | Sign:
        if not self.rest:
            return Sign.MORE
        piece = self._take(min(self._left, len(self.rest)))
        self._left -= len(piece)
        return piece

    def _read_all(self) -> bytes | Sign:
        if not self.rest:
            return Sign.END if self._closed else Sign.MORE
        return self._take(len(self.rest))

    def _read_chunk_line(self) -> bytes | Sign:
        end = self.rest.find(b"\r\n", max(0, self._searched - 1))
        if end < 0:
            self._searched = len(self.rest)
            return Sign.MORE
        line = _CHUNK_LINE.fullmatch(self._take(end + 2))
        if line is None:
            raise h11.RemoteProtocolError(_BAD_CHUNKS)
        self._left = int(line[1], 16)
        self._read = self._read_chunk if self._left else self._read_trailer
        return self._read_chunk() if self._left else self._read_trailer()

    def _read_chunk(self) -> bytes | Sign:
        if self._left:
            return self._take_some()
        if self.rest[:2] != b"\r\n"[: len(self.rest)]:
            raise h11.RemoteProtocolError(_BAD_CHUNKS)
        if len(self.rest) < 2:  # noqa: PLR2004 - CR and LF
            return Sign.MORE
        self._take(2)
        self._read = self._read_chunk_line
        return self._read_chunk_line()

    def _read_trailer(self) -> Sign:
        if (lines := self._take_lines()) is None:
            return Sign.MORE
        read_fields(lines)
        return Sign.END


def read_fields(lines: Sequence[bytes]) -> Fields:
    """Return the fields of a head. Raises h11.RemoteProtocolError, also where the body's length would be doubtful."""
    fields: Fields = []
    for line in unfold(lines):
        if (found := _FIELD.fullmatch(line)) is None:
            raise h11.RemoteProtocolError(_NOT_HTTP)
        name, value = found[1].lower(), found[2]
        if name == b"content-length":
            known = {length for before, length in fields if before == name}
            lengths = {each.strip() for each in value.split(b",")} | known
            value = lengths.pop()
            if lengths or _LENGTH.fullmatch(value) is None:
                raise h11.RemoteProtocolError(N_("the length of the answer is not clear"))
            if known:
                continue
        elif name == b"transfer-encoding":
            value = value.lower()
            if value != b"chunked" or any(before == name for before, _ in fields):
                raise h11.RemoteProtocolError(N_("the answer has an unknown transfer coding"))
        fields.append((name, value))
    return fields


def unfold(lines: Sequence[bytes]) -> list[bytes]:
    """Join lines that begin with a blank to those before them."""
    joined: list[bytes] = []
    for line in lines:
        if line[:1] not in {b" ", b"\t"}:
            joined.append(line)
        elif joined:
            joined[-1] += b" " + line.lstrip(b" \t")
        else:
            raise h11.RemoteProtocolError(_NOT_HTTP)
    return joined
