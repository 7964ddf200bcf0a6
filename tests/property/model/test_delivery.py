"""Delivery: whatever order looks come in, nothing is claimed beyond what they have shown, and no state climbs down."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from batch.model.chat_history import Span, TimelineMessage
from batch.model.delivery import (
    LOOKS,
    REPEATABLE,
    STATE_WORDS,
    TEMPLATE_PAUSED,
    Delivery,
    DeliveryCounts,
    DeliveryState,
    Sighting,
    Spent,
    add_sighting,
    failure_text,
    failure_words,
    match_message,
    next_look,
    see,
    state_of,
)
from batch.model.replies import OPT_OUT, Reply

SENT = datetime(2026, 11, 3, 12, tzinfo=UTC)
ORDER = list(DeliveryState)


def at(seconds: float) -> datetime:
    return SENT + timedelta(seconds=seconds)


replies = st.none() | st.builds(
    Reply,
    at=st.integers(1, 9).map(at),
    kind=st.sampled_from(["text", "media", OPT_OUT, "button:Sim"]),
    tied=st.booleans(),
    undecided=st.booleans(),
)
sightings = st.builds(
    Sighting,
    at=st.integers(600, 10_000_000).map(at),
    state=st.sampled_from(ORDER),
    code=st.none() | st.sampled_from([131000, 131026, 131047, 131049, 131050, TEMPLATE_PAUSED]),
    reply=replies,
)


def known(seen: list[Sighting]) -> Delivery:
    found = reduce(add_sighting, seen, None)
    assert found is not None
    return found


@given(st.lists(sightings, min_size=1, max_size=6), st.randoms())
def test_a_state_never_climbs_down(seen: list[Sighting], random: st.DataObject) -> None:
    """After each look it is the highest that any look has shown, and dates from the first that showed it."""
    for count in range(1, len(seen) + 1):
        found, shown = known(seen[:count]), seen[:count]
        highest = max((each.state for each in shown), key=ORDER.index)
        assert found.state is highest
        assert found.seen_at == min(each.at for each in shown if each.state is highest)
        assert found.looks == count
        opted_out = any(each.reply is not None and each.reply.opts_out for each in shown)
        assert (found.reply is not None and found.reply.opts_out) == opted_out
    mixed = list(seen)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    one, other = known(seen), known(mixed)
    assert (one.state, one.seen_at, one.looked_at, one.code, one.reply) == (
        other.state,
        other.seen_at,
        other.looked_at,
        other.code,
        other.reply,
    )


@given(st.lists(sightings, min_size=1, max_size=6))
def test_looks_end(seen: list[Sighting]) -> None:
    """Each next one is later than the last, none is later than the last of the plan or a failure's day."""
    found = known(seen)
    due = next_look(SENT, found)
    if due is not None:
        assert found.looked_at < due <= max(SENT + LOOKS[-1], found.seen_at + timedelta(days=1))
    assert next_look(SENT, None) == SENT + LOOKS[0]


def looks(word: str, delay: timedelta = timedelta()) -> list[timedelta]:
    """Times after sending at which a message is looked at that always shows the same."""
    found, times, due = None, [], next_look(SENT, None)
    while due is not None:
        times.append(due + delay - SENT)
        found = add_sighting(found, Sighting(at=due + delay, state=state_of(word)))
        due = next_look(SENT, found)
    return times


def test_the_looks_of_a_message() -> None:
    """Six; fewer once it is settled; a look that comes late takes the place of those it missed."""
    day = timedelta(days=1)
    assert (
        looks("sent")
        == list(LOOKS)
        == [each * timedelta(minutes=1) for each in (10, 120)] + [each * day for each in (1, 3, 7, 30)]
    )
    assert looks("read") == list(LOOKS[:5])
    assert looks("failed") == [LOOKS[0], LOOKS[1], day, LOOKS[0] + day]
    assert looks("delivered", timedelta(days=40)) == [timedelta(days=40, minutes=10)]
    assert looks("failed", timedelta(days=40)) == [timedelta(days=40, minutes=10), timedelta(days=81, minutes=10)]


def test_words_of_the_api() -> None:
    """Those that are known, in any case; all others are kept apart."""
    assert [
        state_of(word) for word in ("Sent", "READ", "played", "failed", "undelivered", "processing", "queued", None)
    ] == ["sent", "read", "read", "failed", "failed", "processing", "other", "other"]


