"""Phrases that several commands print: counts, rates, times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from batch.i18n import N_, _, ngettext, number
from batch.model.outcomes import Outcome
from batch.model.reasons import Reason
from batch.model.runs import ranked
from batch.model.sheets import SheetInfo

_RATES = ((N_("{n} a second"), 1), (N_("{n} a minute"), 60), (N_("{n} an hour"), 3600))
_UP_TO = 100
"""So many of a unit, and the time is told in the next larger one."""


def counts(numbers: Mapping[Outcome, int], reasons: Mapping[tuple[Outcome, str], int]) -> str:
    """A line for each outcome that occurs, its reasons below it, and the sum."""
    label = _("rows")
    width = max(8, len(label) + 1)
    lines = []
    for outcome in Outcome:
        if not numbers[outcome]:
            continue
        of_it = [(reason, rows) for kind, reason, rows in ranked(reasons) if kind is outcome]
        lines.append(f"  {outcome.value:<{width}}{number(numbers[outcome]):>8}")
        if not outcome.messaged and of_it != [(Reason.WAITING.value, numbers[outcome])]:
            lines += [f"  {number(count):>{width + 6}}  {reason}" for reason, count in of_it]
    return "\n".join([*lines, f"  {label:<{width}}{number(sum(numbers.values())):>8}"])


def labelled(pairs: Iterable[tuple[str, str]], least: int = 0) -> list[str]:
    """A line for each label and what it says, one below the other. `least`: characters of the labels' column."""
    told = list(pairs)
    width = max([least, *(len(label) for label, _said in told)])
    return [f"{label:<{width}}  {said}" for label, said in told]


def read_as(info: SheetInfo, count: int) -> str:
    """Which sheet was read, how many rows it has, and where its header is."""
    name = _("{file}, sheet {sheet!r}").format(file=info.file, sheet=info.sheet) if info.sheet else info.file
    if info.header_row:
        return _("{name}: {rows} below the header in row {row}").format(
            name=name, rows=rows(count), row=info.header_row
        )
    return _("{name}: {rows} and no header").format(name=name, rows=rows(count))


def row(place: int, digits: int = 0) -> str:
    """`row 7`, as wide as with a number of so many digits."""
    return _("row {row}").format(row=f"{place:<{digits}}")


def rows(count: int) -> str:
    """`1 row`, `1,200 rows`."""
    return ngettext("{n} row", "{n} rows", count).format(n=number(count))


def messages(count: int) -> str:
    """`1 message`, `1,200 messages`."""
    return ngettext("{n} message", "{n} messages", count).format(n=number(count))


def rate(starts: float) -> str:
    """Starts a second in the unit that makes them one or more: `10 a second`, `1 an hour`."""
    for words, seconds in _RATES:
        if starts * seconds >= 1:
            return _(words).format(n=number(starts * seconds, ",.4g"))
    return _("{n} a day").format(n=number(starts * 86400, ",.4g"))


def time(seconds: float) -> str:
    """Whole seconds, minutes, hours or days: `45 s`, `90 min`, `19 h`, `5 days`."""
    for unit, size in (("s", 1), ("min", 60), ("h", 3600)):
        if seconds < _UP_TO * size:
            return f"{number(max(1, round(seconds / size)))} {unit}"
    days = round(seconds / 86400)
    return ngettext("{n} day", "{n} days", days).format(n=number(days))
