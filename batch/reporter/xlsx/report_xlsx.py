"""report.xlsx: the user's own workbook where it can be kept, otherwise a clean one of the same rows."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from batch.atomic_file import copy_web_mark
from batch.errors import WeglyBatchError, attempt
from batch.event_log import log
from batch.i18n import N_, _
from batch.model.phrases import Phrase
from batch.reporter.rows import ReportInputs, SourceSheet, write_noting
from batch.reporter.xlsx.in_place import CannotKeep, keeps_macros, write_in_place
from batch.reporter.xlsx.new_workbook import write_new

_OWN = frozenset({"xlsx", "xlsm"})
_SHIFTED = N_(
    "The sheet has no header, so one was put above it: its row 1 is row 2 here and in results.csv, and so on."
)
_WORKBOOKS = frozenset({"xlsx", "xlsm", "xls", "xlsb", "ods"})


def write_workbook(folder: Path, inputs: ReportInputs, *, name: str = "report.xlsx") -> tuple[Path, tuple[Phrase, ...]]:
    """Write the workbook into the folder. Returns its path and sentences about what it lacks.

    It is named `name`; only when it has the user's macros report.xlsm, since Excel opens neither under the other's
    ending.
    """
    path, info = inputs.sheet.path, inputs.sheet.info
    if path is None or info is None or info.format not in _OWN or inputs.run.has_clean_report:
        return _clean(folder / name, inputs, ())
    target = (folder / name).with_suffix(".xlsm" if keeps_macros(path, info) else ".xlsx")
    _remove_other(target)
    made = attempt(lambda: write_noting(target, lambda file: write_in_place(file, inputs, path, info)))
    if isinstance(made, tuple):
        copy_web_mark(Path(inputs.run.sheet_path), made[0])
        return made
    if isinstance(made, WeglyBatchError):
        raise made
    log.error("own_workbook_not_kept", exc_info=made)
    lacking = N_("{name} cannot be written back with its own formatting.")
    failure = made.why if isinstance(made, CannotKeep) else Phrase(lacking, {"name": inputs.sheet.name})
    reason = Phrase(N_("{error} So the report has its rows in a new workbook."), {"error": failure})
    placed, others = _clean(folder / name, inputs, (reason,))
    return placed, (reason, *others)


def _clean(target: Path, inputs: ReportInputs, notes: tuple[Phrase, ...]) -> tuple[Path, tuple[Phrase, ...]]:
    remarks, info = _plain_remarks(inputs.sheet), inputs.sheet.info
    if info is not None:
        inputs = replace(inputs, sheet=replace(inputs.sheet, info=replace(info, active=())))
    _remove_other(target)
    return write_noting(target, lambda file: write_new(file, inputs, notes=notes, remarks=remarks))


def _remove_other(target: Path) -> None:
    """Remove an earlier report with macros where this has none, or the other way round: its outcomes are old."""
    if target.stem == "report":
        with suppress(OSError):  # open in Excel
            target.with_suffix({".xlsx": ".xlsm", ".xlsm": ".xlsx"}[target.suffix]).unlink(missing_ok=True)


def _plain_remarks(sheet: SourceSheet) -> tuple[str, ...]:
    """Return sentences about what a new workbook lacks."""
    if sheet.info is None:
        return ()
    remarks = [] if sheet.info.header_row else [_(_SHIFTED)]
    if sheet.info.format in _WORKBOOKS:
        remarks.append(
            _("Formatting, formulas and other sheets of {name} are in that file only.").format(name=sheet.name)
        )
    if sheet.info.header_row > 1:
        remarks.append(
            _("The lines above the header (row {row}) are in {name} only.").format(
                row=sheet.info.header_row, name=sheet.name
            )
        )
    return tuple(remarks)
