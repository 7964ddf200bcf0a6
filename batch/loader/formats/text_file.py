"""CSV, TSV and TXT files: a stream of rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice

from batch.loader.formats.delimited import find_delimiter, named_delimiter, records
from batch.loader.formats.text_encoding import find_encoding
from batch.loader.source import RawRow, Source

__all__ = ["TextGrid", "open_text"]

_SAMPLE_LINES = 500
_SAMPLE_CHARACTERS = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class TextGrid:
    """A text file whose encoding and delimiter are known. Reads from disk at each `rows()`, one line at a time."""

    source: Source
    encoding: str
    delimiter: str
    marked: bool = False
    """The first line is `sep=;`, which Excel does not count."""
    width: int | None = None
    """Cells of a full record, once the header is known."""

    def rows(self) -> Iterator[RawRow]:
        with self.source.path.open(encoding=self.encoding, newline="") as lines:
            if self.marked:
                next(lines, None)
            yield from records(lines, self.delimiter, width=self.width)


def open_text(source: Source, wanted: Collection[str]) -> TextGrid:
    """Find out encoding and delimiter. `wanted`: column names the campaign asks for.

    Raises:
        SheetError: the file is no text of an encoding we read.
    """
    encoding = find_encoding(source)
    lines = _first_lines(source, encoding)
    named = named_delimiter(lines[0]) if lines else None
    if named:
        return TextGrid(source=source, encoding=encoding, delimiter=named, marked=True)
    return TextGrid(source=source, encoding=encoding, delimiter=find_delimiter(lines, wanted))


def _first_lines(source: Source, encoding: str) -> list[str]:
    lines: list[str] = []
    characters = 0
    with source.path.open(encoding=encoding, newline="") as file:
        for line in islice(file, _SAMPLE_LINES):
            lines.append(line)
            characters += len(line)
            if characters > _SAMPLE_CHARACTERS:
                break
    return lines
