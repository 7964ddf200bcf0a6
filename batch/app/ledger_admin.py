"""`ledger`: contents and backup of the ledger, without a sheet or a campaign; and how private its file is."""

import os
import shlex
import stat
from dataclasses import dataclass
from pathlib import Path

from batch.app.settings import Settings
from batch.i18n import _
from batch.ledger import LedgerContents, back_up, database_at, find_sync_service, read_contents
from batch.model.messages import command_options


@dataclass(frozen=True, kw_only=True, slots=True)
class LedgerInfo:
    """A ledger, or a copy of one, and what it holds."""

    place: Path | str
    contents: LedgerContents
    synchronised_by: str | None
    """The service in whose folder it lies (`OneDrive`); None when none is known to."""


def describe_ledger(settings: Settings) -> LedgerInfo:
    """Read the ledger's contents without changing it. Raises LedgerUnusable."""
    database = database_at(settings.ledger)
    service = find_sync_service(database.file) if database.file else None
    place = database.file or database.location
    return LedgerInfo(place=place, contents=read_contents(database), synchronised_by=service)


def back_up_ledger(target: Path, settings: Settings) -> LedgerInfo:
    """Copy the ledger to `target`, also while a run is sending; durable on return. Gives the copy.

    Raises LedgerUnusable, and then there is nothing new at `target`, which must not be there yet.
    """
    target = target.expanduser().absolute()
    contents = back_up(database_at(settings.ledger), target)
    return LedgerInfo(place=target, contents=contents, synchronised_by=find_sync_service(target))


def repeat_places(settings: Settings) -> str:
    """Return the options by which the next command finds the address and the ledger of these settings."""
    return command_options(settings.endpoint, database_at(settings.ledger).option, "base-url", "ledger")


def synchronisation_warning(settings: Settings) -> str | None:
    """Warn when the ledger lies in a folder that a service synchronises; None when it does not seem to."""
    path = database_at(settings.ledger).file
    service = find_sync_service(path) if path else None
    if service is None:
        return None
    warning = _(
        "The ledger {path} lies in a folder of {service}: use it from one machine only, or better keep it in a folder "
        "that is not synchronised, for an older copy put back would make people new."
    )
    return warning.format(path=path, service=service)


def exposure_warnings(settings: Settings, token_file: Path | None) -> list[str]:
    """Warn of a token file and of a ledger whose rights let other users read them, a sentence for each.

    Nothing is changed: the rights of a file that was there before are its owner's. None on Windows, whose modes say
    nothing about other users.
    """
    warning = _("The rights of {file} let other users of this machine read it; mend them with: chmod 600 {quoted}")
    files = [file for file in (token_file, database_at(settings.ledger).file) if file is not None and _is_exposed(file)]
    return [warning.format(file=file, quoted=shlex.quote(str(file))) for file in files]


def _is_exposed(file: Path) -> bool:
    if os.name == "nt":
        return False
    try:
        mode = file.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) and bool(mode & (stat.S_IRGRP | stat.S_IROTH))
