"""`sandbox`: the imitation of the API, by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from batch.sandbox import Faults, serve, special_table


def special_contacts() -> list[tuple[str, str]]:
    """Return the last four digits of each contact that fails on demand, with what it does."""
    return [(line[:4], line[6:]) for line in special_table().splitlines()]


def serve_sandbox(
    announce: Callable[[str], None],
    *,
    faults: Mapping[str, Any],
    port: int,
    allowed_domain: str | None,
    templates: Mapping[str, str],
    log_file: Path | None,
) -> tuple[int, int]:
    """Serve until a signal ends it; returns how many requests were received and how many messages applied.

    `announce` gets the address once it listens. `faults`: the fields of `batch.sandbox.Faults`.
    """
    log = serve(
        announce=announce,
        faults=Faults(**faults),
        port=port,
        allowed_domain=allowed_domain,
        templates=dict(templates),
        log_file=log_file,
    )
    return len(log.received), len(log.applied)
