"""A workbook's zip file as parts that refer to one another (the Open Packaging Conventions), and a changed copy of it.

Part names are compared without case, as the conventions say, and writers differ in slashes. What is not changed is
copied as it is. References to the outside are kept, and never followed.
"""

from __future__ import annotations

import posixpath
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from batch.ooxml.archive import write_stream
from batch.ooxml.xml import Edits, Unspliceable, in_utf8, parsed, quoted

CONTENT_TYPES = "[Content_Types].xml"
ROOT_RELATIONS = "_rels/.rels"
BROKEN = (BadZipFile, EOFError, NotImplementedError, struct.error, zlib.error)
"""What zipfile raises for files that are none."""

_CHUNK = 256 * 1024
_MOST_BYTES = 64 * 1024 * 1024
"""Of a part that is read whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """A reference from one part to another, or to the outside."""

    id: str
    kind: str
    """The last word of its type: worksheet, styles, drawing ..."""
    target: str
    """The part's name without the first slash; for a reference to the outside, as it is written."""
    outside: bool = False


def relations_name(part: str) -> str:
    """The part that lists the relations of a part; of the whole package for the empty name."""
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()


class Package:
    """The parts of a workbook: read, replaced, added, taken away. Nothing is written before `write`."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self._infos = {_key(info.filename): info for info in archive.infolist() if not info.is_dir()}
        self._names = {key: info.filename.replace("\\", "/").lstrip("/") for key, info in self._infos.items()}
        self._changed: dict[str, bytes | None] = {}
        self._written: set[str] = set()

    def __contains__(self, name: str) -> bool:
        key = _key(name)
        return self._changed[key] is not None if key in self._changed else key in self._infos

    @property
    def names(self) -> list[str]:
        """Of all parts that there are now."""
        return [name for name in self._names.values() if name in self]

    def size(self, name: str) -> int:
        """The bytes of a part of the user's, unzipped."""
        return self._info(name).file_size

    def read(self, name: str) -> bytes:
        """The content of a small part as it is now, in UTF-8."""
        changed = self._changed.get(_key(name))
        if changed is not None:
            return changed
        info = self._info(name)
        if info.file_size > _MOST_BYTES:
            raise Unspliceable(f"{name} has {info.file_size:,} bytes")
        return in_utf8(self._archive.read(info))

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of a part of the user's, in pieces."""
        with self._archive.open(self._info(name)) as stream:
            while piece := stream.read(_CHUNK):
                yield piece

    def put(self, name: str, content: bytes) -> None:
        """Replace a part, or add one."""
        self._names.setdefault(_key(name), name)
        self._changed[_key(name)] = content

    def remove(self, name: str) -> None:
        """Take a part away, with its relations and its content type."""
        for each in (name, relations_name(name)):
            self._changed[_key(each)] = None
        types = self.read(CONTENT_TYPES)
        edits = Edits()
        for override in parsed(types).all("Override"):
            if _key(override.attributes.get("PartName", "")) == _key(name):
                edits.replace(override, b"")
        self.put(CONTENT_TYPES, edits.made(types))

    def relations(self, part: str) -> list[Relation]:
        """What a part refers to; nothing when it refers to nothing."""
        name = relations_name(part)
        if name not in self:
            return []
        found = []
        for each in parsed(self.read(name)).all("Relationship"):
            target = each.attributes.get("Target", "").replace("\\", "/")
            outside = each.attributes.get("TargetMode") == "External"
            found.append(
                Relation(
                    id=each.attributes.get("Id", ""),
                    kind=each.attributes.get("Type", "").rpartition("/")[2],
                    target=target if outside else _resolved(part, target),
                    outside=outside,
                )
            )
        return found

    def relate(self, part: str, kind: str, target: str) -> str:
        """Add a relation of a type (a whole URI) from a part that has some already. Gives its id."""
        name = relations_name(part)
        content = self.read(name)
        root = parsed(content)
        taken = {each.attributes.get("Id") for each in root.children}
        new = next(each for each in (f"rId{number}" for number in range(1, len(taken) + 2)) if each not in taken)
        edits = Edits()
        reference = f"<{root.prefix}Relationship Id={quoted(new)} Type={quoted(kind)} Target={quoted('/' + target)}/>"
        edits.append(root, reference.encode())
        self.put(name, edits.made(content))
        return new

    def unrelate(self, part: str, relation: str) -> None:
        """Take a relation away by its id."""
        name = relations_name(part)
        content = self.read(name)
        edits = Edits()
        for each in parsed(content).children:
            if each.attributes.get("Id") == relation:
                edits.replace(each, b"")
        self.put(name, edits.made(content))

    def content_type(self, part: str) -> str:
        """What the package says that a part is; empty when it says nothing of this part by name."""
        overrides = parsed(self.read(CONTENT_TYPES)).all("Override")
        return next(
            (
                each.attributes.get("ContentType", "")
                for each in overrides
                if _key(each.attributes.get("PartName", "")) == _key(part)
            ),
            "",
        )

    def declare(self, part: str, content_type: str) -> None:
        """Say what a part is."""
        content = self.read(CONTENT_TYPES)
        root = parsed(content)
        edits = Edits()
        known = [each for each in root.all("Override") if _key(each.attributes.get("PartName", "")) == _key(part)]
        if known:
            edits.set(known[0], ContentType=content_type)
        else:
            override = f"<{root.prefix}Override PartName={quoted('/' + part)} ContentType={quoted(content_type)}/>"
            edits.append(root, override.encode())
        self.put(CONTENT_TYPES, edits.made(content))

    def free_name(self, form: str) -> str:
        """A part's name that is not taken, from a form such as `xl/charts/chart{}.xml`."""
        number = 1
        while form.format(number) in self:
            number += 1
        return form.format(number)

    def remove_all(self, name: str) -> None:
        """Take a part away, and then what only it referred to."""
        targets = [each.target for each in self.relations(name) if not each.outside]
        self.remove(name)
        for target in targets:
            if target in self and _key(target) not in self._referred():
                self.remove_all(target)

    def write_first(self, copy: ZipFile) -> None:
        """Write the package's own relations into the copy: programs that look at the content know it by these."""
        self._write_part(copy, _key(ROOT_RELATIONS))

    def stream(self, copy: ZipFile, name: str, pieces: Iterable[bytes], *, most: int) -> None:
        """Write a part into the copy piece by piece, before `write`. `most`: bytes that it will hardly exceed."""
        self._written.add(_key(name))
        with write_stream(copy, self._names[_key(name)], most=most) as target:
            target.writelines(pieces)

    def write(self, copy: ZipFile, *, but: Iterable[str] = ()) -> None:
        """Write all other parts into the copy, the content types first; `but`: those that are there from elsewhere."""
        left = self._names.keys() - self._written - {_key(name) for name in but}
        for key in sorted(left, key=lambda key: (key != _key(CONTENT_TYPES), key)):
            if self._names[key] in self:
                self._write_part(copy, key)

    def _write_part(self, copy: ZipFile, key: str) -> None:
        self._written.add(key)
        changed = self._changed.get(key)
        if changed is None:
            self._copy(copy, key)
            return
        with copy.open(self._names[key], "w") as target:
            target.write(changed)

    def _referred(self) -> set[str]:
        """The keys of all parts that another one refers to."""
        found: set[str] = set()
        for name in self.names:
            folder, file = posixpath.split(name)
            if file.endswith(".rels") and posixpath.basename(folder) == "_rels":
                source = posixpath.join(posixpath.dirname(folder), file.removesuffix(".rels"))
                found |= {_key(each.target) for each in self.relations(source) if not each.outside}
        return found

    def _copy(self, copy: ZipFile, key: str) -> None:
        info = self._infos[key]
        compressed = info.compress_type != ZIP_STORED
        with write_stream(copy, self._names[key], most=info.file_size, compressed=compressed) as target:
            for piece in self.chunks(self._names[key]):
                target.write(piece)

    def _info(self, name: str) -> ZipInfo:
        info = self._infos.get(_key(name))
        if info is None:
            raise Unspliceable(f"{name} is missing")
        return info


def _resolved(part: str, target: str) -> str:
    whole = target if target.startswith("/") else posixpath.join(posixpath.dirname(part), target)
    return posixpath.normpath(posixpath.join("/", whole)).lstrip("/")
