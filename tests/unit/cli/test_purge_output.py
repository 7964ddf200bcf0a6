"""The end of `purge`, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from batch.app.purge import PurgeReport
from batch.cli.output.purge import purge_text


def test_what_a_server_has_freed_is_in_no_file() -> None:
    """Its dumps are its operator's; of a file nothing is left."""
    now = datetime(2026, 11, 3, 12, tzinfo=UTC)
    ended = PurgeReport(ledger="l", before=now, pages=(Path("p.html"),), done=True, wiped=True)
    assert purge_text(ended).endswith("nothing of this is in it any more.")
    assert purge_text(replace(ended, on_server=True)).endswith("the archives of its log still have it.")
