"""The files of `check`: the wrong rows as a sheet to correct, and the check as a page.

Both are made of the rows as they are staged, in the form in which a report shows the rows of a run.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from batch._version import __version__
from batch.app.check import Check, open_check
from batch.app.inputs.campaign_sheet import Choices, reading_of
from batch.app.inputs.staging import StagedSheet
from batch.app.settings import Settings
from batch.control_characters import show_controls
from batch.errors import SettingsError
from batch.i18n import _, current_language
from batch.model.runs import Run, Tally
from batch.reporter import ReportInputs, SourceSheet, open_inputs, write_wrong_rows


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedSheet:
    """A check and the files that were written of it."""

    check: Check
    wrong_rows: tuple[Path, ...] = ()
    """Workbooks of the wrong rows; none when no row is wrong, or they were not asked for."""
    problems: tuple[str, ...] = ()
    """Sentences about what did not fit into them."""


def check_with_files(
    sheet: Path, campaign: Path, settings: Settings, choices: Choices, *, wrong_rows: Path | None = None
) -> CheckedSheet:
    """Check a sheet as `check` does, and write what is asked for. Sends nothing, and writes nothing into the ledger.

    `wrong_rows`: the workbook for the wrong rows. Raises SettingsError for a file that cannot be written, besides what
    `check` raises.
    """
    if wrong_rows is not None and wrong_rows.suffix.lower() != ".xlsx":
        problem = _("--wrong-rows {file}: it is written as a workbook.").format(file=wrong_rows)
        raise SettingsError(problem, _("Give its name the ending .xlsx. Nothing was written."))
    with open_check(sheet, campaign, settings, choices) as (staged, found):
        if wrong_rows is None:
            return CheckedSheet(check=found)
        with _open_inputs(sheet, staged, found, settings) as inputs:
            files, problems = write_wrong_rows(wrong_rows, inputs, campaign)
    return CheckedSheet(check=found, wrong_rows=files, problems=problems)


@contextmanager
def _open_inputs(sheet: Path, staged: StagedSheet, found: Check, settings: Settings) -> Iterator[ReportInputs]:
    """Give the staged rows as a report has those of a run, while the block runs.

    Their run is the newest of the same sheet, by which the ledger knows a correction; without a name where none was.
    """
    source, campaign = staged.source, staged.campaign
    before = staged.staging.find_run(source.sha256)
    run = Run(
        run=before.run if before else "",
        campaign=campaign.name,
        endpoint=source.endpoint,
        sheet_path=str(sheet.absolute()),
        sheet_sha256=source.sha256,
        version=__version__,
        started=staged.now,
        timezone=campaign.timezone,
        language=settings.language or campaign.language or current_language(),
        ledger=found.ledger,
        sheet_options=reading_of(campaign, source.sheet.info),
    )
    view = SourceSheet(path=source.path, info=source.sheet.info, rows=source.sheet.rows, name=show_controls(sheet.name))
    with open_inputs(
        run=run,
        tally=Tally(counts=found.counts, reasons=found.reasons),
        sheet=view,
        results=staged.staging.results,
        origin_mac=staged.staging.hashes.origin if before else lambda _origin: "",
    ) as inputs:
        yield inputs
