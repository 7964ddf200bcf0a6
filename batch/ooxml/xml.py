"""XML from people's files, as a stream and without its dangers.

A document type is refused, and with it every entity: no bomb can be declared and nothing outside is ever read. Names
come without their prefix, because writers choose prefixes freely.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.parsers import expat

from batch.i18n import _
from batch.loader.source import Source

__all__ = ["Attributes", "Local", "feed", "parse_whole", "safe_parser"]

Attributes = dict[str, str]
_MOST_NAMES = 10_000


class Local(dict[str, str]):
    """Element names without prefix, remembered: `x:row` -> `row`."""

    def __missing__(self, name: str) -> str:
        local = name.rpartition(":")[2]
        if len(self) < _MOST_NAMES:
            self[name] = local
        return local


def safe_parser(source: Source, part: str) -> expat.XMLParserType:
    """A parser that refuses document types.

    Raises (from its `Parse`):
        SheetError: the part declares a document type or entities.
    """

    def refuse(*_declared: object) -> None:
        raise source.refused(
            _('declares XML entities in {part}, as files made to do harm do ("XML bomb"); it is not read.').format(
                part=part
            ),
            _("Take the sheet from somebody you trust."),
        )

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    return parser


def feed(source: Source, part: str, parser: expat.XMLParserType, piece: bytes, *, last: bool = False) -> None:
    """Give a piece of the part to the parser.

    Raises:
        SheetError: the XML is not well-formed, or forbidden.
    """
    try:
        parser.Parse(piece, last)
    except expat.ExpatError as error:
        raise source.damaged(
            _("part {part} is not well-formed ({error}, line {line})").format(
                part=part, error=expat.ErrorString(error.code), line=error.lineno
            )
        ) from None


def parse_whole(
    source: Source,
    part: str,
    content: bytes,
    *,
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Parse a small part, calling back with element names without prefix; attributes keep theirs.

    Raises:
        SheetError: the XML is not well-formed, or forbidden.
    """
    parser = safe_parser(source, part)
    local = Local()
    parser.StartElementHandler = lambda name, attributes: start(local[name], attributes)
    if end is not None:
        parser.EndElementHandler = lambda name: end(local[name])
    if text is not None:
        parser.CharacterDataHandler = text
    feed(source, part, parser, content, last=True)
