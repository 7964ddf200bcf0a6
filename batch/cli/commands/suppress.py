"""`wegly-batch suppress`."""

import sys
from pathlib import Path
from typing import Any

import click

from batch.app.inputs.recipient_lists import RecipientList
from batch.app.records.people import suppressed_people
from batch.app.suppress import Entry, add_people, find_people, import_people, list_people, remove_people
from batch.cli.help_i18n import TranslatedGroup
from batch.cli.options import SHEET, settings_from, shared_options
from batch.cli.output.layout import row_label
from batch.cli.terminal import confirm, echo, say, show, warn
from batch.formatting import format_moment, to_json
from batch.i18n import _, ngettext, number
from batch.model.outcomes import ExitCode
from batch.model.phone.cells import format_phone
from batch.model.phrases import in_english
from batch.model.reasons import sentence

_CELLS_SHOWN = 20
_DATE = 16

_region_option = click.option(
    "--region", default="BR", show_default=True, metavar="CC", help="The country of numbers written without one."
)
_reason_option = click.option("--reason", metavar="TEXT", help="Why, as you want to read it later.")
_source_option = click.option("--source", metavar="TEXT", help="Who or what says so: a name, a ticket, a file.")


@click.group("suppress", cls=TranslatedGroup)
def command() -> None:
    """Keep the suppression list: people whom no campaign of this ledger messages, at any address of the API.

    Every run honours it, whatever the spelling of the number in a sheet. Who tells WhatsApp to stop marketing messages
    (131050) is put on it by itself.
    """


@command.command("add")
@click.argument("phones", nargs=-1, required=True, metavar="PHONE...")
@_reason_option
@_source_option
@_region_option
@click.option(
    "--only-at", metavar="URL", help="Of a rehearsal: only at this address of this machine. Default: at every address."
)
@shared_options("ledger", "json")
def add(
    *,
    phones: tuple[str, ...],
    reason: str | None,
    source: str | None,
    region: str,
    only_at: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Put people on the list. Who is on it already stays as first noted."""
    settings = settings_from(options)
    found = add_people(phones, reason=reason, source=source, region=region, settings=settings, only_at=only_at)
    if as_json:
        echo(to_json(suppressed_people(found)))
        return
    for person, new in found.items():
        state = _("is on the list now") if new else _("was on the list already")
        echo(f"{format_phone(person)}  {state}")


@command.command("remove")
@click.argument("phones", nargs=-1, required=True, metavar="PHONE...")
@shared_options("yes")
@_region_option
@shared_options("ledger")
def remove(*, phones: tuple[str, ...], yes: bool, region: str, **options: Any) -> ExitCode:
    """Take people off the list who want messages again. Asks first at a terminal.

    Replies from before put them on it no more; a later one that opts out does.
    """
    settings = settings_from(options)
    found = find_people(phones, region=region, settings=settings)
    absent = _("is not on the list")
    for person, entry in found.items():
        echo(_line(entry) if entry else f"{format_phone(person)}  {absent}", err=not entry)
    on_it = [person for person, entry in found.items() if entry]
    if not on_it:
        return ExitCode.DONE
    question = ngettext(
        "Take this person off the list? The next campaign may message them.",
        "Take these {n} people off the list? The next campaign may message them.",
        len(on_it),
    )
    if not yes and sys.stdin.isatty() and not confirm(question.format(n=number(len(on_it)))):
        say(_("Nobody was taken off the list."))
        return ExitCode.INTERRUPTED
    gone = remove_people(on_it, settings)
    say(_("Taken off the list: {n}.").format(n=number(len(gone))))
    return ExitCode.DONE


@command.command("list")
@shared_options("ledger", "json")
def list_(*, as_json: bool, **options: Any) -> None:
    """Show the people on the list.

    A line each: the number, since when (in your time), who says so, and why.
    """
    entries = list_people(settings_from(options))
    if as_json:
        echo(to_json([_as_json(entry) for entry in entries]))
        return
    count = 0
    for entry in entries:
        show(_line(entry))
        count += 1
    text = _("On the list: {n}.") if count else _("Nobody is on the suppression list.")
    say(text.format(n=number(count)))


@command.command("import")
@click.argument("sheet", type=SHEET)
@click.option("--column", metavar="NAME", help="The column with the phones. Default: every column that holds phones.")
@_reason_option
@_source_option
@_region_option
@shared_options("encoding", "ledger", "json")
def import_(*, sheet: Path, ledger: str | None, as_json: bool, **given: Any) -> ExitCode:
    """Put the people of SHEET on the list.

    Any sheet with phones will do, also a plain list of numbers without a header. Of several columns with phones all
    count. A cell that cannot be read but could be a person's number is named, and the command ends with 3; all others
    are on the list then.
    """
    given["reason"] = given["reason"] or _("imported")
    found = import_people(sheet, settings=settings_from({"ledger": ledger}), **given)
    people = found.people
    code = ExitCode.ERRORS if people.unreadable_count else ExitCode.DONE
    if as_json:
        unreadable = [{"row": each.row, "message": sentence(each.finding)} for each in people.unreadable]
        result = {
            "added": found.added,
            "already": found.already,
            "unreadable": unreadable,
            "unreadable_count": people.unreadable_count,
            "exit_code": code,
        }
        echo(to_json(result))
        return code
    warn(people.warnings)
    added = ngettext(
        "{sheet}: {added} added to the list; {already} was on it already.",
        "{sheet}: {added} added to the list; {already} were on it already.",
        found.already,
    )
    show(added.format(sheet=sheet.name, added=number(found.added), already=number(found.already)))
    if people.unreadable_count:
        _print_unreadable(people)
    return code


def _print_unreadable(people: RecipientList) -> None:
    count = people.unreadable_count
    head = ngettext(
        "NOT on the list: whom {n} cell may mean that cannot be read:",
        "NOT on the list: whom {n} cells may mean that cannot be read:",
        count,
    )
    say(head.format(n=number(count)))
    for each in people.unreadable[:_CELLS_SHOWN]:
        say(f"  {row_label(each.row)}: {sentence(each.finding)}")
    if count > _CELLS_SHOWN:
        say("  " + _("and {n} more").format(n=number(count - _CELLS_SHOWN)))
    say(_("Correct these cells and import the sheet again: who is on the list stays as first noted."))


def _line(entry: Entry) -> str:
    since = format_moment(entry.added.astimezone())
    line = (
        f"{format_phone(entry.person):<20} {since:<{_DATE}}  {_plain(str(entry.source))}: {_plain(str(entry.reason))}"
    )
    return line + (" " + _("(only at {endpoint})").format(endpoint=entry.endpoint) if entry.endpoint else "")


def _plain(text: str) -> str:
    """Return a text on one line."""
    return "".join(character if character.isprintable() else " " for character in text)


def _as_json(entry: Entry) -> dict[str, str]:
    return {
        "phone": format_phone(entry.person),
        "person": entry.person,
        "added": entry.added.isoformat(timespec="seconds"),
        "source": in_english(entry.source),
        "reason": in_english(entry.reason),
        "endpoint": entry.endpoint,
    }
