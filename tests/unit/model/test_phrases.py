"""Phrases: shown in the language at hand, stored without one."""

from __future__ import annotations

import json

import pytest

from batch.i18n import use_language
from batch.model.phrases import (
    Phrase,
    Value,
    fill,
    in_english,
    to_json,
    value_from_json,
    value_from_text,
    value_to_text,
)

NESTED = Phrase(
    "index of {component}", {"component": Phrase("card {card} {component}", {"card": 1200, "component": "A"})}
)
VALUES: list[Value] = ["", "a text", '["a"', '["a"]', "[1]", "{}", Phrase("a tab"), NESTED]


def test_figures_are_grouped_in_english_only_where_the_text_asks_for_it() -> None:
    """In Portuguese they always are."""
    assert fill("{n} {n:,} {x}", {"n": 1200, "x": 0.5}) == "1200 1,200 0.5"
    with use_language("pt_BR"):
        assert fill("{n} {n:,} {x}", {"n": 1200, "x": 0.5}) == "1.200 1.200 0,5"


def test_what_is_missing_shows_as_a_question_mark() -> None:
    """Or as what the caller names; a value is never taken for a text with places of its own."""
    assert fill("{a} {b:,}", {"a": "{b}"}) == "{b} ?"
    assert fill("{a} {b:,}", {}, missing="...") == "... ..."
    assert str(Phrase("a text of others with {braces}")) == "a text of others with {braces}"


def test_a_phrase_within_a_phrase_is_translated_too() -> None:
    """Machines read it in English, whatever the language."""
    with use_language("pt_BR"):
        assert str(NESTED) == "índice de cartão 1.200 A"
        assert in_english(NESTED) == "index of card 1200 A"


@pytest.mark.parametrize("value", [*VALUES, 7, 0.5])
def test_a_value_comes_back_from_json(value: Value) -> None:
    """Code and values, no sentence."""
    assert value_from_json(json.loads(json.dumps(value, default=to_json))) == value


@pytest.mark.parametrize("value", VALUES)
def test_a_value_comes_back_from_a_column_of_texts(value: Value) -> None:
    """A text that looks like a stored phrase is kept apart from one, and shows the same."""
    assert str(value_from_text(value_to_text(value))) == str(value)


@pytest.mark.parametrize("text", ["WhatsApp, run r1", '["', '["a", 1]', '["a", "b", "c"]'])
def test_a_text_of_an_older_ledger_is_shown_as_it_is(text: str) -> None:
    """It was stored as plain English."""
    assert str(value_from_text(text)) == text
