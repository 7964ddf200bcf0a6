"""The failure table: what became of a message, decided from what was written and what came back.

Pure: no clock, no network, no state. It is the last section of the API notes, line by line, and it keeps:

* "Not sent" (PENDING, or ERROR by a refusal) is said only when no byte of the request was written, or when the API
  refused. Everything else that is not a readable 2xx is UNKNOWN and never repeated by itself.
* WhatsApp's codes refine only a 4xx, and never one that leaves open whether something was sent (408).
* Every status and every fault has a verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from types import MappingProxyType

from batch.chats.error_text import decoded, one_line, parsed, readable, told
from batch.chats.response import DEFAULT_PAUSE, clock_skew, rate_limit_reset, read_answer, retry_after, signs
from batch.chats.transport.exceptions import FAULT_WORDS, Fault
from batch.chats.transport.write_tracking import Attempt, Written
from batch.chats.whatsapp_codes import Treatment, find_code, meaning_of
from batch.i18n import N_
from batch.model.outcomes import Outcome
from batch.model.reasons import Finding, Phrase, Reason
from batch.model.verdicts import Verdict, weigh


def judge(attempt: Attempt, *, had_answer: bool, redact: Callable[[str], str] = str) -> Verdict:
    """The verdict about an attempt.

    Args:
        attempt: what happened.
        had_answer: this sender already had a readable 2xx in this run, so address, token and rights are right.
        redact: takes secrets out of a text; applied to everything that comes from the answer.
    """
    if attempt.written is Written.NOTHING and attempt.status is None:
        verdict = _not_written(attempt, redact)
    elif attempt.fault is not None or attempt.status is None:
        verdict = _answer_missing(attempt, redact)
    else:
        verdict = _answered(_Answer.of(attempt, attempt.status, redact), had_answer=had_answer)
    skew = clock_skew(attempt.headers, received=attempt.received_at)
    return replace(verdict, http_status=attempt.status, clock_skew=skew)


_EVERY_ROW = frozenset({Fault.NO_NAME, Fault.TLS, Fault.PROTOCOL})
"""Faults that hit every row alike when they come before anything was written."""


def _not_written(attempt: Attempt, redact: Callable[[str], str]) -> Verdict:
    every_row = attempt.fault in _EVERY_ROW
    return Verdict(
        outcome=Outcome.PENDING,
        finding=Finding(Reason.NOT_CONNECTED, {"words": _fault_words(attempt, redact)}),
        repeat=not every_row,
        stop=every_row,
    )


def _answer_missing(attempt: Attempt, redact: Callable[[str], str]) -> Verdict:
    if attempt.fault is Fault.TIMEOUT:
        finding = Finding(Reason.ANSWER_TIMEOUT, {"seconds": f"{attempt.read_timeout:g}"})
    else:
        finding = Finding(Reason.ANSWER_LOST, {"words": _fault_words(attempt, redact)})
    return Verdict(outcome=Outcome.UNKNOWN, finding=finding)


def _fault_words(attempt: Attempt, redact: Callable[[str], str]) -> str:
    words = attempt.words or FAULT_WORDS[attempt.fault or Fault.LOST]
    return told(one_line(redact(words)), sentence=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Answer:
    """A whole answer, read once for all rules."""

    attempt: Attempt
    status: int
    text: str
    redact: Callable[[str], str]
    pause: float | None
    """Seconds by `Retry-After`."""

    @classmethod
    def of(cls, attempt: Attempt, status: int, redact: Callable[[str], str]) -> _Answer:
        text = decoded(attempt.body, attempt.headers.get("content-type", ""))
        return cls(
            attempt=attempt,
            status=status,
            text=text,
            redact=redact,
            pause=retry_after(attempt.headers, received=attempt.received_at),
        )

    @property
    def content(self) -> object:
        """The text as JSON; None when it is none."""
        return parsed(self.text)

    @property
    def words(self) -> str:
        """What the API says. Redacted after parsing, since JSON can hold a token in an escaped spelling."""
        return one_line(self.redact(readable(self.text, self.content)))

    def finding(self, reason: Reason, *, words: str | None = None, code: int | None = None) -> Finding:
        """A finding with the values its sentence names."""
        values = {"status": str(self.status)}
        if words is not None:
            values["words"] = words
        if code is not None:
            values["code"] = str(code)
        return Finding(reason, values)


def _answered(answer: _Answer, *, had_answer: bool) -> Verdict:
    status = answer.status
    if 200 <= status <= 299:  # noqa: PLR2004 - success
        return _accepted(answer, had_answer=had_answer)
    if 300 <= status <= 399:  # noqa: PLR2004 - redirects
        return _redirected(answer)
    if 400 <= status <= 499:  # noqa: PLR2004 - refusals
        return _refused(answer, had_answer=had_answer)
    if status == HTTPStatus.SERVICE_UNAVAILABLE and answer.pause is not None:
        return _rate_limited(answer)
    return _server_error(answer, had_answer=had_answer)


def _accepted(answer: _Answer, *, had_answer: bool) -> Verdict:
    attempt = answer.attempt
    chat = None if attempt.oversized else read_answer(answer.text)
    if chat is None:
        finding = answer.finding(Reason.UNREADABLE_ANSWER, words=_unreadable(answer))
        return Verdict(outcome=Outcome.UNKNOWN, finding=finding, stop=not had_answer)
    found = signs(
        chat,
        http_status=answer.status,
        sent_at=attempt.sent_at,
        clock_skew=clock_skew(attempt.headers, received=attempt.received_at),
        asked_status=attempt.asked_status,
    )
    # Redacted once more: JSON can hold a token in an escaped spelling.
    status = None if found.chat_status is None else one_line(answer.redact(found.chat_status))
    found = replace(found, chat_id=one_line(answer.redact(found.chat_id)), chat_status=status)
    outcome, _evidence = weigh(found, known_chat=False)
    reason = Reason.REUSED if outcome is Outcome.REUSED else Reason.CREATED
    return Verdict(outcome=outcome, finding=Finding(reason), signs=found)


def _unreadable(answer: _Answer) -> str:
    """What is wrong with a 2xx answer that is no chat."""
    if answer.attempt.oversized:
        return N_("it is far too long")
    if not answer.text.strip():
        return N_("it is empty")
    if answer.content is None:
        cut = answer.text.lstrip().startswith(("{", "["))
        return (
            N_("its JSON is cut or damaged") if cut else told(Phrase.NO_JSON.format(words=answer.words), sentence=False)
        )
    return told(Phrase.NO_ID.format(words=answer.words) if answer.words else N_("no id in it"), sentence=False)


def _redirected(answer: _Answer) -> Verdict:
    # Servers that move for good do so before they look at the request; 302 and 303 may come after the work.
    if answer.status in {301, 307, 308}:
        return _stopped(answer.finding(Reason.WRONG_ADDRESS))
    return Verdict(outcome=Outcome.UNKNOWN, finding=answer.finding(Reason.REDIRECTED), stop=True)


_STOPS: Mapping[int, Reason] = MappingProxyType({401: Reason.NOT_AUTHORIZED, 405: Reason.WRONG_ADDRESS})
"""Refusals that every row would get."""
_STOPS_AT_FIRST: Mapping[int, Reason] = MappingProxyType({403: Reason.FORBIDDEN, 404: Reason.WRONG_ADDRESS})
"""The same, until a row of this run was accepted; then they speak of the row."""


def _refused(answer: _Answer, *, had_answer: bool) -> Verdict:
    if answer.status == HTTPStatus.REQUEST_TIMEOUT:
        return _gave_up_waiting(answer)
    return _by_whatsapp_code(answer) or _by_status(answer, had_answer=had_answer)


def _by_status(answer: _Answer, *, had_answer: bool) -> Verdict:
    words = told(answer.words, sentence=True)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _rate_limited(answer)
    if answer.status == HTTPStatus.TOO_EARLY:
        return _later(answer, answer.finding(Reason.TRY_LATER, words=words))
    stops = _STOPS if had_answer else {**_STOPS, **_STOPS_AT_FIRST}
    if answer.status in stops:
        return _stopped(answer.finding(stops[answer.status], words=words))
    return Verdict(outcome=Outcome.ERROR, finding=answer.finding(Reason.API_REFUSED, words=words))


def _by_whatsapp_code(answer: _Answer) -> Verdict | None:
    """The verdict by WhatsApp's code; None when there is none, or the status speaks of more than WhatsApp."""
    code = find_code(answer.content)
    if code is None:
        return None
    meaning = meaning_of(code)
    if meaning is None:
        return _unknown_code(answer, code)
    if answer.status in _STOPS and meaning.treatment is not Treatment.STOP:
        return None
    words = told(answer.words or meaning.words, sentence=True)
    return _treated(answer, meaning.treatment, answer.finding(meaning.reason, words=words, code=code))


