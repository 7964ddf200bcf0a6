"""OOXML packages: parts, relations, content types and the sheets of a workbook; and a changed copy of a package.

Part names are compared without case, as the Open Packaging Conventions require. Relations to targets outside the
package are kept when a package is copied, and never followed.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from batch.ooxml.archive import part_key, read_chunks, write_stream
from batch.ooxml.prefixes import unify_prefixes
from batch.ooxml.schema import check_part
from batch.ooxml.tree import Document, Element
from batch.ooxml.xml import Attributes, StartHandler, UnsupportedMarkup, check_xml, parse_xml, to_utf8

CONTENT_TYPES = "[Content_Types].xml"
ROOT_RELATIONS = "_rels/.rels"
_RELATIONS_TYPE = "application/vnd.openxmlformats-package.relationships+xml"

_MOST_BYTES = 64 * 1024 * 1024
"""Size of a part that is read whole."""


class Parts(Protocol):
    """The parts of a package: of an `Archive` that is read, or of a `Package` that is changed."""

    def __contains__(self, name: str, /) -> bool: ...

    def parse(self, name: str, start: StartHandler, /) -> None:
        """Parse a small part, calling `start` with local element names."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Relation:
    """A reference from one part to another, or to a target outside the package."""

    id: str
    kind: str
    """Last word of its type: worksheet, styles, drawing ..."""
    target: str
    """Part name without a leading slash; as it is written for a target outside."""
    outside: bool = False


def relations_name(part: str) -> str:
    """Return the name of the part that lists the relations of a part; of the whole package for the empty name."""
    folder, name = posixpath.split(part)
    return posixpath.join(folder, "_rels", f"{name}.rels")


def read_relations(parts: Parts, part: str) -> list[Relation]:
    """Return the relations of a part; an empty list when it has none."""
    name = relations_name(part)
    found: list[Relation] = []

    def start(element: str, attributes: Attributes) -> None:
        if element != "Relationship":
            return
        target = attributes.get("Target", "").replace("\\", "/")
        outside = attributes.get("TargetMode") == "External"
        found.append(
            Relation(
                id=attributes.get("Id", ""),
                kind=attributes.get("Type", "").rpartition("/")[2],
                target=target if outside else _resolve(part, target),
                outside=outside,
            )
        )

    if name in parts:
        parts.parse(name, start)
    return found


def _resolve(part: str, target: str) -> str:
    whole = target if target.startswith("/") else posixpath.join(posixpath.dirname(part), target)
    return posixpath.normpath(posixpath.join("/", whole)).lstrip("/")


def read_content_types(parts: Parts) -> dict[str, str]:
    """Return the declared content types: of single parts by `part_key`, of endings by the ending (`.rels`)."""
    found: dict[str, str] = {}

    def start(element: str, attributes: Attributes) -> None:
        if element == "Override":
            found.setdefault(part_key(attributes.get("PartName", "")), attributes.get("ContentType", ""))
        elif element == "Default":
            found.setdefault("." + attributes.get("Extension", "").lower(), attributes.get("ContentType", ""))

    if CONTENT_TYPES in parts:
        parts.parse(CONTENT_TYPES, start)
    return found


def find_workbook(parts: Parts) -> str | None:
    """Return the name of the part that lists the sheets; None when this is no workbook."""
    for relation in read_relations(parts, ""):
        if relation.kind == "officeDocument" and not relation.outside:
            return relation.target
    return "xl/workbook.xml" if "xl/workbook.xml" in parts else None


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkbookTab:
    """One sheet in the list of a workbook."""

    title: str
    relation: str
    """Id of the workbook's reference to it."""
    part: str
    """Part name; empty when the reference leads nowhere."""
    kind: str
    """Kind of the reference: `worksheet`, `chartsheet` ..., or empty."""
    visible: bool


def make_tab(attributes: Attributes, relations: Mapping[str, Relation]) -> WorkbookTab:
    """Make a tab from the attributes of a `sheet` element and the workbook's relations by id."""
    # The attribute is `r:id` by most writers; its prefix may be any.
    named = [value for name, value in attributes.items() if name.endswith(":id")]
    identity = next((each for each in named if each in relations), "".join(named[:1]))
    relation = relations.get(identity)
    inside = relation is not None and not relation.outside
    return WorkbookTab(
        title=attributes.get("name", ""),
        relation=identity,
        part=relation.target if relation and inside else "",
        kind=relation.kind if relation and inside else "",
        visible=attributes.get("state", "visible") == "visible",
    )


