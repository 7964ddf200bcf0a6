"""Log of truth of the sandbox: received POSTs and applied messages, to be compared with a report."""

import json
import os
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

from batch.control_characters import escape_controls
from batch.errors import SettingsError
from batch.sandbox.requests import person_of


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedPost:
    """One POST, applied or not. No header is kept: the token is not to be in any file."""

    number: int
    """Counted from 1."""
    time: str
    """Wall clock, ISO 8601 in UTC, when its body had been read."""
    monotonic: float
    """Seconds; only differences mean anything."""
    body: str
    """As received."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AppliedMessage:
    """One message that counts as sent."""

    number: int
    """Of the POST that did it."""
    time: str
    monotonic: float
    contact: str
    """`wa_contact_id` as received."""
    person: str
    """The same person in one form (`+5511999990001`)."""
    sender: str
    chat_id: str


class SandboxLog:
    """Grows only; may be read from another thread while the sandbox runs.

    With a file (0600 when it is new), each entry is one line of JSON, there and flushed before the POST is answered, so
    that it is true whenever the runner, not the sandbox, is killed.
    """

    def __init__(self, file: Path | None = None) -> None:
        """Raises SettingsError when `file` (appended to) cannot be opened."""
        self._received: list[ReceivedPost] = []
        self._applied: list[AppliedMessage] = []
        self._lock = threading.Lock()
        self.passed = timedelta()
        """How far the sandbox's clock was set on, so that its messages move without waiting."""
        self._file = None if file is None else _open(file)

    @property
    def received(self) -> tuple[ReceivedPost, ...]:
        """Every POST, in order."""
        return tuple(self._received)

    @property
    def applied(self) -> tuple[AppliedMessage, ...]:
        """Every message that counts as sent, in order."""
        return tuple(self._applied)

    def note_received(self, body: str) -> ReceivedPost:
        """Note a POST and return its entry."""
        with self._lock:
            entry = ReceivedPost(
                number=len(self._received) + 1,
                time=self.now().isoformat().replace("+00:00", "Z"),
                monotonic=time.monotonic(),
                body=body,
            )
            self._received.append(entry)
            self._write("received", entry)
        return entry

    def note_applied(self, received: ReceivedPost, *, contact: str, sender: str, chat_id: str) -> None:
        """Note that a POST sent its message."""
        with self._lock:
            entry = AppliedMessage(
                number=received.number,
                time=self.now().isoformat().replace("+00:00", "Z"),
                monotonic=time.monotonic(),
                contact=contact,
                person=person_of(contact),
                sender=sender,
                chat_id=chat_id,
            )
            self._applied.append(entry)
            self._write("applied", entry)

    def as_json(self) -> dict[str, list[dict[str, object]]]:
        """Return the whole log, as `GET /sandbox/log` gives it."""
        return {
            "received": [asdict(entry) for entry in self.received],
            "applied": [asdict(entry) for entry in self.applied],
        }

    def now(self) -> datetime:
        """Return the sandbox's time."""
        return datetime.now(UTC) + self.passed

    def close(self) -> None:
        """Close the file, if there is one; nothing more may be noted."""
        if self._file is not None:
            self._file.close()

    def _write(self, event: str, entry: ReceivedPost | AppliedMessage) -> None:
        if self._file is not None:
            self._file.write(escape_controls(json.dumps({"event": event, **asdict(entry)}, ensure_ascii=False)) + "\n")
            self._file.flush()


def _open(file: Path) -> TextIO:
    try:
        return open(file, "a", encoding="utf-8", newline="\n", opener=_open_private)
    except OSError as error:
        raise SettingsError(
            f"The sandbox's log {file} cannot be written ({error.strerror}).", "Name another file."
        ) from None


def _open_private(name: str, flags: int) -> int:
    """Make a new file for its owner alone: it is full of people."""
    return os.open(name, flags, 0o600)
