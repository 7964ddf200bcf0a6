"""What `init` says: what it sees, what it guessed and why, and what to do next."""

from __future__ import annotations

from batch.app.looking import Looked
from batch.app.starting import Started
from batch.campaign import Constant, Source
from batch.cli import phrases

__all__ = ["answer_text", "looked_text", "started_text"]


def looked_text(looked: Looked) -> str:
    """How the sheet was read."""
    info = looked.sheet.info
    sheet = f", sheet {info.sheet!r}" if info.sheet else ""
    header = f"below the header in row {info.header_row}" if info.header_row else "and no header"
    lines = [f"{info.file}{sheet}: {phrases.rows(looked.sheet.row_count)} {header}"]
    return "\n".join([*lines, *(f"  {warning}" for warning in info.warnings)])


def answer_text(source: Source | None) -> str:
    """A template value as a person types it; empty for none."""
    if source is None:
        return ""
    return source.value if isinstance(source, Constant) else source.column


def started_text(started: Started) -> str:
    """What was guessed and why, what is left to fill in, and the command that comes next."""
    width = max(len(name) for name, _, _ in started.mapping)
    lines = [f"  {name:<{width}}  {how}{_because(why)}" for name, how, why in started.mapping]
    parts = ["\n".join(["Guessed from the columns' names and cells", *lines])]
    notes = [*started.asides, *([] if started.has_fields else [_NO_FIELDS])]
    if notes:
        parts.append("\n".join(["Good to know", *(f"  {note}" for note in notes)]))
    if started.problem:
        parts.append(f"Left to correct\n  {started.problem}")
    parts.append("\n".join([f"{started.file} is written. Next:", *_next(started)]))
    return "\n\n".join(parts)


def _because(why: str) -> str:
    return f": {why.rstrip('.')}" if why else ""


def _next(started: Started) -> list[str]:
    if not started.unfilled:
        return [f"  {started.check}"]
    return [
        f"  open it in any editor and fill in, where it says FILL IN: {', '.join(started.unfilled)}",
        f"  then: {started.check}",
    ]


_NO_FIELDS = (
    "No template value is filled: there are no columns body_1, header_1 and so on. If the template has a {{1}}, say in "
    "the file what stands there."
)
