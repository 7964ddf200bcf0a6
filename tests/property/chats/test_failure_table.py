"""What holds for every exchange, whatever the wire and the server did."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from batch.chats import Token
from batch.chats.error_text import LONGEST
from batch.chats.failure_table import Exchange, judge
from batch.chats.response import MAX_PAUSE
from batch.chats.transport.exceptions import Fault
from batch.model.outcomes import Outcome
from batch.model.reasons import advice, sentence

NOW = datetime(2026, 3, 11, 12, 0, 0, tzinfo=UTC)
CODES = st.sampled_from([0, 4, 100, 190, 250, 130429, 131000, 131026, 131050, 131056, 132000, 132001, 139999])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40) | CODES
KEYS = st.sampled_from(
    ["id", "code", "error", "errors", "message", "detail", "error_data", "fbtrace_id", "status", "unread_count",
     "last_message", "last_message_at", "archived_at", "loc", "field", "x"]
)  # fmt: skip
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5))
BODIES = st.binary(max_size=200) | JSON.map(lambda content: json.dumps(content).encode())
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "date", "content-type", "ratelimit-reset", "ratelimit"]),
    st.text(max_size=30) | st.sampled_from(["5", "Wed, 11 Mar 2026 12:00:30 GMT", "text/html; charset=utf-16"]),
)
EXCHANGES = st.builds(
    Exchange,
    written=st.booleans(),
    premature=st.booleans(),
    sent_at=st.just(NOW),
    received_at=st.just(NOW),
    fault=st.none() | st.sampled_from(Fault),
    detail=st.text(max_size=50),
    status=st.integers(100, 599),
    headers=HEADERS,
    body=BODIES,
    oversized=st.booleans(),
    requested_status=st.none() | st.sampled_from(["OPEN", "RESOLVED"]),
) | st.builds(
    Exchange,
    written=st.booleans(),
    sent_at=st.just(NOW),
    received_at=st.just(NOW),
    fault=st.sampled_from(Fault),
    detail=st.text(max_size=50),
)
REFUSALS = {301, 307, 308, 503, *range(400, 500)}


@given(exchange=EXCHANGES, had_answer=st.booleans())
def test_not_sent_is_said_only_with_proof(exchange: Exchange, *, had_answer: bool) -> None:
    """A row is freed or refused only when no byte was written or a whole refusal came."""
    verdict = judge(exchange, had_answer=had_answer)
    nothing_written = not exchange.written and exchange.status is None
    refused = exchange.fault is None and exchange.status in REFUSALS and not exchange.premature
    if verdict.outcome in {Outcome.PENDING, Outcome.ERROR}:
        assert nothing_written or refused
    if exchange.premature and exchange.status is not None:
        assert verdict.outcome is Outcome.UNKNOWN
    if exchange.status == 408 and exchange.fault is None:
        assert verdict.outcome is Outcome.UNKNOWN


@given(exchange=EXCHANGES, had_answer=st.booleans())
def test_verdicts_are_well_formed(exchange: Exchange, *, had_answer: bool) -> None:
    """What each outcome may and must carry, for any exchange."""
    verdict = judge(exchange, had_answer=had_answer)
    assert verdict.outcome in {Outcome.SUCCESS, Outcome.REUSED, Outcome.ERROR, Outcome.UNKNOWN, Outcome.PENDING}
    assert verdict.outcome.is_accepted is (verdict.signs is not None)
    assert not (verdict.repeat and verdict.stop)
    if verdict.outcome is Outcome.PENDING:
        assert verdict.repeat or verdict.stop
    else:
        assert not verdict.repeat
    assert verdict.pause is None or (0 <= verdict.pause <= MAX_PAUSE and verdict.repeat)
    assert verdict.pause is not None or not verdict.slow_down


@given(exchange=EXCHANGES, had_answer=st.booleans())
def test_what_people_read_is_one_short_line(exchange: Exchange, *, had_answer: bool) -> None:
    """Values are single printable lines, and each sentence can be made."""
    finding = judge(exchange, had_answer=had_answer).finding
    for value in map(str, finding.values.values()):
        assert len(value) <= LONGEST + 60
        assert value.isprintable()
    assert sentence(finding)
    advice(finding)


@given(exchange=EXCHANGES)
def test_an_answer_before_never_makes_it_more_certain(exchange: Exchange) -> None:
    """`had_answer` decides whether the run stops and whom a 403 or 404 speaks of, never whether something was sent."""
    before, after = judge(exchange, had_answer=False), judge(exchange, had_answer=True)
    assert (before.outcome is Outcome.UNKNOWN) is (after.outcome is Outcome.UNKNOWN)
    assert before.outcome.is_accepted is after.outcome.is_accepted


SECRET = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJyYW5kb20tYW5zd2VycyJ9.c2VjcmV0LXNpZ25hdHVyZS1vZi1pdA"
PIECES = st.sampled_from(
    [
        *("<html>", "<title>", "</title>", "<style>", "</style", "<!--", "-->", "<p", ">"),
        *("&#", "&#x", "&amp;", "&", ";"),
        *("9" * 5000, " " * 200, "\x00", "\u202e", "{", "}", "[", "]", '"', ":", ",", '{"id":', '"message":', "null"),
        *(SECRET, SECRET[:40], "x" * 250, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")),
    ]
) | st.text(max_size=20)  # fmt: skip
DATES = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Wed", "Fri", "x"]),
    st.integers(-1, 99),
    st.sampled_from(["Mar", "Dec", "Jan", "13", ""]),
    st.integers(0, 99_999),
    *[st.integers(0, 99)] * 3,
    st.sampled_from(["GMT", "-2300", "+2359", "-9999", "+99999999", "Z", ""]),
)
VALUES = DATES | st.text(max_size=30) | st.integers().map(str) | st.sampled_from(["9" * 5000, "1e999", "-1", "nan"])
CHARSETS = st.sampled_from(
    ["utf-8", "utf-16", "utf-7", "punycode", "idna", "base64", "iso-8859-1", "no-such", "\u00e9"]
)
ANY_HEADERS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(["date", "retry-after", "ratelimit-reset", "x-ratelimit-reset"], VALUES),
        "ratelimit": VALUES.map("limit=1; reset={}".format),
        "content-type": CHARSETS.map("text/html; charset={}".format),
    },
)
ANY_BODIES = st.binary(max_size=300) | st.lists(PIECES, max_size=30).map(lambda pieces: "".join(pieces).encode("utf-8"))


@given(status=st.integers(100, 599), headers=ANY_HEADERS, body=ANY_BODIES, had_answer=st.booleans())
def test_every_answer_is_read(status: int, headers: dict[str, str], body: bytes, *, had_answer: bool) -> None:
    """Whatever an answer holds it has a verdict that can be said, and nothing of the token's own is in it."""
    exchange = Exchange(written=True, sent_at=NOW, received_at=NOW, status=status, headers=headers, body=body)
    verdict = judge(exchange, had_answer=had_answer, redact=Token(SECRET).redact)
    assert sentence(verdict.finding)
    assert "c2VjcmV0LXNpZ25hdHVyZS1v" not in repr(verdict)
    assert "eyJzdWIiOiJyYW5kb20tYW5z" not in repr(verdict)
    assert verdict.pause is None or 0 <= verdict.pause <= MAX_PAUSE