messages = st.builds(
    TimelineMessage,
    at=st.integers(-20, 40).map(at),
    text=st.sampled_from(["A", "B"]),
    id=st.integers(1, 6).map(str),
    from_me=st.sampled_from([True, True, True, False]),
    by_agent=st.sampled_from([False, False, False, True]),
    is_history=st.sampled_from([False, False, False, True]),
    status=st.sampled_from(["sent", "read", "failed", None]),
    code=st.sampled_from([None, 131049]),
)
spans = st.tuples(st.integers(-20, 10), st.integers(0, 60)).map(lambda each: Span(start=at(each[0]), end=at(sum(each))))


@given(
    st.lists(messages, max_size=5, unique_by=lambda each: each.id),
    st.none() | st.integers(1, 6).map(str),
    spans,
    st.none() | st.sampled_from(["A", "B"]),
    st.lists(st.tuples(st.none() | st.integers(1, 6).map(str), spans), max_size=3),
)
def test_a_matched_message_is_one_that_the_attempt_can_have_sent(
    timeline: list[TimelineMessage],
    message_id: str | None,
    span: Span,
    text: str | None,
    others: list[tuple[str | None, Span]],
) -> None:
    """By its id; else ours, in its time, of no agent, not another's, and the only one that it can be, or one of some
    that are all alike."""
    found = match_message(timeline, message_id=message_id, span=span, text=text, others=others)
    if isinstance(found, DeliveryState):
        assert see(timeline, found, at=at(999), span=span).state is found
        return
    assert found.from_me
    if found.id is not None and found.id == message_id:
        return
    taken = {other for other, _ in others}
    rest = [
        each
        for each in timeline
        if each.from_me
        and not each.by_agent
        and not each.is_history
        and span.contains(each.at)
        and each.id not in taken
    ]
    same = [each for each in rest if each.text == text] or rest
    if found.several:
        assert len(same) > 1
        assert {(state_of(each.status), each.code) for each in same} == {(state_of(found.status), found.code)}
        assert state_of(found.status) is not DeliveryState.OTHER
        assert see(timeline, found, at=at(999), span=span).message_id is None
    else:
        assert same == [found]
    assert len(rest) > sum(other is None and each.overlaps(span) for other, each in others)


def test_several_messages_in_its_time_are_told_apart_by_their_text() -> None:
    """Where that is known, and is one message's alone; and one message is not that of two attempts."""
    span = Span(start=at(0), end=at(60))
    two = [TimelineMessage(at=at(1), text="A"), TimelineMessage(at=at(2), text="B")]
    assert match_message(two, message_id=None, span=span, text="B") is two[1]
    assert match_message(two, message_id=None, span=span) is DeliveryState.NOT_TOLD_APART
    assert match_message([*two, two[1]], message_id=None, span=span, text="B") is DeliveryState.NOT_TOLD_APART
    other = [(None, span)]
    assert match_message(two[:1], message_id=None, span=span, text="A", others=other) is DeliveryState.NOT_TOLD_APART
    assert match_message(two, message_id=None, span=span, text="A", others=other) is two[0]
    assert match_message(two[:1], message_id=None, span=span, others=[("x", span)]) is two[0]