def is_true(value: str | None) -> bool:
    """True for the spellings of an XML boolean that are on."""
    return value in {"1", "true", "on"}


class Package:
    """The parts of a workbook: read, replaced, added, removed. Nothing is written before `write`."""

    def __init__(self, archive: ZipFile) -> None:
        self._archive = archive
        self._infos = {part_key(info.filename): info for info in archive.infolist() if not info.is_dir()}
        self._names = {key: info.filename.replace("\\", "/").lstrip("/") for key, info in self._infos.items()}
        self._changed: dict[str, bytes | None] = {}
        self._written: set[str] = set()
        self._unified: set[str] = set()

    def __contains__(self, name: str) -> bool:
        key = part_key(name)
        return self._changed[key] is not None if key in self._changed else key in self._infos

    @property
    def original(self) -> Package:
        """The package without the changes."""
        return Package(self._archive)

    @property
    def names(self) -> list[str]:
        """Names of all parts as the package is now."""
        return [name for name in self._names.values() if name in self]

    @property
    def changed(self) -> dict[str, bytes]:
        """The parts that were replaced or added, as they are now."""
        return {self._names[key]: content for key, content in self._changed.items() if content is not None}

    def size(self, name: str) -> int:
        """Return the size of an original part in bytes, unzipped."""
        return self._info(name).file_size

    def read(self, name: str) -> bytes:
        """Return the content of a small part as it is now, in UTF-8."""
        changed = self._changed.get(part_key(name))
        if changed is not None:
            return changed
        info = self._info(name)
        if info.file_size > _MOST_BYTES:
            raise UnsupportedMarkup(f"{name} has {info.file_size:,} bytes")
        return to_utf8(self._archive.read(info))

    def parse(self, name: str, start: StartHandler) -> None:
        """Parse a small part as it is now, calling `start` with local element names."""
        parse_xml(self.read(name), start)

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the content of an original part in pieces."""
        pieces = read_chunks(self._archive, self._info(name))
        return unify_prefixes(pieces) if part_key(name) in self._unified else pieces

    def unify(self, name: str) -> None:
        """Let `chunks` yield a part with one prefix for all its elements."""
        self._unified.add(part_key(name))

    def put(self, name: str, content: bytes) -> None:
        """Replace a part, or add one."""
        self._names.setdefault(part_key(name), name)
        self._changed[part_key(name)] = content

    @contextmanager
    def edit(self, name: str) -> Iterator[Document]:
        """Give a small part as it is now, and put it back with the changes when the block is left."""
        document = Document(self.read(name))
        yield document
        self.put(name, document.apply())

    def remove(self, name: str) -> None:
        """Remove a part with its relations and its content type."""
        for each in (name, relations_name(name)):
            self._changed[part_key(each)] = None
        with self.edit(CONTENT_TYPES) as types:
            for override in _overrides(types.root, name):
                types.remove(override)

    def remove_all(self, name: str) -> None:
        """Remove a part, and then the parts that only it referred to."""
        targets = [each.target for each in self.relations(name) if not each.outside]
        self.remove(name)
        for target in targets:
            if target in self and part_key(target) not in self._referred():
                self.remove_all(target)

    def relations(self, part: str) -> list[Relation]:
        """Return the relations of a part as they are now."""
        return read_relations(self, part)

    def relate(self, part: str, kind: str, target: str) -> str:
        """Add a relation to a part that has some already, and return its id. `kind`: the whole type, a URI."""
        with self.edit(relations_name(part)) as relations:
            taken = {each.attributes.get("Id") for each in relations.root.children}
            new = next(each for each in (f"rId{number}" for number in range(1, len(taken) + 2)) if each not in taken)
            attributes = {"Id": new, "Type": kind, "Target": f"/{target}"}
            relations.append(relations.root, relations.tag("Relationship", attributes))
        return new

    def unrelate(self, part: str, relation: str) -> None:
        """Remove a relation by its id."""
        with self.edit(relations_name(part)) as relations:
            for each in relations.root.children:
                if each.attributes.get("Id") == relation:
                    relations.remove(each)

    def content_type(self, part: str) -> str:
        """Return the content type that is declared for a part; empty when there is none."""
        return read_content_types(self).get(part_key(part), "")

    def declare(self, part: str, content_type: str) -> None:
        """Declare the content type of a part."""
        with self.edit(CONTENT_TYPES) as types:
            known = _overrides(types.root, part)
            if known:
                types.set(known[0], ContentType=content_type)
            else:
                attributes = {"PartName": f"/{part}", "ContentType": content_type}
                types.append(types.root, types.tag("Override", attributes))

    def put_relations(self, part: str, content: bytes) -> None:
        """Add the relations of a new part, with their content type where the package has none for the ending."""
        self.put(relations_name(part), content)
        if read_content_types(self).get(".rels") != _RELATIONS_TYPE:
            self.declare(relations_name(part), _RELATIONS_TYPE)

    def free_name(self, form: str) -> str:
        """Return a part name that is not taken, from a form such as `xl/charts/chart{}.xml`."""
        number = 1
        while form.format(number) in self:
            number += 1
        return form.format(number)

    def write_first(self, copy: ZipFile) -> None:
        """Write the package's own relations: programs that detect a type by content look for them first."""
        self._write_part(copy, part_key(ROOT_RELATIONS))

    def stream(self, copy: ZipFile, name: str, pieces: Iterable[bytes], *, most: int) -> None:
        """Write a part piece by piece, before `write`. `most`: bytes that it will hardly exceed."""
        self._written.add(part_key(name))
        with write_stream(copy, self._names[part_key(name)], most=most) as target:
            target.writelines(check_xml(pieces))

    def check_references(self) -> None:
        """Check that what was removed is referred to no longer, and that each new part has its content type.

        Raises:
            UnsupportedMarkup: it is not so.
        """
        types = read_content_types(self)
        gone = {key for key, content in self._changed.items() if content is None}
        new = self._changed.keys() - self._infos.keys() - gone
        wrong = [key for key in new if not types.get(key, types.get("." + key.rpartition(".")[2]))]
        if gone:
            wrong += gone & self._referred()
        if wrong:
            raise UnsupportedMarkup(f"no content type, or referred to and gone: {wrong}")

    def write(self, copy: ZipFile, *, but: Iterable[str] = ()) -> None:
        """Write all parts that are not written yet, the content types first. `but`: parts to leave out."""
        remaining = self._names.keys() - self._written - {part_key(name) for name in but}
        for key in sorted(remaining, key=lambda key: (key != part_key(CONTENT_TYPES), key)):
            if self._names[key] in self:
                self._write_part(copy, key)

    def _write_part(self, copy: ZipFile, key: str) -> None:
        self._written.add(key)
        changed = self._changed.get(key)
        if changed is not None:
            check_part(self._names[key], changed, self._archive.read(self._infos[key]) if key in self._infos else None)
            with copy.open(self._names[key], "w") as target:
                target.write(changed)
            return
        info = self._infos[key]
        compressed = info.compress_type != ZIP_STORED
        with write_stream(copy, self._names[key], most=info.file_size, compressed=compressed) as target:
            target.writelines(read_chunks(self._archive, info))

    def _referred(self) -> set[str]:
        """Keys of all parts that another part refers to."""
        found: set[str] = set()
        for name in self.names:
            folder, file = posixpath.split(name)
            if file.endswith(".rels") and posixpath.basename(folder) == "_rels":
                source = posixpath.join(posixpath.dirname(folder), file.removesuffix(".rels"))
                found |= {part_key(each.target) for each in self.relations(source) if not each.outside}
        return found

    def _info(self, name: str) -> ZipInfo:
        info = self._infos.get(part_key(name))
        if info is None:
            raise UnsupportedMarkup(f"{name} is missing")
        return info


def _overrides(types: Element, part: str) -> list[Element]:
    return [each for each in types.all("Override") if part_key(each.attributes.get("PartName", "")) == part_key(part)]