def _treated(answer: _Answer, treatment: Treatment, finding: Finding) -> Verdict:
    match treatment:
        case Treatment.ROW_FAILS:
            return Verdict(outcome=Outcome.ERROR, finding=finding)
        case Treatment.STOP:
            return _stopped(finding)
        case Treatment.SLOW_DOWN:
            return _rate_limited(answer, finding)
        case Treatment.RETRY:
            return _later(answer, finding)


def _unknown_code(answer: _Answer, code: int) -> Verdict | None:
    """A code that the table lacks gives the row's refusal its name, and leaves every other status its own rule."""
    if answer.status not in {400, 409, 413, 415, 422}:
        return None
    words = told(answer.words, sentence=True)
    return Verdict(outcome=Outcome.ERROR, finding=answer.finding(Reason.WHATSAPP_REFUSED, words=words, code=code))


def _gave_up_waiting(answer: _Answer) -> Verdict:
    if answer.attempt.written is Written.PART:
        return _later(
            answer, answer.finding(Reason.TRY_LATER, words=N_("it did not get the whole request (HTTP 408)."))
        )
    return Verdict(outcome=Outcome.UNKNOWN, finding=answer.finding(Reason.REQUEST_TIMEOUT))


def _server_error(answer: _Answer, *, had_answer: bool) -> Verdict:
    if answer.status < 500:  # noqa: PLR2004 - 1xx: the other side switched to another protocol, and answers no more
        words = Phrase.NO_END.format(status=answer.status)
        finding = answer.finding(Reason.ANSWER_LOST, words=words)
        return Verdict(outcome=Outcome.UNKNOWN, finding=finding, stop=not had_answer)
    words = told(answer.words, sentence=True)
    return Verdict(outcome=Outcome.UNKNOWN, finding=answer.finding(Reason.SERVER_ERROR, words=words))


def _rate_limited(answer: _Answer, finding: Finding | None = None) -> Verdict:
    attempt = answer.attempt
    pause = answer.pause
    if pause is None:
        pause = rate_limit_reset(attempt.headers, received=attempt.received_at)
    return Verdict(
        outcome=Outcome.PENDING,
        finding=finding or answer.finding(Reason.RATE_LIMITED),
        repeat=True,
        pause=DEFAULT_PAUSE if pause is None else pause,
        slow_down=True,
    )


def _later(answer: _Answer, finding: Finding) -> Verdict:
    return Verdict(outcome=Outcome.PENDING, finding=finding, repeat=True, pause=answer.pause)


def _stopped(finding: Finding) -> Verdict:
    return Verdict(outcome=Outcome.PENDING, finding=finding, stop=True)