def test_of_several_messages_that_are_alike_the_state_is_known() -> None:
    """Whichever it is: its state and code, words where they agree; no id, and no reply but an opt-out."""
    span = Span(start=at(0), end=at(60))
    failed = TimelineMessage(at=at(1), id="a", text="A", status="failed", code=131049, words="Nao entregue")
    other = replace(failed, id="b", at=at(9), status="undelivered")
    known_of_both = Sighting(
        at=at(600), state=DeliveryState.FAILED, word="failed", code=131049, words="Nao entregue", reply=None
    )

    def look(*timeline: TimelineMessage, text: str | None = None, **more: Any) -> Sighting:
        found = match_message(timeline, message_id=None, span=span, text=text, **more)
        return see(timeline, found, at=at(600), span=span)

    assert look(failed, other) == look(failed, other, text="B") == known_of_both
    assert look(failed, replace(other, words="Outra")) == replace(known_of_both, words="")
    for differs in (replace(other, code=131050), replace(other, code=None), replace(other, status="read")):
        assert look(failed, differs).state is DeliveryState.NOT_TOLD_APART
        assert look(failed, other, replace(differs, id="c", text="C"), text="A").state is DeliveryState.FAILED
    queued = [replace(each, status="queued", code=None) for each in (failed, other)]
    assert look(*queued).state is DeliveryState.NOT_TOLD_APART
    # As many attempts as messages: this one's may not be there.
    assert look(failed, other, others=[(None, span)]) == known_of_both
    assert look(failed, other, others=[(None, span)] * 2).state is DeliveryState.NOT_TOLD_APART
    for text, kind in (("Obrigada", None), ("Sair", OPT_OUT)):
        seen = look(failed, TimelineMessage(at=at(5), from_me=False, text=text), other)
        assert (seen.state, seen.reply.kind if seen.reply else None) == (DeliveryState.FAILED, kind)
    stopped = [replace(each, code=131050) for each in (failed, other)]
    assert look(*stopped).code == 131050


def test_an_opt_out_counts_where_our_message_is_not_found() -> None:
    """Whatever it answers; other replies to a message that is not there do not."""
    span = Span(start=at(0), end=at(60))
    for text, seconds, kind in (("Sair", 90, OPT_OUT), ("Sair", 30, OPT_OUT), ("Sair", -1, None), ("Oi", 90, None)):
        timeline = [TimelineMessage(at=at(seconds), from_me=False, text=text)]
        seen = see(timeline, DeliveryState.NOT_FOUND, at=at(600), span=span)
        assert (seen.reply.kind if seen.reply else None) == kind


def test_what_one_look_has_shown_of_a_failure_is_kept() -> None:
    """Its code and words, and an API's word for the state, also where another look at it shows none."""
    named = Sighting(at=at(601), state=DeliveryState.FAILED, word="undelivered", code=131026, words="Undeliverable")
    plain = Sighting(at=at(600), state=DeliveryState.FAILED, word="failed")
    for looks_made in ([named, plain], [plain, named]):
        found = known(looks_made)
        assert (found.word, found.code, found.words) == ("failed", 131026, "Undeliverable")
    found = known([named, Sighting(at=at(700), state=DeliveryState.READ, word="read")])
    assert (found.word, found.code, found.words) == ("read", None, "")
    again = replace(plain, at=at(602), code=131049, words="Not delivered")
    for looks_made in ([again, named], [named, again]):  # what forbids more counts
        assert (known(looks_made).code, known(looks_made).words) == (131026, "Undeliverable")
    same = [replace(plain, at=at(601), word=word) for word in ("undelivered", "failed")]
    assert known(same).word == known(same[::-1]).word == "failed"


def test_a_message_is_found_by_its_id_wherever_it_stands() -> None:
    """Also one that an agent wrote, at another time, among several; never a person's own message with that id."""
    span = Span(start=at(0), end=at(60))
    wanted = TimelineMessage(at=at(900), id="m-1", by_agent=True)
    timeline = [TimelineMessage(at=at(1), id="m-2"), wanted, TimelineMessage(at=at(2), id="m-3")]
    assert match_message(timeline, message_id="m-1", span=span) is wanted
    theirs = TimelineMessage(at=at(1), id="m-1", from_me=False)
    assert match_message([theirs], message_id="m-1", span=span) is DeliveryState.NOT_FOUND
    assert match_message([replace(wanted, id=None)], message_id=None, span=span) is DeliveryState.NOT_FOUND


def test_a_message_that_two_pages_show_counts_once_and_as_the_further() -> None:
    """A timeline may grow between its pages, and its messages move on; others without an id stay apart."""
    span = Span(start=at(0), end=at(60))
    first = TimelineMessage(at=at(1), id="m-1", status="sent")
    moved = replace(first, status="read")
    for timeline in ([first, moved], [moved, first]):
        assert match_message(timeline, message_id=None, span=span) is moved
        assert match_message(timeline, message_id="m-1", span=span) is moved
    bare = [replace(each, id=None) for each in (first, moved)]
    assert match_message(bare, message_id=None, span=span) is DeliveryState.NOT_TOLD_APART


