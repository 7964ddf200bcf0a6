"""What is drawn for a world and for each of its lives: everything that is not the product's own doing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from batch.pool import PoolSettings, RetryRules, StopRules
from simulated.api import FAIR, Weather
from simulated.chats import Moves, draw_moves
from simulated.disk import Trouble
from simulated.endings import CREATED, ENDINGS
from simulated.outreach import Outreach, draw_outreach

__all__ = ["Fate", "Knobs", "draw_fate", "draw_knobs", "fair_fate", "stream"]


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """What holds for a whole world."""

    rows: int
    people: int
    senders: int
    invoices: int
    flawed: float
    settings: PoolSettings
    read_timeout: float
    page: int
    """Jobs read at a time."""
    group: int
    """Writes in one transaction at most."""
    fsync: tuple[float, ...]
    """Seconds that a commit takes."""
    stalls: float
    """How likely the machine oversleeps at a jump of the clock."""
    lives: int
    """With faults; then come those in fair weather."""
    two: bool
    """Two runs at once, the locks defeated."""
    file: bool
    """The ledger is a file that every life opens anew."""
    outreach: Outreach
    moves: Moves


@dataclass(frozen=True, kw_only=True)
class Fate:
    """What is in store for one life."""

    weather: Weather = FAIR
    trouble: Trouble | None = None
    kill_event: int | None = None
    kill_after: float | None = None
    """Seconds after which it is killed."""
    signal_after: float | None = None
    """Seconds of sending after which the first signal comes."""
    second_after: float | None = None
    """Seconds between the first signal and the second."""
    limit: int | None = None
    canary: int | None = None
    """Rows that are sent alone first."""
    retry_errors: bool = False
    delay: float = 0.0
    """Seconds until it begins."""


def stream(seed: int, name: str) -> Random:
    """A stream of chance of its own for each purpose, so that one more draw here changes nothing there."""
    return Random(f"{seed} {name}")  # noqa: S311 - chance that repeats is what is wanted


def draw_knobs(rng: Random) -> Knobs:
    """The world of a seed. Most are small: a fault needs few rows to do its harm."""
    size = rng.random()
    rate: float = rng.choice((0.5, 2.0, 10.0, 10.0, 40.0, 150.0, 500.0))
    concurrency = rng.choice((1, 2, 3, 4, 8, 16))
    rows = rng.randint(1, 12) if size < 0.5 else rng.randint(8, 30) if size < 0.97 else rng.randint(55, 80)
    if size > 0.995:
        rows, rate, concurrency = 330, 150.0, 32
    settings = PoolSettings(
        rate=rate,
        concurrency=concurrency,
        grace=rng.choice((0.0, 0.5, 30.0, 300.0, 300.0, 300.0)),
        retries=RetryRules(tries=rng.choice((0, 1, 3, 8)), seconds=rng.choice((1.0, 60.0, 900.0))),
        stop=StopRules(errors=rng.choice((0.2, 1.0)), unknowns=rng.choice((1, 5, 5, 1000))),
    )
    people = max(1, round(rows * rng.choice((0.4, 1.0, 20.0))))
    outreach = draw_outreach(rng, people=min(people, rows))
    knobs = Knobs(
        rows=rows,
        people=people,
        senders=rng.choice((1, 1, 2, 3)),
        invoices=rng.choice((1, 1, 2)),
        flawed=rng.choice((0.0, 0.1, 0.4)),
        settings=replace(settings, hours=outreach.hours, home="America/Sao_Paulo", wait=outreach.wait),
        read_timeout=rng.choice((5.0, 60.0)),
        page=rng.choice((1, 3, 500)),
        group=rng.choice((1, 3, 512)),
        fsync=rng.choice(((0.0001,), (0.0001, 0.005), (0.005, 0.005, 0.3), (0.02,))),
        stalls=rng.choice((0.0, 0.0, 0.01, 0.1)),
        lives=rng.choice((1, 1, 2, 2, 3)),
        two=rng.random() < 0.2,
        file=rng.random() < 0.02,
        outreach=outreach,
        moves=draw_moves(rng),
    )
    if knobs.moves.skip_unreachable:
        rules = replace(outreach.rules, skip_unreachable=knobs.moves.skip_unreachable)
        knobs = replace(knobs, outreach=replace(outreach, rules=rules))
    if knobs.moves.replaces or knobs.moves.replies or knobs.moves.skip_unreachable:
        # What a look has shown matters to the next life alone, and to people who are to get another message.
        rows = max(rows, 12)
        knobs = replace(knobs, lives=knobs.lives + 1, rows=rows, people=rows // 3, invoices=rng.choice((1, 3)))
    if knobs.moves.replaces:  # a person gets one replacement, so that several of their messages have to fail
        rows = max(rows, 24)
        knobs = replace(knobs, lives=knobs.lives + 2, rows=rows, people=rows // 6, invoices=3)
    if knobs.moves.broken:  # a stop by failures needs some time
        knobs = replace(knobs, rows=max(rows, 40), people=80, settings=replace(knobs.settings, rate=0.5), stalls=0.0)
    return knobs


def draw_fate(rng: Random, knobs: Knobs) -> Fate:
    """The fate of one life of that world."""
    length = knobs.rows / knobs.settings.rate + 1.0
    end = rng.choice(("none", "event", "event", "event", "clock", "signal", "signal"))
    second = rng.choice((None, None, 0.0, rng.uniform(0, 2)))
    return Fate(
        weather=_weather(rng, knobs, length),
        trouble=_trouble(rng, knobs) if rng.random() < 0.4 else None,
        kill_event=max(1, round(2 ** rng.uniform(0, 4 + knobs.rows.bit_length()))) if end == "event" else None,
        kill_after=rng.uniform(0, length) if end == "clock" else None,
        signal_after=rng.uniform(0, length) if end == "signal" else None,
        second_after=second if end == "signal" else None,
        limit=rng.randint(1, knobs.rows) if rng.random() < 0.1 else None,
        canary=rng.randint(1, 3) if rng.random() < 0.1 else None,
        retry_errors=rng.random() < 0.2,
    )


def fair_fate() -> Fate:
    """Nothing happens."""
    return Fate()


def _weather(rng: Random, knobs: Knobs, length: float) -> Weather:
    good = rng.choice((0.97, 0.8, 0.5, 0.1))
    others = rng.sample(ENDINGS, rng.randint(1, 12))
    begin = rng.uniform(0, length)
    outage = (begin, begin + rng.uniform(0, length), rng.choice(ENDINGS))
    return Weather(
        endings=(CREATED, *others),
        weights=(good, *[(1 - good) / len(others)] * len(others)),
        latencies=rng.choice(((0.05,), (0.05, 0.1, 0.2), (0.1, 1.0), (0.05, 3.0, 30.0))),
        limit=rng.choice((1.0, 5.0, knobs.settings.rate / 2)) if rng.random() < 0.1 else None,
        outage=outage if rng.random() < 0.2 else None,
        skew=rng.choice((-90.0, 200.0, 400.0)) if rng.random() < 0.05 and not knobs.outreach.any else 0.0,
    )


def _trouble(rng: Random, knobs: Knobs) -> Trouble:
    kinds = rng.choice((("lost",), ("doubtful",), ("begin",), ("lost", "doubtful"), ("doubtful", "lost", "begin")))
    first = round(2 ** rng.uniform(0, 2 + knobs.rows.bit_length())) - 1
    return Trouble(first=first, count=rng.choice((1, 1, 2, 3, 4, 8, 1000)), kinds=kinds)
