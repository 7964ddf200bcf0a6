"""Defects that can be put into a module: each changes one place of its syntax tree."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

_ORDERS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_SQL = {"and_": "or_", "or_": "and_", "is_": "is_not", "is_not": "is_"}
_MEMBERS = frozenset({"Fault", "Outcome", "Reason", "State", "StopCause", "Treatment"})
"""Enumerations whose members are exchanged for the next one that the module names."""
_CONDITIONS = frozenset({"where", "and_", "or_", "having"})
_DELETED = (ast.Assign, ast.AugAssign, ast.Expr, ast.For, ast.If, ast.Raise, ast.Return, ast.With)


@dataclass(frozen=True, kw_only=True)
class Defect:
    """One change of a module."""

    module: str
    """Its path from the project's folder, with slashes."""
    line: int
    lines: range | None
    """Of the statement that is changed; None where tests depend on it that do not run it: at a module's or a class's
    own level, and in a function whose results are kept."""
    name: str
    """`function: before => after`, with ` #2` where the function has it before: stays when other lines move."""
    position: int
    """Of the changed node, as `ast.walk` counts them."""
    change: Change

    def break_source(self, source: str) -> str:
        """Return the module's text with the defect."""
        tree = ast.parse(source)
        self.change(next(islice(ast.walk(tree), self.position, None)))
        return ast.unparse(tree) + "\n"


def find_defects(root: Path, module: str) -> list[Defect]:
    """Return every defect of a module, in the order of its lines."""
    tree = ast.parse((root / module).read_text(encoding="utf-8"))
    around = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    members = _named_members(tree)
    found: list[Defect] = []
    seen: Counter[str] = Counter()
    for position, node in enumerate(ast.walk(tree)):
        path = _path(node, around)
        if _is_form(path):
            continue
        place = ".".join(each.name for each in path if isinstance(each, _NAMED)) or _assigned(path) or "module"
        for change in _changes(node, members):
            before, after = change(deepcopy(node))
            name = f"{place}: {before} => {after}"
            seen[name] += 1
            if seen[name] > 1:
                name += f" #{seen[name]}"
            line = max(getattr(each, "lineno", 0) for each in path)
            found.append(
                Defect(module=module, line=line, lines=_lines(path), name=name, position=position, change=change)
            )
    return sorted(found, key=lambda each: (each.line, each.name))


_NAMED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _path(node: ast.AST, around: Mapping[ast.AST, ast.AST]) -> list[ast.AST]:
    """Return the nodes around one, from the module down to itself."""
    path = [node]
    while path[-1] in around:
        path.append(around[path[-1]])
    return path[::-1]


def _lines(path: Sequence[ast.AST]) -> range | None:
    functions = [each for each in path if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef))]
    if not functions or any("cache" in ast.unparse(each) for each in functions[0].decorator_list):
        return None
    statement = next(each for each in reversed(path) if isinstance(each, ast.stmt))
    return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)


def _assigned(path: Sequence[ast.AST]) -> str:
    """Return the name of the constant that a node of the module's own level belongs to; empty for none."""
    target = next((each.targets[0] for each in path if isinstance(each, ast.Assign)), None)
    return ast.unparse(target) if target is not None else ""


def _is_form(path: Sequence[ast.AST]) -> bool:
    """Return True inside of a decorator's options and of the log's events, which are no rule."""
    decorators = {id(each) for node in path if isinstance(node, _NAMED) for each in node.decorator_list}
    return any(id(each) in decorators or _is_log(each) for each in path)


def _is_log(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith("log.")


Change = Callable[[ast.AST], tuple[str, str]]
"""Changes a node of a copy; returns how the place read before and after."""


def _changes(node: ast.AST, members: Mapping[str, Sequence[str]]) -> Iterator[Change]:
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for other in _ORDERS[type(operator)]:
                yield _compare(index, other)
    elif isinstance(node, ast.BoolOp):
        yield _set("op", ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)):
        yield _drop_operator
    elif isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
        yield _set("op", ast.Sub() if isinstance(node.op, ast.Add) else ast.Add())
    yield from _of_values(node, members)
    yield from _of_conditions(node)
    yield from _of_statements(node)


