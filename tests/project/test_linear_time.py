"""No text of a cell, a file or an answer takes more than linear time: every pattern, and the rules around them."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

import batch
from batch.campaign.template import body_problem
from batch.chats.token import Token
from batch.loader.filters.money import brl
from batch.loader.filters.registry import FILTERS, compile_filter
from batch.loader.formats.delimited import split_records
from batch.loader.formats.xlsx_cells import _row_pattern
from batch.loader.header_detection import Header, find_header, name_columns
from batch.loader.header_names import is_known_header
from batch.loader.open import choose_delimiter
from batch.loader.source import RawRow
from batch.model.csv_injection import guard, unguard
from batch.model.phone.cells import read_phone
from batch.model.sheets import parse_ranges
from batch.ooxml.xml import SafeParser, UnsupportedMarkup, XmlError, simplify_xml
from batch.reporter.xlsx.sheet_rows import Patterns, SheetXml
from batch.reporter.xlsx.sheet_splice import _match_first_cell

_FOLDER = Path(batch.__path__[0])
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


def _grows_too_fast(work: Callable[[int], object]) -> bool:
    """Measure again what seems slow, because another process may have been in the way."""
    if _seconds(lambda: work(_SIZES[-1])) <= _QUICK:  # then no shorter one matters
        return False
    before = 0.0
    for size in _SIZES:
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
            for each in _patterns_in(value):
                yield f"{module.name}.{name}", each, used.get(name, set(_USES))
        for place, call in _calls(Path(cast("str", loaded.__file__))):
            method, text = cast("ast.Attribute", call.func).attr, call.args[0]
            if isinstance(text, ast.Constant) and method != "compile":
                yield f"{place}:{call.lineno}", re.compile(text.value), {method if method in _USES else "search"}
    for place, make in _MADE.items():
        for name, value in make().items():
            for each in _patterns_in(value):
                yield f"{place}.{name}", each, used.get(name, set(_USES))


def _patterns_in(value: object) -> Iterator[re.Pattern[Any]]:
    """Yield a pattern, or those of a collection."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _patterns_in(each)


def _calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Yield the calls of functions of `re` in a file, each with its place: module and function."""

    def visit(node: ast.AST, place: str) -> Iterator[tuple[str, ast.Call]]:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                place = f"{place}.{name}"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=attribute)) if attribute != "escape":
                yield place, node
        for child in ast.iter_child_nodes(node):
            yield from visit(child, place)

    text = path.read_text(encoding="utf-8")
    if "re." in text:
        yield from visit(ast.parse(text), _name_of(path))


def _name_of(path: Path) -> str:
    parts = path.relative_to(_FOLDER.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


_MADE: dict[str, Callable[[], Mapping[str, object]]] = {
    "batch.chats.request._BodyTemplate.__init__": lambda: {"search": re.compile('("0a1b"|"2c3d")')},
    "batch.chats.token.Token.__init__": lambda: {"_hidden": Token(".".join(["a" * 60] * 3))._hidden},
    "batch.loader.formats.delimited.split_records": lambda: {"match": re.compile("[^;]*")},
    "batch.loader.formats.xlsx_cells._row_pattern": lambda: {"search": _row_pattern(["A", "B", "Z", "AA"])},
    "batch.reporter.xlsx.sheet_rows.Patterns.__init__": lambda: vars(Patterns(b"x:")),
    "batch.reporter.xlsx.sheet_rows.SheetXml.__init__": lambda: vars(
        SheetXml([b"<worksheet><sheetData/></worksheet>"])
    ),
    "batch.reporter.xlsx.sheet_splice._match_first_cell": lambda: {"search": _match_first_cell(b"x:", [7, 8, 9])},
}
"""Patterns that a function makes from what it is given, by its place: each by the name it is used by."""


def test_no_pattern_repeats_a_group_possessively() -> None:
    """Python before 3.11.5 matches such a group wrongly where it can go back (gh-106052)."""
    found = [name for name, pattern, _ in _find_patterns() if re.search(r"\)[*+?}]\+", str(pattern.pattern))]
    assert found == []


def test_every_pattern_that_a_function_makes_is_listed() -> None:
    """So that none meets foreign text unmeasured."""
    made = {
        place
        for path in _FOLDER.rglob("*.py")
        for place, call in _calls(path)
        if place != _name_of(path)
        and (not isinstance(call.args[0], ast.Constant) or cast("ast.Attribute", call.func).attr == "compile")
    }
    assert made == set(_MADE)


def _methods_by_name() -> dict[str, set[str]]:
    """Return how patterns are used: `_AMOUNT` -> {"fullmatch"}."""
    used = {name: {method} for name, method in _USED_AS.items()}
    for path in _FOLDER.rglob("*.py"):
        calls = re.finditer(r"(\w+)\.(fullmatch|match|search|sub|split|findall|finditer)\b", path.read_text("utf-8"))
        for call in calls:
            used.setdefault(call[1], set()).add(call[2] if call[2] in _USES else "search")
    return used


_USED_AS = {"_MARKS": "match", "_TO_CLOSING": "match", "_QUOTED_LINES": "fullmatch"}
"""How patterns are used that a call does not name."""
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
    "record": lambda text: list(split_records([text + "\n"], ";", width=2)),
    "quoted record": lambda text: list(split_records([f'"{text};' + "\n"] * 2, ";", width=2)),
    "delimiter": lambda text: choose_delimiter([text + "\n"] * 3),
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
