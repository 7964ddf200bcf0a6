"""Opening of a sheet: its format, delimiter, worksheet, header and columns, one reading to its end; private copies."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import file_digest
from itertools import islice, takewhile
from pathlib import Path
from shutil import copyfileobj

from batch.atomic_file import write_atomic
from batch.control_characters import show_controls
from batch.errors import SheetError
from batch.i18n import N_, _
from batch.loader.filters.dates import MONTH_FIRST
from batch.loader.formats.content import Content, find_content
from batch.loader.formats.delimited import TextGrid, find_quote, named_delimiter, split_records
from batch.loader.formats.text_encoding import ends_with_mark, find_encoding
from batch.loader.formats.workbook import open_workbook
from batch.loader.header_detection import HEAD_ROWS, Header, find_header, header_at, headless, is_list, name_columns
from batch.loader.header_names import fold
from batch.loader.scan import SheetScan, has_content, scan_rows
from batch.loader.sheet import Sheet, judge_widths
from batch.loader.source import Grid
from batch.loader.worksheet_choice import choose_tab
from batch.model.messages import has_origins
from batch.model.phrases import Phrase, Value
from batch.model.sheets import LIMITS, Limits, SheetFile, SheetInfo
from batch.ooxml.references import Area

_DELIMITERS = (";", "\t", "|", ",")
"""In the order in which they win a tie: commas also stand in plain text and in numbers."""
_LOOSE_FIT = 0.9
_OTHER_WIDTH = 0.4
_SAMPLE_ROWS = 300
_SAMPLE_LINES = 500
_SAMPLE_CHARACTERS = 1_000_000


def open_text(source: SheetFile, wanted: Collection[str], encoding: str | None = None) -> TextGrid:
    """Find encoding and delimiter of a text file. `wanted`: column names the campaign asks for.

    `encoding`: the one that a person names.

    Raises:
        SheetError: the file is no text of an encoding that is read.
    """
    grid = TextGrid(
        source=source,
        encoding=find_encoding(source, encoding),
        delimiter=_DELIMITERS[0],
        has_end_mark=ends_with_mark(source.path),
    )
    lines = _first_lines(grid)
    named = named_delimiter(lines[0]) if lines else None
    quote = find_quote(lines)
    if quote not in "\"'":
        raise source.refusal(
            _("has its cells in {marks}, which are no quotation marks of a CSV file.").format(marks=quote),
            _('Replace them with " in a text editor, or save the sheet again as CSV or XLSX.'),
        )
    delimiter = named or choose_delimiter(lines, wanted, quote)
    return replace(grid, delimiter=delimiter, has_mark=named is not None, quote=quote)


def _first_lines(grid: TextGrid) -> list[str]:
    lines: list[str] = []
    characters = 0
    with grid.open_lines() as read:
        for line in islice(read, _SAMPLE_LINES):
            lines.append(line)
            characters += len(line)
            if characters > _SAMPLE_CHARACTERS:
                break
    return lines


def choose_delimiter(lines: Sequence[str], wanted: Collection[str] = (), quote: str = '"') -> str:
    """Choose the delimiter under which most records have as many cells as the header, if at least two.

    Missing and surplus empty cells at the end are forgiven, at a small price; records of one width, another than the
    header's, count less. Usual column names in the header add to that. A file of one column splits under no delimiter,
    and gets the first; unless a space splits all of its lines alike, and usual names in its header.
    """
    scores = {delimiter: _score(lines, delimiter, wanted, quote) for delimiter in _DELIMITERS}
    best = max(scores, key=scores.__getitem__)
    is_single = not any(delimiter in line for line in lines for delimiter in _DELIMITERS)
    return " " if is_single and _splits_at_spaces(lines, wanted) else best


def _splits_at_spaces(lines: Sequence[str], wanted: Collection[str]) -> bool:
    rows = [row for row in islice(split_records(lines, " "), _SAMPLE_ROWS) if any(row.cells)]
    if len({(len(row.cells), all(row.cells), row.fault) for row in rows}) != 1 or not all(rows[0].cells):
        return False
    header = find_header(rows[:1], wanted)
    return header.known > 1 and header.known == len(header.names)


def _score(lines: Sequence[str], delimiter: str, wanted: Collection[str], quote: str) -> float:
    rows = [row for row in islice(split_records(lines, delimiter, quote=quote), _SAMPLE_ROWS) if any(row.cells)]
    if not rows:
        return 0.0
    header = find_header([row for row in rows[:HEAD_ROWS] if not row.fault], wanted)
    body = [row for row in rows if row.number > header.number]
    records = [row.cells for row in body if not row.fault]
    usual, times = Counter(map(len, records)).most_common(1)[0] if records else (0, 0)
    named = len(header.names) if header.number else usual
    fits = sum(1.0 if len(cells) == named else _LOOSE_FIT * _fits_loosely(cells, named) for cells in records)
    if usual > 1:
        fits = max(fits, _OTHER_WIDTH * times)
    share = fits / len(body) if body else 1.0
    if named < 2:  # noqa: PLR2004 (one cell is no split)
        return share * 0.25
    return share + 0.1 * min(header.known, 5) + 0.001


def _fits_loosely(cells: Sequence[str | None], named: int) -> bool:
    return len(cells) > 1 and not any(cells[named:])


_REASON = "wegly_reason"
_RESULTS_CSV = frozenset({"wegly_status", "wegly_run"})
"""Columns by which a `results.csv` of a report is recognized."""
_HEADLESS = N_(
    "No header row was found: the columns are called by their letters (column A), and the first row counts. "
    "If there is a header, name its row in the campaign file: [sheet] header_row."
)
_ALIKE = N_("Several columns are called {name}; the later ones are named by their letter.")
_BY_REMARK = {
    "unknown": N_(
        "The number format {format} of column {column} (row {row}) is not understood: the plain number {value} is used."
    ),
    "rounded": N_(
        "The number format {format} of column {column} rounds: row {row} holds {value} and shows {text}, which is what "
        "a message says; a filter, like |brl, takes the value itself."
    ),
}
_ONE_HIDDEN = N_("1 row is hidden in the sheet, often by a filter left on.")
_HIDDEN = N_("{rows:,} rows are hidden in the sheet, often by a filter left on.")


def open_sheet(
    path: Path,
    *,
    name: str | None = None,
    header_row: int | None = None,
    wanted_columns: Collection[str] = (),
    limits: Limits = LIMITS,
    shown_as: str | None = None,
    has_loose_ends: bool = False,
    encoding: str | None = None,
    text_columns: Collection[str] | None = None,
    date_columns: Collection[str] = (),
) -> Sheet:
    """Open a sheet, find its header, and read it once to its end.

    Args:
        path: a CSV, TSV, TXT, XLSX, XLSM, XLS, XLSB or ODS file; its content decides which, not its name.
        name: the worksheet; None: the one that holds the contacts is chosen. Not used for text files.
        header_row: the header's row number as Excel shows it; 0: the sheet has none; None: it is detected.
        wanted_columns: names the campaign asks for; they help to find worksheet and header.
        limits: sizes beyond which the file is refused.
        shown_as: name of the file in messages and in `info.file`; None: its own. For a private copy of a sheet.
        has_loose_ends: empty cells at the right edge of a text file's rows may be missing or too many.
        encoding: of a text file; None: it is found.
        text_columns: names of those whose shown texts are used, so that their number formats are judged; None: all.
        date_columns: names of those that are judged for dates that are month first.

    Raises:
        SheetError: the file is missing, a folder, empty, no sheet, protected by a password, damaged, too large
            or larger than the memory;
            there is no such worksheet, or several would do; the row named as the header is empty, or there is no row;
            no row of a text file has as many cells as its header.
    """
    source = SheetFile(path=path, name=show_controls(shown_as or path.name), limits=limits)
    with source.within_memory():
        grid, totals, info = _open(source, name, wanted_columns, encoding)
        header = _find_header(source, grid, header_row, wanted_columns)
    width = len(header.names)
    is_text = isinstance(grid, TextGrid)
    if isinstance(grid, TextGrid):
        grid = replace(grid, width=width)
    texts = None if text_columns is None else frozenset(_find_places(header, text_columns))
    dates = _find_places(header, date_columns)
    with source.within_memory():
        scan = scan_rows(
            source, grid.rows(), below=header.number, texts=texts, dates=dates, is_month_first=MONTH_FIRST.match
        )
    if not scan.rows:
        raise _no_rows(source, header)
    widths = judge_widths(source, grid, header, scan, is_loose=has_loose_ends) if is_text else None
    columns = name_columns(header, {index for index in scan.used if not is_text or index < width})
    info = replace(
        info,
        header_row=header.number,
        columns=columns.names,
        ambiguous=columns.ambiguous,
        month_first=tuple(
            name for place, name in zip(columns.places, columns.names, strict=True) if place in scan.month_first
        ),
        remarks=(*info.remarks, *_make_remarks(header, scan, columns.ambiguous)),
        formats=_describe_formats(scan, dict(zip(columns.places, columns.names, strict=True))),
    )
    return Sheet(
        info=info,
        row_count=scan.rows,
        grid=grid,
        columns=columns,
        ending=scan.ending,
        totals=totals,
        widths=widths,
        is_guarded=is_text and set(columns.names) >= _RESULTS_CSV,
        reason_index=columns.names.index(_REASON) if has_origins(columns.names) and _REASON in columns.names else None,
    )


def _open(
    source: SheetFile, name: str | None, wanted: Collection[str], encoding: str | None
) -> tuple[Grid, Sequence[Area], SheetInfo]:
    """Return the rows without a header yet, totals rows of tables, and what is known of the sheet."""
    content = find_content(source)
    if content is Content.TEXT:
        text = open_text(source, wanted, encoding)
        kind = "tsv" if text.delimiter == "\t" else "csv"
        return text, (), SheetInfo(file=source.name, format=kind, encoding=text.encoding, delimiter=text.delimiter)
    book = open_workbook(source, content)
    tab, remarks = choose_tab(source, book, name=name, wanted=wanted)
    info = SheetInfo(file=source.name, format=book.format, sheet=tab.name, remarks=remarks, active=book.active)
    return book.grid(tab), book.totals(tab), info


def _find_header(source: SheetFile, grid: Grid, header_row: int | None, wanted: Collection[str]) -> Header:
    head = list(islice(filter(has_content, grid.rows()), HEAD_ROWS))
    if header_row is not None:
        # Rows to correct and results.csv have their own header, wherever the campaign says that the original has it.
        own = next((row.number for row in head if has_origins(row.cells) or _RESULTS_CSV.issubset(row.cells)), None)
        if own is not None and (header := header_at(head, own)):
            return header
    if header_row:
        upper = takewhile(lambda row: row.number <= header_row, filter(has_content, grid.rows()))
        header = header_at(list(upper), header_row)
        if header is None:
            raise source.refusal(
                _("has no header in row {header_row}: that row is empty or does not exist.").format(
                    header_row=header_row
                ),
                _("Correct header_row in the campaign file, or leave it out to have the header looked for."),
            )
        return header
    if not head:
        raise source.refusal(_("has no rows: it holds nothing."), _("Give a sheet with a header and at least one row."))
    header = headless(head) if header_row == 0 else find_header(head, wanted)
    if not header.number and header_row is None and not is_list(head):
        raise source.refusal(
            _(
                "has no row that can be told to be its header, and is no plain list (the first rows were "
                "looked at, to row {row})."
            ).format(row=head[-1].number),
            _(
                "Name the header's row in the campaign file: [sheet] header_row = 7. For `init` and `inspect`: "
                "--header-row 7."
            ),
        )
    if len(head) < HEAD_ROWS and head[-1].number <= header.number:  # they are all: not read again, blank lines and all
        raise _no_rows(source, header)
    return header


def _no_rows(source: SheetFile, header: Header) -> SheetError:
    return source.refusal(
        _("has no rows: nothing stands below its header in row {row}.").format(row=header.number),
        _("Fill in at least one row."),
    )


def _find_places(header: Header, names: Collection[str]) -> tuple[int, ...]:
    """Return the indexes of the columns with one of the names."""
    named = set(map(fold, names))
    return tuple(place for place, column in enumerate(header.names) if column and fold(column) in named)


def _make_remarks(header: Header, scan: SheetScan, ambiguous: tuple[str, ...]) -> list[Phrase]:
    remarks = [] if header.number else [Phrase(_HEADLESS)]
    remarks += [Phrase(_ALIKE, {"name": repr(name)}) for name in ambiguous]
    if scan.hidden:
        remarks.append(Phrase(_ONE_HIDDEN) if scan.hidden == 1 else Phrase(_HIDDEN, {"rows": scan.hidden}))
    return remarks


def _describe_formats(scan: SheetScan, names: Mapping[int, str]) -> dict[str, tuple[Phrase, ...]]:
    """Return by their names the columns whose number formats are not understood, or change an amount."""
    found: dict[str, tuple[Phrase, ...]] = {}
    for (place, remark), (row, value, text, code) in scan.remarkable.items():
        if name := names.get(place):
            values: dict[str, Value] = {"column": repr(name), "row": row, "value": value, "text": text, "format": code}
            found[name] = (*found.get(name, ()), Phrase(_BY_REMARK[remark], values))
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class SheetCopy:
    """A private copy, and the SHA-256 of its content (64 hex digits)."""

    path: Path
    sha256: str


def keep_copy(source: Path, folder: Path, *, limits: Limits = LIMITS) -> SheetCopy:
    """Copy a sheet to `<folder>/.sheet<suffix>`, readable by its owner only, and hash what was copied.

    The copy is complete and on the disk when this returns; a copy that was there is replaced. `folder` must exist.

    Raises:
        SheetError: the sheet is missing, a folder, empty, over the limit of size, or cannot be read or copied.
    """
    find_content(SheetFile(path=source, name=show_controls(source.name), limits=limits))
    target = folder / f".sheet{source.suffix}"
    try:
        with source.open("rb") as original:
            write_atomic(target, lambda copy: copyfileobj(original, copy), elsewhere=False)
        with target.open("rb") as copy:
            digest = file_digest(copy, "sha256")
    except OSError as error:
        raise SheetError(
            _("{name} cannot be copied to {folder}: {reason}.").format(
                name=show_controls(source.name), folder=folder, reason=error.strerror or error
            ),
            _("Check the disk's free space and the folder's permissions."),
        ) from None
    return SheetCopy(path=target, sha256=digest.hexdigest())
