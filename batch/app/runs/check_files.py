"""The files of `check`: the wrong rows as a sheet to correct, and the check as a page.

Both are made of the rows as they are staged, in the form in which a report shows the rows of a run.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from batch._version import __version__
from batch.app.check import Check, PageWords, open_check
from batch.app.inputs.campaign_sheet import Choices, reading_of, report_language
from batch.app.inputs.plan_file import describe_plan, hash_head, hash_line
from batch.app.inputs.staging import OnRead, StagedSheet
from batch.app.settings import Settings
from batch.campaign import fill_body
from batch.control_characters import show_controls
from batch.errors import SettingsError
from batch.i18n import _, current_language, describe_os_error
from batch.model.messages import TemplateField
from batch.model.reasons import sentence
from batch.model.runs import Run, Tally
from batch.reporter import (
    CHECKS,
    CheckPage,
    NoteSummary,
    ReportInputs,
    SourceSheet,
    Texts,
    open_inputs,
    write_check_page,
    write_wrong_rows,
)

_LONGEST_STEM = 50
"""Characters of the sheet's name in that of its page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckedSheet:
    """A check and the files that were written of it."""

    check: Check
    wrong_rows: tuple[Path, ...] = ()
    """Workbooks of the wrong rows; none when no row is wrong, or they were not asked for."""
    problems: tuple[str, ...] = ()
    """Sentences about what did not fit into them."""
    page: Path | None = None
    """None: it was not asked for."""


def check_with_files(
    sheet: Path,
    campaign: Path,
    settings: Settings,
    choices: Choices,
    *,
    wrong_rows: Path | None = None,
    page: Callable[[Check], PageWords] | None = None,
    on_read: OnRead | None = None,
) -> CheckedSheet:
    """Check a sheet as `check` does, and write what is asked for. Sends nothing, and writes nothing into the ledger.

    `wrong_rows`: the workbook for the wrong rows. `page`: words for the page, which is written where it is given.
    Raises SettingsError for a file that cannot be written, besides what `check` raises.
    """
    if wrong_rows is not None and wrong_rows.suffix.lower() != ".xlsx":
        problem = _("--wrong-rows {file}: it is written as a workbook.").format(file=wrong_rows)
        raise SettingsError(problem, _("Give its name the ending .xlsx. Nothing was written."))
    checked: Callable[..., CheckedSheet] = CheckedSheet
    with open_check(sheet, campaign, settings, choices, on_read) as (staged, found):
        if wrong_rows is not None:
            language = report_language(staged.campaign, settings)
            with _open_inputs(sheet, staged, found, language) as inputs:
                files, problems = write_wrong_rows(wrong_rows, inputs, campaign)
            checked = partial(checked, wrong_rows=files, problems=problems)
        if page is not None:
            with _open_inputs(sheet, staged, found, current_language()) as inputs:
                content = _describe(sheet, staged, found, inputs, page(found))
                checked = partial(checked, page=_write(settings.reports, sheet, content))
    return checked(check=found)


def _describe(sheet: Path, staged: StagedSheet, found: Check, inputs: ReportInputs, words: PageWords) -> CheckPage:
    """Return what the page shows. Every message is read once for the plan's hash, which stands above them."""
    source, staging = staged.source, staged.staging
    total = hash_head(describe_plan(staged.campaign, source.endpoint, sheet, source.sha256))
    fields: dict[TemplateField, None] = {}
    for row, person, _digest, payload in staging.requests():
        body = json.loads(payload)
        total.update(hash_line(row, person, body))
        fields |= dict.fromkeys(_field_of(each) for each in body.get("template_fields", ()))
    body_text = staged.campaign.template.body
    return CheckPage(
        inputs=inputs,
        headline=words.headline,
        steps=words.steps,
        warnings=(*found.info.warnings, *found.warnings),
        notes=[
            NoteSummary(
                rows=rows, words=sentence(found.noted[code][0][1]), first=tuple(row for row, _note in found.noted[code])
            )
            for code, rows in found.notes.items()
        ],
        schedule=words.schedule,
        facts=words.facts,
        sources=found.mapping,
        hash=total.hexdigest(),
        body=body_text,
        fill_body=partial(fill_body, body_text or ""),
        fields=list(fields),
        messages=lambda: _texts(staging.requests(), list(fields)),
    )


def _write(reports: Path, sheet: Path, content: CheckPage) -> Path:
    """Write `check/<sheet>.html` into the folder of reports, in place of that of an earlier check; return its path."""
    folder = reports / CHECKS
    try:
        for each in (reports, folder):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        return write_check_page(folder / f"{sheet.stem[:_LONGEST_STEM]}.html", content)
    except OSError as error:
        problem = _("The page of the check cannot be written into {folder}: {error}.")
        problem = problem.format(folder=folder, error=describe_os_error(error))
        raise SettingsError(problem, _("Free space there, or name another place with --reports.")) from None


def _field_of(value: dict[str, Any]) -> TemplateField:
    return TemplateField(**{**value, "value": ""})


def _texts(
    requests: Iterator[tuple[int, str, str, str]], fields: Sequence[TemplateField]
) -> Iterator[tuple[int, Texts]]:
    """Yield the row and the texts of each message, as its request has them."""
    for row, _person, _digest, payload in requests:
        body = json.loads(payload)
        given = {_field_of(each): each["value"] for each in body.get("template_fields", ())}
        head = body["whatsapp_phone_id"], body["template"]["name"], body["template"]["language"]
        yield row, (*head, *map(given.get, fields))


@contextmanager
def _open_inputs(sheet: Path, staged: StagedSheet, found: Check, language: str) -> Iterator[ReportInputs]:
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
        language=language,
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
