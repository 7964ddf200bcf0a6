"""The result columns: their names, their order, and the values a result gives them. Pure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from batch.model.delivery import Delivery, DeliveryState, failure_text
from batch.model.outcomes import Evidence, Outcome
from batch.model.phone.cells import format_phone
from batch.model.reasons import advice, sentence
from batch.model.runs import Result

COLUMNS = (
    "wegly_status",
    "wegly_reason",
    "wegly_message",
    "wegly_action",
    "wegly_phone",
    "wegly_chat_id",
    "wegly_chat_status",
    "wegly_evidence",
    "wegly_http_status",
    "wegly_attempts",
    "wegly_sent_at",
    "wegly_duration_ms",
    "wegly_run",
)
"""In the order of every report. Other programs read them by these names, so they are never renamed."""
DELIVERY_COLUMNS = (
    "wegly_delivery",
    "wegly_delivery_seen_at",
    "wegly_delivery_reason",
    "wegly_reply",
    "wegly_replied_at",
)
"""What looks have shown: in results.csv always, elsewhere once a message was looked at."""
ALL_COLUMNS = (*COLUMNS, *DELIVERY_COLUMNS)
STATUS = COLUMNS.index("wegly_status")
REASON = COLUMNS.index("wegly_reason")
NUMBERS = frozenset(map(COLUMNS.index, ("wegly_http_status", "wegly_attempts", "wegly_duration_ms")))
SENT_AT = COLUMNS.index("wegly_sent_at")
RUN = COLUMNS.index("wegly_run")
MOMENTS = frozenset(map(ALL_COLUMNS.index, ("wegly_sent_at", "wegly_delivery_seen_at", "wegly_replied_at")))
_CODES: dict[Outcome | Evidence, str] = {each: each.value for each in (*Outcome, *Evidence)}

Value = str | int | None
"""A cell of a result column; None is an empty cell. A moment is ISO 8601 with its offset, in whole seconds."""
Sentences = tuple[str, str, str | None]
"""Reason code, message and action: the values that depend on the findings and notes of a result alone."""


def render_sentences(result: Result) -> Sentences:
    """Render the findings and notes of a result in the current language; each action once, None for none."""
    findings = (*result.findings, *result.notes)
    actions = " ".join(dict.fromkeys(filter(None, map(advice, findings))))
    return result.reason, " ".join(map(sentence, findings)), actions or None


def zoned_text(second: int, zone: ZoneInfo) -> str:
    """A moment in seconds since 1970 as a value, on the clock of a zone."""
    return datetime.fromtimestamp(second, zone).isoformat()


def result_values(result: Result, sentences: Sentences, sent_at: str | None) -> tuple[Value, ...]:
    """One value for each of `COLUMNS`. `sentences` and `sent_at` are rendered apart, for they repeat."""
    return (
        _CODES[result.outcome],
        *sentences,
        format_phone(result.person) if result.person else None,
        result.chat_id,
        result.chat_status,
        _CODES[result.evidence] if result.evidence else None,
        result.http_status,
        result.attempts,
        sent_at,
        result.duration_ms,
        result.run,
    )


def delivery_values(delivery: Delivery | None, moment: Callable[[int], str]) -> tuple[Value, ...]:
    """One value for each of `DELIVERY_COLUMNS`. `moment`: gives a second since 1970 as a value."""
    if delivery is None:
        return _NOT_LOOKED_AT
    reason, reply = failure_text(delivery.code, delivery.words), delivery.reply
    if delivery.state is DeliveryState.OTHER:
        reason = delivery.word or ""
    return (
        delivery.state.value,
        moment(int(delivery.seen_at.timestamp())),
        reason or None,
        reply.kind if reply else None,
        moment(int(reply.at.timestamp())) if reply else None,
    )


_NOT_LOOKED_AT = (None,) * len(DELIVERY_COLUMNS)


def columns_for(header: Iterable[str | None], *, followed: bool) -> tuple[str, ...]:
    """Return the result columns of a report: those of delivery where a message was looked at, or an old report is."""
    old = followed or not _DELIVERY_NAMES.isdisjoint((name or "").strip().casefold() for name in header)
    return ALL_COLUMNS if old else COLUMNS


_DELIVERY_NAMES = frozenset(DELIVERY_COLUMNS)


def value_text(value: Value) -> str:
    """A value as text; empty for None."""
    return "" if value is None else str(value)


def place_columns(
    header: Sequence[str | None], *, free: int | None = None, columns: Sequence[str] = COLUMNS
) -> tuple[tuple[int, ...], ...]:
    """Return for each of `columns` its indexes from 0 in a row with this header; never empty.

    A column that is already there (the sheet is an earlier report) keeps its place, each copy of it. The others follow
    in their order from `free` on; None: to the right of `header`.
    """
    present: dict[str, list[int]] = {}
    for index, name in enumerate(header):
        present.setdefault((name or "").strip().casefold(), []).append(index)
    free = len(header) if free is None else free
    places: list[tuple[int, ...]] = []
    for column in columns:
        found = tuple(present.get(column, ()))
        places.append(found or (free,))
        free += not found
    return tuple(places)
