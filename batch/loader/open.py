"""Opening a sheet: what it is, where its header is, what its columns are called, and whether it is whole."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from batch.errors import SheetError
from batch.i18n import N_, _
from batch.loader.formats.delimited import TextGrid, open_text
from batch.loader.formats.workbook import Content, find_content, open_workbook
from batch.loader.header_detection import HEAD_ROWS, Header, find_header, header_at, headless, is_list, name_columns
from batch.loader.scan import Survey, holds_anything, survey
from batch.loader.sheet import Sheet, Widths
from batch.loader.source import Grid, RawRow
from batch.loader.worksheet_choice import choose_tab
from batch.model.messages import has_origins
from batch.model.phrases import Phrase
from batch.model.sheet_file import Limits, SheetFile
from batch.model.sheets import SheetInfo

_DEFAULT_LIMITS = Limits()
_REASON = "wegly_reason"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Opened:
    """Rows without a header yet, and how they are stored."""

    grid: Grid
    format: str
    tab: str | None = None
    remarks: tuple[Phrase, ...] = ()


def open_sheet(
    path: Path,
    *,
    name: str | None = None,
    header_row: int | None = None,
    wanted_columns: Collection[str] = (),
    limits: Limits = _DEFAULT_LIMITS,
    shown_as: str | None = None,
) -> Sheet:
    """Open a sheet, find its header, and look it through once to its end.

    Args:
        path: a CSV, TSV, TXT, XLSX, XLSM, XLS, XLSB or ODS file; its content decides which, not its name.
        name: the worksheet; None: the one that holds the contacts is looked for. Not used for text files.
        header_row: the header's row number as Excel shows it; 0: the sheet has none; None: it is looked for.
        wanted_columns: names the campaign asks for; they help to find worksheet and header.
        limits: what refuses a hostile file.
        shown_as: what messages and `info.file` call the file; None: its name. For a private copy of a sheet.

    Raises:
        SheetError: the file is missing, a folder, empty, no sheet, protected by a password, damaged, too large;
            there is no such worksheet, or several would do; there is no header where it was said to be, or no row.
    """
    source = SheetFile(path=path, name=shown_as or path.name, limits=limits)
    opened = _open(source, name, wanted_columns)
    header = _header(source, opened, header_row, wanted_columns)
    last_named = max((index + 1 for index, text in enumerate(header.names) if text), default=0)
    is_text = isinstance(opened.grid, TextGrid)
    grid = replace(opened.grid, width=len(header.names)) if isinstance(opened.grid, TextGrid) else opened.grid
    least = last_named or len(header.names)
    seen = survey(source, grid.rows(), below=header.number, width=least)
    if not seen.rows:
        raise source.refusal(
            _("has no rows: nothing stands below its header in row {row}.").format(row=header.number),
            _("Fill in at least one row."),
        )
    used = {index for index in seen.used if not is_text or index < len(header.names)}
    columns = name_columns(header, used)
    info = SheetInfo(
        file=source.name,
        format=opened.format,
        sheet=opened.tab,
        encoding=grid.encoding if isinstance(grid, TextGrid) else None,
        delimiter=grid.delimiter if isinstance(grid, TextGrid) else None,
        header_row=header.number,
        columns=columns.names,
        ambiguous=columns.ambiguous,
        remarks=(*opened.remarks, *_remarks(header, seen, columns.ambiguous)),
    )
    widths = Widths(least=least, most=len(header.names), pads=seen.leaves_out_the_end) if is_text else None
    return Sheet(
        info=info,
        row_count=seen.rows,
        hidden_count=seen.hidden,
        grid=grid,
        columns=columns,
        widths=widths,
        guarded=is_text and {"wegly_status", "wegly_run"} <= set(columns.names),
        said=columns.names.index(_REASON) if has_origins(columns.names) and _REASON in columns.names else None,
    )


def _open(source: SheetFile, name: str | None, wanted: Collection[str]) -> _Opened:
    content = find_content(source)
    if content is Content.TEXT:
        text = open_text(source, wanted)
        return _Opened(grid=text, format="tsv" if text.delimiter == "\t" else "csv")
    book = open_workbook(source, content)
    choice = choose_tab(source, book, name=name, wanted=wanted)
    return _Opened(grid=book.grid(choice.tab), format=book.format, tab=choice.tab.name, remarks=choice.remarks)


def _header(source: SheetFile, opened: _Opened, header_row: int | None, wanted: Collection[str]) -> Header:
    if header_row is not None and (own := _header_of_corrections(opened)) is not None:
        return own
    filled = (row for row in opened.grid.rows() if holds_anything(row))
    if header_row:
        header = header_at(list(_until(filled, header_row)), header_row)
        if header is None:
            raise source.refusal(
                _("has no header in row {header_row}: that row is empty or does not exist.").format(
                    header_row=header_row
                ),
                _("Correct header_row in the campaign file, or leave it out to have the header looked for."),
            )
        return header
    head = list(islice(filled, HEAD_ROWS))
    if not head:
        raise source.refusal(_("has no rows: it holds nothing."), _("Give a sheet with a header and at least one row."))
    header = headless(head) if header_row == 0 else find_header(head, wanted)
    if not header.number and header_row is None and not is_list(head):
        raise source.refusal(
            _(
                "has no row that can be told to be its header, and is no plain list (the first rows were "
                "looked at, to row {row})."
            ).format(row=head[-1].number),
            _("Name the header's row in the campaign file: [sheet] header_row = 7."),
        )
    return header


def _header_of_corrections(opened: _Opened) -> Header | None:
    """The header of a sheet of rows to correct, wherever the campaign says that the original has its own."""
    first = islice((row for row in opened.grid.rows() if holds_anything(row)), HEAD_ROWS)
    head = [row for row in first if has_origins(row.cells)]
    return header_at(head, head[0].number) if head else None


def _until(rows: Iterable[RawRow], number: int) -> Iterator[RawRow]:
    for row in rows:
        if row.number > number:
            return
        yield row


_HEADLESS = N_(
    "No header row was found: the columns are called by their letters (column A), and the first row counts. "
    "If there is a header, name its row in the campaign file: [sheet] header_row."
)
_ALIKE = N_("Several columns are called {name}; the later ones are named by their letter.")
_ONE_HIDDEN = N_("1 row is hidden in the sheet, often by a filter left on.")
_HIDDEN = N_("{rows:,} rows are hidden in the sheet, often by a filter left on.")


def _remarks(header: Header, seen: Survey, ambiguous: tuple[str, ...]) -> list[Phrase]:
    found = [] if header.number else [Phrase(_HEADLESS)]
    found += [Phrase(_ALIKE, {"name": repr(name)}) for name in ambiguous]
    if seen.hidden:
        found.append(Phrase(_ONE_HIDDEN) if seen.hidden == 1 else Phrase(_HIDDEN, {"rows": seen.hidden}))
    return found


_CHUNK = 1024 * 1024
_BINARY: int = getattr(os, "O_BINARY", 0)
"""Windows changes line ends without it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptCopy:
    """Where the copy is, and the SHA-256 of its content (64 hex digits)."""

    path: Path
    sha256: str


def keep_copy(source: Path, folder: Path, *, limits: Limits = _DEFAULT_LIMITS) -> KeptCopy:
    """Copy a sheet to `<folder>/.sheet<suffix>`, readable by its owner only, and hash what was copied.

    The copy is complete and on the disk when this returns; a copy that was there is replaced. `folder` must exist.

    Raises:
        SheetError: the sheet is missing, a folder, empty, over the limit of size, or cannot be read or copied.
    """
    find_content(SheetFile(path=source, name=source.name, limits=limits))
    target = folder / f".sheet{source.suffix}"
    aside = folder / f".sheet{source.suffix}.part"
    digest = hashlib.sha256()
    try:
        aside.unlink(missing_ok=True)
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        with os.fdopen(descriptor, "wb") as copy, source.open("rb") as original:
            while chunk := original.read(_CHUNK):
                digest.update(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        aside.replace(target)
    except OSError as error:
        raise SheetError(
            _("{name} cannot be copied to {folder}: {reason}.").format(
                name=source.name, folder=folder, reason=error.strerror or error
            ),
            _("Check the disk's free space and the folder's permissions."),
        ) from None
    return KeptCopy(path=target, sha256=digest.hexdigest())
