"""Drawing of answers: usual ones, odd ones and hostile ones, each with the truth about its message.

The server tells no lies: what an answer says in its status is what became of the message. A refusal was not applied,
an acceptance was; where the status leaves it open, chance decides. Only the form is hostile: status lines, headers,
dates, charsets, packing, bodies of every shape and size, cut, damaged, late, or followed by more.
"""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

ACCEPTED = frozenset({"success", "reused"})
REFUSED = frozenset({"error"})
WAITING = frozenset({"pending"})
UNKNOWN = frozenset({"unknown"})
ANY: frozenset[str] = frozenset()
"""No expectation besides the truth."""

_REFUSALS = (400, 409, 410, 413, 415, 418, 422, 451, 499)
_MOVED = (301, 307, 308)
_STOPPING = (401, 405, *_MOVED)
_LATER = (425, 429)
_GROUPS: Sequence[tuple[float, Sequence[int]]] = (
    (50, (200, 200, 200, 201, 202, 203, 206, 226, 299)),
    (22, _REFUSALS),
    (7, (*_LATER, 503)),
    (14, (500, 500, 502, 503, 504, 507, 520, 599, 408)),
    (2.5, (204, 205)),
    (2, (403, 404)),
    (2, (600, 700, 999, 100, 102, 199)),
    (0.4, (*_STOPPING, 300, 302, 303, 304, 306, 101)),
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer as it goes over the wire, and what is true of its message."""

    kind: str
    """How it was made, for people."""
    status: int
    applied: bool
    """The message of the request was sent by the server."""
    due: frozenset[str]
    """Outcomes that alone are right, where the answer is plain; ANY leaves it to the truth."""
    pieces: tuple[bytes, ...]
    end: str
    """`keep`, `close`, `reset`, or `stall`: nothing more comes, and the connection stays open."""


def draw(dice: random.Random, *, token: str, contact: str) -> Answer:
    """Draw an answer to a request."""
    (_, statuses), *_more = dice.choices(_GROUPS, [weight for weight, _ in _GROUPS])
    status = dice.choice(statuses)
    headers, later = _headers(dice, status)
    made, plain = _body(dice, status, token=token, contact=contact)
    kinds = [str(status), made.__name__.strip("_")]
    body = made(dice, token, contact)
    framed, framing, whole = _frame(dice, status, body, headers)
    kinds += framing
    applied = _is_applied(dice, status, later=later)
    due = _due(status, later=later) if plain and whole else ANY
    end = "close" if "misframed" in kinds or dice.random() < 0.1 else "keep"
    return _spoil(
        dice, Answer(kind=" ".join(kinds), status=status, applied=applied, due=due, pieces=(framed,), end=end)
    )


def accept(dice: random.Random, contact: str) -> Answer:
    """Draw a plain acceptance."""
    body = _plain_chat(dice, "", contact)
    text = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    return Answer(kind="plain 201", status=201, applied=True, due=ACCEPTED, pieces=(text,), end="keep")


def greet(dice: random.Random) -> Answer:
    """Draw bytes that come before any request."""
    status = dice.choice((200, 400, 408, 429, 500, 503))
    body = _plain_chat(dice, "", "") if status == HTTPStatus.OK else b""
    text = b"HTTP/1.1 %d Early\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
    applied = _is_applied(dice, status, later=False)
    return Answer(kind=f"early {status}", status=status, applied=applied, due=ANY, pieces=(text,), end="close")


def _is_applied(dice: random.Random, status: int, *, later: bool) -> bool:
    if 200 <= status <= 299:
        return True
    if 400 <= status <= 499 and status != HTTPStatus.REQUEST_TIMEOUT:
        return False
    if status in _MOVED or (status == HTTPStatus.SERVICE_UNAVAILABLE and later):
        return False
    return dice.random() < 0.5


def _due(status: int, *, later: bool) -> frozenset[str]:
    if 200 <= status <= 299:
        return ACCEPTED
    if status in _REFUSALS:
        return REFUSED
    if status in (*_LATER, *_STOPPING):
        return WAITING
    if status == HTTPStatus.SERVICE_UNAVAILABLE and later:
        return WAITING | UNKNOWN  # its time may be none
    return REFUSED | WAITING if 400 <= status <= 499 and status != HTTPStatus.REQUEST_TIMEOUT else UNKNOWN


# Headers.

_DATES = (
    "Fri, 31 Dec 9999 23:59:59 -2300",
    "Sat, 99 Feb 2026 99:99:99 GMT",
    "0",
    "9" * 5000,
    "Fri, 31 Dec 2026 23:59:59 +" + "9" * 60,
    "\u0663\u0661 Dec 2026",
    "nunca",
    "Sun, 06 Nov 99999999999999 08:49:37 GMT",
    ", , , ,",
    "Sun Nov  6 08:49:37 -1",
)
_FAR_DATES = (
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Fri, 31 Dec 9999 23:59:59 +2359",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Mon, 01 Jan 0000 00:00:00 GMT",
)
"""Each ends its run: the clock is off."""
_SHORT_PAUSES = ("0", "0", "0.05", "0.1", " 0 ", "000", "-1", "", "soon", "\u0661", "1e3", "0x1", "0, 0", "nan")
_PAUSES = (*_DATES, *_FAR_DATES, "86400", "9" * 15, "9" * 5000, "1.5.5", "infinity")
_CHARSETS = (
    "punycode", "idna", "utf-7", "unicode_escape", "raw_unicode_escape", "rot13", "hex", "base64", "zlib", "bz2",
    "undefined", "mbcs", "oem", "utf-16", "utf-16-le", "utf-32", "iso2022_jp", "hz", "latin-1", "cp1252", "cp037",
    "x" * 3000, "utf-8;charset=utf-16", "'utf-8'", '"utf-8', "../../etc", "", "\u00e9",
)  # fmt: skip
_UTF8 = ("application/json", "application/json; charset=utf-8", 'application/json;charset="UTF-8"', "text/html", "")


def _headers(dice: random.Random, status: int) -> tuple[list[tuple[str, str]], bool]:
    """Return header fields that do not frame the body, and whether there is a `Retry-After` of any form."""
    headers: list[tuple[str, str]] = []
    throw = dice.random()
    if throw < 0.3:
        headers.append(("Date", formatdate(usegmt=True)))
    elif throw < 0.4:
        headers += [("Date", dice.choice(_DATES)) for _ in range(dice.choice((1, 1, 2)))]
    elif throw < 0.402:
        headers.append(("Date", dice.choice(_FAR_DATES)))
    later = status in (*_LATER, 503) and dice.random() < 0.8
    if later or dice.random() < 0.02:
        long = status not in (*_LATER, 503) or dice.random() < 0.03
        headers.append(("Retry-After", dice.choice(_PAUSES if long else _SHORT_PAUSES)))
    if dice.random() < 0.1:
        names = ("RateLimit-Reset", "X-RateLimit-Reset", "RateLimit", "ratelimit-remaining", "RateLimit-Policy")
        values = (
            "0",
            "0.01",
            '"default";r=50;t=0',
            "reset=0",
            "reset=" + "9" * 400,
            "t=" * 2000,
            "1",
            "x;reset=",
            "-0",
        )
        headers.append((dice.choice(names), dice.choice(values)))
    if dice.random() < 0.1:
        headers += dice.choice(_MORE)(dice)
    dice.shuffle(headers)
    return headers, any(name == "Retry-After" for name, _ in headers)


_MORE: Sequence[Callable[[random.Random], list[tuple[str, str]]]] = (
    lambda _: [("Set-Cookie", f"a{n}=b; Domain=.example") for n in range(60)],
    lambda dice: [(f"X-{n}", "y" * dice.randrange(400)) for n in range(100)],
    lambda _: [("X-Long", "z" * 60_000)],
    lambda _: [("X-Latin", "ol\u00e1 \u00ff"), ("Server", "\u00df")],
    lambda _: [("Location", "http://evil.example/"), ("Refresh", "0; url=http://evil.example/")],
    lambda _: [("Connection", "keep-alive, close, \tupgrade"), ("Upgrade", "websocket")],
    lambda _: [("Trailer", "Date"), ("WWW-Authenticate", 'Bearer realm="\x7f"')],
    lambda _: [("Strict-Transport-Security", "max-age=99999999999999999999"), ("Alt-Svc", 'h2="evil.example:443"')],
)


# Bodies.

_Made = Callable[[random.Random, str, str], bytes]


def _body(dice: random.Random, status: int, *, token: str, contact: str) -> tuple[_Made, bool]:
    """Return what makes the body; True when it is what a usual API answers with."""
    accepted = 200 <= status <= 299
    if dice.random() < 0.6:
        return (_plain_chat if accepted else _plain_error), True
    if accepted and dice.random() < 0.5:
        return dice.choice((_odd_chat, _odd_chat, _chat_of_bad_id)), False
    return dice.choice((_odd_error, _odd_error, _whatsapp_error, _page, _page, _noise, _deep, _long, _odd_text)), False


_INSTANTS: tuple[Any, ...] = (
    None, "2026-11-07T05:31:56Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9" * 13, "9" * 400,
    1e308, -1e308, float("inf"), float("nan"), 10**400, -1, 0, True, [], {}, "", "T:", "24:00", "2026-02-30T25:61:61Z",
    "\u0662\u0660\u0662\u0666-11-07T05:31:56Z", 253402300800, 99999999999999,
)  # fmt: skip
_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**400, 1e400, "", " ", "\x00\x1b[2J\u202e\u009b31m", "\ud800", "x" * 70_000, [], {},
    [[]], {"id": {}}, "OPEN", "resolved", "SNOOZED\n", "</script><script>alert(1)</script>", "=cmd|'/C calc'!A0",
)  # fmt: skip


def _plain_chat(dice: random.Random, _token: str, contact: str) -> bytes:
    chat = {"id": _uuid(dice), "wa_contact_id": contact, "status": "OPEN", "unread_count": 0, "archived_at": None}
    if dice.random() < 0.5:
        chat["last_message"] = {"id": _uuid(dice), "from_me": True, "origin": "OUTBOUND", "status": "processing"}
    return json.dumps(chat).encode()


def _odd_chat(dice: random.Random, token: str, contact: str) -> bytes:
    chat = json.loads(_plain_chat(dice, token, contact))
    for name in ("status", "unread_count", "archived_at", "wa_contact_id", "last_message", f"x{token[:40]}"):
        if dice.random() < 0.4:
            chat[name] = dice.choice(_ODD)
    for name in ("last_message_at", "created_at"):
        chat[name] = dice.choice(_INSTANTS)
    if dice.random() < 0.6:
        names = ("from_me", "origin", "status", "body_text")
        last = {name: dice.choice(_ODD) for name in names} | {"meta_timestamp": dice.choice(_INSTANTS)}
        chat["last_message"] = dice.choice((last, [last], json.dumps(last)))
    text = json.dumps(chat, ensure_ascii=dice.random() < 0.5)
    if dice.random() < 0.2:
        text = text.replace("{", '{"id":null,"id":[],', 1)
    return text.encode("utf-8", "surrogatepass")


def _chat_of_bad_id(dice: random.Random, token: str, _contact: str) -> bytes:
    bad = (*_ODD, token, f"{token[:30]} {token}", f"https://x/?t={token}", "a" * 200, "a" * 201, "\u3000", 7, 7.5)
    return json.dumps({"id": dice.choice(bad), "status": dice.choice(_ODD)}, ensure_ascii=False).encode(
        "utf-8", "surrogatepass"
    )


def _plain_error(dice: random.Random, _token: str, _contact: str) -> bytes:
    return dice.choice(
        (b'{"message":"wa_contact_id is not valid"}', b'{"error":{"message":"no"}}', b"", b"Bad gateway")
    )


def _odd_error(dice: random.Random, token: str, _contact: str) -> bytes:
    words = (*_ODD, f"Authorization: Bearer {token}", "y" * dice.randrange(400) + " " + token, "&#" + "9" * 5000 + ";")
    content: Any = dice.choice(words)
    for _ in range(dice.randrange(6)):
        key = dice.choice(("message", "error", "errors", "detail", "details", "error_data", "erros", "loc", "title"))
        content = dice.choice(
            ({key: content}, [content, dice.choice(words)], {key: content, "field": dice.choice(words)})
        )
    text = json.dumps(content, ensure_ascii=dice.random() < 0.5)
    return text.replace("." if dice.random() < 0.2 else "\0", "\\u002e").encode("utf-8", "surrogatepass")


_CODES: tuple[Any, ...] = (
    131026, 131047, 131049, 131051, 132000, 133010, 130429, 131056, 10**400, -131026, True, "131026", 131026.0, None,
    [131026], "\u0661", "9" * 5000, 199999,
)  # fmt: skip


def _whatsapp_error(dice: random.Random, token: str, _contact: str) -> bytes:
    code = dice.choice(_CODES)
    error = {"code": code, "message": dice.choice(_ODD), "error_data": dice.choice(({"details": token}, *_ODD))}
    return json.dumps(dice.choice(({"error": error}, error, [error] * 50, {"errors": {"error": error}}))).encode()


def _page(dice: random.Random, token: str, _contact: str) -> bytes:
    part = dice.choice(_PARTS)
    inside = part * dice.choice((1, 3, 20_000 if len(part) < 40 else 50))
    head = dice.choice(("<html>", "<!doctype html><title>502</title>", "<?xml version='1.0'?>", "<body>", ""))
    return f"{head}{inside}{dice.choice(('', token, '</html>'))}".encode("utf-8", "replace")


_PARTS = (
    "<title>", "<style>", "<script>", "<!--", "<head", "<p ", "</", "&#" + "9" * 5000 + ";", "&#x" + "f" * 5000 + ";",
    "&#0;", "&#27;", "&#155;", "&#8238;", "&#xd800;", "&amp;", "&", "&NotEqualTilde;", "&#12345678901;", "<script>x</",
    "<<<<", "<a b='", "<p>Ol\u00e1 \u202e\x1b]0;x\x07</p>", "<![CDATA[", "]]>", "<title>x</title>", "&#", "<br/>",
)  # fmt: skip


def _noise(dice: random.Random, _token: str, _contact: str) -> bytes:
    return dice.randbytes(dice.choice((1, 10, 1000, 70_000)))


def _deep(dice: random.Random, _token: str, _contact: str) -> bytes:
    return dice.choice((b"[", b'{"a":', b'{"error":', b'[{"id":')) * dice.choice((5, 500, 100_000))


def _long(dice: random.Random, _token: str, _contact: str) -> bytes:
    size = dice.choice((70_000, 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 3_000_000))
    sign = dice.choice((b" ", b"a", b"\n", b"\x00", b'"', b"1", b"-", b"\xff", b"&", b"<", b"xn--"))
    front = dice.choice((b"", b'{"message":"', b'{"id":', b"<html>", b'{"id":"x","a":'))
    return (front + sign * size)[:size]


def _odd_text(dice: random.Random, token: str, _contact: str) -> bytes:
    places = ((0, 32), (0, 0x250), (0x2000, 0x2100))
    signs = "".join(chr(dice.randrange(*dice.choice(places))) for _ in range(400))
    text = dice.choice(
        (signs, f"{signs}{token}", f"\ufeff{signs}", "null", "true", "NaN", "-", "1e999", '"a"', "[]", "{}")
    )
    return text.encode(dice.choice(("utf-8", "utf-16", "cp1252", "utf-32")), "replace")


def _uuid(dice: random.Random) -> str:
    digits = f"{dice.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


# Framing and damage.


def _frame(
    dice: random.Random, status: int, body: bytes, headers: list[tuple[str, str]]
) -> tuple[bytes, list[str], bool]:
    """Return the answer's bytes, words about its framing, and whether it is framed and coded as HTTP demands."""
    kinds, plain = [], True
    charset = dice.random() < 0.12
    kind = f"{dice.choice(('text/html', 'application/json'))}; charset={dice.choice(_CHARSETS)}"
    headers = [*headers, ("Content-Type", kind if charset else dice.choice(_UTF8))]
    if charset:
        kinds.append(kind[:60])
        plain = False
    packing = dice.random()
    if packing < 0.1:
        body, plain = _pack(dice, body, headers), False
        kinds.append("packed")
    framing = dice.random()
    if framing < 0.65:
        headers.append(("Content-Length", str(len(body))))
    elif framing < 0.85:
        headers.append(("Transfer-Encoding", "chunked"))
        body = _chunks(dice, body)
    else:
        body, plain = _misframe(dice, body, headers), False
        kinds.append("misframed")
    version, phrase = dice.choice((("1.1", "OK"),) * 8 + (("1.0", ""), ("1.1", "Ol\u00e1"), ("1.1", "x" * 2000)))
    plain = plain and version == "1.1" and status not in {204, 205, 304} and status >= 200
    front = b""
    if dice.random() < 0.03:
        front = dice.choice((b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 40))
        kinds.append("after 1xx")
    head = f"HTTP/{version} {status} {phrase}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
    plain = plain and all(name.isascii() and value.isprintable() for name, value in headers) and len(head) < 50_000
    return front + head.encode("utf-8", "replace") + b"\r\n" + body, kinds, plain


def _pack(dice: random.Random, body: bytes, headers: list[tuple[str, str]]) -> bytes:
    name = dice.choice(("gzip", "deflate", "x-gzip", "GZIP ", "br", "gzip, gzip", "identity", "\u00e9"))
    headers.append(("Content-Encoding", name))
    bomb = b'{"id":"x","a":"' + b"0" * 30_000_000 if dice.random() < 0.02 else body
    packed = dice.choice((gzip.compress, zlib.compress, lambda raw: gzip.compress(gzip.compress(raw)), bytes))(bomb)
    return packed if dice.random() < 0.7 else packed[: dice.randrange(len(packed) + 1)]


def _chunks(dice: random.Random, body: bytes) -> bytes:
    size = max(1, dice.choice((7, 1000, 65_536, len(body) // 50)))
    size = max(size, len(body) // 3000)
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    extension = dice.choice((b"", b"", b";a=b", b";" + b"c" * 200))
    return b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts) + b"0\r\n\r\n"


def _misframe(dice: random.Random, body: bytes, headers: list[tuple[str, str]]) -> bytes:
    length = len(body)
    odd = ("-1", "+5", "0x10", "1e3", "", "9" * 5000, "5 5", "\u0665", f"{length}, {length}")
    wrong = {
        "more": str(length + dice.randrange(1, 50)),
        "less": str(max(0, length - dice.randrange(1, 50))),
        "odd": dice.choice(odd),
    }
    way = dice.choice((*wrong, "twice", "both", "neither", "coding", "chunks", "line"))
    if way in wrong:
        headers.append(("Content-Length", wrong[way]))
    elif way == "twice":
        headers += [("Content-Length", str(length)), ("Content-Length", str(length + 1))]
    elif way == "both":
        headers += [("Content-Length", str(length)), ("Transfer-Encoding", "chunked")]
        return _chunks(dice, body)
    elif way == "coding":
        headers.append(
            ("Transfer-Encoding", dice.choice(("gzip", "gzip, chunked", "identity", "chunked, chunked", "")))
        )
    elif way == "chunks":
        headers.append(("Transfer-Encoding", "chunked"))
        return dice.choice((b"zz\r\n", b"-5\r\nabc\r\n", b"f" * 30 + b"\r\n", b"5\r\nab", b"5;" + b"e" * 150_000))
    elif way == "line":
        bad = (
            ("no colon here", ""),
            (" X-Fold", "a\r\n b"),
            ("X-Nul", "\0"),
            ("", "x"),
            ("X Y", "z"),
            ("X-Big", "b" * 200_000),
        )
        headers += [dice.choice(bad), ("Content-Length", str(length))]
    return body


def _spoil(dice: random.Random, answer: Answer) -> Answer:
    """Cut, damage, split, hold back, or follow an answer."""
    (whole,) = answer.pieces
    way = dice.choices(("", "cut", "damage", "pieces", "stall", "behind"), (82, 5, 5, 4, 0.7, 3.3))[0]
    kind = f"{answer.kind} {way}".strip()
    start = whole.find(b"\r\n") + 2  # the status line stays: it is the truth
    place = dice.randrange(start, len(whole) + 1)
    if way == "cut":
        end = dice.choice(("close", "reset"))
        return replace(answer, kind=kind, due=ANY, pieces=(whole[:place],), end=end)
    if way == "damage":
        spoilt = bytearray(whole)
        for _ in range(dice.choice((1, 3, 30))):
            spoilt[dice.randrange(start, len(whole))] = dice.choice((0, 10, 13, 32, 58, 127, 255, dice.randrange(256)))
        return replace(answer, kind=kind, due=ANY, pieces=(bytes(spoilt),), end="close")
    if way == "pieces":
        places = sorted(dice.randrange(len(whole) + 1) for _ in range(5))
        ends = zip([0, *places], [*places, len(whole)], strict=True)
        return replace(answer, kind=kind, pieces=tuple(whole[begin:end] for begin, end in ends))
    if way == "stall":
        return replace(answer, kind=kind, due=ANY, pieces=(whole[:place],), end="stall")
    if way == "behind":
        more = dice.choice(
            (b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n{}", b"\0", b"x" * 70_000)
        )
        return replace(answer, kind=kind, due=ANY, pieces=(whole + more,), end="close")
    return replace(answer, kind=kind)
