"""No text that a person reads is left unmarked: what goes into an error goes through `_` first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch import errors

BATCH = Path(errors.__file__).parent
ENGLISH = {"sandbox"}
"""What speaks to developers."""
PACKAGES = sorted(each.name for each in BATCH.iterdir() if (each / "__init__.py").exists() and each.name not in ENGLISH)
ERRORS = frozenset(
    name
    for name in vars(errors)
    if isinstance(getattr(errors, name), type) and issubclass(getattr(errors, name), Exception)
)
SAID = ERRORS | {"BadParameter", "CannotKeep", "Problem", "UsageError", "damage", "excess", "refusal"}
"""Whose arguments are sentences for people."""
MARKS = {"_", "ngettext", "N_"}


def texts(call: ast.Call) -> Iterator[ast.expr]:
    """The sentences of a call: its problem and its remedy."""
    yield from call.args[:2]
    yield from (each.value for each in call.keywords if each.arg in {"problem", "remedy", "text"})


def unmarked(node: ast.expr) -> bool:
    """Whether words stand in an expression that no mark is around; a marked table's entry must be said (`_(ENTRY)`)."""
    match node:
        case ast.Constant(value=str(words)):
            return any(map(str.isalpha, words))
        case ast.Name(id=name):
            return name.strip("_").isupper()
    return any(map(unmarked, _parts(node)))


def _parts(node: ast.expr) -> list[ast.expr]:
    """What an expression takes its words from; nothing for what is marked, or made elsewhere."""
    match node:
        case ast.JoinedStr(values=parts):
            return [part for part in parts if isinstance(part, ast.Constant)]
        case ast.BinOp(left=one, right=other) | ast.IfExp(body=one, orelse=other):
            return [one, other]
        case ast.BoolOp(values=parts) | ast.Tuple(elts=parts) | ast.List(elts=parts):
            return parts
        case ast.Starred(value=inside) | ast.Call(func=ast.Attribute(value=inside, attr="format")):
            return [inside]
        case ast.Call(func=ast.Attribute(value=ast.Constant(), attr="join"), args=parts):
            return parts
    return []


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _found(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and _called(node) in SAID:
            yield from (f"{file.name}:{each.lineno} {ast.unparse(each)}" for each in texts(node) if unmarked(each))


@pytest.mark.parametrize("package", PACKAGES)
def test_what_an_error_says_is_marked(package: str) -> None:
    """Each sentence of an error, and each remedy, can be said in Portuguese."""
    assert [found for file in sorted((BATCH / package).rglob("*.py")) for found in _found(file)] == []


def _formats_inside(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and _called(node) in MARKS and isinstance(node.func, ast.Name):
            dynamic = [each for each in node.args if isinstance(each, ast.JoinedStr)]
            dynamic += [each.func for each in node.args if isinstance(each, ast.Call) and _called(each) == "format"]
            yield from (f"{file.name}:{each.lineno} {ast.unparse(node)}" for each in dynamic)


@pytest.mark.parametrize("package", PACKAGES)
def test_values_are_put_in_after_the_translation(package: str) -> None:
    """A text with its values inside is in no catalogue."""
    assert [found for file in sorted((BATCH / package).rglob("*.py")) for found in _formats_inside(file)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        'SheetError("It is empty.")',
        'SheetError(f"{name} is empty.", _("Fill it."))',
        'SheetError("{name} is empty.".format(name=name))',
        'source.refusal(_("is empty."), GIVE)',
        'SheetError(_("It is empty."), remedy or "Fill it.")',
        'Problem(text="it " + what)',
    ],
)
def test_the_check_finds_what_is_unmarked(wrong: str) -> None:
    """It would see each way of leaving a text out."""
    call = ast.parse(wrong, mode="eval").body
    assert isinstance(call, ast.Call)
    assert _called(call) in SAID
    assert any(map(unmarked, texts(call)))
