"""Atomic file writes: a temporary file beside the target, synced, then renamed."""

import ctypes
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

_fcntl: Any = None
if sys.platform == "darwin":
    import fcntl as _fcntl

_NAMES = 9
"""How many names are tried for a file that another program holds open."""
_WAITS = (0.05, 0.1, 0.2, 0.4)
"""Seconds between tries to replace a file on Windows, where a virus scanner holds a new one for a moment."""
_PRIVATE = 0o600
"""The mode of a temporary file from the start."""


def write_atomic(
    target: Path, write: Callable[[BinaryIO], object], *, mode: int = _PRIVATE, elsewhere: bool = True
) -> Path:
    """Let `write` fill a temporary file, then put it in place of `target` with that mode. Returns its path.

    The path is another one (`report (2).xlsx`) when another program holds `target` open, as Excel does on Windows;
    unless `elsewhere`, that raises. On return the file is durable. An OSError, or whatever `write` raises, leaves
    `target` as it was and nothing beside it.
    """
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            write(file)
            file.flush()
            if mode != _PRIVATE and os.name != "nt":
                os.fchmod(file.fileno(), mode)
            sync(file.fileno())
        placed = _replace(temporary, target, names=_NAMES if elsewhere else 1)
        sync_folder(target.parent)
        return placed
    finally:
        temporary.unlink(missing_ok=True)


def copy_web_mark(source: Path, target: Path, *, system: str = sys.platform) -> None:
    """Mark `target` as coming from the Internet where the system has marked `source`, so that Office blocks its macros.

    Windows keeps the mark in a stream of the file, macOS in an attribute; other systems have none.
    """
    with suppress(OSError):
        if system == "win32":
            Path(f"{target}:Zone.Identifier").write_bytes(Path(f"{source}:Zone.Identifier").read_bytes())
        elif system == "darwin":
            _copy_attribute(os.fsencode(source), os.fsencode(target), b"com.apple.quarantine")


def _copy_attribute(source: bytes, target: bytes, name: bytes) -> None:
    """Copy an extended attribute on macOS, for which Python has no function."""
    library = ctypes.CDLL(None)
    value = ctypes.create_string_buffer(4096)
    size = library.getxattr(source, name, value, ctypes.c_size_t(len(value)), 0, 0)
    if size > 0:
        library.setxattr(target, name, value, ctypes.c_size_t(size), 0, 0)


def _replace(
    temporary: Path,
    target: Path,
    *,
    names: int,
    system: str = sys.platform,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Rename to the first name that no other program holds open; on Windows the target itself is tried for a while."""
    for wait in _WAITS if system == "win32" and not target.is_dir() else ():
        with suppress(PermissionError):
            return temporary.replace(target)
        sleep(wait)
    others = (target.with_name(f"{target.stem} ({number}){target.suffix}") for number in range(2, names + 1))
    *candidates, last = target, *others
    for candidate in candidates:
        with suppress(PermissionError):
            return temporary.replace(candidate)
    return temporary.replace(last)


def sync(handle: int, *, fcntl: Any = _fcntl) -> None:
    """Make a file, or the names of a folder, durable. macOS leaves both in the drive's cache unless asked for all.

    `fcntl`: the system's module of that name where a file is asked for by it, None elsewhere.
    """
    if fcntl is not None:
        with suppress(OSError):  # not every file system can
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
            return
    os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder durable."""
    if os.name == "nt":
        return  # Windows cannot open a folder for this, and keeps the rename by itself.
    handle = os.open(folder, os.O_RDONLY)
    try:
        sync(handle)
    finally:
        os.close(handle)
