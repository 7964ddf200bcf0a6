"""The line of a bar at every width, and what a run answers to who asks."""

from __future__ import annotations

import re

import pytest

from batch.app.runs.progress import RunProgress
from batch.cli.bars import bar_line, state_text
from batch.cli.terminal import can_colour, can_draw
from batch.i18n import use_language
from batch.model.outcomes import Outcome


def headway(
    *,
    success: int = 370,
    reused: int = 30,
    error: int = 15,
    unknown: int = 5,
    total: int = 1000,
    rate: float | None = 10.04,
    waits: float = 0.0,
    eta: float | None = 58.0,
) -> RunProgress:
    found = {Outcome.SUCCESS: success, Outcome.REUSED: reused, Outcome.ERROR: error, Outcome.UNKNOWN: unknown}
    counts = {outcome: found.get(outcome, 0) for outcome in Outcome}
    return RunProgress(counts=counts, total=total, rate=rate, waits=waits, eta=eta)


def test_a_wide_terminal_has_all_of_it_and_a_bar() -> None:
    """Accepted, existing, to fix, to decide, the rate that is achieved, the time that is left."""
    assert bar_line(headway(), 120) == (
        " 42% {bar} 420/1,000  accepted 400 (30 existing), to fix 15, to decide 5  10.0/s  58 s left"
    )


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (90, " 42% {bar} 420/1,000  accepted 400, to fix 15, to decide 5  10.0/s  58 s left"),
        (79, " 42% {bar} 420/1,000  accepted 400, to fix 15, to decide 5  10.0/s  58 s left"),
        (75, " 42% 420/1,000  accepted 400, to fix 15, to decide 5  10.0/s  58 s left"),
        (65, " 42% 420/1,000  accepted 400, to fix 15, to decide 5  58 s left"),
        (60, " 42%  accepted 400, to fix 15, to decide 5  58 s left"),
        (40, " 42% 420/1,000  58 s left"),
        (12, " 42%"),
        (3, " 42%"),
    ],
)
def test_a_narrower_one_has_what_tells_most(columns: int, line: str) -> None:
    """Nothing wraps: a line that wraps cannot be drawn again."""
    assert bar_line(headway(), columns) == line


def test_the_usual_terminal_has_a_bar_in_portuguese_too() -> None:
    """Eighty columns, while it sends and not at its end alone: what did not happen makes room for it."""
    with use_language("pt_BR"):
        line = bar_line(headway(unknown=0), 79)
    assert line == " 41% {bar} 415/1.000  aceitas 400, a corrigir 15  10,0/s  faltam 58 s"


def test_what_did_not_happen_takes_no_room_where_there_is_little() -> None:
    """Forty columns: no errors, so none are named."""
    assert bar_line(headway(error=0, unknown=0), 43) == " 40% 400/1,000  accepted 400  58 s left"


def test_a_wait_is_said_instead_of_the_rate() -> None:
    """After a 429 with Retry-After, counting down."""
    assert bar_line(headway(waits=25), 110).endswith("to decide 5  waits 25 s  58 s left")


def test_at_the_end_no_time_is_left_whatever_is() -> None:
    """A run that was stopped does not promise to go on."""
    assert bar_line(headway(waits=25), 110, ended=True).endswith("to decide 5  10.0/s")


def test_a_hundred_percent_is_said_when_all_is_done() -> None:
    """999,999 of a million is 99 %."""
    assert bar_line(headway(success=999_899, reused=100, error=0, unknown=0, total=1_000_000), 10).strip() == "99%"
    assert bar_line(headway(success=1, reused=0, error=0, unknown=0, total=1, eta=0.0), 10) == "100% 1/1"


@pytest.mark.parametrize(("rate", "said"), [(487.2, "487.2/s"), (0.5, "30.0/min"), (0.005, "18.0/h")])
def test_a_rate_is_said_in_the_unit_that_fits(rate: float, said: str) -> None:
    """A slow run is not `0.0/s`."""
    assert said in bar_line(headway(rate=rate), 120)


def test_only_what_went_wrong_is_coloured_and_the_width_counts_without_it() -> None:
    """Errors red, unknown yellow, and the same line as without colours."""
    line = bar_line(headway(), 80, colour=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", line) == bar_line(headway(), 80)
    assert re.findall(r"\x1b\[(\d+)m(to [a-z]+)", line) == [("31", "to fix"), ("33", "to decide")]
    assert "\x1b" not in bar_line(headway(error=0, unknown=0), 80, colour=True)


def test_who_asks_gets_one_sentence() -> None:
    """All the figures, and no line break."""
    assert state_text(headway()) == (
        "420 of 1,000: accepted 400 (30 existing), to fix 15, to decide 5; 580 left, 10 a second, about 58 s to go."
    )
    assert state_text(headway(waits=20, rate=None)) == (
        "420 of 1,000: accepted 400 (30 existing), to fix 15, to decide 5; 580 left, waiting 20 s, about 58 s to go."
    )
    assert state_text(headway(success=955, eta=0.0)).endswith("to decide 5; 0 left, 10 a second.")


def test_colours_are_for_terminals_that_have_them_and_people_who_want_them() -> None:
    """NO_COLOR, a dumb terminal, an old Windows console: none."""
    assert can_colour({"TERM": "xterm-256color"}, "linux")
    assert not can_colour({"TERM": "xterm", "NO_COLOR": "1"}, "linux")
    assert can_colour({"TERM": "xterm", "NO_COLOR": ""}, "linux")
    assert not can_colour({"TERM": "dumb"}, "linux")
    assert not can_colour({}, "win32")
    assert can_colour({"WT_SESSION": "x"}, "win32")
    assert not can_draw({"TERM": "dumb"})
    assert can_draw({})
