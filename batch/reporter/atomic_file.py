"""Files that are there whole or not at all: written aside, made durable, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_TRIES = 9
_PRIVATE = 0o600
"""What a temporary file has from the start."""


def write_aside(
    target: Path, write: Callable[[BinaryIO], None], *, mode: int = _PRIVATE, elsewhere: bool = True
) -> Path:
    """Let `write` fill a file beside `target`, then put it in place with that mode. Gives where it is now.

    Another place than `target` (`report (2).xlsx`) means that another program holds `target` open, as Excel does on
    Windows; unless `elsewhere`, that is an error too. On return the file is durable. An `OSError`, or whatever `write`
    raises, leaves `target` as it was and nothing beside it.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    aside = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            write(file)
            file.flush()
            if mode != _PRIVATE and os.name != "nt":
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        placed = _put(aside, target) if elsewhere else aside.replace(target)
        _sync_folder(target.parent)
        return placed
    finally:
        aside.unlink(missing_ok=True)


def _put(aside: Path, target: Path) -> Path:
    held: PermissionError | None = None
    for candidate in _names(target):
        try:
            aside.replace(candidate)
        except PermissionError as error:
            held = error
        else:
            return candidate
    raise held or PermissionError(target)


def _names(target: Path) -> Iterator[Path]:
    yield target
    for number in range(2, _TRIES + 1):
        yield target.with_name(f"{target.stem} ({number}){target.suffix}")


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open a folder for this, and keeps the rename by itself.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
