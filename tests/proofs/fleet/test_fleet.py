"""A short version of the proof by losing workers; and that its judgement finds what breaks the promise."""

from __future__ import annotations

import pytest
from fleet_events import EVENTS, Event, find_faketime, is_kept, longest_silence, scene, silences, too_fast, trial
from postgres import NoServer, find_programs


@pytest.mark.long
@pytest.mark.parametrize("kinds", [tuple(kind for kind in EVENTS if kind != "clock"), ("clock",)], ids=["all", "clock"])
def test_nothing_breaks_the_promise(kinds: tuple[str, ...]) -> None:
    """Three workers, six senders, six events: each person once, nothing lost, nobody too fast, few rows to decide."""
    if "clock" in kinds and not find_faketime():
        pytest.skip("faketime is not installed (Debian: apt-get install faketime)")
    try:
        find_programs()
    except NoServer as error:
        pytest.skip(str(error))
    with scene(senders=6, rows=320, rate=3.0) as place:
        found = trial(place, workers=3, events=6 if len(kinds) > 1 else 2, seed=1, kinds=kinds)
    assert is_kept(found), found


def test_a_moving_second_with_too_many_messages_is_found() -> None:
    """Also over a change of worker, where each of both kept its own pace."""
    fine = [{"sender": "s1", "monotonic": number / 3} for number in range(12)]
    assert too_fast(fine, 3.0) == []
    assert too_fast([*fine, {"sender": "s1", "monotonic": 2.05}, {"sender": "s1", "monotonic": 2.1}], 3.0) == [
        ("s1", 6)
    ]
    assert longest_silence([*fine, {"sender": "s1", "monotonic": 9.0}]) == pytest.approx(9.0 - 11 / 3)


def test_what_breaks_the_promise_is_no_good_result() -> None:
    """Each column by itself."""
    good: dict[str, object] = {"duplicates": 0, "lost": 0, "untrue": [], "too_fast": [], "clocks_accepted": []}
    good |= {"died": 3, "died_at_most": 8}
    assert is_kept(good)
    for broken in (
        {"duplicates": 1},
        {"lost": 1},
        {"untrue": [("+55", "error")]},
        {"too_fast": [("s", 9)]},
        {"clocks_accepted": [7.5]},
        {"died": 9},
    ):
        assert not is_kept({**good, **broken})


def test_a_silence_lasts_from_what_happened_to_the_next_message_of_each_lane() -> None:
    """What was on its way before counts for nothing, nor a lane that was done; a short pause takes no lane."""
    applied = [
        {"sender": sender, "monotonic": at} for sender, at in (("s1", 1.1), ("s1", 2.0), ("s2", 2.5), ("s3", 0.9))
    ]
    hit = frozenset({"s1", "s2", "s3"})
    events = [
        Event(at=1.0, kind="kill", senders=hit),
        Event(at=1.0, kind="stop", senders=hit, seconds=2.0),
        Event(at=1.0, kind="stop", senders=frozenset({"s2"}), seconds=9.0),
    ]
    assert silences(applied, events) == {"kill": (2, 1.25, 1.5), "stop": (1, 1.5, 1.5)}
