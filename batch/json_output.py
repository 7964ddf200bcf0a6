"""JSON for other programs: summary.json, and what commands print with `--json`. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path

OMIT_NONE = {"omit_none": True}
"""Metadata of a record's field that is left out when it is None, instead of being null."""


def to_json(value: object, *, indent: int | None = 2) -> str:
    """Write a value as JSON in UTF-8; `indent` None puts it on one line.

    A record becomes an object with the names of its fields, in their order. A moment is ISO 8601 in whole seconds with
    its offset, an enum its value, a path or a decimal number a text, None null. Anything else raises TypeError.
    """
    return json.dumps(value, ensure_ascii=False, indent=indent, default=_encode)


def _encode(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((field, getattr(value, field.name)) for field in fields(value))
        return {field.name: each for field, each in pairs if each is not None or not field.metadata.get("omit_none")}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path | Decimal):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
