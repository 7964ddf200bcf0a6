"""`follow`: whatever becomes of messages, nothing is claimed beyond what an API of the tests' own has shown."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moving_messages import Moving, MovingApi, accept, compare, draw, known, serving

from batch.app import follow as following
from batch.app import looks
from batch.app.follow import FollowChoices, FollowReport, follow
from batch.app.settings import Settings
from batch.chats import Token
from batch.cli.main import _run as wegly_batch
from batch.ledger import FollowScope, Ledger, Owner, follow_lock

BEGAN = datetime(2026, 11, 3, 12, tzinfo=UTC)
AFTER = [timedelta(hours=1, minutes=11), timedelta(hours=4), timedelta(days=2), timedelta(days=8), timedelta(days=31)]
FAST = 5000.0


def pages_and_tries(message: Moving) -> int:
    """One request for a chat, or one for each page of its four records; and one more for each failure."""
    return (-(-4 // message.pages) if message.pages else 1) + len(message.glitches)


def moving(row: int, way: str, **more: Any) -> Moving:
    return Moving(**{"row": row, "at": BEGAN, "way": way, "code": None, "reply": None, "has_twin": False, **more})


class Ended(Exception):
    """The pass was ended from outside."""


class Desk:
    """Messages that were accepted, and a person who follows them."""

    def __init__(self, api: MovingApi, ledger: Ledger, clock: Callable[[datetime], None]) -> None:
        self.api, self.ledger, self._clock = api, ledger, clock

    def at(self, passed: timedelta) -> None:
        """Set the clock of both sides."""
        self.api.now = BEGAN + passed
        self._clock(self.api.now)

    def follow(
        self, *, rate: float = FAST, on_look: Callable[[int, int], None] = lambda *_: None, **more: Any
    ) -> FollowReport:
        settings = Settings(base_url=self.api.url, ledger=f"sqlite:///{self.ledger.location}", rate=rate)
        token = Token.parse("a-token", "test")
        return follow(FollowChoices(**more), settings=settings, token=token, on_look=on_look)


@pytest.fixture
def desk(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Desk]]:
    """Makes a desk for messages; its server ends with the test."""
    servers: list[Any] = []

    async def at_once(pace: Any, seconds: float) -> None:
        """A pause that takes no time."""

    monkeypatch.setattr(looks.LookPace, "pause", at_once)

    def make(*messages: Moving) -> Desk:
        servers.append(serving(MovingApi(messages, BEGAN)))
        api = servers[-1].__enter__()
        accept(ledger, api)

        def set_clock(now: datetime) -> None:
            for module in (following, looks):
                monkeypatch.setattr(module, "utc_now", lambda: now)

        return Desk(api, ledger, set_clock)

    yield make
    for each in servers:
        each.__exit__(None, None, None)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.sqlite3'}") as opened:
        yield opened


def test_a_month_of_looks_says_what_was_shown_and_no_more(desk: Callable[..., Desk]) -> None:
    """Late, lost, out of order, failed then delivered, in pages, cut answers, 429: each pass against the log."""
    here = desk(*draw(90, 1, began=BEGAN))
    before: dict[str, tuple[str, int]] = {}
    for passed in AFTER:
        here.at(passed)
        for _again in range(3):  # answers that were cut are asked for again
            due = here.ledger.deliveries.due(FollowScope(endpoint=here.api.url), here.api.now)
            most = sum(pages_and_tries(here.api.by_chat[message.chat_id]) for message in due)
            asked = here.api.gets
            ended = here.follow()
            assert here.api.gets - asked <= most
            assert compare(here.ledger, here.api, before) == []
            before = known(here.ledger)
            if not ended.due:
                break
        assert ended.due == 0
    states = {state for state, _looks in before.values()}
    assert {"read", "delivered", "failed", "sent", "processing", "other", "not_told_apart"} <= states
    assert ended.counts is not None
    assert (ended.counts.messaged, sum(ended.counts.states.values())) == (90, 90)
    assert here.follow().looks == 0


def test_a_pass_that_ends_anywhere_goes_on_there(desk: Callable[..., Desk]) -> None:
    """No look is lost; those in flight are made again, and no more."""
    here = desk(*draw(60, 2, began=BEGAN))
    for message in here.api.by_chat.values():
        message.glitches.clear()
        message.pages = None
    here.at(AFTER[0])
    ended = 0

    def end(done: int, _total: int) -> None:
        if done and done % 7 == 0:
            raise Ended

    while ended < 30:
        try:
            here.follow(on_look=end)
        except Ended:
            ended += 1
        else:
            break
    assert here.follow().due == 0
    assert {looks for _state, looks in known(here.ledger).values()} == {1}
    assert here.api.gets <= 60 + 16 * (ended + 1)
    assert compare(here.ledger, here.api) == []


def test_two_of_ours_in_a_minute_are_told_apart_by_their_ids_alone(desk: Callable[..., Desk]) -> None:
    """Without one, nothing is claimed unless both are alike: then it is known of either."""
    here = desk(
        moving(2, "delivered", has_twin=True, knows_id=False),
        moving(3, "delivered", has_twin=True),
        moving(4, "failed, then delivered", knows_id=False),
        moving(5, "read", has_twin=True, knows_id=False, reply=(4000, "Obrigada")),
    )
    here.at(timedelta(minutes=20))
    assert here.follow().counts.failed == 1  # type: ignore[union-attr]
    states = [state for state, _ in known(here.ledger).values()]
    assert sorted(states) == ["delivered", "failed", "not_told_apart", "not_told_apart"]
    here.at(timedelta(hours=3))
    counts = here.follow().counts
    states = [state for state, _ in known(here.ledger).values()]
    assert sorted(states) == ["delivered", "delivered", "not_told_apart", "read"]
    assert counts is not None
    assert counts.replied == 0  # to which of the two is not known
    assert compare(here.ledger, here.api) == []


def test_who_was_taken_off_the_list_stays_off_it_until_a_newer_reply(desk: Callable[..., Desk]) -> None:
    """An old reply, and a failure that was seen before, are shown by each later look; a person has decided since."""
    day = 86_400
    here = desk(
        moving(2, "delivered", reply=(70, "SAIR"), second_reply=(4 * day, "Pare!")),
        moving(3, "delivered", reply=(70, "SAIR")),
        moving(4, "failed later", code=131050),
        moving(5, "delivered", reply=(70, "SAIR")),
    )
    people = [here.api.by_chat[f"chat-{row}"].person for row in (2, 3, 4)]

    def listed() -> set[str]:
        return {entry.person for entry in here.ledger.suppression.entries()}

    here.at(timedelta(days=1))
    assert len(here.follow().opted_out) == 4
    assert len(here.ledger.suppression.remove([*people, "+5511900009999"], here.api.now + timedelta(hours=1))) == 3
    before = listed()
    here.at(timedelta(days=3))
    assert (here.follow().opted_out, listed()) == ((), before)
    here.at(timedelta(days=7))
    (again,) = here.follow().opted_out
    entry = here.ledger.suppression.find(again.person)
    assert entry is not None
    assert (again.person, str(entry.source)) == (people[0], f"reply, run {again.run}, 07/11/2026 09:00")
    assert listed() == before | {people[0]}


def test_who_was_never_on_the_list_cannot_be_taken_off_it(desk: Callable[..., Desk]) -> None:
    """Such a removal leaves no trace: the first look at the reply puts the person on the list."""
    here = desk(moving(2, "delivered", reply=(70, "SAIR")))
    here.at(timedelta(days=1))
    assert here.ledger.suppression.remove([here.api.by_chat["chat-2"].person], here.api.now) == []
    assert len(here.follow().opted_out) == 1


def test_the_rate_is_kept(desk: Callable[..., Desk]) -> None:
    """However many chats are read at once."""
    here = desk(*[moving(row, "read") for row in range(2, 42)])
    here.at(AFTER[0])
    asked: list[float] = []
    loop_times: list[float] = []
    slot = looks.LookPace.slot

    async def noted(pace: Any) -> None:
        asked.append(asyncio.get_running_loop().time())
        await slot(pace)
        loop_times.append(asyncio.get_running_loop().time())

    looks.LookPace.slot = noted  # type: ignore[method-assign]
    try:
        here.follow(rate=100.0)
    finally:
        looks.LookPace.slot = slot  # type: ignore[method-assign]
    assert len(loop_times) == 40
    assert loop_times[-1] - asked[0] >= 0.99 * 39 / 100  # a busy machine may be late for the first


@pytest.mark.parametrize(("status", "gets"), [(401, 1), (403, 10), (404, 10)])
def test_an_api_that_refuses_ends_the_pass(desk: Callable[..., Desk], status: int, gets: int) -> None:
    """With 5, and nothing is recorded; one chat that is gone ends nothing."""
    here = desk(*[moving(row, "read") for row in range(2, 14)])
    here.at(AFTER[0])
    answer, refused = here.api.answer, list(here.api.by_chat)

    def refuse(path: str) -> tuple[int, bytes, dict[str, str]]:
        here.api.gets += 1
        return (status, b'{"message": "Nao"}', {}) if path.split("/")[-2] in refused else answer(path)

    here.api.answer = refuse  # type: ignore[method-assign]
    ended = here.follow(rate=20.0)
    assert (ended.exit_code, ended.refused, ended.due, ended.looks) == (5, True, 12, 0)
    assert ended.stopped == f"HTTP {status}: Nao"
    assert here.api.gets <= gets + 15
    del refused[1:]
    if status != 401:
        assert (here.follow().exit_code, known(here.ledger)["+55119" + "2".zfill(8)]) == (0, ("not_found", 1))


@pytest.mark.parametrize("broken", [range(2, 11), range(5, 14)], ids=["the latest", "the oldest"])
def test_chats_that_always_fail_keep_no_other_from_its_look(
    broken: range, desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of one run, say: every pass meets them, and after five failures in a row it ends."""
    monkeypatch.setattr(looks, "_MOST_READERS", 1)  # one after the other, so that their order is known
    always = {"glitches": ["500"] * 99}
    times = {row: BEGAN + timedelta(seconds=20 - row) for row in range(2, 14)}
    here = desk(*[moving(row, "read", at=at, **(always if row in broken else {})) for row, at in times.items()])
    here.at(AFTER[0])
    ended = here.follow()
    assert (ended.looks, ended.due) == (3, 9)
    assert ended.stopped.startswith("HTTP 500")
    assert {int(person[-8:]) for person in known(here.ledger)} == set(times) - set(broken)


