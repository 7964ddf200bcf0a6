"""Zip files that claim to be workbooks: checked before any content is used, and written.

Nothing is unzipped to disk, and never more than the directory declares; the directory itself is measured before it is
read. The checksum of every part is verified once, so that damage is found before the first row is used.
"""

import errno
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from batch.i18n import N_, _
from batch.model.sheets import SheetFile
from batch.ooxml.xml import LocalNames, SafeParser, StartHandler, TextHandler, XmlError

PROTECTED = N_("is protected by a password.")
REMOVE_PASSWORD = N_("Open it in Excel, take the password off (File, Info, Protect Workbook), save, and use that.")
BROKEN_ZIP = (BadZipFile, EOFError, NotImplementedError, struct.error, zlib.error)
"""Errors that zipfile raises for damaged files."""

_BROKEN_ANYHOW = (*BROKEN_ZIP, RuntimeError, ValueError, OSError)
"""Errors of zipfile when only reading is done; found by changing bytes at random."""
_CHUNK = 256 * 1024
_TAIL = 66_000
"""Bytes at the end of a zip file that hold the end of its directory, with the longest comment."""
_DIRECTORY_BYTES_PER_PART = 400
_ENCRYPTED = 0x1
_IN_ZIP64 = 0xFFFFFFFF
_COMPRESSION_LEVEL = 2
"""Higher levels take longer and gain little on worksheets."""
_MOST_WITHOUT_ZIP64 = 0x7FFFFFFF


def part_key(name: str) -> str:
    """Return a part's name for comparison: writers differ in case, slashes and a leading slash."""
    return name.replace("\\", "/").lstrip("/").lower()


def read_chunks(file: ZipFile, part: ZipInfo) -> Iterator[bytes]:
    """Yield the content of a part in pieces; its checksum is verified at the end."""
    with file.open(part) as stream:
        while piece := stream.read(_CHUNK):
            yield piece


def _open_zip(source: SheetFile) -> ZipFile:
    try:
        return ZipFile(source.path)
    except _BROKEN_ANYHOW as error:
        raise source.damage(_("the zip file around it is broken ({words})").format(words=_describe(error))) from None


def _unzip(source: SheetFile, file: ZipFile, part: ZipInfo) -> Iterator[bytes]:
    """Yield the content of a part in pieces. Raises SheetError for damage."""
    try:
        yield from read_chunks(file, part)
    except _BROKEN_ANYHOW as error:
        name = part_key(part.filename)
        raise source.damage(
            _("part {name} does not unzip ({words})").format(name=name, words=_describe(error))
        ) from None


@dataclass(frozen=True, kw_only=True, slots=True)
class Archive:
    """A zip file within the limits, its directory read."""

    source: SheetFile
    parts: dict[str, ZipInfo]
    """Parts by `part_key`."""

    def __contains__(self, name: str) -> bool:
        return part_key(name) in self.parts

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the content of a part in pieces, its checksum verified at the end.

        Raises:
            SheetError: there is no such part, or it is damaged.
        """
        part = self._part(name)
        with _open_zip(self.source) as file:
            yield from _unzip(self.source, file, part)

    def walk(self, names: Iterable[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Yield parts by `part_key` with their pieces. The directory is read once for all of them.

        For each part it would take the square of their number.
        """
        with _open_zip(self.source) as file:
            yield from ((name, _unzip(self.source, file, self._part(name))) for name in names)

    def read(self, name: str, *, limit: str = "markup_bytes") -> bytes:
        """Return the whole content of a part. `limit`: field of `Limits` for its size; the default is for small parts.

        Raises:
            SheetError: there is no such part, or it is damaged, or too large.
        """
        part = self._part(name)
        text = N_("part {name} has {value} bytes, {most} are allowed (limit {limit})")
        self.source.check(limit, part.file_size, text, name=name)
        return b"".join(self.chunks(name))

    def parse(self, name: str, start: StartHandler, end: TextHandler | None = None) -> None:
        """Parse a small part, calling back with local element names; attributes keep their prefix.

        Raises:
            SheetError: the part is missing, damaged or too large, its XML not well-formed or forbidden.
        """
        names = LocalNames()
        parser = PartParser(
            self.source,
            name,
            start=lambda element, attributes: start(names[element], attributes),
            end=end and (lambda element: end(names[element])),
        )
        parser.feed(self.read(name), last=True)

    def _part(self, name: str) -> ZipInfo:
        part = self.parts.get(part_key(name))
        if part is None:
            raise self.source.damage(_("part {name} is missing").format(name=name))
        return part


