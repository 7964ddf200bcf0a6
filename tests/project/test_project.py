"""The project's own files keep the promises that its pages make."""

import ast
import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import batch

ROOT = Path(__file__).parents[2]
NOT_OURS = {"build", "dist", "reports"}
MODULES = sorted(module.name for module in pkgutil.walk_packages(batch.__path__, "batch."))


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


@pytest.fixture(scope="module")
def constraints() -> list[str]:
    return (ROOT / "constraints.txt").read_text("utf-8").splitlines()


def _tree() -> Iterator[Path]:
    """Every file of the project, without what git ignores."""
    for path in sorted(ROOT.rglob("*")):
        folders = path.relative_to(ROOT).parts[:-1]
        if path.is_file() and not any(_ignored(folder) for folder in folders):
            yield path


def _ignored(folder: str) -> bool:
    return folder in NOT_OURS or folder == "__pycache__" or (folder.startswith(".") and folder != ".ci")


def _requirements(project: dict[str, Any]) -> list[Requirement]:
    extras = project["optional-dependencies"].values()
    return [Requirement(line) for line in [*project["dependencies"], *(line for extra in extras for line in extra)]]


def test_the_public_names_are_there_and_sorted() -> None:
    """`__all__` of the package is what a program may use: constants, classes, functions, each by the alphabet."""
    assert batch.__all__ == sorted(batch.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert [name for name in batch.__all__ if not hasattr(batch, name)] == []


def test_every_module_names_what_it_gives() -> None:
    """`__all__`, where there is one, is true and without repeats (ruff sorts it)."""
    for name in MODULES:
        if name != "batch.__main__":
            module = importlib.import_module(name)
            names = getattr(module, "__all__", [])
            assert len(names) == len(set(names)), name
            assert [given for given in names if not hasattr(module, given)] == [], name


def test_the_version_is_one() -> None:
    """The package says the version that its distribution has, and the changelog knows it."""
    assert re.fullmatch(r"\d+\.\d+\.\d+", batch.__version__)
    assert f"## [{batch.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_command_is_declared(project: dict[str, Any]) -> None:
    """`wegly-batch` starts the function that `python -m batch` starts."""
    module, function = project["scripts"]["wegly-batch"].split(":")
    main = ast.parse((ROOT / "batch" / "__main__.py").read_text("utf-8"))
    imported = [node for node in main.body if isinstance(node, ast.ImportFrom)]
    assert [(node.module, node.names[0].name) for node in imported] == [(module, function)]


def test_every_dependency_has_an_exact_version(project: dict[str, Any], constraints: list[str]) -> None:
    """What CI used can be installed again: each dependency is in constraints.txt, within its own bounds."""
    exact = {
        requirement.name: str(requirement.specifier).removeprefix("==") for requirement in map(Requirement, constraints)
    }
    for requirement in _requirements(project):
        assert canonicalize_name(requirement.name) in exact, requirement.name
        assert requirement.specifier.contains(exact[canonicalize_name(requirement.name)]), str(requirement)


def test_every_dependency_has_a_lower_bound(project: dict[str, Any]) -> None:
    """And no upper one, since a bound says what was tested, not what was feared; but for those that are known to break.

    The pre-releases of httpx 1.0 export none of the names that are used here; of xlrd inner classes are used; the
    tables of Procrastinate are made by one version and changed by the next.
    """
    for requirement in _requirements(project):
        bounds = {"<", ">="} if requirement.name in {"httpx", "procrastinate", "xlrd"} else {">="}
        assert {specifier.operator for specifier in requirement.specifier} == bounds, str(requirement)


def test_the_dependencies_are_sorted(project: dict[str, Any], constraints: list[str]) -> None:
    """So that a change is one line in the diff."""
    names = [requirement.name for requirement in _requirements({**project, "optional-dependencies": {}})]
    assert names == sorted(names)
    pinned = [Requirement(line).name for line in constraints]
    assert pinned == sorted(pinned)


def test_the_constraints_are_names_and_versions_only(constraints: list[str]) -> None:
    """No addresses, no options, no hashes: they hold wherever the packages come from."""
    form = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*==[0-9][0-9a-z.]*(?:; sys_platform == 'win32')?")
    assert [line for line in constraints if not form.fullmatch(line)] == []


def test_every_dependency_has_its_reason(project: dict[str, Any]) -> None:
    """The page says of each what it does for us, and names no other as ours."""
    chapter = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    given = set(re.findall(r"^\| `([a-z0-9-]+)` \|", chapter, re.MULTILINE))
    assert given == {requirement.name for requirement in _requirements(project)} | {"hatchling"}


def test_every_module_says_what_it_is_for() -> None:
    """A module begins with a sentence."""
    modules = ROOT.glob("batch/**/*.py")
    assert [path for path in modules if not ast.get_docstring(ast.parse(path.read_text("utf-8")))] == []


def test_no_file_names_a_folder_of_a_person_or_machine() -> None:
    """Nothing here depends on whose computer it was written on."""
    personal = re.compile(rb"(?<![\w.~%}])/(?:home|root|Users)/|[A-Za-z]:\\Users\\", re.ASCII)
    named = [
        str(path.relative_to(ROOT))
        for path in _tree()
        if path.name != Path(__file__).name and personal.search(path.read_bytes())
    ]
    assert named == []


def test_no_part_of_the_code_sits_in_a_drawer_for_everything() -> None:
    """A module is named after its work."""
    assert [name for name in MODULES if re.search(r"\b(utils?|helpers?|misc|common)$", name)] == []
