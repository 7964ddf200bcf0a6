"""The failure table: the verdict about an exchange, from what was written and what came back.

Pure: no clock, no network, no state. It is the last section of the API notes, line by line, and it keeps:

* "Not sent" (PENDING, or ERROR by a refusal) only when no byte of the request was written, or when the API refused.
  Everything else that is not a readable 2xx is UNKNOWN and never repeated by itself.
* WhatsApp's codes refine only a 4xx, and never one that leaves open if something was sent (408).
* Every status and every fault has a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NamedTuple

from batch.chats.error_text import as_clause, as_sentence, decode_body, extract_text, one_line, parse_json
from batch.chats.response import DEFAULT_PAUSE, clock_skew, find_chat_signs, parse_chat, rate_limit_reset, retry_after
from batch.chats.transport.exceptions import FAULT_WORDS, Fault
from batch.chats.whatsapp_codes import Treatment, find_code, meaning_of
from batch.i18n import N_
from batch.model.outcomes import Outcome
from batch.model.phrases import Phrase, Value
from batch.model.reasons import Finding, Reason
from batch.model.verdicts import Verdict, weigh

_EVERY_ROW: Final = frozenset({Fault.NO_NAME, Fault.TLS, Fault.PROTOCOL})
"""Faults that hit every row alike when they come before anything was written."""
_STOPS: Final[Mapping[int, Reason]] = MappingProxyType({401: Reason.NOT_AUTHORIZED, 405: Reason.WRONG_ADDRESS})
"""Refusals that every row would get."""
_STOPS_AT_FIRST: Final[Mapping[int, Reason]] = MappingProxyType({403: Reason.FORBIDDEN, 404: Reason.WRONG_ADDRESS})
"""The same, until a row of this run was accepted; then they are about the row."""
_REFUSED_ROWS: Final = frozenset({400, 409, 413, 415, 422})
"""Statuses that are about the row, so that a code of WhatsApp's unknown to us may name the refusal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """One POST and its answer, as seen on the wire."""

    written: bool
    """A byte of the request may have gone out."""
    sent_at: datetime
    """When it began, by our wall clock (aware)."""
    received_at: datetime
    """When it ended, by our wall clock (aware)."""
    premature: bool = False
    """Behind a proxy, and bytes of the answer came before the request was written whole."""
    followed: bool = False
    """More bytes followed the answer, which was a refusal."""
    fault: Fault | None = None
    """Cause of a missing answer; None when a whole one came."""
    detail: str = ""
    """Message of the exception behind the fault; empty for none."""
    status: int | None = None
    """HTTP status, if the head of an answer came; never None without a fault."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of the answer, names in lower case."""
    body: bytes = b""
    """Of the answer, up to the client's limit."""
    oversized: bool = False
    """The answer was longer than the limit, and the rest was not read."""
    requested_status: str | None = None
    """The chat status in the request; None when none was asked for."""
    read_timeout: float = 60.0
    """Seconds that were waited at most."""


def judge(exchange: Exchange, *, had_answer: bool, redact: Callable[[str], str] = str) -> Verdict:
    """Return the verdict about an exchange.

    Args:
        exchange: what happened on the wire.
        had_answer: this sender already had a readable 2xx in this run, so address, token and rights are right.
        redact: takes secrets out of a text; applied to everything that comes from the answer.
    """
    skew = clock_skew(exchange.headers, received=exchange.received_at)
    if not exchange.written and exchange.status is None:
        verdict = _not_written(exchange, redact)
    elif exchange.fault is not None or exchange.status is None:
        verdict = _no_answer(exchange, redact)
    elif exchange.premature:
        # It belongs to no request or to another, and the rest of this one may have gone through all the same.
        verdict = _lost(Phrase(N_("an answer came before the whole request had gone out")))
    elif exchange.followed:
        # One of the two belongs to the request, and the other may be an acceptance.
        verdict = _lost(Phrase(N_("another answer followed the first")))
    else:
        verdict = _answered(_Answer(exchange, exchange.status, _text(exchange), redact, skew), had_answer=had_answer)
    return replace(verdict, http_status=exchange.status, clock_skew=skew)


