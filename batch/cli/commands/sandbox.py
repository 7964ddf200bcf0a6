"""`wegly-batch sandbox`."""

from pathlib import Path
from typing import Any

import click

from batch.app.demo.run import serve_sandbox, special_contacts
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import SHEET, TextParam
from batch.cli.terminal import echo, say
from batch.i18n import _, number

_SHARE = click.FloatRange(0, 1)


class _WithContacts(TranslatedCommand):
    """Adds the table of special contacts to the help; it is read from the sandbox, so it cannot be stale."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's hook
        with formatter.section(_("Special contacts, by the last four digits of wa_contact_id")):
            formatter.write_dl(special_contacts())


def _parse_template(text: str) -> tuple[str, str]:
    """Parse NAME=TEXT."""
    name, equals, body = text.partition("=")
    if not name.strip() or not equals:
        raise ValueError(_("write the template's name, = and its text"))
    return name.strip(), body


@click.command("sandbox", cls=_WithContacts)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="The port to listen on; 0 takes a free one."
)
@click.option(
    "--latency", type=click.FloatRange(0, 3_600), default=0.0, metavar="SECONDS", help="Time that an answer takes."
)
@click.option("--latency-varies", is_flag=True, help="Let the latency vary; --latency is its mean.")
@click.option(
    "--rate-limit", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Answer 429 above N posts a second."
)
@click.option("--server-errors", type=_SHARE, default=0.0, metavar="SHARE", help="Share of HTTP 500; half are applied.")
@click.option(
    "--dropped-before", type=_SHARE, default=0.0, metavar="SHARE", help="Share dropped without being applied."
)
@click.option("--dropped-after", type=_SHARE, default=0.0, metavar="SHARE", help="Share applied, then dropped.")
@click.option("--timeouts", type=_SHARE, default=0.0, metavar="SHARE", help="Share applied, but never answered.")
@click.option("--seed", type=int, default=0, metavar="N", help="The same seed gives the same faults.")
@click.option("--allowed-domain", metavar="DOMAIN", help="Refuse requests whose Origin is not this domain.")
@click.option(
    "--template",
    "templates",
    type=TextParam("template", _parse_template, tuple),
    multiple=True,
    metavar="NAME=TEXT",
    help="A template's text with its {{1}}, as timelines show it. Repeatable.",
)
@click.option(
    "--log", "log_file", type=SHEET, metavar="FILE", help="Append what is received and applied as JSON lines."
)
def command(
    *,
    port: int,
    allowed_domain: str | None,
    templates: tuple[tuple[str, str], ...],
    log_file: Path | None,
    **faults: Any,
) -> None:
    """Start an imitation of the API on this machine, for rehearsals. Ctrl+C ends it.

    It takes any token but `invalid`, keeps one chat for each sender and person, and fails on demand. What it received
    and applied is at /sandbox/log, to be compared with a report.
    """

    def announce(url: str) -> None:
        echo(url)
        listening = _("The sandbox listens at {url}; Ctrl+C ends it. In another terminal:").format(url=url)
        on_server = f"--base-url {url} --ledger postgresql://" + _("HOST/DATABASE")
        lines = [
            listening,
            "  export WEGLY_TOKEN=anything",
            f"  wegly-batch run contatos.xlsx -c boas-vindas.toml --base-url {url}",
            _("Or with workers (docs/many-machines.md), each in a terminal of its own, with the token:"),
            f"  wegly-batch worker {on_server}",
            f"  wegly-batch submit contatos.xlsx -c boas-vindas.toml {on_server}",
        ]
        say("\n".join(lines))

    requests, messages = serve_sandbox(
        announce, faults=faults, port=port, allowed_domain=allowed_domain, templates=dict(templates), log_file=log_file
    )
    ended = _("Received {requests} requests, applied {messages} messages.")
    say(ended.format(requests=number(requests), messages=number(messages)))
