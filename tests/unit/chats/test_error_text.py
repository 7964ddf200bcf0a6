"""Readable words out of whatever an answer holds."""

import json
import time

import pytest

from batch.chats import Token
from batch.chats.error_text import LONGEST, as_clause, as_sentence, decode_body, extract_text, one_line, parse_json


def words(body: object) -> str:
    """The words of a JSON body."""
    text = json.dumps(body)
    return extract_text(text, parse_json(text))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"message": "Contato inv\u00e1lido."}, "Contato inv\u00e1lido"),
        ({"error": "Forbidden"}, "Forbidden"),
        (
            {"statusCode": 400, "message": ["a is short", "b is long"], "error": "Bad Request"},
            "a is short; b is long; Bad Request",
        ),
        (
            {"detail": [{"loc": ["body", "wa_contact_id"], "msg": "field required"}]},
            "body.wa_contact_id: field required",
        ),
        (
            {"errors": {"wa_contact_id": ["inv\u00e1lido", "curto"]}},
            "wa_contact_id: inv\u00e1lido; wa_contact_id: curto",
        ),
        ({"errors": [{"field": "x", "message": "bad"}, {"path": ["a", 0], "message": "worse"}]}, "x: bad; a.0: worse"),
        (
            {"error": {"message": "(#100) Invalid", "code": 100, "error_data": {"details": "no such name"}}},
            "(#100) Invalid; no such name",
        ),
        ({"message": "same", "error": {"message": "Same"}}, "same"),
        (["one", {"message": "two"}], "one; two"),
        ("just text", "just text"),
        ({"message": {"text": "deep"}}, "text: deep"),
        ({"message": None, "error": False, "code": 3}, ""),
        ({}, ""),
        ([], ""),
        (17, ""),
    ],
)
def test_words_are_found_where_they_are(body: object, expected: str) -> None:
    """message, error, errors, detail: flat, nested, in lists, beside the field they speak of."""
    assert words(body) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Service  Unavailable\r\n", "Service Unavailable"),
        (
            "<html><head><title>502</title><style>p{}</style></head><body><h1>Bad&nbsp;Gateway</h1><p>nginx</body>",
            "Bad Gateway nginx",
        ),
        ("<!doctype html><title>Only a title</title><body></body>", "Only a title"),
        ("<html><script>var a = '<b>';</script>seen<!-- not --></html>", "seen"),
        ("a < b and c > d", "a < b and c > d"),
        ("\x1b[31mred\x1b[0m\x00\u202eback", "[31mred [0m back"),
        ("", ""),
        ("null", ""),
    ],
)
def test_text_and_pages_become_one_line(text: str, expected: str) -> None:
    """Tags, scripts, control characters and line breaks go; text that only looks like a tag stays."""
    content = parse_json(text)
    assert extract_text("" if text == "null" else text, content) == expected


def test_long_words_are_cut_with_a_sign_that_they_are() -> None:
    """At most LONGEST characters, the last one an ellipsis."""
    line = one_line("palavra " * 500)
    assert len(line) <= LONGEST
    assert line.endswith("\u2026")


def test_hostile_json_is_survived() -> None:
    """Nesting beyond any stack, numbers beyond any limit and bytes of no encoding are words or silence, no error."""
    assert parse_json("[" * 200_000) is None
    assert parse_json("9" * 10_000) is None
    assert parse_json('{"a":' * 50 + "1" + "}" * 50) is not None
    assert words({"errors": [[[[[[[["too deep"]]]]]]]]}) == ""
    assert decode_body(b"\xff\xfe caf\xe9", "text/plain; charset=no-such") == "\ufffd\ufffd caf\ufffd"
    assert decode_body(b"caf\xe9", 'text/plain; charset="iso-8859-1"') == "caf\u00e9"
    assert decode_body(b"abc", "text/plain; charset=base64") == "abc"
    assert decode_body(b"\xef\xbb\xbf{}") == "{}"


def test_words_fit_the_sentence_they_stand_in() -> None:
    """A full stop exactly where the sentence needs one."""
    assert as_sentence("Bad") == "Bad."
    assert as_sentence("Bad!") == "Bad!"
    assert as_clause("Bad.") == "Bad"
    assert str(as_sentence("")) == "it gave no reason."


MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("name", ["punycode", "idna", "unicode_escape", "uu", "raw-unicode-escape", "x" * 100_000])
def test_an_odd_charset_is_read_as_utf_8(name: str) -> None:
    """Python knows codecs that take hours for a megabyte, and some that are none of a page."""
    began = time.process_time()
    assert decode_body(b"a" * MEGABYTE, f"text/html; charset={name}") == "a" * MEGABYTE
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "piece",
    ["<title>", "<title ", "<style>", "<head>", "<!--", "</style", "<html", "&#", "<", "&", "<p></style \n", "<script"],
)
def test_a_hostile_page_takes_no_time(piece: str) -> None:
    """A megabyte of any beginning of markup is read at once, alone and between other text."""
    for page in (
        piece * (MEGABYTE // len(piece)),
        "<html>" + f"{piece} {' ' * 50}" * (MEGABYTE // 60),
        f"<html>{piece}",
    ):
        began = time.process_time()
        assert len(extract_text(page, None)) <= LONGEST
        assert time.process_time() - began < 1


@pytest.mark.parametrize("entity", ["&#" + "9" * 5000 + ";", "&#x" + "f" * 5000 + ";", "&#" + "0" * 5000 + "65"])
def test_an_entity_of_thousands_of_digits_is_no_error(entity: str) -> None:
    """Python refuses to read such a number; the rest of the page is read."""
    assert extract_text(f"<html><h1>{entity} Bad</h1>", None).endswith("Bad")


def test_a_title_serves_where_nothing_else_is_seen() -> None:
    """Also one that is never closed."""
    assert extract_text("<html><head><title>Gateway</head><body></body>", None) == "Gateway"


@pytest.mark.parametrize("before", [0, 180, 224, 290, 299, 400])
def test_a_secret_is_taken_out_before_a_text_is_cut(before: int) -> None:
    """Of a token that is cut, nothing would be found."""
    secret = "wk_" + "Ab3" * 42
    for text in (json.dumps({"message": "x" * before + secret}), "<html>" + "x" * before + secret):
        line = extract_text(text, parse_json(text), Token(secret).redact)
        assert "Ab3" not in line