def test_messages_of_a_month_are_followed_unless_runs_or_a_time_are_named(desk: Callable[..., Desk]) -> None:
    """An older one is looked at where its run is named, and not where a time is named as well."""
    here = desk(moving(2, "read"))
    here.at(timedelta(days=40))
    (run,) = (each.run for each in here.ledger.runs())
    assert [here.follow(limit=1, **more).looks for more in ({}, {"runs": [run], "since": timedelta(days=9)})] == [0, 0]
    ended = here.follow(runs=[run])
    assert (ended.looks, ended.since) == (1, None)
    assert (ended.reports, list(Path.cwd().iterdir())) == ((), [])  # the run has no folder of a report


def test_a_pass_is_alone(
    desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one at the same address is refused with 75 and names the holder."""
    here = desk(moving(2, "read"))
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    with here.ledger.hold([follow_lock(here.api.url)], Owner.here("the first")):
        code = wegly_batch(["follow", "--base-url", here.api.url, "--ledger", f"sqlite:///{here.ledger.location}"])
    assert code == 75
    assert "the first" in capsys.readouterr().err


def test_what_a_person_reads(
    desk: Callable[..., Desk], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second headline, who opted out, and the command for whom to decide about."""
    here = desk(
        moving(2, "read", reply=(70, "SAIR")),
        moving(3, "delivered", reply=(70, "quero sair às 5")),
        moving(4, "failed", code=131050),
        moving(5, "never arrives"),
        moving(6, "another word"),
    )
    here.at(timedelta(days=2))
    monkeypatch.setenv("WEGLY_TOKEN", "a-token")
    command = [
        "follow",
        "--base-url",
        here.api.url,
        "--ledger",
        f"sqlite:///{here.ledger.location}",
        "--rate",
        "1000/s",
    ]
    assert wegly_batch([*command, "--limit", "1"]) == 6
    assert "4 looks are due still" in capsys.readouterr().out
    assert wegly_batch(command) == 0
    out = capsys.readouterr().out
    assert (
        "Delivered at least 2 of 5 messaged (read at least 1), failed 1, on the way 1, not known 1; "
        "2 replied, 2 opted out. Looked 05/11/2026 09:00." in out
    )
    assert "  1 failed   131050  Nao entregue" in out
    assert 'wegly-batch suppress add "+55 11 90000-0003"' in out
    assert "No look is due before 06/11/2026 09:00; look then\n    wegly-batch follow --base-url" in out
    assert wegly_batch([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["looks"], found["delivery"]["delivered"], found["delivery"]["failures"][0]["code"]) == (0, 2, 131050)
    assert [each["phone"] for each in found["to_decide"]] == ["+55 11 90000-0003"]