def _of_values(node: ast.AST, members: Mapping[str, Sequence[str]]) -> Iterator[Change]:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield _set("value", not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield _set("value", node.value + 1)
        yield _set("value", node.value - 1)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        names = members.get(node.value.id, ())
        if len(names) > 1:
            yield _set("attr", names[(names.index(node.attr) + 1) % len(names)])
    elif isinstance(node, ast.Dict) and len(node.keys) > 1:
        for index in range(len(node.keys)):
            yield _drop_entry(index)


def _of_conditions(node: ast.AST) -> Iterator[Change]:
    """Yield what SQLAlchemy's conditions can lose, and how they can be turned round."""
    if isinstance(node, ast.Call):
        name = _called(node)
        if name in _SQL:
            yield _rename
        if name in _CONDITIONS and len(node.args) > 1:
            for index in range(len(node.args)):
                yield _drop("args", index)
    elif isinstance(node, (ast.Tuple, ast.List)) and any(isinstance(each, ast.Compare) for each in node.elts):
        for index in range(len(node.elts)):
            yield _drop("elts", index)


def _of_statements(node: ast.AST) -> Iterator[Change]:
    # What a class or a module defines is not left out: it would not even load.
    if isinstance(node, (ast.Module, ast.ClassDef, ast.Lambda, ast.IfExp)):
        return
    for field in ("body", "orelse", "finalbody"):
        for index, statement in enumerate(getattr(node, field, ())):
            if isinstance(statement, _DELETED) and not (
                _is_text(statement) or _is_log(statement) or _is_end(node, statement)
            ):
                yield _delete(field, index)


def _is_end(node: ast.AST, statement: ast.stmt) -> bool:
    """Return True for the `return None` with which a function ends, and would end without it."""
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or statement is not node.body[-1]:
        return False
    value = statement.value if isinstance(statement, ast.Return) else statement
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


def _set(field: str, value: object) -> Change:
    def change(node: ast.AST) -> tuple[str, str]:
        before = ast.unparse(node)
        setattr(node, field, value)
        return _short(before, ast.unparse(node))

    return change


def _compare(index: int, other: type[ast.cmpop]) -> Change:
    def change(node: ast.AST) -> tuple[str, str]:
        before = ast.unparse(node)
        node.ops[index] = other()  # type: ignore[attr-defined]
        return _short(before, ast.unparse(node))

    return change


def _drop_operator(node: ast.AST) -> tuple[str, str]:
    before = ast.unparse(node)
    operand = node.operand  # type: ignore[attr-defined]
    node.__class__, node.__dict__ = operand.__class__, operand.__dict__  # type: ignore[assignment]
    return _short(before, ast.unparse(node))


def _drop(field: str, index: int) -> Change:
    def change(node: ast.AST) -> tuple[str, str]:
        before = ast.unparse(node)
        dropped = getattr(node, field).pop(index)
        return _short(f"{ast.unparse(dropped)} in {before}", "left out")

    return change


def _drop_entry(index: int) -> Change:
    def change(node: ast.AST) -> tuple[str, str]:
        before = ast.unparse(node)
        key, value = node.keys.pop(index), node.values.pop(index)  # type: ignore[attr-defined]
        entry = f"{ast.unparse(key)}: {ast.unparse(value)}" if key else f"**{ast.unparse(value)}"
        return _short(f"{entry} in {before}", "left out")

    return change


def _rename(node: ast.AST) -> tuple[str, str]:
    before = ast.unparse(node)
    field = "id" if isinstance(node.func, ast.Name) else "attr"  # type: ignore[attr-defined]
    setattr(node.func, field, _SQL[getattr(node.func, field)])  # type: ignore[attr-defined]
    return _short(before, ast.unparse(node))


def _delete(field: str, index: int) -> Change:
    def change(node: ast.AST) -> tuple[str, str]:
        body = getattr(node, field)
        before = ast.unparse(body[index])
        body[index] = ast.Pass()
        return _short(before, "deleted")

    return change


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _named_members(tree: ast.Module) -> dict[str, list[str]]:
    found = defaultdict[str, set[str]](set)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in _MEMBERS:
            found[node.value.id].add(node.attr)
    return {name: sorted(attributes) for name, attributes in found.items()}


def _short(before: str, after: str) -> tuple[str, str]:
    """Return both in one line each, at most 90 characters."""
    first, second = " ".join(before.split()), " ".join(after.split())
    same = 0
    while same < min(len(first), len(second)) and first[same] == second[same]:
        same += 1
    start = max(0, same - 40) if max(len(first), len(second)) > 90 else 0
    return _cut(first, start), _cut(second, start)


def _cut(text: str, start: int) -> str:
    cut = text[start : start + 90]
    return ("…" if start else "") + cut + ("…" if start + 90 < len(text) else "")
