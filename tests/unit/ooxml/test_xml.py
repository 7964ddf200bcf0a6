"""XML: edits, encodings, escapes, and what is refused."""

from __future__ import annotations

import pytest

from batch.ooxml.tree import Document, parse_tree
from batch.ooxml.xml import SafeParser, XmlError, parse_xml, to_utf8, unescape


def test_edits_leave_the_rest_as_it_is() -> None:
    """Attributes, what is inside, a new child in an empty element; blanks, quotes and prefixes as they were."""
    content = b"<?xml version='1.0'?>\n<r  xmlns:q='u' ><a k='1>2' q:z=\"&amp;\"/><b>x</b ><c/></r>"
    edits = Document(content)
    first, second, third = edits.root.children
    edits.set(first, **{"k": None, "q:z": '<"'})
    edits.append(first, b"<new/>")
    edits.rewrite(second, b"y")
    edits.remove(third)
    assert edits.apply() == (b"<?xml version='1.0'?>\n<r  xmlns:q='u' ><a q:z=\"&lt;&quot;\"><new/></a><b>y</b ></r>")


def test_other_encodings_become_utf8() -> None:
    """The declaration goes, because it would be wrong."""
    text = '<?xml version="1.0" encoding="{}"?><a>ã</a>'
    assert to_utf8(text.format("UTF-16").encode("utf-16")) == "<a>ã</a>".encode()
    assert to_utf8(text.format("iso-8859-1").encode("iso-8859-1")) == "<a>ã</a>".encode()
    assert to_utf8(b"\xef\xbb\xbf<a/>") == b"<a/>"


def test_escaped_characters_of_ooxml() -> None:
    """`_x000D_` is a line break and `_x005F_` an underscore; a surrogate pair becomes one character."""
    assert unescape("a_x000D_\nb") == "a\r\nb"
    assert unescape("_x005F_x000D_") == "_x000D_"
    assert unescape("_xD83D__xDE00_") == "\U0001f600"
    assert unescape("a_xyz") == "a_xyz"


@pytest.mark.parametrize("content", [b"<!DOCTYPE a><a/>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'])
def test_document_types_are_refused(content: bytes) -> None:
    """So that no entity can be declared."""
    with pytest.raises(XmlError, match="a document type") as caught:
        parse_tree(content)
    assert caught.value.line is None


def test_faults_name_their_line() -> None:
    """In the words of the parser."""
    with pytest.raises(XmlError, match="mismatched tag") as caught:
        parse_xml(b"<a>\n<b>\n</a>", start=lambda name, attributes: None)
    assert caught.value.line == 3


def test_offsets_are_those_of_the_tags() -> None:
    """In bytes, by which elements are cut out of a part."""
    seen: list[tuple[str, int]] = []
    parser = SafeParser(start=lambda name, _: seen.append((name, parser.offset)))
    parser.feed("<a>ã<b/></a>".encode(), last=True)
    assert seen == [("a", 0), ("b", 5)]


@pytest.mark.parametrize("name", ["nonsense-9", "utf-7", "shift_jis", "rot13"])
def test_an_encoding_that_the_parser_lacks_is_a_fault_of_the_part(name: str) -> None:
    """Not a defect of the program, whichever error the parser has for it."""
    with pytest.raises(XmlError):
        parse_xml(f'<?xml version="1.0" encoding="{name}"?><a/>'.encode(), lambda *_: None)
