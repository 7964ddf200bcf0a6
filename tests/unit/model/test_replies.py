"""Replies: what opts a person out by itself, what a person has to read, and which message answers ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from batch.formatting import quote_path
from batch.model.chat_history import TimelineMessage
from batch.model.replies import (
    OptOutWords,
    Reply,
    UndecidedReply,
    describe_undecided,
    find_opt_out,
    find_reply,
    join_replies,
)

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)
OURS = TimelineMessage(at=NOON, id="m-1", text="Oi, Ana")


def theirs(text: str = "Oi", seconds: float = 60, *, kind: str = "text", quoted: str | None = None) -> TimelineMessage:
    at = NOON + timedelta(seconds=seconds)
    return TimelineMessage(at=at, from_me=False, text=text, kind=kind, quoted=quoted)


def reply(*messages: TimelineMessage, words: OptOutWords | None = None) -> Reply | None:
    return find_reply([OURS, *messages], OURS, words)


@pytest.mark.parametrize(
    "text",
    [
        "SAIR",
        "sair.",
        " Pare! ",
        "Parar 🙏",
        "PÁRE",
        "*STOP*",
        "não quero  mais receber",
        "Baja",
        "Descadastrar",
        "S.A.I.R.",
    ],
)
def test_a_whole_reply_opts_out(text: str) -> None:
    """However it is written: capitals, accents, punctuation, emoji."""
    found = reply(theirs(text))
    assert found is not None
    assert (found.kind, found.undecided) == ("opt_out", False)


@pytest.mark.parametrize(
    "text", ["quero sair hoje às 5", "Não quero esse, quero o azul", "cancelar", "Pode parar de ligar?", "isso é spam"]
)
def test_a_word_in_a_sentence_is_for_a_person_to_decide(text: str) -> None:
    """It may be about something else: an appointment, a product."""
    found = reply(theirs(text))
    assert found is not None
    assert (found.kind, found.undecided) == ("text", True)


@pytest.mark.parametrize("text", ["Oi", "obrigada!", "sairemos às 5", "comparar preços", ""])
def test_other_texts_are_only_replies(text: str) -> None:
    """A word inside another word is none."""
    assert reply(theirs(text)) == Reply(at=NOON + timedelta(seconds=60), kind="text")


def test_a_button_opts_out_only_when_the_campaign_names_it() -> None:
    """`Cancelar` of an appointment opts nobody out, and `Sair` on a button may be an answer as well."""
    words = OptOutWords().and_also(["chega"], ["Não quero receber!"])
    kinds = [
        (found := reply(theirs(text, kind=kind), words=words)) and found.kind
        for text, kind in [
            ("Cancelar", "button"),
            ("Sair", "interactive"),
            ("NAO QUERO RECEBER", "button"),
            ("Chega!", "text"),
            ("foto", "image"),
        ]
    ]
    assert kinds == ["button:Cancelar", "button:Sair", "opt_out", "opt_out", "media"]


def test_only_what_comes_after_ours_and_before_the_next_is_its_reply() -> None:
    """Yesterday's message is none, nor one after the agent's own; one that quotes ours always is, and an opt-out."""
    agents = TimelineMessage(at=NOON + timedelta(seconds=100), by_agent=True)
    assert reply(theirs(seconds=-5)) is None
    assert reply(theirs("SAIR", seconds=0)) is None
    assert reply(agents, theirs("Oi", seconds=160)) is None
    assert reply(agents, theirs("Oi", seconds=100)) is None
    assert reply(agents, theirs("Oi", seconds=160, quoted="m-0")) is None
    left = reply(agents, theirs("Oi", seconds=60), theirs("SAIR", seconds=160))
    assert left is not None
    assert left.opts_out
    found = reply(agents, theirs("Oi", seconds=160, quoted="m-1"))
    assert found is not None
    assert found.tied


def test_the_first_message_is_the_reply_and_an_opt_out_behind_it_still_counts() -> None:
    """A reply counts for a week; an opt-out whenever it comes."""
    week = timedelta(days=7).total_seconds()
    assert reply(theirs(seconds=week + 1)) is None
    assert reply(theirs(seconds=week)) is not None
    first = reply(theirs("Quem é?", seconds=5), theirs("para sair, como faço", seconds=9))
    assert first == Reply(at=NOON + timedelta(seconds=5), kind="text", undecided=True)
    late = reply(theirs("Quem é?", seconds=5), theirs("Sair", seconds=week * 2))
    assert late is not None
    assert late.opts_out


def test_the_label_of_a_button_is_kept_as_far_as_a_report_shows_it() -> None:
    """Forty signs, without the blanks around it."""
    found = reply(theirs(f"  {'a' * 41} ", kind="button"))
    assert found == Reply(at=NOON + timedelta(seconds=60), kind=f"button:{'a' * 40}")


def test_the_last_opt_out_is_the_persons_own() -> None:
    """Behind ours; neither an earlier one, nor what an agent wrote in the same words."""
    agents = replace(theirs("PARAR", seconds=90), from_me=True)
    written = [theirs("PARAR", seconds=-60), OURS, theirs("Oi"), agents]
    assert find_opt_out(written, OURS) is None
    again = theirs("Pare!", seconds=70)
    assert find_opt_out([again, *written, theirs("PARAR", seconds=50)], OURS) == again.at


def test_who_is_masked_has_no_command() -> None:
    """Such a command could not be typed; the person is counted all the same."""
    reply = UndecidedReply(person="+5511988887001", run="r1", timezone="America/Sao_Paulo", at=NOON)
    sentence, commands = describe_undecided([reply, replace(reply, person="+55*******01")], "https://api.example", "")
    assert sentence.startswith("2 replies have a word of opt-out")
    assert commands == [('wegly-batch suppress add "+55 11 98888-7001"', "wrote on 03/11/2026 09:00")]


def test_the_command_of_a_rehearsal_silences_its_address_alone() -> None:
    """In the rehearsal's own ledger; with the bare command the person would be on the user's list, everywhere."""
    reply = UndecidedReply(person="+5511988887001", run="r1", timezone="America/Sao_Paulo", at=NOON)
    ((command, _when),) = describe_undecided([reply], "http://127.0.0.1:8080", "sqlite:////data/a b/l.sqlite3")[1]
    bare = 'wegly-batch suppress add "+55 11 98888-7001" --only-at http://127.0.0.1:8080 --ledger '
    assert command == bare + quote_path("sqlite:////data/a b/l.sqlite3")


def test_two_looks_know_of_a_reply_what_either_has_shown() -> None:
    """A text that a person has to read stays one, until an opt-out makes the decision needless."""
    plain, later = Reply(at=NOON, kind="text"), Reply(at=NOON + timedelta(seconds=1), kind="text", undecided=True)
    left = Reply(at=NOON + timedelta(seconds=2), kind="opt_out", tied=True)
    assert join_replies(None, None) is None
    assert join_replies(plain, None) == join_replies(None, plain) == plain
    assert join_replies(later, plain) == replace(plain, undecided=True)
    assert join_replies(plain, replace(plain, tied=True)) == replace(plain, tied=True)
    assert join_replies(later, left) == join_replies(left, later) == left
