"""What `init` says: what it sees, what it guessed and why, and what to do next."""

from __future__ import annotations

from batch.app.init.analyse import Looked
from batch.app.init.write import Started
from batch.campaign import Constant, Source
from batch.cli.output.layout import sheet_line
from batch.i18n import N_, _


def looked_text(looked: Looked) -> str:
    """How the sheet was read."""
    info = looked.sheet.info
    head = sheet_line(info, looked.sheet.row_count)
    return "\n".join([head, *(f"  {warning}" for warning in info.warnings)])


def answer_text(source: Source | None) -> str:
    """A template value as a person types it; empty for none."""
    if source is None:
        return ""
    return source.value if isinstance(source, Constant) else source.column


def started_text(started: Started) -> str:
    """What was guessed and why, what is left to fill in, and the command that comes next."""
    width = max(len(name) for name, _how, _why in started.mapping)
    lines = [f"  {name:<{width}}  {how}{_because(why)}" for name, how, why in started.mapping]
    parts = ["\n".join([_("Guessed from the columns' names and cells"), *lines])]
    notes = [*started.asides, *([] if started.has_fields else [_(_NO_FIELDS)])]
    if notes:
        parts.append("\n".join([_("Good to know"), *(f"  {note}" for note in notes)]))
    if started.problem:
        parts.append("\n".join([_("Left to correct"), f"  {started.problem}"]))
    parts.append("\n".join([_("{file} is written. Next:").format(file=started.file), *_next(started)]))
    return "\n\n".join(parts)


def _because(why: str) -> str:
    return f": {why.rstrip('.')}" if why else ""


def _next(started: Started) -> list[str]:
    if not started.unfilled:
        return [f"  {started.check}"]
    open_it = _("open it in any editor and fill in, where it says FILL IN: {keys}")
    then = _("then: {command}")
    return [f"  {open_it.format(keys=', '.join(started.unfilled))}", f"  {then.format(command=started.check)}"]


_NO_FIELDS = N_(
    "No template value is filled: there are no columns body_1, header_1 and so on. If the template has a {{1}}, say in "
    "the file what stands there."
)
