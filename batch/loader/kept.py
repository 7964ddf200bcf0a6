"""A private copy of the sheet, so that a run reads what it checked even when somebody saves over the file."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from batch.errors import SheetError
from batch.i18n import _
from batch.loader.formats.formats import find_content
from batch.loader.source import Limits, Source

__all__ = ["KeptCopy", "keep_copy"]

_DEFAULT_LIMITS = Limits()
_CHUNK = 1024 * 1024
_BINARY: int = getattr(os, "O_BINARY", 0)
"""Windows changes line ends without it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptCopy:
    """Where the copy is, and the SHA-256 of its content (64 hex digits)."""

    path: Path
    sha256: str


def keep_copy(source: Path, folder: Path, *, limits: Limits = _DEFAULT_LIMITS) -> KeptCopy:
    """Copy a sheet to `<folder>/.sheet<suffix>`, readable by its owner only, and hash what was copied.

    The copy is complete and on the disk when this returns; a copy that was there is replaced. `folder` must exist.

    Raises:
        SheetError: the sheet is missing, a folder, empty, over the limit of size, or cannot be read or copied.
    """
    find_content(Source(path=source, name=source.name, limits=limits))
    target = folder / f".sheet{source.suffix}"
    aside = folder / f".sheet{source.suffix}.part"
    digest = hashlib.sha256()
    try:
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        with os.fdopen(descriptor, "wb") as copy, source.open("rb") as original:
            while chunk := original.read(_CHUNK):
                digest.update(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        aside.replace(target)
    except OSError as error:
        raise SheetError(
            _("{name} cannot be copied to {folder}: {reason}.").format(
                name=source.name, folder=folder, reason=error.strerror or error
            ),
            _("Check the disk's free space and the folder's permissions."),
        ) from None
    return KeptCopy(path=target, sha256=digest.hexdigest())
