"""A chat's timeline out of the API's answer, read leniently."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from batch.chats.response import LastMessage, instant
from batch.model.chat_history import TimelineMessage

__all__ = ["read_timeline"]


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _Message(LastMessage):
    body_text: object = None
    status: object = None


class _Record(_Lenient):
    event_at: Annotated[datetime | None, BeforeValidator(instant)] = None
    message: _Message


class _Timeline(_Lenient):
    records: list[object]


def read_timeline(text: str, *, skew: timedelta) -> tuple[TimelineMessage, ...] | None:
    """What we sent into the chat, with its times by our own clock; None when the text is no timeline.

    `skew`: how far the API's clock is ahead of ours. Records that are no message of ours, or tell no time or text, are
    left out.
    """
    try:
        records = _Timeline.model_validate_json(text).records
    except ValidationError:
        return None
    found = (_ours(record, skew) for record in records)
    return tuple(message for message in found if message is not None)


def _ours(record: object, skew: timedelta) -> TimelineMessage | None:
    try:
        read = _Record.model_validate(record)
    except ValidationError:
        return None
    message = read.message
    # WhatsApp's own time first: a message that was taken over from another history was created here later.
    at = message.meta_timestamp or message.created_at or read.event_at
    if message.from_me is not True or at is None or not isinstance(message.body_text, str):
        return None
    status = message.status if isinstance(message.status, str) else None
    return TimelineMessage(at=at - skew, text=message.body_text, status=status)
