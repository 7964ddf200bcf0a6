"""The one encoder of JSON for other programs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import PurePosixPath
from types import MappingProxyType

import pytest

from batch.formatting import OMIT_NONE, to_json
from batch.model.outcomes import ExitCode, Outcome


@dataclass(frozen=True, kw_only=True)
class Record:
    """One field of each kind."""

    when: datetime
    day: date
    cost: Decimal
    code: ExitCode
    counts: Mapping[Outcome, int]
    absent: str | None = None
    omitted: str | None = field(default=None, metadata=OMIT_NONE)


def test_a_record_becomes_an_object_with_its_names() -> None:
    """In the order of its fields; None is null, but for what is left out then."""
    counts = MappingProxyType({Outcome.SUCCESS: 2})
    when = datetime(2026, 11, 3, 13, 0, 5, 999_999, tzinfo=UTC)
    record = Record(when=when, day=when.date(), cost=Decimal("0.350"), code=ExitCode.ERRORS, counts=counts)
    assert to_json([record], indent=None) == (
        '[{"when": "2026-11-03T13:00:05+00:00", "day": "2026-11-03", "cost": "0.350", "code": 3, '
        '"counts": {"success": 2}, "absent": null}]'
    )
    assert json.loads(to_json(Record(when=when, day=when, cost=Decimal(1), code=ExitCode.DONE, counts={}, omitted="ã")))


def test_what_has_no_json_is_an_error() -> None:
    """A new kind of value must be thought about, not printed somehow."""
    with pytest.raises(TypeError, match="PurePosixPath"):
        to_json(PurePosixPath("x"))
