"""Parts of a package: found, changed and copied."""

from __future__ import annotations

import io
import zipfile

import pytest

from batch.ooxml.archive import new_zip
from batch.ooxml.package import CONTENT_TYPES, Package
from batch.ooxml.xml import UnsupportedMarkup


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
    package = package_of(one=b"<a/>", two=b"2", three=b"<c/>")
    package.put("one", b"<new/>")
    package.put("four", b"<d/>")
    package.remove("two")
    file = io.BytesIO()
    with new_zip(file) as copy:
        package.stream(copy, "three", [b"<c>", b"</c>"], most=2)
        package.write(copy)
    with zipfile.ZipFile(file) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    assert found == {"three": b"<c></c>", CONTENT_TYPES: b"<Types></Types>", "one": b"<new/>", "four": b"<d/>"}


@pytest.mark.parametrize("broken", [b"<a>", b"<a r:id='1'/>", b"<x:a/>", b"<worksheet><sheetData/><cols/></worksheet>"])
def test_what_does_not_parse_is_not_written(broken: bytes) -> None:
    """An open tag, a prefix that is not declared, children out of their order; in a replaced part and a stream."""
    for name in ("one", "new"):
        package = package_of(one=b"<a/>")
        package.put(name, broken)
        with new_zip(io.BytesIO()) as copy, pytest.raises(UnsupportedMarkup):
            package.write(copy)
    if b"cols" not in broken:
        with new_zip(io.BytesIO()) as copy, pytest.raises(UnsupportedMarkup):
            package_of(one=b"<a/>").stream(copy, "one", [broken], most=9)


def test_what_is_gone_is_not_referred_to_and_what_is_new_has_a_type() -> None:
    """A package that breaks either is refused before it is written."""
    relations = b'<Relationships><Relationship Id="r" Type="t/x" Target="b.xml"/></Relationships>'
    package = package_of(**{"a.xml": b"<a/>", "b.xml": b"<b/>", "_rels__a.xml.rels": relations})
    package.check_references()
    package.put("c.xml", b"<c/>")
    with pytest.raises(UnsupportedMarkup):
        package.check_references()
    package.declare("c.xml", "text/xml")
    package.put_relations("c.xml", b"<Relationships/>")
    package.check_references()
    assert package.content_type("_rels/c.xml.rels").endswith("relationships+xml")
    package.remove("b.xml")
    with pytest.raises(UnsupportedMarkup):
        package.check_references()
