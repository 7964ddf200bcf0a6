"""The catalogues of translations are those of the code, whole, and say the same values."""

from __future__ import annotations

import ast
import importlib.util
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

import pytest
from babel.messages.catalog import Message

from batch.i18n import LANGUAGES, decimal, ngettext, number, parse_language, system_language, use_language

CATALOGUES = Path(__file__).parents[1] / "catalogues.py"


@pytest.fixture(scope="module")
def catalogues() -> ModuleType:
    spec = importlib.util.spec_from_file_location("catalogues", CATALOGUES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_catalogues_are_those_of_the_code(catalogues: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that was changed, added or taken out fails here: run python tests/catalogues.py."""
    monkeypatch.setattr(catalogues, "extracted", cache(catalogues.extracted))  # for both
    pot = catalogues.LOCALE / "wegly_batch.pot"
    po = catalogues.LOCALE / "pt_BR" / "LC_MESSAGES" / "wegly_batch.po"
    assert pot.read_bytes() == catalogues.as_po(catalogues.extracted())
    assert po.read_bytes() == catalogues.as_po(catalogues.merged())
    assert po.with_suffix(".mo").read_bytes() == catalogues.as_mo(catalogues.translated())


def test_every_text_is_translated(catalogues: ModuleType) -> None:
    """Nobody who reads Portuguese meets a sentence in English."""
    assert [each.id for each in catalogues.missing(catalogues.translated())] == []


OVERCLAIMS = re.compile(
    r"messages? (was|were) (not|never) read\b|(not|never) (been )?read by\b|was ignored"
    r"|(delivered|read|entregue|lida) (at|às|em) \{"
    r"|(person|phone) (has )?blocked|bloqueou você|não (leu|leram|foi lida)|ignoraram?\b",
    re.IGNORECASE,
)


def test_no_text_claims_more_than_a_look_can_show(catalogues: ModuleType) -> None:
    """That a message was not read, or when exactly it came, or who blocked the sender, is never known."""
    found = [text for message in catalogues.translated() for pair in _pairs(message) for text in pair]
    assert [text for text in found if OVERCLAIMS.search(text)] == []
    assert all(map(OVERCLAIMS.search, ("delivered at {when}", "lida às {when}", "Messages were not read", "Não leu")))


def _pairs(message: Message) -> Iterator[tuple[str, str]]:
    ids = message.id if isinstance(message.id, tuple) else (message.id,)
    strings = message.string if isinstance(message.string, tuple) else (message.string,)
    for said in strings:
        yield ids[-1], said


def test_a_translation_names_the_values_of_its_text(catalogues: ModuleType) -> None:
    """No translation loses a value, or names one that its text does not have."""

    def fields(text: str) -> set[str]:
        if named := re.findall(r"%\((\w+)\)s", text):  # out of a template, where braces are only text
            return set(named)
        try:
            return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
        except ValueError:
            return set()  # a text with a single brace, which nobody formats

    wrong = [
        (each.id, said)
        for each in catalogues.translated()
        if each.id
        for text, said in _pairs(each)
        if fields(text) != fields(said)
    ]
    assert wrong == []


def test_no_text_hides_where_it_is_not_found(catalogues: ModuleType) -> None:
    """Babel does not look into f-strings on every Python, nor into the arguments of another marked text."""
    marks = ("_", "N_", "ngettext")
    hidden = [
        (file.name, call.lineno)
        for file in catalogues.ROOT.joinpath("batch").rglob("*.py")
        for place in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(place, ast.JoinedStr) or _marks(place, marks)
        for call in ast.walk(place)
        if call is not place and _marks(call, marks) and isinstance(call.args[0], ast.Constant)
    ]
    assert hidden == []


def _marks(place: ast.AST, marks: tuple[str, ...]) -> TypeGuard[ast.Call]:
    return isinstance(place, ast.Call) and isinstance(place.func, ast.Name) and place.func.id in marks


@pytest.mark.parametrize(
    ("name", "language"),
    [("pt", "pt_BR"), ("pt-br", "pt_BR"), ("pt_BR.UTF-8", "pt_BR"), ("en_GB", "en"), ("C.UTF-8", "en"), ("fr", None)],
)
def test_a_language_is_known_by_its_usual_names(name: str, language: str | None) -> None:
    """People write pt, pt-br or what their system has."""
    assert parse_language(name) == language
    assert language in (*LANGUAGES, None)


def test_the_systems_language_is_that_of_its_first_variable() -> None:
    """LC_ALL wins over LANG, as everywhere; what is not spoken here is English."""
    assert system_language({"LANG": "pt_BR.UTF-8"}) == "pt_BR"
    assert system_language({"LC_ALL": "C", "LANG": "pt_BR.UTF-8"}) == "en"
    assert system_language({"LANG": "fr_FR.UTF-8"}) == "en"


def test_numbers_are_written_as_people_of_the_language_do() -> None:
    """1,234.5 in English is 1.234,5 in Brazil."""
    assert (number(1234), decimal(1234.56)) == ("1,234", "1,234.6")
    with use_language("pt_BR"):
        assert (number(1234), decimal(1234.56)) == ("1.234", "1.234,6")
        assert ngettext("{n} of it", "{n} of them", 2).format(n=number(2)) == "2 of them"
