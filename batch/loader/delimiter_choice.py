"""Choice of a text file's delimiter, by the header and the records that it makes of the first lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice

from batch.loader.formats.delimited import TextGrid, named_delimiter, split_records
from batch.loader.formats.text_encoding import find_encoding
from batch.loader.header_detection import HEAD_ROWS, find_header
from batch.model.sheets import SheetFile

_DELIMITERS = (";", "\t", "|", ",")
"""In the order in which they win a tie: commas also stand in plain text and in numbers."""
_SAMPLE_ROWS = 300
_SAMPLE_LINES = 500
_SAMPLE_CHARACTERS = 1_000_000


def open_text(source: SheetFile, wanted: Collection[str]) -> TextGrid:
    """Find encoding and delimiter of a text file. `wanted`: column names the campaign asks for.

    Raises:
        SheetError: the file is no text of an encoding that is read.
    """
    encoding = find_encoding(source)
    lines = _first_lines(source, encoding)
    named = named_delimiter(lines[0]) if lines else None
    delimiter = named or choose_delimiter(lines, wanted)
    return TextGrid(source=source, encoding=encoding, delimiter=delimiter, has_mark=named is not None)


def _first_lines(source: SheetFile, encoding: str) -> list[str]:
    lines: list[str] = []
    characters = 0
    with source.path.open(encoding=encoding, newline="") as file:
        for line in islice(file, _SAMPLE_LINES):
            lines.append(line)
            characters += len(line)
            if characters > _SAMPLE_CHARACTERS:
                break
    return lines


def choose_delimiter(lines: Sequence[str], wanted: Collection[str] = ()) -> str:
    """Choose the delimiter under which most records have exactly as many cells as the header, if at least two.

    Usual column names in the header add to that. A file of one column splits under no delimiter, and gets the first.
    """
    return max(_DELIMITERS, key=lambda delimiter: _score(lines, delimiter, wanted))


def _score(lines: Sequence[str], delimiter: str, wanted: Collection[str]) -> float:
    rows = [row for row in islice(split_records(lines, delimiter), _SAMPLE_ROWS) if any(row.cells)]
    if not rows:
        return 0.0
    header = find_header([row for row in rows[:HEAD_ROWS] if not row.fault], wanted)
    body = [row for row in rows if row.number > header.number]
    widths = [len(row.cells) for row in body if not row.fault]
    usual = Counter(widths).most_common(1)[0][0] if widths else 0
    named = len(header.names) if header.number else usual
    share = widths.count(named) / len(body) if body else 1.0
    if named < 2:  # noqa: PLR2004 (one cell is no split)
        return share * 0.25
    return share + 0.1 * min(header.known, 5) + 0.001