def _text(exchange: Exchange) -> str:
    return decode_body(exchange.body, exchange.headers.get("content-type", ""))


def _not_written(exchange: Exchange, redact: Callable[[str], str]) -> Verdict:
    every_row = exchange.fault in _EVERY_ROW
    return Verdict(
        outcome=Outcome.PENDING,
        finding=Finding(Reason.NOT_CONNECTED, {"words": _fault_words(exchange, redact)}),
        repeat=not every_row,
        stop=every_row,
    )


def _no_answer(exchange: Exchange, redact: Callable[[str], str]) -> Verdict:
    if exchange.fault is not Fault.TIMEOUT:
        return _lost(_fault_words(exchange, redact))
    finding = Finding(Reason.ANSWER_TIMEOUT, {"seconds": exchange.read_timeout})
    return Verdict(outcome=Outcome.UNKNOWN, finding=finding)


def _lost(words: Phrase) -> Verdict:
    return Verdict(outcome=Outcome.UNKNOWN, finding=Finding(Reason.ANSWER_LOST, {"words": words}))


def _fault_words(exchange: Exchange, redact: Callable[[str], str]) -> Phrase:
    fault = Phrase(FAULT_WORDS[exchange.fault or Fault.LOST])
    detail = one_line(redact(exchange.detail))
    # The detail is a phrase too: our own transport raises errors in marked texts.
    return Phrase("{fault} ({detail})", {"fault": fault, "detail": Phrase(detail)}) if detail else fault


class _Answer(NamedTuple):
    """A whole answer. A named tuple: one is made for each row."""

    exchange: Exchange
    status: int
    text: str
    redact: Callable[[str], str]
    clock_skew: float | None

    @property
    def pause(self) -> float | None:
        """Seconds by `Retry-After`."""
        return retry_after(self.exchange.headers, received=self.exchange.received_at)

    @property
    def content(self) -> object:
        """The text as JSON; None when it is none."""
        return parse_json(self.text)

    @property
    def words(self) -> str:
        """The API's own words. Redacted after parsing, because JSON can hold a token in an escaped spelling."""
        return extract_text(self.text, self.content, self.redact)

    def explain(self, reason: Reason, *, words: Value | None = None, code: int | None = None) -> Finding:
        """Return a finding with the values that its sentence names."""
        values: dict[str, Value] = {"status": str(self.status)}
        if words is not None:
            values["words"] = words
        if code is not None:
            values["code"] = str(code)
        return Finding(reason, values)


def _answered(answer: _Answer, *, had_answer: bool) -> Verdict:
    match answer.status // 100:
        case 1:  # the other side switched to another protocol, and answers no more
            words = Phrase(N_("HTTP {status} ends no request"), {"status": answer.status})
            finding = answer.explain(Reason.ANSWER_LOST, words=words)
            return Verdict(outcome=Outcome.UNKNOWN, finding=finding, stop=not had_answer)
        case 2:
            return _accepted(answer, had_answer=had_answer)
        case 3:
            return _redirected(answer)
        case 4:
            return _refused(answer, had_answer=had_answer)
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and answer.pause is not None:
        return _rate_limited(answer)
    finding = answer.explain(Reason.SERVER_ERROR, words=as_sentence(answer.words))
    return Verdict(outcome=Outcome.UNKNOWN, finding=finding)


def _accepted(answer: _Answer, *, had_answer: bool) -> Verdict:
    exchange = answer.exchange
    chat = None if exchange.oversized else parse_chat(answer.text)
    if chat is None:
        finding = answer.explain(Reason.UNREADABLE_ANSWER, words=_unreadable(answer))
        return Verdict(outcome=Outcome.UNKNOWN, finding=finding, stop=not had_answer)
    signs = find_chat_signs(
        chat,
        http_status=answer.status,
        sent_at=exchange.sent_at,
        clock_skew=answer.clock_skew,
        requested_status=exchange.requested_status,
        clean=lambda text: one_line(answer.redact(text)),
    )
    outcome, _evidence = weigh(signs, known_chat=False)
    reason = Reason.REUSED if outcome is Outcome.REUSED else Reason.CREATED
    return Verdict(outcome=outcome, finding=Finding(reason), signs=signs)


