"""Frames of pandas: a frame becomes a workbook that can be sent, and results become a frame.

pandas and openpyxl are loaded by the functions that need them.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from batch.atomic_file import write_atomic
from batch.errors import SheetError
from batch.i18n import _
from batch.model.runs import Result
from batch.ooxml.references import LAST_ROW
from batch.reporter.columns import ALL_COLUMNS, MOMENTS, NUMBERS
from batch.reporter.printable_text import LONGEST, escape_exact
from batch.reporter.rows import make_row_renderer

if TYPE_CHECKING:
    import pandas as pd

_EXACT = 10**15
"""Workbooks keep 15 digits of a number; a longer one is written as text."""
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_MOMENT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True, kw_only=True, slots=True)
class RowResult:
    """One row of a run, with the names and values of the columns of results.csv; a moment is in the campaign's zone."""

    row: int
    wegly_status: str
    wegly_reason: str
    wegly_message: str
    wegly_action: str | None
    wegly_phone: str | None
    wegly_chat_id: str | None
    wegly_chat_status: str | None
    wegly_evidence: str | None
    wegly_http_status: int | None
    wegly_attempts: int
    wegly_sent_at: datetime | None
    wegly_duration_ms: int | None
    wegly_run: str | None
    wegly_delivery: str | None
    wegly_delivery_seen_at: datetime | None
    wegly_delivery_reason: str | None
    wegly_reply: str | None
    wegly_replied_at: datetime | None


@dataclass(frozen=True, slots=True)
class Results:
    """The results of a run, by rows of its sheet."""

    rows: tuple[RowResult, ...]
    timezone: str

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[RowResult]:
        return iter(self.rows)

    def to_pandas(self) -> pd.DataFrame:
        """Return a frame with a column for each field; its index is the row as Excel counts.

        Of a frame that was sent, the row at position p has the index p + 2.
        """
        import pandas as pd  # noqa: PLC0415 - slow to load, and needed by few

        names = [field.name for field in fields(RowResult)]
        frame = pd.DataFrame(map(astuple, self.rows), columns=names).set_index(names[0])
        for index, name in enumerate(ALL_COLUMNS):
            if index in MOMENTS:
                frame[name] = pd.to_datetime(frame[name], utc=True).dt.tz_convert(self.timezone).dt.as_unit("us")
            else:
                frame[name] = frame[name].astype("Int64" if index in NUMBERS else "string")
        return frame


def collect_results(results: Iterable[Result], timezone: str) -> Results:
    """Collect the results of a run, with sentences in the current language."""
    render = make_row_renderer(ZoneInfo(timezone))
    rows = []
    for result in results:
        row = render(result)
        values: list[Any] = [
            datetime.fromisoformat(str(value)) if index in MOMENTS and value else value
            for index, value in enumerate(row.values)
        ]
        rows.append(RowResult(row=row.number, **dict(zip(ALL_COLUMNS, values, strict=True))))
    return Results(tuple(rows), timezone)


def write_frame(frame: pd.DataFrame, target: Path) -> None:
    """Write a frame as a workbook, 0600: names in row 1, the row at position p in row p + 2, without the index.

    Texts stay texts, numbers numbers; what is missing is an empty cell. The same frame gives the same bytes. Raises
    SheetError for what a worksheet cannot hold.
    """
    from openpyxl import Workbook  # noqa: PLC0415 - slow to load

    if len(frame) >= LAST_ROW:
        raise SheetError(_("The frame has {rows} rows, more than a worksheet holds.").format(rows=len(frame)))
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Sheet1")
    names = [str(name) for name in frame.columns]
    written = io.BytesIO()
    try:
        sheet.append([_cell(sheet, name, 1, name) for name in names])
        for number, values in enumerate(frame.itertuples(index=False, name=None), start=2):
            sheet.append([_cell(sheet, value, number, name) for name, value in zip(names, values, strict=True)])
    finally:
        book.save(written)  # removes openpyxl's temporary file, too
    write_atomic(target, lambda file: _without_times(written, file))


def _cell(sheet: Any, value: Any, row: int, column: str) -> Any:
    """Return the cell of a value; a text is never a formula or an error."""
    from openpyxl.cell import WriteOnlyCell  # noqa: PLC0415 - as above

    plain = _plain_value(value)
    if not isinstance(plain, str):
        return plain
    text = escape_exact(plain)
    if len(text) > LONGEST:
        problem = _("The text in row {row} of the column {column!r} is longer than a cell holds.")
        raise SheetError(problem.format(row=row, column=column))
    cell = WriteOnlyCell(sheet, value=text)
    cell.data_type = "s"
    return cell


def _plain_value(value: Any) -> Any:
    """Return a value as a worksheet can hold it; None for what is missing."""
    import pandas as pd  # noqa: PLC0415 - as above

    if hasattr(value, "item"):  # of numpy
        value = value.item()
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return None
    match value:
        case str() | bool() | timedelta():
            return value
        case int() | float() | Decimal():
            return _plain_number(value)
        case datetime() | time():
            return value.replace(tzinfo=None)  # the clock of its own zone
        case date():
            return value
    return str(value)


def _plain_number(value: float | Decimal) -> float | Decimal | str:
    """Return a number, or its text where a workbook would change it."""
    if not math.isfinite(value):
        return str(value)
    if -_EXACT < value < _EXACT:
        return value
    return str(int(value)) if value == int(value) else str(value)


def _without_times(written: io.BytesIO, file: Any) -> None:
    """Copy a workbook with one time for all of its parts and of itself."""
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            part = source.read(name)
            if name == "docProps/core.xml":  # openpyxl writes the time of saving
                part = _MOMENT.sub(b"1980-01-01T00:00:00Z", part)
            target.writestr(zipfile.ZipInfo(name, _ZIP_TIME), part, zipfile.ZIP_DEFLATED)
