"""Zip files that claim to be workbooks: looked over before anything inside is used.

Nothing is unzipped to disk, and never more than the directory declares; the directory itself is measured before it is
read. Every part's checksum is verified once, so that damage is found before the first row is believed.
"""

from __future__ import annotations

import errno
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from batch.i18n import N_, _, number
from batch.model.source import Source

_CHUNK = 256 * 1024
_TAIL = 66_000
_DIRECTORY_BYTES_PER_PART = 400
_ENCRYPTED = 0x1
_IN_ZIP64 = 0xFFFFFFFF
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OSError,
)
"""What zipfile raises for files that are none: the list was found by changing bytes at random."""
PROTECTED = N_("is protected by a password.")
REMOVE_PASSWORD = N_("Open it in Excel, take the password off (File, Info, Protect Workbook), save, and use that.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    """A zip file within the limits, its directory read."""

    source: Source
    parts: dict[str, zipfile.ZipInfo]
    """By name in lower case, with forward slashes and no leading one: writers differ in all three."""

    def __contains__(self, name: str) -> bool:
        return _key(name) in self.parts

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of a part, in pieces, its checksum verified at the end.

        Raises:
            SheetError: there is no such part, or it is damaged.
        """
        part = self._part(name)
        try:
            with zipfile.ZipFile(self.source.path) as file, file.open(part) as stream:
                yield from _pieces(stream)
        except _BROKEN as error:
            raise self.source.damaged(
                _("part {name} does not unzip ({words})").format(name=name, words=_words(error))
            ) from None

    def read(self, name: str, *, limit: int | None = None) -> bytes:
        """The whole content of a part. `limit`: its `loaded_bytes`; None: `markup_bytes`, for small parts.

        Raises:
            SheetError: there is no such part, or it is damaged, or too large.
        """
        part = self._part(name)
        most = self.source.limits.markup_bytes if limit is None else limit
        if part.file_size > most:
            which = "markup_bytes" if limit is None else "loaded_bytes"
            raise self.source.too_large(
                _("part {name} has {size} bytes, {most} are allowed (limit {limit})").format(
                    name=name, size=number(part.file_size), most=number(most), limit=which
                )
            )
        return b"".join(self.chunks(name))

    def _part(self, name: str) -> zipfile.ZipInfo:
        part = self.parts.get(_key(name))
        if part is None:
            raise self.source.damaged(_("part {name} is missing").format(name=name))
        return part


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(_CHUNK):
        yield piece


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def open_archive(source: Source) -> Archive:
    """Read the directory of a zip file, and refuse what no workbook is.

    Raises:
        SheetError: damaged, protected by a password, or over a limit.
    """
    _check_directory(source)
    try:
        with zipfile.ZipFile(source.path) as file:
            infos = file.infolist()
    except _BROKEN as error:
        raise source.damaged(_("the zip file around it is broken ({words})").format(words=_words(error))) from None
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        raise source.refused(_(PROTECTED), _(REMOVE_PASSWORD))
    _check_sizes(source, infos)
    return Archive(source=source, parts={_key(info.filename): info for info in infos})


def _check_directory(source: Source) -> None:
    """The directory's size stands at the end of the file; reading a giant one would itself fill the memory."""
    with source.path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL))
        tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or end + 22 > len(tail):
        raise source.damaged(_("the zip file around it has no end; it may be cut off"))
    (size,) = struct.unpack_from("<L", tail, end + 12)
    large = tail.rfind(b"PK\x06\x06")
    if size == _IN_ZIP64 and 0 <= large <= len(tail) - 48:
        (size,) = struct.unpack_from("<Q", tail, large + 40)
    if size > source.limits.parts * _DIRECTORY_BYTES_PER_PART:
        raise source.too_large(
            _("it has more than {most} parts (limit parts)").format(most=number(source.limits.parts))
        )


def _check_sizes(source: Source, infos: list[zipfile.ZipInfo]) -> None:
    limits = source.limits
    if len(infos) > limits.parts:
        raise source.too_large(
            _("it has {parts} parts, {allowed} are allowed (limit parts)").format(
                parts=number(len(infos)), allowed=number(limits.parts)
            )
        )
    total = sum(info.file_size for info in infos)
    if total > limits.unzipped_bytes:
        raise source.too_large(
            _("unzipped it has {size} bytes, {allowed} are allowed (limit unzipped_bytes)").format(
                size=number(total), allowed=number(limits.unzipped_bytes)
            )
        )
    for info in infos:
        grown = info.file_size // max(1, info.compress_size)
        if info.file_size > limits.ratio_from_bytes and grown > limits.ratio:
            raise source.too_large(
                _(
                    "part {name} grows {times} times when unzipped, as zip bombs do; {allowed} times is allowed "
                    "(limit ratio)"
                ).format(name=info.filename, times=number(grown), allowed=number(limits.ratio))
            )


def verify(archive: Archive) -> None:
    """Unzip every part once, keeping nothing: checksums are true, and no worksheet has more cells than allowed.

    Raises:
        SheetError: a part is damaged, or over the limit `cells`.
    """
    limit = archive.source.limits.cells
    for key, part in archive.parts.items():
        cells = 0
        if part.is_dir():
            continue
        for chunk in archive.chunks(key):
            if "worksheets/" in key:
                cells += chunk.count(b"<c ") + chunk.count(b":c ")
                if cells > limit:
                    raise archive.source.too_large(
                        _("a worksheet has more than {limit} cells (limit cells)").format(limit=number(limit))
                    )


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