def _unreadable(answer: _Answer) -> Phrase:
    """Say what is wrong with a 2xx answer that is no chat."""
    if answer.exchange.oversized:
        return Phrase(N_("it is far too long"))
    if not answer.text.strip():
        return Phrase(N_("it is empty"))
    if answer.content is None:
        if answer.text.lstrip().startswith(("{", "[")):
            return Phrase(N_("its JSON is cut or damaged"))
        return Phrase(N_("no JSON, but {words}"), {"words": as_clause(answer.words)})
    if not answer.words:
        return Phrase(N_("no id in it"))
    return Phrase(N_("no id in it; {words}"), {"words": as_clause(answer.words)})


def _redirected(answer: _Answer) -> Verdict:
    # Servers that move for good do so before they look at the request; 302 and 303 may come after the work.
    if answer.status in {301, 307, 308}:
        return _stopped(answer.explain(Reason.WRONG_ADDRESS))
    return Verdict(outcome=Outcome.UNKNOWN, finding=answer.explain(Reason.REDIRECTED), stop=True)


def _refused(answer: _Answer, *, had_answer: bool) -> Verdict:
    if answer.status == HTTPStatus.REQUEST_TIMEOUT:
        return Verdict(outcome=Outcome.UNKNOWN, finding=answer.explain(Reason.REQUEST_TIMEOUT))
    return _by_whatsapp_code(answer) or _by_status(answer, had_answer=had_answer)


def _by_status(answer: _Answer, *, had_answer: bool) -> Verdict:
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _rate_limited(answer)
    words = as_sentence(answer.words)
    if answer.status == HTTPStatus.TOO_EARLY:
        return _retry(answer, answer.explain(Reason.TRY_LATER, words=words))
    stops = _STOPS if had_answer else {**_STOPS, **_STOPS_AT_FIRST}
    if answer.status in stops:
        return _stopped(answer.explain(stops[answer.status], words=words))
    return Verdict(outcome=Outcome.ERROR, finding=answer.explain(Reason.API_REFUSED, words=words))


def _by_whatsapp_code(answer: _Answer) -> Verdict | None:
    """Judge by WhatsApp's code; None when there is none, or the status is about more than WhatsApp."""
    code = find_code(answer.content)
    if code is None:
        return None
    meaning = meaning_of(code)
    if meaning is None:
        # A code that the table lacks gives the row's refusal its name, and leaves every other status its own rule.
        if answer.status not in _REFUSED_ROWS:
            return None
        finding = answer.explain(Reason.WHATSAPP_REFUSED, words=as_sentence(answer.words), code=code)
        return Verdict(outcome=Outcome.ERROR, finding=finding)
    if answer.status in _STOPS and meaning.treatment is not Treatment.STOP:
        return None
    finding = answer.explain(meaning.reason, words=as_sentence(answer.words or Phrase(meaning.words)), code=code)
    return _treat(answer, meaning.treatment, finding)


def _treat(answer: _Answer, treatment: Treatment, finding: Finding) -> Verdict:
    match treatment:
        case Treatment.ROW_FAILS:
            return Verdict(outcome=Outcome.ERROR, finding=finding)
        case Treatment.STOP:
            return _stopped(finding)
        case Treatment.SLOW_DOWN:
            return _rate_limited(answer, finding)
        case Treatment.RETRY:
            return _retry(answer, finding)


def _rate_limited(answer: _Answer, finding: Finding | None = None) -> Verdict:
    pause = answer.pause
    if pause is None:
        pause = rate_limit_reset(answer.exchange.headers, received=answer.exchange.received_at)
    return Verdict(
        outcome=Outcome.PENDING,
        finding=finding or answer.explain(Reason.RATE_LIMITED),
        repeat=True,
        pause=DEFAULT_PAUSE if pause is None else pause,
        slow_down=True,
    )


def _retry(answer: _Answer, finding: Finding) -> Verdict:
    return Verdict(outcome=Outcome.PENDING, finding=finding, repeat=True, pause=answer.pause)


def _stopped(finding: Finding) -> Verdict:
    return Verdict(outcome=Outcome.PENDING, finding=finding, stop=True)