def test_the_states_of_a_message_that_whatsapp_has_taken_over() -> None:
    """Sent, delivered and read; the last two have arrived."""
    assert [each for each in ORDER if each.is_on_its_way] == ["sent", "delivered", "read"]
    assert [each for each in ORDER if each.arrived] == ["delivered", "read"]


def test_messages_of_other_attempts_are_not_its_own() -> None:
    """Those with an id of another; without one, as many as the others whose time is the same. None left: not found."""
    span = Span(start=at(0), end=at(60))
    timeline = [TimelineMessage(at=at(1), id="m-1"), TimelineMessage(at=at(2), id="m-2")]
    others: list[tuple[str | None, Span]] = [("m-1", span), ("m-9", span)]
    assert match_message(timeline, message_id=None, span=span, others=others) is timeline[1]
    elsewhere = Span(start=at(61), end=at(90))
    assert match_message(timeline[:1], message_id=None, span=span, others=[(None, elsewhere)]) is timeline[0]
    taken = [("m-1", span), ("m-2", span)]
    assert match_message(timeline, message_id=None, span=span, others=taken) is DeliveryState.NOT_FOUND


def test_a_look_shows_the_found_message_as_the_api_has_it() -> None:
    """Its id, state, word, code and words, and the reply to it."""
    ours = TimelineMessage(at=at(1), id="m-1", status="Undelivered", code=131026, words="Undeliverable")
    timeline = [ours, TimelineMessage(at=at(9), from_me=False, text="Oi")]
    assert see(timeline, ours, at=at(600), span=Span(start=at(0), end=at(60))) == Sighting(
        at=at(600),
        state=DeliveryState.FAILED,
        message_id="m-1",
        word="Undelivered",
        code=131026,
        words="Undeliverable",
        reply=Reply(at=at(9), kind="text"),
    )


def test_every_state_has_words_and_every_repeatable_failure_its_code() -> None:
    """A code at the head of the API's words is not shown twice."""
    assert all(STATE_WORDS[state] for state in DeliveryState)
    assert sorted(REPEATABLE) == [130429, 131000, 131016, 131049, 131057]
    assert failure_words(131026, "(#131026) Message undeliverable ") == "Message undeliverable"
    assert failure_text(131026, "(#131026) Message undeliverable") == "131026 Message undeliverable"
    assert (failure_text(None, "Nao"), failure_text(131026, "")) == ("Nao", "131026")


def test_rates_are_of_fifty_messages_or_more_the_largest_first() -> None:
    """Templates before senders; of fewer messages there is no rate."""
    rated = {
        ("sender", "s1"): {DeliveryState.READ: 99},
        ("template", "few"): {DeliveryState.DELIVERED: 49},
        ("template", "enough"): {DeliveryState.READ: 25, DeliveryState.FAILED: 25},
    }
    rates = DeliveryCounts(messaged=198, rated=rated).rates
    assert [(each.name, each.messages, each.read) for each in rates] == [
        ("enough", 50, 0.5),
        ("few", 49, None),
        ("s1", 99, 1.0),
    ]
    assert (rates[0].delivered, rates[0].failed) == (0.5, 0.5)


def test_prices_are_added_from_nothing() -> None:
    """What is expected, and what surely arrived."""
    spent = Spent().add(Decimal("0.35"), Decimal(0)).add(Decimal("0.35"), Decimal("0.35"))
    assert (spent.expected, spent.delivered) == (Decimal("0.70"), Decimal("0.35"))


def test_counts_say_of_every_message_what_is_known() -> None:
    """Nothing where no look was made; a message that was read arrived; what no look has shown is not known."""
    nothing = DeliveryCounts()
    assert (nothing.messaged, nothing.not_known, nothing.replied, nothing.opted_out) == (0, 0, 0, 0)
    none = DeliveryCounts(messaged=3)
    assert (none.delivered, none.read, none.failed, none.on_the_way, none.not_known) == (0, 0, 0, 0, 3)
    states = {state: 2**number for number, state in enumerate(ORDER)}
    counts = DeliveryCounts(messaged=1000, states=states)
    sent = states[DeliveryState.SENT]
    assert (counts.read, counts.delivered, counts.failed) == (128, 192, 32)
    assert counts.on_the_way in {sent, sent + states[DeliveryState.PROCESSING]}
    assert counts.not_known == 1000 - 192 - 32 - counts.on_the_way
