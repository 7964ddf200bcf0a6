"""The progress of a run in one line: for a terminal of any width, or as a sentence where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from batch.app.runs.progress import RunProgress
from batch.formatting import format_duration, format_rate, format_short_rate
from batch.i18n import _, number
from batch.model.outcomes import Outcome

Paint = Callable[[str, str], str]
"""Takes a text and the name of a colour; returns the text in that colour."""
Groups = list[list[tuple[str, str]]]
"""Groups of (text, colour): a gap is between groups, a comma inside them."""

_SHORTEST_BAR = 6
"""Columns."""
_GAP = "  "
_BAR = "{bar}"


def plain(text: str, colour: str) -> str:  # noqa: ARG001 - a `Paint`
    """Return the text without any colour."""
    return text


def bar_line(now: RunProgress, columns: int, *, ended: bool = False, paint: Paint = plain) -> str:
    """Return the fullest line that fits into so many columns; `{bar}` stands where there is room for a bar."""
    line = ""
    for groups in _lines(now, ended=ended):
        line = _join(groups, paint)
        # Colours take no columns.
        if len(_join(groups, plain).replace(_BAR, " " * _SHORTEST_BAR)) <= columns:
            break
    return line


def _lines(now: RunProgress, *, ended: bool) -> Iterator[Groups]:
    """The same state on shorter and shorter lines."""
    # Rounded down: 100 % stands there only when everything is done.
    share = f"{100 * now.done // now.total if now.total else 100:3}%"
    position = f"{number(now.done)}/{number(now.total)}"
    counts, pace, rest = _counts(now), _pace(now, ended=ended), _rest(now, ended=ended)
    short_counts = [(_("sent {n}").format(n=number(now.sent)), ""), *(each for each in counts[1:] if each[1])]
    yield [[(f"{share} {_BAR} {position}", "")], counts, pace, rest]
    yield [[(f"{share} {position}", "")], counts, pace, rest]
    yield [[(f"{share} {position}", "")], short_counts, pace, rest]
    yield [[(f"{share} {position}", "")], short_counts, rest]
    yield [[(share, "")], short_counts, rest]
    yield [[(f"{share} {position}", "")], rest]
    yield [[(share, "")]]


def _join(groups: Groups, paint: Paint) -> str:
    texts = (", ".join(paint(text, colour) if colour else text for text, colour in group) for group in groups if group)
    return _GAP.join(texts)


def _counts(now: RunProgress) -> list[tuple[str, str]]:
    errors, unknown = now.counts[Outcome.ERROR], now.counts[Outcome.UNKNOWN]
    sent, reused = number(now.sent), number(now.counts[Outcome.REUSED])
    return [
        (_("sent {n} ({reused} reused)").format(n=sent, reused=reused), ""),
        (_("errors {n}").format(n=number(errors)), "red" if errors else ""),
        (_("unknown {n}").format(n=number(unknown)), "yellow" if unknown else ""),
    ]


def _pace(now: RunProgress, *, ended: bool) -> list[tuple[str, str]]:
    if now.waits and not ended:
        return [(_("waits {time}").format(time=format_duration(now.waits)), "")]
    return [] if now.rate is None else [(format_short_rate(now.rate), "")]


def _rest(now: RunProgress, *, ended: bool) -> list[tuple[str, str]]:
    if ended or not now.remaining or now.eta is None:
        return []
    return [(_("{time} left").format(time=format_duration(now.eta)), "")]


def state_text(now: RunProgress) -> str:
    """The state as a sentence: `450 of 1,000: sent 400 (30 reused), ...; 550 left, 10 a second, about 55 s to go.`"""
    done = _("{done} of {total}: {counts}; {left} left").format(
        done=number(now.done),
        total=number(now.total),
        counts=", ".join(text for text, _colour in _counts(now)),
        left=number(now.remaining),
    )
    parts = [done]
    if now.rate is not None:
        parts.append(format_rate(float(f"{now.rate:.3g}")))
    if now.waits:
        parts.append(_("waiting {time}").format(time=format_duration(now.waits)))
    if now.remaining and now.eta is not None:
        parts.append(_("about {time} to go").format(time=format_duration(now.eta)))
    return f"{', '.join(parts)}."
