"""Parts of a package: found, changed and copied."""

from __future__ import annotations

import io
import zipfile

from batch.ooxml.archive import new_zip
from batch.ooxml.package import CONTENT_TYPES, Package


def package_of(**parts: bytes) -> Package:
    """A package with these parts, two underscores for a slash."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(CONTENT_TYPES, b"<Types></Types>")
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return Package(zipfile.ZipFile(file))


def test_parts_are_found_whatever_their_case_and_slashes() -> None:
    """Writers differ, and the conventions compare names without case."""
    package = package_of(
        **{
            "xl__a.xml": b"<a/>",
            "xl\\B.xml": b"<b/>",
            "xl___rels__a.xml.rels": b'<Relationships><Relationship Id="r" Type="t/x" Target="../XL/b.XML"/>'
            b'<Relationship Id="s" Type="t/link" Target="http://example.org/x" TargetMode="External"/></Relationships>',
        }
    )
    near, far = package.relations("xl/a.xml")
    assert (package.read(near.target), near.kind, near.outside) == (b"<b/>", "x", False)
    assert (far.target, far.outside) == ("http://example.org/x", True)
    package.remove_all("XL/A.xml")
    assert package.names == [CONTENT_TYPES]


def test_a_copy_has_each_part_once_and_the_new_ones() -> None:
    """Replaced, removed and added parts, and those that were written before."""
    package = package_of(one=b"1", two=b"2", three=b"3")
    package.put("one", b"new")
    package.put("four", b"4")
    package.remove("two")
    file = io.BytesIO()
    with new_zip(file) as copy:
        package.stream(copy, "three", [b"3", b"3"], most=2)
        package.write(copy)
    with zipfile.ZipFile(file) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {"three": b"33", CONTENT_TYPES: b"<Types></Types>", "one": b"new", "four": b"4"}
