"""Options that several commands share, each lasting one with its twin in the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from batch.i18n import LANGUAGES, _, parse_language, set_language

_CHOSEN = "batch.i18n"
_VARIABLE = "WEGLY_BATCH_LANG"

F = TypeVar("F", bound=Callable[..., Any])

SHEET = click.Path(path_type=Path)
"""A file that the command itself looks for, so that its own sentence says what is wrong with it."""


def lasting(*names: str, **attributes: Any) -> Callable[[F], F]:
    """An option with the environment variable `WEGLY_BATCH_<OPTION>`, shown in the help."""
    long = next(name for name in names if name.startswith("--"))
    variable = "WEGLY_BATCH_" + long.removeprefix("--").replace("-", "_").upper()
    return click.option(*names, envvar=attributes.pop("envvar", variable), show_envvar=True, **attributes)


class _Language(click.ParamType[str]):
    """A language that this program speaks."""

    name = "language"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        found = parse_language(value)
        if found is None:
            spoken = _(" and ").join(LANGUAGES)
            self.fail(
                _("{value!r} is not spoken here; {languages} are.").format(value=value, languages=spoken), param, ctx
            )
        return found


def _speak(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """A `--lang` that is nearer to the command wins, and any wins over the environment."""
    from_environment = ctx.get_parameter_source(param.name or "") is ParameterSource.ENVIRONMENT
    if value is not None and not (from_environment and _CHOSEN in ctx.meta):
        set_language(value)
        ctx.meta[_CHOSEN] = value


def speaking(command: click.Command) -> None:
    """Give a command, and every command below it, the option `--lang`."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            speaking(each)
    if not any(param.name == "lang" for param in command.params):
        command.params.append(_lang_parameter())


def language_asked(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> str | None:
    """What `--lang` or WEGLY_BATCH_LANG says, before anything else is read: mistakes in the rest are told in it too.

    None when neither names a language that is spoken here; click complains of that later.
    """
    named = [environment.get(_VARIABLE) or ""]
    for place, word in enumerate(arguments):
        if word == "--":
            break
        if word == "--lang":
            named += arguments[place + 1 : place + 2]
        elif word.startswith("--lang="):
            named.append(word.removeprefix("--lang="))
    return next(filter(None, map(parse_language, reversed(named))), None)


def _lang_parameter() -> click.Option:
    return click.Option(
        ["--lang"],
        type=_Language(),
        metavar="LANGUAGE",
        envvar=_VARIABLE,
        show_envvar=True,
        is_eager=True,
        expose_value=False,
        callback=_speak,
        help="The language of what people read, pt_BR or en. Default: the campaign's for reports, else the system's.",
    )


def language_chosen() -> str | None:
    """What `--lang` or WEGLY_BATCH_LANG says; None when neither is given."""
    found: str | None = click.get_current_context().meta.get(_CHOSEN)
    return found


campaign_option = click.option(
    "-c", "--campaign", type=SHEET, required=True, help="The campaign file (TOML): sender, template, columns, speed."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout instead of text.")
ledger_option = lasting(
    "--ledger", metavar="URL", help="The ledger, as sqlite:///path. Default: one per user, in the user's data folder."
)
reports_option = lasting(
    "--reports", type=SHEET, default="reports", show_default=True, metavar="DIR", help="Where reports are written."
)


trusted_option = click.option(
    "--trusted", is_flag=True, help="Lift the limits that refuse files larger than any honest one."
)


class _Rows(click.ParamType[tuple[tuple[int, int], ...]]):
    """Rows of the sheet as `2-50,77`."""

    name = "rows"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from batch.model.sheets import parse_ranges

        try:
            return value if isinstance(value, tuple) else parse_ranges(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)


limit_option = click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="Send at most N messages of each sheet."
)
rows_option = click.option(
    "--rows", type=_Rows(), metavar="ROWS", help="Send only these rows of the sheet, as Excel numbers them: 2-50,77."
)


class _Rate(click.ParamType[float]):
    """A rate as in the campaign file, as starts a second."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from batch.campaign import parse_rate

        try:
            return value if isinstance(value, float) else parse_rate(value)
        except ValueError as error:
            self.fail(f"{value!r}: {error}.", param, ctx)


accept_change_option = click.option(
    "--accept-change", is_flag=True, help="Go on although a change would make everybody of the campaign new."
)
base_url_option = lasting(
    "--base-url", envvar="WEGLY_BASE_URL", metavar="URL", help="The API's address. [default: https://api.wegly.com.br]"
)
origin_option = lasting(
    "--origin",
    envvar="WEGLY_ORIGIN",
    metavar="URL",
    help="Sent as Origin and Referer, for a token with an allowed domain.",
)
read_timeout_option = lasting(
    "--read-timeout",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long an answer may take; later the row is unknown.",
)
only_allowed_option = lasting(
    "--only-allowed",
    type=SHEET,
    metavar="FILE",
    help="A sheet of the only people who may be messaged; everybody else is skipped.",
)
rate_option = lasting(
    "--rate", type=_Rate(), metavar="RATE", help='Starts per second, minute or hour: "10/s", "600/min", "5000/h".'
)
token_file_option = lasting(
    "--token-file", type=SHEET, metavar="FILE", help="A file with the token; else WEGLY_TOKEN is read."
)
trust_env_option = lasting(
    "--trust-env", is_flag=True, help="Use the proxy and the certificates that the environment names."
)
