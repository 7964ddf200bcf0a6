"""Options that several commands share, each lasting one with its twin in the environment."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime, time
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

import click
from click.core import ParameterSource

from batch.app.inputs.campaign_sheet import Choices
from batch.app.settings import Settings, parse_rate
from batch.cli.help_i18n import language_option
from batch.formatting import quote_path
from batch.i18n import _
from batch.model.runs import USUAL_REPORTS
from batch.model.sheets import openable_path, parse_encoding, parse_ranges

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class _FileParam(click.Path):
    """A path, in the form in which Windows opens it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return openable_path(cast("Path", super().convert(value, param, ctx)))


SHEET = _FileParam(path_type=Path)
"""A file that the command itself looks for, so that its own sentence says what is wrong with it."""


def lasting_option(*names: str, **attributes: Any) -> Callable[[F], F]:
    """An option with the environment variable `WEGLY_BATCH_<OPTION>`, shown in the help."""
    long = next(name for name in names if name.startswith("--"))
    variable = "WEGLY_BATCH_" + long.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=attributes.pop("envvar", variable), show_envvar=True, **attributes)


def settings_from(options: Mapping[str, Any]) -> Settings:
    """Return the settings that are among the values of a command's options."""
    named = {field.name: options[field.name] for field in fields(Settings) if field.name in options}
    return Settings(**named, language=language_option())


def choices_from(options: Mapping[str, Any]) -> Choices:
    """Return the choices that are among the values of a command's options."""
    return Choices(**{field.name: options[field.name] for field in fields(Choices) if field.name in options})


_SHORT = {"campaign": "-c"}


