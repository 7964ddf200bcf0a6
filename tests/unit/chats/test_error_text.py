"""Readable words out of whatever an answer holds."""

import json

import pytest

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
