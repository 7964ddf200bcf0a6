"""`wegly-batch person`."""

from typing import Any

import click

from batch.app.person import find_person, forget_person
from batch.cli.help_i18n import TranslatedCommand
from batch.cli.options import settings_from, shared_options, timeout_option
from batch.cli.output.person import person_json, person_question, person_text
from batch.cli.terminal import confirm, is_interactive, show
from batch.model.outcomes import ExitCode


@click.command("person", cls=TranslatedCommand)
@click.argument("phone", metavar="PHONE")
@click.option("--forget", is_flag=True, help="Remove what names the person, for good; say what stays, and why.")
@shared_options("yes")
@click.option(
    "--region", default="BR", show_default=True, metavar="CC", help="The country of numbers written without one."
)
@shared_options("ledger")
@timeout_option("As of the runs: what began to be sent less than this and 5 minutes ago may still be under way.")
@shared_options("json")
def command(*, phone: str, forget: bool, yes: bool, region: str, as_json: bool, **options: Any) -> ExitCode:
    """Show everything the ledger knows of one person: messages, rows, delivery, replies, suppression list.

    PHONE is written in any way that a sheet may have it. All campaigns, runs and addresses of the API are searched.

    With --forget phone, chats, values to send and what names the person in findings go at once, however young. What
    stays: the suppression list, a keyed hash of the person and of each message with outcome and times, so that no
    campaign takes them for new. It is all or nothing: while a run or `follow` could meet the person, nothing is
    removed (exit 75). Reports, your own sheets and other ledgers are named at the end, with the commands for them.
    """
    settings = settings_from(options)
    asks = forget and not yes and is_interactive()
    found = (
        forget_person(
            phone, region=region, settings=settings, confirm=lambda plan: not asks or confirm(person_question(plan))
        )
        if forget
        else find_person(phone, region=region, settings=settings)
    )
    show(person_json(found) if as_json else person_text(found), as_json=as_json)
    return found.exit_code