def repeat_typed(*names: str) -> str:
    """Return those of these options that were typed, not taken from elsewhere, as they go on in another command."""
    ctx = click.get_current_context()
    typed = [name for name in names if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    values = {name: "" if ctx.params[name] is True else " " + quote_path(str(ctx.params[name])) for name in typed}
    return "".join(f" {_SHORT.get(name) or '--' + name.replace('_', '-')}{value}" for name, value in values.items())


class TextParam(click.ParamType[T]):
    """A value that `parse` makes of the text; its ValueError says what is allowed."""

    def __init__(self, name: str, parse: Callable[[str], T], kind: type, *, names_value: bool = True) -> None:
        """`names_value`: the refused text stands before what `parse` says."""
        self.name = name
        self._parse = parse
        self._kind = kind
        self._names_value = names_value

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        if isinstance(value, self._kind):  # a default, or converted before
            return cast("T", value)
        try:
            return self._parse(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}." if self._names_value else f"{error}.", param, ctx)


def _parse_clock(text: str) -> time:
    """Parse HH:MM."""
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - of the campaign's time zone
    except ValueError:
        raise ValueError(_("allowed is a time like 18:00")) from None


def timeout_option(text: str) -> Callable[[F], F]:
    """Return the option `--read-timeout`, in seconds; `text` is its help."""
    return lasting_option(
        "--read-timeout",
        type=click.FloatRange(1, 86_400),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help=text,
    )


def _refuse_password(context: click.Context, option: click.Parameter, url: str | None) -> str | None:
    """Refuse a password on the command line, which every user of the machine can read."""
    if url and context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE:
        parts = urlsplit(url)
        if parts.password or "password" in parse_qs(parts.query):
            raise click.BadParameter(
                _(
                    "other users of this machine can read a password there. Keep it in a file that PGPASSFILE names "
                    "(https://www.postgresql.org/docs/current/libpq-pgpass.html), or give the whole URL in "
                    "WEGLY_BATCH_LEDGER."
                ),
                context,
                option,
            )
    return url


_SHARED: Mapping[str, Callable[[Any], Any]] = {
    "accept-change": click.option(
        "--accept-change", is_flag=True, help="Proceed even though people already messaged would be treated as new."
    ),
    "base-url": lasting_option(
        "--base-url",
        envvar="WEGLY_BASE_URL",
        metavar="URL",
        help="The API's address. [default: https://api.wegly.com.br]",
    ),
    "concurrency": lasting_option(
        "--concurrency", type=click.IntRange(1, 512), metavar="N", help="Attempts in flight at most."
    ),
    "campaign": click.option(
        "-c",
        "--campaign",
        type=SHEET,
        metavar="FILE",
        help="The campaign file (TOML): sender, template, columns, speed. [default: the sheet's name with .toml, "
        "beside it]",
    ),
    "clean-report": lasting_option(
        "--clean-report",
        is_flag=True,
        help="Make report.xlsx a clean workbook of values, without the sheet's own macros, links and formulas.",
    ),
    "encoding": click.option(
        "--encoding",
        type=TextParam("encoding", parse_encoding, type(None), names_value=False),
        metavar="NAME",
        help="The encoding of a text file, when it is not found: utf-8, cp1252, cp850, cp860, mac_roman.",
    ),
    "header-row": click.option(
        "--header-row",
        type=click.IntRange(1, 1_048_576),
        metavar="N",
        help="The row that holds the column names, as Excel counts.",
    ),
    "json": click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout instead of text."),
    "ledger": lasting_option(
        "--ledger",
        metavar="URL",
        callback=_refuse_password,
        help="The ledger, as sqlite:///path or postgresql://host/database. Default: one per user, in the user's data "
        "folder.",
    ),
    "limit": click.option(
        "--limit", type=click.IntRange(1, 1_000_000_000), metavar="N", help="Send at most N messages of each sheet."
    ),
    "not-after": lasting_option(
        "--not-after",
        type=TextParam("clock", _parse_clock, time),
        metavar="HH:MM",
        help="Send nothing when it is later than this (until midnight): for cron.",
    ),
    "plan": click.option(
        "--plan", type=SHEET, metavar="PLAN", help="Send exactly the messages of a plan (`wegly-batch plan`)."
    ),
    "plan-hash": click.option(
        "--plan-hash", metavar="HASH", help="Refuse a plan with another hash than this one, noted elsewhere."
    ),
    "quiet": click.option("-q", "--quiet", is_flag=True, help="Print no progress and no summary."),
    "resend-unknown": click.option(
        "--resend-unknown",
        is_flag=True,
        help="Resend the rows to decide (unknown); some people may get the message twice.",
    ),
    "only-allowed": lasting_option(
        "--only-allowed",
        type=SHEET,
        metavar="FILE",
        help="A sheet of the only people who may be messaged; all others are left out.",
    ),
    "origin": lasting_option(
        "--origin",
        envvar="WEGLY_ORIGIN",
        metavar="URL",
        help="Sent as Origin and Referer, for a token with an allowed domain.",
    ),
    "rate": lasting_option(
        "--rate",
        type=TextParam("rate", parse_rate, float),
        metavar="RATE",
        help='Starts per second, minute or hour: "10/s", "600/min", "5000/h".',
    ),
    "read-timeout": timeout_option("How long an answer may take; later the row is one to decide (unknown)."),
    "reports": lasting_option(
        "--reports",
        type=SHEET,
        default=USUAL_REPORTS,
        show_default=True,
        metavar="DIR",
        help="Where reports are written.",
    ),
    "retry-errors": click.option(
        "--retry-errors", is_flag=True, help="Count rows that the API refused as messages to send again."
    ),
    "retry-undelivered": click.option(
        "--retry-undelivered",
        is_flag=True,
        help="Send messages once more that failed after they were accepted, when a look shows that they failed still.",
    ),
    "rows": click.option(
        "--rows",
        type=TextParam("rows", parse_ranges, tuple, names_value=False),
        metavar="ROWS",
        help="Send only these rows of the sheet, as Excel numbers them: 2-50,77.",
    ),
    "sheet": click.option(
        "--sheet", "name", metavar="NAME", help="The worksheet to read, when a workbook has several."
    ),
    "token-file": lasting_option(
        "--token-file",
        type=SHEET,
        metavar="FILE",
        help="A file with the token; else WEGLY_TOKEN is read, and last what `init` has kept.",
    ),
    "trust-env": lasting_option("--trust-env", is_flag=True, help="Use proxy and CA settings from the environment."),
    "trusted": click.option(
        "--trusted", is_flag=True, help="Lift the limits that refuse files larger than any honest one."
    ),
    "verbose": click.option("-v", "--verbose", is_flag=True, help="Print the log on stderr as well."),
    "yes": click.option("--yes", is_flag=True, help="Do not ask."),
}


SENDING_OPTIONS = (
    "rate",
    "encoding",
    "concurrency",
    "read-timeout",
    "reports",
    "clean-report",
    "ledger",
    "token-file",
    "base-url",
    "origin",
    "trust-env",
    "json",
)
"""Names of the shared options of each command that sends: how, by what, and where results go."""


def shared_options(*names: str) -> Callable[[F], F]:
    """Return what gives a command these options, named like them, in this order."""

    def add(function: F) -> F:
        for name in reversed(names):
            function = _SHARED[name](function)
        return function

    return add