class PartParser(SafeParser):
    """A safe parser for one part of a sheet, whose faults are errors of the sheet."""

    def __init__(
        self,
        source: SheetFile,
        part: str,
        *,
        start: StartHandler,
        end: TextHandler | None = None,
        text: TextHandler | None = None,
    ) -> None:
        super().__init__(start=start, end=end, text=text)
        self._source = source
        self._part = part

    def feed(self, piece: bytes, *, last: bool = False) -> None:
        """Parse the next piece.

        Raises:
            SheetError: the XML is not well-formed, or declares a document type or an entity.
        """
        try:
            super().feed(piece, last=last)
        except XmlError as error:
            if error.line is None:
                raise self._source.refusal(
                    _(
                        'declares XML entities in {part}, as files made to do harm do ("XML bomb"); it is not read.'
                    ).format(part=self._part),
                    _("Take the sheet from somebody you trust."),
                ) from None
            raise self._source.damage(
                _("part {part} is not well-formed ({error}, line {line})").format(
                    part=self._part, error=error, line=error.line
                )
            ) from None


def _describe(error: BaseException) -> str:
    return str(error) or type(error).__name__


def open_archive(source: SheetFile) -> Archive:
    """Read the directory of a zip file, and refuse what cannot be a workbook.

    Raises:
        SheetError: damaged, protected by a password, or over a limit.
    """
    _check_directory(source)
    with _open_zip(source) as file:
        infos = file.infolist()
    if any(info.flag_bits & _ENCRYPTED for info in infos):
        raise source.refusal(_(PROTECTED), _(REMOVE_PASSWORD))
    _check_sizes(source, infos)
    return Archive(source=source, parts={part_key(info.filename): info for info in infos})


def _check_directory(source: SheetFile) -> None:
    # The directory's size stands at the end of the file; reading a giant directory would itself fill the memory.
    with source.path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - _TAIL))
        tail = file.read()
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or end + 22 > len(tail):
        raise source.damage(_("the zip file around it has no end; it may be cut off"))
    (size,) = struct.unpack_from("<L", tail, end + 12)
    large = tail.rfind(b"PK\x06\x06")
    if size == _IN_ZIP64 and 0 <= large <= len(tail) - 48:
        (size,) = struct.unpack_from("<Q", tail, large + 40)
    source.check("parts", size // _DIRECTORY_BYTES_PER_PART, N_("it has more than {most} parts (limit parts)"))


def _check_sizes(source: SheetFile, infos: list[ZipInfo]) -> None:
    source.check("parts", len(infos), N_("it has {value} parts, {most} are allowed (limit parts)"))
    total = sum(info.file_size for info in infos)
    text = N_("unzipped it has {value} bytes, {most} are allowed (limit unzipped_bytes)")
    source.check("unzipped_bytes", total, text)
    text = N_("part {name} grows {value} times when unzipped, as zip bombs do; {most} times is allowed (limit ratio)")
    for info in infos:
        if info.file_size > source.limits.ratio_from_bytes:
            source.check("ratio", info.file_size // max(1, info.compress_size), text, name=info.filename)


def verify(archive: Archive, look: Callable[[str, bytes], None] | None = None) -> None:
    """Unzip every part once, keeping nothing: verify checksums, and count the cells of worksheets.

    `look`: called with the key of each part and each of its pieces.

    Raises:
        SheetError: a part is damaged, or over the limit `cells`.
    """
    source = archive.source
    for key, pieces in archive.walk(key for key, part in archive.parts.items() if not part.is_dir()):
        cells = 0
        for chunk in pieces:
            if "worksheets/" in key:
                cells += chunk.count(b"<c ") + chunk.count(b":c ")
                source.check("cells", cells, N_("a worksheet has more than {most} cells (limit cells)"))
            if look:
                look(key, chunk)


def new_zip(file: BinaryIO) -> ZipFile:
    """Open a zip file for writing."""
    return ZipFile(file, "w", ZIP_DEFLATED, compresslevel=_COMPRESSION_LEVEL)


@contextmanager
def write_stream(copy: ZipFile, name: str, *, most: int, compressed: bool = True) -> Iterator[IO[bytes]]:
    """Open an entry of a zip file for writing piece by piece. `most`: bytes that it will hardly exceed.

    Raises:
        OSError: the entry exceeds `most` and 2 GiB.
    """
    entry = ZipInfo(name)
    entry.compress_type = ZIP_STORED
    try:
        # Older programs complain of ZIP64 entries, so they are used only where more than 2 GiB may come.
        with copy.open(name if compressed else entry, "w", force_zip64=most > _MOST_WITHOUT_ZIP64) as target:
            yield target
    except RuntimeError as error:
        if not any(word in str(error) for word in ("ZIP64", "too large")):
            raise
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG)) from error
