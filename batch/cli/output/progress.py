"""How far a run has come, in one line: for a terminal of any width, or as a sentence for who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from batch.app.runs.progress import Headway
from batch.formatting import format_duration, format_rate, format_short_rate
from batch.i18n import _, number
from batch.model.outcomes import Outcome

Paint = Callable[[str, str], str]
"""A text and a colour's name to the text in that colour."""

_SHORTEST_BAR = 6
"""Columns."""
_GAP = "  "
_BAR = "{bar}"


def plain(text: str, colour: str) -> str:  # noqa: ARG001 - a `Paint`
    """The text without any colour."""
    return text


def bar_line(now: Headway, columns: int, *, ended: bool = False, paint: Paint = plain) -> str:
    """What fits on a line of so many columns, the most telling first; `{bar}` stands where a bar has room."""
    chosen = ""
    for parts in _lines(now, ended=ended):
        chosen = _joined(parts, paint)
        width = len(_joined(parts, plain).replace(_BAR, " " * _SHORTEST_BAR))
        if width <= columns:
            break
    return chosen


def state_text(now: Headway) -> str:
    """How it goes, one sentence: `450 of 1,000: sent 400 (30 reused), ...; 550 left, 10 a second, 55 s to go.`"""
    parts = [
        _("{done} of {total}: {counts}; {left} left").format(
            done=number(now.done),
            total=number(now.total),
            counts=", ".join(text for text, _colour in _counts(now)),
            left=number(now.left),
        )
    ]
    if now.rate is not None:
        parts.append(format_rate(float(f"{now.rate:.3g}")))
    if now.waits:
        parts.append(_("waiting {time}").format(time=format_duration(now.waits)))
    if now.left and now.eta is not None:
        parts.append(_("about {time} to go").format(time=format_duration(now.eta)))
    return f"{', '.join(parts)}."


Parts = list[list[tuple[str, str]]]
"""Groups of (text, colour); a gap is between groups, a comma inside them."""


def _lines(now: Headway, *, ended: bool) -> Iterator[Parts]:
    share, position = _share(now), f"{number(now.done)}/{number(now.total)}"
    pace, rest = _pace(now, ended=ended), _rest(now, ended=ended)
    first, *others = _counts(now)
    counts = [first, *others]
    telling = [(_("sent {n}").format(n=number(now.sent)), ""), *(each for each in others if each[1])]
    yield [[(f"{share} {_BAR} {position}", "")], counts, pace, rest]
    yield [[(f"{share} {position}", "")], counts, pace, rest]
    yield [[(f"{share} {position}", "")], telling, pace, rest]
    yield [[(f"{share} {position}", "")], telling, rest]
    yield [[(share, "")], telling, rest]
    yield [[(f"{share} {position}", "")], rest]
    yield [[(share, "")]]


def _joined(parts: Parts, paint: Paint) -> str:
    groups = (", ".join(paint(text, colour) if colour else text for text, colour in group) for group in parts if group)
    return _GAP.join(groups)


def _share(now: Headway) -> str:
    """Rounded down: 100 % is said when all is done."""
    return f"{100 * now.done // now.total if now.total else 100:3}%"


def _counts(now: Headway) -> list[tuple[str, str]]:
    errors, unknown = now.counts[Outcome.ERROR], now.counts[Outcome.UNKNOWN]
    sent, reused = number(now.sent), number(now.counts[Outcome.REUSED])
    return [
        (_("sent {n} ({reused} reused)").format(n=sent, reused=reused), ""),
        (_("errors {n}").format(n=number(errors)), "red" if errors else ""),
        (_("unknown {n}").format(n=number(unknown)), "yellow" if unknown else ""),
    ]


def _pace(now: Headway, *, ended: bool) -> list[tuple[str, str]]:
    if now.waits and not ended:
        return [(_("waits {time}").format(time=format_duration(now.waits)), "")]
    return [] if now.rate is None else [(format_short_rate(now.rate), "")]


def _rest(now: Headway, *, ended: bool) -> list[tuple[str, str]]:
    if ended or not now.left or now.eta is None:
        return []
    return [(_("{time} left").format(time=format_duration(now.eta)), "")]
