"""No text of a cell, a file or an answer takes more than linear time: every pattern, and the rules around them."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import batch
from batch.campaign.template import body_problem
from batch.loader.filters.money import brl
from batch.loader.filters.registry import FILTERS, compile_filter
from batch.loader.header_detection import Header, find_header, name_columns
from batch.loader.header_names import is_known_header
from batch.loader.source import RawRow
from batch.model.csv_injection import guard, unguard
from batch.model.phone.cells import read_phone
from batch.model.sheets import parse_ranges
from batch.ooxml.xml import SafeParser, UnsupportedMarkup, XmlError, simplify_xml

_SIZES = (500, 2_000, 8_000)
_QUICK = 0.005
"""Seconds of CPU that are no matter: below them is noise. The square of 8,000 takes six times as long."""
_MOST_GROWTH = 10
"""Times the CPU time for four times the text: 4 when linear, 16 when square, 64 when cubic."""

_REPEATED = (
    *("a", "1", " ", "\t", "\n", "\r", "-", "*", "%", "#", "<", "(", "[", "{", "}", '"', "'", ".", ",", ";", "\0", "º"),
    *("- ", "a ", "1 ", "1.", "@.", "a@", "{{", "{{ ", "{{1", "<a ", "<!--", "<?", "<![CDATA[", "<title>", "<script>"),
    *("&#1", '""', "R$", "_x", "xx", "(a", "[a", "\\", ' a="b"', "<a 'b", "</a ", "t =", "1-", "1,", "..", "<si><t>"),
)
_STARTS = (
    "-",
    "{{",
    "{{a",
    "(",
    "+1 ",
    "<a ",
    "charset",
    "0",
    "R$",
    "a",
    "tel:",
    "t",
    "1",
    "[",
    ' r="',
    "<?xml",
    "webhook",
)
_BLANKS = (" ", "1", "*", "a")


def _texts(size: int) -> Iterator[str]:
    for repeated in _REPEATED:
        yield repeated * (size // len(repeated)) + "\x1f!"
    for start in _STARTS:
        for blank in _BLANKS:
            yield start + blank * size + "!"


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _grows_too_fast(work: Callable[[int], object], sizes: Iterable[int] = _SIZES) -> bool:
    """Measure again what seems slow, because another process may have been in the way."""
    before = 0.0
    for size in sizes:
        seconds = _seconds(lambda size=size: work(size))  # type: ignore[misc]
        if seconds > max(_QUICK, _MOST_GROWTH * before):
            seconds = min(_seconds(lambda size=size: work(size)) for _ in range(3))  # type: ignore[misc]
            if seconds > max(_QUICK, _MOST_GROWTH * before):
                return True
        before = max(seconds, _QUICK / _MOST_GROWTH)
    return False


def _find_patterns() -> Iterator[tuple[str, re.Pattern[Any], set[str]]]:
    """Yield every pattern of the package's modules, and of calls such as `re.sub`: its place, and how it is used."""
    used = _methods_by_name()
    for module in pkgutil.walk_packages(batch.__path__, "batch."):
        if module.name.endswith("__main__"):
            continue
        loaded = importlib.import_module(module.name)
        for name, value in vars(loaded).items():
            several = value if isinstance(value, tuple) else (value,)
            for each in several:
                if isinstance(each, re.Pattern):
                    yield f"{module.name}.{name}", each, used.get(name, set(_USES))
        for node in ast.walk(ast.parse(Path(cast("str", loaded.__file__)).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                text = node.args[0]
                if (
                    ast.unparse(node.func.value) == "re"
                    and isinstance(text, ast.Constant)
                    and node.func.attr != "compile"
                ):
                    method = node.func.attr if node.func.attr in _USES else "search"
                    yield f"{module.name}:{node.lineno}", re.compile(text.value), {method}


def _methods_by_name() -> dict[str, set[str]]:
    """Return how patterns are used: `_AMOUNT` -> {"fullmatch"}."""
    used: dict[str, set[str]] = {}
    for path in Path(batch.__path__[0]).rglob("*.py"):
        calls = re.finditer(r"(\w+)\.(fullmatch|match|search|sub|split|findall|finditer)\b", path.read_text("utf-8"))
        for call in calls:
            used.setdefault(call[1], set()).add(call[2] if call[2] in _USES else "search")
    return used


_USES: dict[str, Callable[[re.Pattern[Any], Any], object]] = {
    "match": lambda pattern, text: pattern.match(text),
    "fullmatch": lambda pattern, text: pattern.fullmatch(text),
    "search": lambda pattern, text: sum(1 for _ in pattern.finditer(text)),
}


def test_every_pattern_takes_linear_time() -> None:
    """Blanks, signs, digits and openings without an end, many times; as the code uses the pattern."""
    texts = {size: list(_texts(size)) for size in _SIZES}
    raw = {size: [text.encode() for text in each] for size, each in texts.items()}
    patterns = list(_find_patterns())
    assert len(patterns) > 100
    slow = []
    for place, pattern, methods in patterns:
        given: dict[int, list[Any]] = raw if isinstance(pattern.pattern, bytes) else texts  # type: ignore[assignment]
        for method in methods:
            use = _USES[method]
            slow += [
                f"{place} {method} {example[:12]!r}"
                for number, example in enumerate(given[_SIZES[0]])
                if _grows_too_fast(lambda size, number=number: use(pattern, given[size][number]))  # type: ignore[misc]  # noqa: B023
            ][:1]
    assert not slow


_RULES: dict[str, Callable[[str], object]] = {
    "brl": brl,
    "phone": read_phone,
    "guard": lambda text: unguard(guard(text)),
    "body": body_problem,
    "header": lambda text: find_header([RawRow(1, [text[:1000]] * 3), RawRow(2, [text] * 3)]),
    "known header": is_known_header,
    **{name: compile_filter(name if name not in {"default", "date"} else f"{name}:dd/mm/yyyy") for name in FILTERS},
}


@pytest.mark.parametrize("name", _RULES)
def test_every_rule_for_a_text_takes_linear_time(name: str) -> None:
    """The functions around the patterns, too."""
    texts = {size: list(_texts(size)) for size in _SIZES}
    for number, example in enumerate(texts[500]):
        assert not _grows_too_fast(lambda size, number=number: _RULES[name](texts[size][number])), example[:12]  # type: ignore[misc]


def test_rows_in_a_campaign_take_linear_time() -> None:
    """Blanks without a comma."""

    def parse(size: int) -> None:
        with pytest.raises(ValueError, match="no row number"):
            parse_ranges("1" + " " * size + "x")

    assert not _grows_too_fast(parse)


def test_columns_of_one_name_take_linear_time() -> None:
    """A sheet of Excel's width."""
    header = Header(number=1, names=("Nome",) * 16_384)
    assert _seconds(lambda: name_columns(header, ())) < 1


@pytest.mark.parametrize("repeated", [b"<?", b"<!--", b"<![CDATA[", b"]]", b"--", b"x"])
@pytest.mark.parametrize("opening", [b"<![CDATA[", b"<!--", b"<?"])
def test_a_long_section_takes_linear_time(opening: bytes, repeated: bytes) -> None:
    """Whatever its text begins, and in small pieces."""
    closing = {b"<![CDATA[": b"]]>", b"<!--": b"-->", b"<?": b"?>"}[opening]
    text = opening + repeated * (1_000_000 // len(repeated)) + closing
    xml = b"<a>" + text + b"</a>"
    pieces = [xml[at : at + 640] for at in range(0, len(xml), 640)]
    assert _seconds(lambda: sum(map(len, simplify_xml(pieces)))) < 1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_sections_become_text_wherever_the_pieces_are_cut(size: int) -> None:
    """Comments and instructions go, also those that look begun or ended within one another."""
    xml = "<?xml version='1.0'?><a><!-- <![CDATA[ --><![CDATA[x<?y ]] & <!-- ã]]>z<?p ?>-->]&gt;<!--> --></a>".encode()
    pieces = [xml[at : at + size] for at in range(0, len(xml), size)]
    assert b"".join(simplify_xml(pieces)).decode() == "<a>x&lt;?y ]] &amp; &lt;!-- ãz-->]&gt;</a>"


@pytest.mark.parametrize("xml", [b"<a><!-- x</a>", b"<a><![CDATA[x</a>", b"<a/><", b"<!DOCTYPE a><a/>", b"<a/><!-"])
def test_sections_without_an_end_are_refused(xml: bytes) -> None:
    """As document types are."""
    with pytest.raises(UnsupportedMarkup):
        b"".join(simplify_xml([xml]))


@pytest.mark.parametrize("piece", [640, 65_536])
def test_a_giant_attribute_is_given_up(piece: int) -> None:
    """Expat before 2.6 reads it from its start with every piece."""
    xml = b'<a b="' + b"x" * 15_000_000 + b'"/>'
    parser = SafeParser(start=lambda _name, _attributes: None)

    def feed() -> None:
        for at in range(0, len(xml), piece):
            parser.feed(xml[at : at + piece])

    began = time.process_time()
    with pytest.raises(XmlError, match="too large"):
        feed()
    assert time.process_time() - began < 3


def test_many_large_attributes_are_given_up() -> None:
    """Each is below what one may have."""
    one = b'<a b="' + b"x" * 900_000 + b'"/>'
    parser = SafeParser(start=lambda _name, _attributes: None)

    def feed() -> None:
        parser.feed(b"<r>")
        for _ in range(20):
            for at in range(0, len(one), 640):
                parser.feed(one[at : at + 640])

    began = time.process_time()
    with pytest.raises(XmlError, match="too large"):
        feed()
    assert time.process_time() - began < 3


def test_a_long_text_is_no_giant_tag() -> None:
    """Nor is a large attribute in one whole part."""
    pieces: list[str] = []
    parser = SafeParser(start=lambda _name, _attributes: None, text=pieces.append)
    parser.feed(b"<a>")
    for _ in range(5_000):
        parser.feed(b"x" * 640)
    parser.feed(b"</a>", last=True)
    assert len("".join(pieces)) == 3_200_000
