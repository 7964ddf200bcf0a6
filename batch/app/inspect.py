"""`inspect`: how a sheet is read, without a campaign."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from batch.i18n import ngettext, number
from batch.loader import Sheet, count_refusals, describe_columns, join_phone_columns, open_sheet, rank_phone_columns
from batch.model.phrases import in_english
from batch.model.sheets import limits_for


def inspect(
    sheet: Path,
    *,
    name: str | None = None,
    header_row: int | None = None,
    trusted: bool = False,
    encoding: str | None = None,
    has_loose_ends: bool = True,
) -> Sheet:
    """Open a sheet, however its rows end; if it is `trusted`, whatever its size. Raises SheetError."""
    limits = limits_for(trusted=trusted)
    return open_sheet(
        sheet, name=name, header_row=header_row, limits=limits, has_loose_ends=has_loose_ends, encoding=encoding
    )


def describe(sheet: Sheet) -> dict[str, Any]:
    """Return what `inspect --json` prints."""
    names = ("file", "format", "sheet", "encoding", "delimiter", "header_row", "columns")
    return {
        **{name: getattr(sheet.info, name) for name in names},
        "rows": sheet.row_count,
        "warnings": [*sheet.info.warnings, *_permission_notes(sheet)],
    }


def _permission_notes(sheet: Sheet) -> Iterator[str]:
    for section, column, rows in count_refusals(sheet.info, sheet.rows()):
        text = ngettext(
            'The column {name!r} seems to say who wants no messages ({n} row): write [{section}] column = "{name}" in '
            "the campaign.",
            'The column {name!r} seems to say who wants no messages ({n} rows): write [{section}] column = "{name}" in '
            "the campaign.",
            rows,
        )
        yield text.format(name=column, n=number(rows), section=section)


def find_phones(sheet: Sheet) -> tuple[str, ...]:
    """Return the columns that could be the phone's, the likeliest first, each with how many of its cells are phones."""
    found = rank_phone_columns(describe_columns(sheet.info, sheet.rows()))
    joined = None if found else join_phone_columns(sheet.info, sheet.rows)
    return tuple(f"{each.name}: {each.share}" for each in (*found, *([joined] if joined else [])))


def row_lines(sheet: Sheet) -> Iterator[dict[str, object]]:
    """Yield what `inspect --cells` prints, an object a row; `errors` only where there are any."""
    for row in sheet.rows():
        line: dict[str, object] = {"row": row.number, "cells": dict(zip(sheet.info.columns, row.cells, strict=True))}
        if row.errors:
            line["errors"] = {column: in_english(error) for column, error in row.errors.items()}
        if row.hidden:
            line["hidden"] = True
        yield line
