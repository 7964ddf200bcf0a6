"""Locks for sending: one run per campaign and one per sender.

They are locks of the operating system, which end with their process, and lie beside the ledger, so that they guard
exactly what it records.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from batch.errors import Busy, LedgerUnusable
from batch.i18n import N_, _
from batch.model.messages import campaign_scope, command_options


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """Host, process and run of a claim."""

    run: str
    host: str
    pid: int
    epoch: int = 0
    """How often its lane was taken, where workers send the run; 0: the run sends by itself."""

    @classmethod
    def here(cls, run: str) -> Owner:
        """Return this process as the owner, for `run`."""
        return cls(run=run, host=socket.gethostname(), pid=os.getpid())


_CAMPAIGN, _SENDER, _FOLLOW = "campaign", "sender", "follow"
_HELD = {
    _CAMPAIGN: N_("Another run holds the campaign {whose}: {holder}."),
    _SENDER: N_("Another run holds the sender {whose}: {holder}."),
    _FOLLOW: N_("Another pass asks {whose} what became of messages: {holder}."),
}


def campaign_lock(campaign: str, endpoint: str) -> str:
    """Return the name of a campaign's lock at an endpoint."""
    return f"{_CAMPAIGN} {campaign_scope(campaign)} ({endpoint})"


def sender_lock(sender: str, endpoint: str) -> str:
    """Return the name of a sender's lock at an endpoint."""
    return f"{_SENDER} {sender} ({endpoint})"


def follow_lock(endpoint: str) -> str:
    """Return the name of the lock for asking what became of messages at an endpoint."""
    return f"{_FOLLOW} {endpoint}"


@contextmanager
def hold(folder: Path, names: Iterable[str], owner: Owner) -> Iterator[None]:
    """Hold the locks of `names` (`campaign ...`, `sender ...`, `follow ...`) while the block runs.

    Raises Busy, naming the holder, when another run has one of them, and LedgerUnusable when they cannot be made; then
    none is held.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _not_made(folder, error) from error
    with ExitStack() as held:
        for name in sorted(set(names)):
            held.enter_context(_one(folder, name, owner))
        yield


@contextmanager
def _one(folder: Path, name: str, owner: Owner) -> Iterator[None]:
    stem = hashlib.sha256(name.encode()).hexdigest()[:16]
    # The note is a file of its own: on Windows a locked file cannot be read.
    note = folder / f"{stem}.json"
    lock = FileLock(folder / f"{stem}.lock", timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        raise busy(name, _read_note(note)) from None
    except OSError as error:
        raise _not_made(folder, error) from error
    try:
        _leave_note(note, json.dumps({"name": name, "run": owner.run, "host": owner.host, "pid": owner.pid}))
        yield
    finally:
        lock.release()


def locks_folder(ledger: Path) -> Path:
    """Return the folder of a ledger's locks: beside the file itself, through whatever link it is reached."""
    real = ledger.resolve()
    return real.with_name(real.name + ".locks")


def is_in_use(folder: Path) -> bool:
    """Return whether any of the locks in a folder is held at this moment."""
    for lock in folder.glob("*.lock"):
        try:
            with FileLock(lock, timeout=0, mode=0o600):
                pass
        except Timeout:
            return True
    return False


def _leave_note(note: Path, text: str) -> None:
    try:
        descriptor = os.open(note, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:  # the lock is held without it: a disk too full for the note stops no run
        with suppress(OSError):
            note.unlink()  # else it would name an earlier holder


def _not_made(folder: Path, error: OSError) -> LedgerUnusable:
    return LedgerUnusable(
        _("The locks beside the ledger, in {folder}, cannot be made: {error}.").format(
            folder=folder, error=error.strerror or error
        ),
        _("Free space there, and make the folder writable for you, then run again. Nothing was sent."),
    )


def busy(name: str, holder: Mapping[Any, Any] | None, remedy: str = "") -> Busy:
    """Return the error of a lock that another run holds. `holder`: its run, host and pid; None: not known yet."""
    kind, _blank, whose = name.partition(" ")
    text = _("its run is just starting")
    if holder is not None and {"run", "host", "pid"} <= holder.keys():
        words = _("run {run}, process {process} on {host}")
        text = words.format(run=holder["run"], process=holder["pid"], host=holder["host"])
    remedy = remedy or _("Wait until it has ended, then run the same command again.")
    return Busy(_(_HELD[kind]).format(whose=whose, holder=text), remedy)


def workers_remedy(run: str, ledger: str) -> str:
    """Return what to do where workers send a run that is in the way. `ledger`: value of `--ledger`, or empty."""
    of_ledger = command_options("", ledger, "ledger")
    return _(
        "That run was given to workers; this command sent nothing. See how far it is: {status}\n"
        "End it: {cancel}\n"
        "When it has ended, run the same command again: it sends what is left."
    ).format(status=f"wegly-batch status {run}{of_ledger}", cancel=f"wegly-batch cancel {run}{of_ledger}")


def _read_note(note: Path) -> Mapping[Any, Any] | None:
    try:
        found = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
