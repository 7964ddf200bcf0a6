"""Parser of the answers on one connection: HTTP/1.1 by httptools, whose parser is that of Node.js (llhttp)."""

from typing import Final

import httptools
import httpx

from batch.i18n import N_

LONGEST_HEAD: Final = 100 * 1024
"""Bytes of an answer's head at most, and of what stands between two pieces of its body."""


def is_success(status: int) -> bool:
    """Return whether a status is a 2xx."""
    return 200 <= status <= 299  # noqa: PLR2004


class AnswerParser:
    """Takes bytes as they come; gives the answer's head, the pieces of its body, and whether it is whole.

    Call `expect` with each request, then `feed`, and `end` when no more bytes come: both raise
    httpx.RemoteProtocolError for what is no answer. The methods `on_...` are called by httptools.
    """

    def __init__(self) -> None:
        self.expect()

    def expect(self, *, tunnel: bool = False) -> None:
        """Begin with the next answer. `tunnel`: the request is CONNECT, whose success has no body."""
        self.status = 0
        """0 until the head is there. Informational answers (1xx) are passed over."""
        self.reason = b""
        self.headers: dict[str, str] = {}
        """By names in lower case; values of one name are joined."""
        self.is_whole = False
        self.may_go_on = False
        """The connection may have another exchange after this whole answer."""
        self.followed = False
        """More bytes followed the whole answer."""
        self._tunnel = tunnel
        self._pieces: list[bytes] = []
        self._overhead = 0
        """Bytes that came since the latest piece of the body."""
        self._parser = httptools.HttpResponseParser(self)
        # Lines that end without CR are harmless where one answer is due at a time, and some servers send them.
        self._parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)

    def feed(self, data: bytes) -> None:
        """Take bytes that came."""
        had_come = self.is_whole
        if had_come:
            self.followed = True
            return
        self._overhead += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as error:
            raise httpx.RemoteProtocolError(N_("it changes to another protocol")) from error
        except httptools.HttpParserError as error:
            if not self.is_whole:
                raise httpx.RemoteProtocolError(str(error.__context__ or error)) from error
            self.followed = True
        if self._overhead > LONGEST_HEAD and not self.is_whole:
            raise httpx.RemoteProtocolError(N_("a line of it is too long"))

    def end(self) -> None:
        """Take note that no more bytes come: an answer that names no length is whole then."""
        if not self.status:
            raise httpx.RemoteProtocolError(N_("Server disconnected without sending a response."))
        if self.is_whole:
            return
        if "content-length" in self.headers or "transfer-encoding" in self.headers:
            raise httpx.RemoteProtocolError(N_("the connection was closed before the whole answer had come"))
        self.is_whole = True

    def take(self) -> bytes:
        """Return what came of the body since the last call."""
        taken = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        return taken

    def on_message_begin(self) -> None:
        if self.is_whole:
            self.followed = True

    def on_status(self, piece: bytes) -> None:
        if not self.is_whole:
            self.reason += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status:  # a trailer, or of what followed
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if self.status:
            return
        if status < 100:  # noqa: PLR2004 - llhttp would take it for informational, and what follows for the answer
            raise ValueError("Invalid status code")  # as llhttp says it of others
        if status < 200:  # noqa: PLR2004 - informational
            self.headers, self.reason = {}, b""
            return
        self.status = status
        self.is_whole = self._tunnel and is_success(status)

    def on_body(self, piece: bytes) -> None:
        if self.is_whole:
            self.followed = True
            return
        self._pieces.append(piece)
        self._overhead = 0

    def on_message_complete(self) -> None:
        if self.status and not self.is_whole:
            self.is_whole = True
            # Of HTTP/1.0 llhttp sees no "close" beside a "keep-alive".
            closes = "close" in self.headers.get("connection", "").lower()
            self.may_go_on = not closes and self._parser.should_keep_alive()
