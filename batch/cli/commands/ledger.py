"""`wegly-batch ledger`."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from batch.app.ledger_admin import LedgerInfo, back_up_ledger, describe_ledger, synchronisation_warning
from batch.cli.help_i18n import TranslatedGroup
from batch.cli.options import SHEET, settings_from, shared_options
from batch.cli.output import layout
from batch.cli.terminal import echo, say, show
from batch.formatting import format_messages, format_moment, to_json
from batch.i18n import _, ngettext, number

_KILO = 1000


@click.group("ledger", cls=TranslatedGroup)
def command() -> None:
    """Look after the ledger: the file or database that alone knows who was messaged."""


@command.command("backup")
@click.argument("file", type=SHEET)
@shared_options("ledger", "json")
def backup(*, file: Path, as_json: bool, **options: Any) -> None:
    """Copy the ledger to FILE, which must not be there yet. Safe while a run is sending.

    The copy is one file that only you can read, checked before it gets its name. It holds phone numbers and what became
    of them: keep it as you keep the ledger.

    To put it back, end all runs, move the ledger away together with the files beside it that end in -wal and -shm, and
    copy FILE to its place.
    """
    copied = back_up_ledger(file, settings_from(options))
    if as_json:
        echo(_json(copied))
        return
    contents = copied.contents
    text = _(
        "Copied to {place} ({size}): {runs}, {messages}. It was read back and is whole.\n"
        "Put back when the ledger has gone on since, it is an older one: the next run notices that and stops, because\n"
        "those who were messaged in between would be new to it."
    )
    runs = ngettext("{n} run", "{n} runs", contents.runs).format(n=number(contents.runs))
    messages = format_messages(sum(contents.messages.values()))
    show(text.format(place=copied.place, size=_size(contents.size), runs=runs, messages=messages))


@command.command("info")
@shared_options("ledger", "json")
def info(*, as_json: bool, **options: Any) -> None:
    """Show where the ledger is, its id, and what it holds. Changes nothing.

    On a server it tries the address; where no tables are yet, whether a first run could make them and begin.
    """
    settings = settings_from(options)
    found = describe_ledger(settings)
    if as_json:
        echo(_json(found))
        return
    show(_text(found))
    if warning := synchronisation_warning(settings):
        say(warning)


def _text(found: LedgerInfo) -> str:
    contents = found.contents
    if not contents.schema_version:
        place, words = _("Ledger: {place}"), _("No run was planned in this ledger yet.")
        made = _("The first `run`, `submit` or `worker` makes its tables.")
        return "\n".join([place.format(place=found.place), f"{words} {made}"])
    lines = layout.labelled_lines(
        [
            (_("Ledger"), str(found.place)),
            (_("Id"), contents.id),
            (_("Version"), str(contents.schema_version)),
            (_("Size"), _size(contents.size)),
            (_("Runs"), number(contents.runs)),
            (_("Messages"), number(sum(contents.messages.values()))),
            *([(_("Purged"), _purged(contents.purged))] if contents.purged else []),
        ]
    )
    counts = [(layout.state_label(state), number(count)) for state, count in contents.messages.items()]
    width = max((len(label) for label, _count in counts), default=0)
    return "\n".join([*lines, *(f"  {label:<{width}}{count:>10}" for label, count in counts)])


def _purged(when: str) -> str:
    at = format_moment(datetime.fromisoformat(when).astimezone())
    return _("{when}, time of this machine").format(when=at)


def _json(found: LedgerInfo) -> str:
    return to_json({"ledger": found.place, **asdict(found.contents), "synchronised_by": found.synchronised_by})


def _size(count: float) -> str:
    """Bytes as a person reads them: `412 kB`, `1.2 MB`."""
    for unit in ("B", "kB", "MB"):
        if count < _KILO:
            return f"{number(count, '.3g')} {unit}"
        count /= _KILO
    return f"{number(count, ',.3g')} GB"
