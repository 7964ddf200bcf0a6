"""A worksheet whose elements have several prefixes, written anew with one namespace by default."""

from collections.abc import Iterable, Iterator
from itertools import chain
from xml.parsers import expat
from xml.sax.saxutils import escape

from batch.ooxml.xml import Attributes, XmlError, format_attributes, simplify_xml

_MOST_DEPTH = 1000


def unify_prefixes(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same XML with no prefix for the elements of the root's namespace.

    Prefixes that are declared stay declared where they are, since values may name them.

    Raises:
        UnsupportedMarkup: it is not well-formed, or of a kind that `simplify_xml` refuses.
    """
    writer = _Writer()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.namespace_prefixes = True
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = writer.start, writer.end
    parser.CharacterDataHandler, parser.StartNamespaceDeclHandler = writer.text, writer.declare
    try:
        for chunk in chain(filter(None, simplify_xml(chunks)), [b""]):
            parser.Parse(chunk, not chunk)
            yield writer.taken()
    except expat.ExpatError as error:
        raise XmlError(expat.ErrorString(error.code), error.lineno) from None


class _Writer:
    """Parser handlers that write what they get."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._declared: dict[str, str] = {}
        self._main: str | None = None
        self._open: list[str] = []

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        made = "".join(self._pieces).encode()
        self._pieces.clear()
        return made

    def declare(self, prefix: str | None, uri: str | None) -> None:
        if prefix:
            self._declared[f"xmlns:{prefix}"] = uri or ""

    def start(self, name: str, attributes: Attributes) -> None:
        uri, local, prefix = _split(name)
        if self._main is None:
            self._main = uri
            self._declared["xmlns"] = uri
        if uri != self._main:
            if not prefix and uri:
                prefix = "ns"
                self._declared["xmlns:ns"] = uri
            local = f"{prefix}:{local}" if prefix else local
        if len(self._open) > _MOST_DEPTH or (uri == "" and self._main):
            raise XmlError("elements too deep, or of no namespace")
        self._open.append(local)
        named = {}
        for key, value in attributes.items():
            _uri, attribute, prefix = _split(key)
            named[f"{prefix}:{attribute}" if prefix else attribute] = value
        self._pieces.append(f"<{local}{format_attributes(self._declared | named)}>")
        self._declared.clear()

    def end(self, _name: str) -> None:
        self._pieces.append(f"</{self._open.pop()}>")

    def text(self, text: str) -> None:
        self._pieces.append(escape(text, {"\r": "&#13;"}))


def _split(name: str) -> tuple[str, str, str]:
    """Return URI, local name and prefix of an expanded name; empty for what it lacks."""
    first, *others = name.split(" ")
    local, prefix = (*others, "")[:2] if others else (first, "")
    return (first if others else ""), local, prefix
