"""A short form of the proof, and that it would see a row that is untrue."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import answer_draw
import pytest
from answer_client import post_all
from answer_draw import ACCEPTED, ANY, Answer, draw
from answer_follow import follow_all
from answer_runs import TOKEN, play, untruths
from answer_server import Log
from sqlalchemy import Connection

from batch.chats.token import Token
from batch.ledger import FollowedMessage
from batch.ledger.deliveries import looks
from batch.ledger.storage.suppression import suppress_by_code
from batch.model import delivery
from batch.model.delivery import Delivery, DeliveryState, Sighting, add_sighting


def test_whatever_is_answered_every_row_is_true(tmp_path: Path) -> None:
    """A run ends with a whole report, and each row's outcome is that of the server's log; `answers.py` has more."""
    seen = play(1, tmp_path, rows=150, lives=1)
    assert seen.breaches == []
    assert seen.answers > 20


def test_every_verdict_of_the_client_is_true() -> None:
    """Some hundred answers to posts without a run around them: no reader of answers fails, no verdict is untrue."""
    posted = post_all(1, 300)
    assert posted.breaches == []
    assert posted.answers > 280


def test_whatever_a_look_meets_nothing_is_claimed_that_was_not_shown(tmp_path: Path) -> None:
    """Hostile answers and hostile records: no traceback, no state, opt-out, token or control character beyond them."""
    seen = follow_all(1, tmp_path, messages=25, passes=4)
    assert seen.breaches == []
    assert seen.looks > 25
    assert seen.answers > seen.looks


def _take_the_latest(known: Delivery | None, seen: Sighting) -> Delivery:
    return replace(add_sighting(known, seen), state=seen.state)


def _know_no_other_word(word: str | None) -> DeliveryState:
    return DeliveryState(word or "other")


FOLLOW_DEFECTS: dict[str, tuple[object, str, object]] = {
    "climbed down": (looks, "add_sighting", _take_the_latest),
    "ValueError": (delivery, "state_of", _know_no_other_word),
    "was shown": (delivery, "state_of", lambda _word: DeliveryState.READ),
    "shows the token": (Token, "redact", lambda _token, text: text),
    "for nothing": (looks, "_suppress", lambda connection, message, *more: _list(connection, message, more[-1])),
}
"""What the proof sees of a defect: where it is put in, and what it is."""


def _list(connection: Connection, message: FollowedMessage, seen: Sighting) -> bool:
    values = {"run": message.run, "added": seen.at, "endpoint": message.endpoint}
    return suppress_by_code(connection, message.person, "131050", **values)


@pytest.mark.parametrize("sign", FOLLOW_DEFECTS)
def test_a_defect_of_follow_is_seen(sign: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that climbs down, a word that raises, more than was shown, the token, an opt-out without a sign."""
    monkeypatch.setattr(*FOLLOW_DEFECTS[sign])  # type: ignore[arg-type] - a place, a name and a value
    seen = follow_all(3, tmp_path, messages=15, passes=3)
    assert any(sign in each for each in seen.breaches), seen.breaches[:3]


@pytest.mark.parametrize(
    ("status", "applied", "due", "seen"),
    [
        ("success", (True,), ACCEPTED, ""),
        ("unknown", (True,), ANY, ""),
        ("pending", (), ANY, ""),
        ("success", (False,), ANY, "got none"),
        ("error", (True,), ANY, "got one"),
        ("pending", (True,), ANY, "got one"),
        ("success", (True, True), ANY, "got 2 messages"),
        ("error", (), ANY, "without a POST"),
        ("unknown", (True,), ACCEPTED, "after a plain answer"),
    ],
)
def test_an_untrue_row_is_seen(status: str, applied: tuple[bool, ...], due: frozenset[str], seen: str) -> None:
    """Each way in which a row may differ from the log has its sentence."""
    answers = [Answer(kind="x", status=200, applied=each, due=due, pieces=(b"",), end="keep") for each in applied]
    found = " ".join(untruths("11", status, Log(answers={"11": answers} if answers else {})))
    assert seen in found
    assert bool(seen) == bool(found)


def test_a_seed_gives_the_same_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a breach can be looked at again; but for the time in their `Date`, which is that of the moment."""
    monkeypatch.setattr(answer_draw, "formatdate", lambda **_: "Mon, 30 Nov 2026 12:00:00 GMT")

    def drawn(seed: int) -> list[Answer]:
        dice = [random.Random(f"{seed} {each}") for each in range(50)]  # noqa: S311 - repeatable, no secret
        return [draw(each, token=TOKEN, contact="11") for each in dice]

    assert drawn(5) == drawn(5)
    assert drawn(5) != drawn(6)
