"""Zip files written for people's programs: compressed a little, not dated, 64-bit only where it may be needed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

__all__ = ["new_zip", "write_stream"]

_LEVEL = 2
"""Of compression: the next ones take longer and gain little on worksheets."""
_LIMIT = 0x7FFFFFFF


def new_zip(file: BinaryIO) -> ZipFile:
    """A zip file to be written. Its entries have no date of their own: zip knows no time zones."""
    return ZipFile(file, "w", ZIP_DEFLATED, compresslevel=_LEVEL)


@contextmanager
def write_stream(copy: ZipFile, name: str, *, most: int, compressed: bool = True) -> Iterator[IO[bytes]]:
    """A part of a zip file to be written piece by piece. `most`: bytes that it will hardly exceed.

    Beyond 2 GiB an entry is of a kind that older programs complain of, so it is used only where it may be needed.

    Raises:
        OSError: the part exceeds `most` and 2 GiB.
    """
    entry = ZipInfo(name)
    entry.compress_type = ZIP_STORED
    try:
        with copy.open(name if compressed else entry, "w", force_zip64=most > _LIMIT) as target:
            yield target
    except RuntimeError as error:
        if not any(word in str(error) for word in ("ZIP64", "too large")):
            raise
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG)) from error
