"""How far a run has come, on a clock that the test turns."""

from __future__ import annotations

from batch.app.runs.progress import Meter
from batch.model.outcomes import Outcome


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 500.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


class Sending:
    """A run that sends evenly."""

    def __init__(self, *, total: int, wanted: float = 10.0, senders: int = 1) -> None:
        self.clock = Clock()
        self.meter = Meter(total=total, senders=senders, wanted=wanted, clock=self.clock)

    def send(self, count: int, *, rate: float, outcome: Outcome = Outcome.SUCCESS) -> None:
        for _ in range(count):
            self.clock.pass_(1 / rate)
            self.meter.done(outcome)


def test_before_the_first_answer_the_wanted_rate_tells_the_time() -> None:
    """Nothing is measured yet, and a person wants to know all the same."""
    now = Sending(total=1000, wanted=20).meter.look()
    assert (now.rate, now.eta, now.remaining, now.done) == (None, 50.0, 1000, 0)


def test_the_rate_is_what_was_achieved_not_what_was_wanted() -> None:
    """5 a second of 20 wanted; the time left follows."""
    run = Sending(total=400, wanted=20)
    run.send(100, rate=5)
    now = run.meter.look()
    assert now.rate is not None
    assert abs(now.rate - 5) < 0.2
    assert now.eta is not None
    assert abs(now.eta - 60) < 3


def test_every_outcome_is_counted() -> None:
    """Sent are the accepted ones, whether the chat was new or not."""
    run = Sending(total=10)
    for outcome in (Outcome.SUCCESS, Outcome.REUSED, Outcome.REUSED, Outcome.ERROR, Outcome.UNKNOWN, Outcome.SKIPPED):
        run.send(1, rate=1, outcome=outcome)
    now = run.meter.look()
    assert (now.sent, now.done, now.remaining) == (3, 6, 4)
    assert [now.counts[each] for each in Outcome] == [1, 2, 1, 1, 1, 0]


def test_a_pause_adds_itself_to_the_time_left_and_leaves_the_rate() -> None:
    """10 a second; then a minute's wait is asked for: what is left takes the rest of the wait, and the work."""
    run = Sending(total=300)
    run.send(100, rate=10)
    run.meter.pause("a", 60)
    run.clock.pass_(20)
    now = run.meter.look()
    assert now.rate is not None
    assert now.eta is not None
    assert abs(now.rate - 10) < 0.3
    assert now.waits == 40
    assert abs(now.eta - 60) < 1
    run.clock.pass_(40)
    run.send(50, rate=10)
    later = run.meter.look()
    assert later.rate is not None
    assert abs(later.rate - 10) < 0.3
    assert later.waits == 0


def test_pauses_that_overlap_count_once() -> None:
    """Sixteen attempts in flight meet the same 429, one after the other; a shorter pause shortens nothing."""
    run = Sending(total=300)
    run.send(100, rate=10)
    for seconds in (30, 29.9, 5, 30):
        run.meter.pause("a", seconds)
    run.clock.pass_(30)
    run.send(100, rate=10)
    now = run.meter.look()
    assert now.rate is not None
    assert abs(now.rate - 10) < 0.3


def test_while_another_sender_goes_on_nobody_waits() -> None:
    """Of two senders one is asked to wait: the run goes on at half its rate, and says so."""
    run = Sending(total=1000, wanted=20, senders=2)
    run.send(200, rate=20)
    run.meter.pause("a", 100)
    assert run.meter.look().waits == 0
    run.send(350, rate=10)
    now = run.meter.look()
    assert now.rate is not None
    assert abs(now.rate - 10) < 0.5
    run.meter.pause("b", 20)
    assert run.meter.look().waits == 20


def test_a_question_to_a_person_is_no_time_of_work() -> None:
    """Who looks into WhatsApp for ten minutes does not make the run slow."""
    run = Sending(total=100)
    run.send(50, rate=10)
    with run.meter.hold():
        run.clock.pass_(600)
    now = run.meter.look()
    assert now.rate is not None
    assert abs(now.rate - 10) < 0.3
    assert now.waits == 0


def test_a_slow_run_has_a_steady_rate() -> None:
    """120 an hour: measured over ten messages at least, not over the one of the last half minute."""
    run = Sending(total=100, wanted=1 / 30)
    run.send(40, rate=1 / 30)
    run.clock.pass_(15)
    now = run.meter.look()
    assert now.rate is not None
    assert abs(now.rate * 3600 - 120) < 10


def test_a_rate_that_was_cut_shows_within_a_minute() -> None:
    """The mean of the whole run would hide it for hours."""
    run = Sending(total=100_000)
    run.send(10_000, rate=50)
    run.send(200, rate=5)
    now = run.meter.look()
    assert now.rate is not None
    assert abs(now.rate - 5) < 0.5


def test_at_the_end_nothing_is_left() -> None:
    """And nothing is waited for, though the last answer asked for a pause."""
    run = Sending(total=3)
    run.send(3, rate=1)
    run.meter.pause("a", 60)
    now = run.meter.look()
    assert (now.remaining, now.eta, now.waits) == (0, 0.0, 0.0)


def test_looking_changes_nothing() -> None:
    """A signal may ask between any two steps."""
    run = Sending(total=10)
    run.send(3, rate=1)
    assert run.meter.look() == run.meter.look()


def test_who_comes_late_sees_the_rate_of_what_happens_since() -> None:
    """600 of 1,000 were there already: they say nothing of how fast the rest goes."""
    clock = Clock()
    before = {Outcome.SUCCESS: 590, Outcome.ERROR: 10}
    meter = Meter(total=1000, wanted=20, before=before, clock=clock)
    now = meter.look()
    assert (now.done, now.rate, now.eta) == (600, None, 20)
    for second in range(1, 11):
        clock.pass_(1)
        meter.take({Outcome.SUCCESS: 590 + 10 * second, Outcome.ERROR: 10}, wanted=20)
    now = meter.look()
    assert (now.done, now.rate, now.eta) == (700, 10, 30)


def test_a_row_that_is_corrected_while_others_send_counts_once() -> None:
    """One to decide that was accepted after all: not more than all of it is done."""
    clock = Clock()
    meter = Meter(total=3, clock=clock)
    for counts in ({Outcome.UNKNOWN: 1}, {Outcome.SUCCESS: 2, Outcome.UNKNOWN: 1}, {Outcome.SUCCESS: 3}):
        clock.pass_(1)
        meter.take(counts, wanted=1)
    now = meter.look()
    assert (now.done, now.counts[Outcome.SUCCESS], now.counts[Outcome.UNKNOWN], now.eta) == (3, 3, 0, 0)


def test_of_what_others_send_no_time_is_told_while_nobody_does() -> None:
    """Without a worker nothing comes to an end; while the hours keep all back, the time until they begin is known."""
    clock = Clock()
    meter = Meter(total=100, clock=clock)
    meter.take({}, wanted=0)
    assert meter.look().eta is None
    meter.take({}, wanted=0, waits=3_600)
    clock.pass_(600)
    assert meter.look().waits == 3_000
    meter.take({Outcome.SUCCESS: 1}, wanted=10)
    assert meter.look().waits == 0
