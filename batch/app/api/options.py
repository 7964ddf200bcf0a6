"""Options of the Python API: their types, and how they are read."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict, TypeVar

from batch.app.inputs.campaign_sheet import Choices
from batch.app.inputs.plan_file import read_plan
from batch.app.settings import Settings, parse_rate, read_token
from batch.chats import Token
from batch.errors import SettingsError
from batch.i18n import _, parse_language
from batch.model.sheets import openable_path, parse_encoding, parse_ranges

T = TypeVar("T")
PathLike = str | os.PathLike[str]


class LedgerOptions(TypedDict, total=False):
    """Options of every function."""

    ledger: str | None
    """`sqlite:///path`; None: the user's own."""
    language: str | None
    """Of sentences, `pt_BR` or `en`; None: that of the system, and of reports that of the campaign."""


class SheetOptions(LedgerOptions, total=False):
    """Options of functions that judge a sheet."""

    base_url: str | None
    limit: int | None
    """Messages at most."""
    rows: str | Iterable[int] | None
    """Rows of the sheet as Excel numbers them: `"2-50,77"`, or numbers."""
    plan: PathLike | None
    """A plan file: exactly its messages are sent."""
    only_allowed: PathLike | None
    rate: str | float | None
    """Starts a second, or a text like `"600/min"`."""
    encoding: str | None
    retry_errors: bool
    resend_unknown: bool
    retry_undelivered: bool
    accept_change: bool


class CheckOptions(SheetOptions, total=False):
    """Options of `check`."""

    trusted: bool


class AccessOptions(LedgerOptions, total=False):
    """Options of functions that ask the API."""

    base_url: str | None
    origin: str | None
    token_file: PathLike | None
    """Where the token is, when none is given; None: `WEGLY_TOKEN`."""
    read_timeout: float
    """Seconds."""
    trust_env: bool
    reports: PathLike | None
    clean_report: bool


class RunOptions(SheetOptions, AccessOptions, total=False):
    """Options of `run`."""

    concurrency: int | None
    wait: bool


class FollowOptions(AccessOptions, total=False):
    """Options of `follow`."""

    since: str | timedelta | None
    """How far back: `"7d"`; None: 31 days, of runs that are named all."""
    limit: int | None
    rate: str | float | None


class ReportOptions(LedgerOptions, total=False):
    """Options of `report`."""

    reports: PathLike | None
    clean_report: bool


def _number(value: object) -> float:
    number = float(str(value))
    if number <= 0:
        raise ValueError(_("allowed is a number above 0"))
    return number


def _switch(value: object) -> bool:
    text = str(value).casefold()
    if text not in ("true", "false", "1", "0", "yes", "no", "on", "off", "t", "f", "y", "n"):
        raise ValueError(_("allowed is yes or no"))
    return text in ("true", "1", "yes", "on", "t", "y")


_LASTING: Mapping[str, Callable[[Any], Any]] = {
    "base_url": str,
    "origin": str,
    "ledger": str,
    "reports": Path,
    "rate": lambda value: parse_rate(value if isinstance(value, str) else f"{value}/s"),
    "concurrency": lambda value: int(_number(value)),
    "read_timeout": _number,
    "trust_env": _switch,
    "only_allowed": openable_path,
    "clean_report": _switch,
    "wait": _switch,
    "token_file": openable_path,
}
"""How each lasting option is read."""
_OWN_VARIABLES = {"base_url": "WEGLY_BASE_URL", "origin": "WEGLY_ORIGIN"}


def _lasting(name: str, options: Mapping[str, Any]) -> Any:
    """Return a lasting option, from the environment where it is not given; None where it is in neither."""
    given = options.get(name)
    if given is not None:
        return read_value(name, _LASTING[name], given)
    variable = _OWN_VARIABLES.get(name, f"WEGLY_BATCH_{name.upper()}")
    return read_value(variable, _LASTING[name], os.environ.get(variable) or None)


def read_value(name: str, read: Callable[[Any], T], value: Any) -> T | None:
    """Read a value that is given. Raises SettingsError."""
    try:
        return None if value is None else read(value)
    except (TypeError, ValueError) as error:
        raise SettingsError(_("{name} is {value!r}: {error}.").format(name=name, value=value, error=error)) from None


def read_settings(options: Mapping[str, Any]) -> Settings:
    """Return the lasting options. Raises SettingsError for a value, TypeError for a name."""
    unknown = set(options) - _KNOWN
    if unknown:
        raise TypeError(f"unexpected keyword argument {min(unknown)!r}")
    found = {field.name: _lasting(field.name, options) for field in fields(Settings) if field.name in _LASTING}
    named = {name: value for name, value in found.items() if value is not None}
    return Settings(**named, language=options.get("language") and parse_language(options["language"]))


def read_choices(options: Mapping[str, Any], *, is_frame: bool) -> Choices:
    """Return the choices among the options. Raises SettingsError."""
    named = {field.name: options[field.name] for field in fields(Choices) if options.get(field.name) is not None}
    rows, plan = options.get("rows"), options.get("plan")
    if rows is not None:
        text = rows if isinstance(rows, str) else ",".join(map(str, rows))
        named["rows"] = read_value("rows", parse_ranges, text)
    if plan is not None:
        named["plan"] = read_plan(openable_path(plan))
    if "encoding" in named:
        named["encoding"] = read_value("encoding", parse_encoding, named["encoding"])
    return Choices(**named, is_frame=is_frame)


def find_token(token: str | None, options: Mapping[str, Any]) -> Token:
    """Return the token that is given, or that the commands would find. Raises SettingsError."""
    if token is not None:
        return Token.parse(token, "token")
    return read_token(os.environ.get("WEGLY_TOKEN"), _lasting("token_file", options), read_settings(options).endpoint)


_KNOWN = frozenset().union(*(each.__annotations__ for each in (CheckOptions, RunOptions, FollowOptions)))
