"""`wegly-batch ledger`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from batch.cli.help_i18n import SpokenGroup
from batch.cli.options import SHEET, json_option, ledger_option
from batch.cli.output import formatting as phrases
from batch.i18n import _, ngettext, number

if TYPE_CHECKING:
    from batch.app.ledger_admin import LedgerInfo


_KILO = 1000


@click.group("ledger", cls=SpokenGroup)
def command() -> None:
    """Look after the ledger: the file that alone knows who was messaged."""


@command.command("backup")
@click.argument("file", type=SHEET)
@ledger_option
@json_option
def backup(*, file: Path, ledger: str | None, as_json: bool) -> None:
    """Copy the ledger to FILE, which must not be there yet. Safe while a run is sending.

    The copy is one file that only you can read, checked before it gets its name. It holds phone numbers and what became
    of them: keep it as you keep the ledger.

    To put it back, end all runs, move the ledger away together with the files beside it that end in -wal and -shm, and
    copy FILE to its place.
    """
    from batch.app.ledger_admin import back_up_ledger
    from batch.app.settings import Settings

    copied = back_up_ledger(file, Settings(ledger=ledger))
    if as_json:
        click.echo(_json(copied))
        return
    holding = copied.holding
    said = _(
        "Copied to {place} ({size}): {runs}, {messages}. It was read back and is whole.\n"
        "Put back when the ledger has gone on since, it is an older one: the next run notices that and stops, because\n"
        "those who were messaged in between would be new to it."
    )
    runs = ngettext("{n} run", "{n} runs", holding.runs).format(n=number(holding.runs))
    messages = phrases.messages(sum(holding.messages.values()))
    click.echo(said.format(place=copied.place, size=_size(holding.size), runs=runs, messages=messages))


@command.command("info")
@ledger_option
@json_option
def info(*, ledger: str | None, as_json: bool) -> None:
    """Show where the ledger is, its id, and what it holds. Changes nothing."""
    from batch.app.ledger_admin import ledger_info, synchronised
    from batch.app.settings import Settings

    settings = Settings(ledger=ledger)
    found = ledger_info(settings)
    if as_json:
        click.echo(_json(found))
        return
    click.echo(_text(found))
    if said := synchronised(settings):
        click.echo(said, err=True)


def _text(found: LedgerInfo) -> str:
    holding = found.holding
    lines = phrases.labelled(
        [
            (_("Ledger"), str(found.place)),
            (_("Id"), holding.ledger_id),
            (_("Version"), str(holding.schema_version)),
            (_("Size"), _size(holding.size)),
            (_("Runs"), number(holding.runs)),
            (_("Messages"), number(sum(holding.messages.values()))),
            *([(_("Purged"), holding.purged)] if holding.purged else []),
        ]
    )
    return "\n".join([*lines, *(f"  {state:<8}{number(count):>10}" for state, count in holding.messages.items())])


def _json(found: LedgerInfo) -> str:
    holding = found.holding
    shown = {
        "ledger": str(found.place),
        "id": holding.ledger_id,
        "schema_version": holding.schema_version,
        "counter": holding.counter,
        "runs": holding.runs,
        "messages": dict(holding.messages),
        "purged": holding.purged,
        "size": holding.size,
        "synchronised_by": found.synchronised_by,
    }
    return json.dumps(shown, ensure_ascii=False, indent=2)


def _size(count: float) -> str:
    """Bytes as a person reads them: `412 kB`, `1.2 MB`."""
    for unit in ("B", "kB", "MB"):
        if count < _KILO:
            return f"{number(count, '.3g')} {unit}"
        count /= _KILO
    return f"{number(count, ',.3g')} GB"
