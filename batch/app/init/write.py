"""`init`, second half: the campaign file is drafted, tried on the sheet, and written."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from batch.app.init.analyse import SheetAnalysis
from batch.app.init.draft import CampaignFacts, draft_campaign
from batch.app.token_store import read_user_file, write_user_file
from batch.campaign import (
    Campaign,
    Constant,
    Draft,
    DraftField,
    Source,
    describe_source,
    load_campaign,
    render_campaign,
)
from batch.errors import CampaignError, SettingsError, SheetError
from batch.formatting import quote_path
from batch.i18n import _, describe_os_error
from batch.loader import RowEvaluator, open_sheet, wanted_columns
from batch.model.sheets import limits_for

_ANY_SENDER = Constant(value="0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c")
_ANY_TEXT = Constant(value="x")


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenCampaign:
    """A campaign file that was written."""

    file: Path
    mapping: tuple[tuple[str, str, str], ...]
    """Field of the request or template value, how it is filled, and why (may be empty)."""
    asides: tuple[str, ...]
    """Sentences about columns that look like something and are not used."""
    unfilled: tuple[str, ...]
    """Keys of the file that say FILL IN."""
    problem: str
    """Problem that `check` will find besides; empty when none."""
    has_fields: bool
    """True when any template value is filled."""
    check: str
    """The command that looks at everything and sends nothing."""
    run: str
    """The command that sends."""


def usual_file(sheet: Path) -> Path:
    """Return the campaign file that a sheet finds by itself."""
    return sheet.with_name(f"{sheet.stem}.toml")


_LAST = "last_campaign.json"


def last_answers() -> dict[str, str]:
    """Return sender, template and language of the campaign that was written last, as `CampaignFacts` names them."""
    return read_user_file(_LAST)


def _remember(known: CampaignFacts) -> None:
    given = {name: getattr(known, name) for name in ("sender", "template", "language")}
    with suppress(SettingsError):  # it only saves typing
        write_user_file(_LAST, last_answers() | {name: text for name, text in given.items() if text})


def _arguments(sheet: Path, campaign: Path) -> str:
    """Return a sheet and its campaign for a command line."""
    return " -c ".join(map(quote_path, [sheet] if campaign == usual_file(sheet) else [sheet, campaign]))


def refuse_existing(out: Path, sheet: Path, more: str = "") -> None:
    """Raise SettingsError when there is a file already: a campaign is never overwritten.

    `more`: options that this command was given and the next one needs.
    """
    try:
        is_there = out.exists() or out.is_symlink()
    except OSError as error:
        raise _not_written(out, error) from None
    if is_there:
        problem = _("{file} is there already, and is not overwritten.").format(file=out)
        use = _("To use it: {command}").format(command=f"wegly-batch check {_arguments(sheet, out)}{more}")
        other = f"wegly-batch init {quote_path(sheet)} --out {quote_path(out.with_name(f'{out.stem}-2.toml'))}{more}"
        raise SettingsError(problem, "\n".join([use, _("To write another one: {command}").format(command=other)]))


def write_campaign(analysis: SheetAnalysis, known: CampaignFacts, out: Path) -> WrittenCampaign:
    """Write the campaign file. What is written was read and fitted to the sheet before, as `check` would.

    Raises SettingsError when the file is there already or cannot be written.
    """
    refuse_existing(out, analysis.path)
    draft, problem = _try_on_sheet(draft_campaign(analysis, known, out), analysis, out.name)
    _write(out, render_campaign(draft), analysis.path)
    _remember(known)
    command = _arguments(analysis.path, out)
    return WrittenCampaign(
        file=out,
        mapping=tuple(_mapping(draft)),
        asides=analysis.guess.remarks,
        unfilled=tuple(_unfilled(draft)),
        problem=problem,
        has_fields=bool(draft.fields),
        check=f"wegly-batch check {command}",
        run=f"wegly-batch run {command}",
    )


def _try_on_sheet(draft: Draft, analysis: SheetAnalysis, name: str) -> tuple[Draft, str]:
    """Make the draft find the columns that were analysed; return it with the problem that `check` will find, if any.

    The names in a campaign help to find worksheet and header; where they would lead elsewhere, the draft says both.
    """
    campaign = _load(draft, name)
    info = analysis.sheet.info
    if not _finds_same_columns(draft, analysis, campaign):
        draft = replace(draft, tab=info.sheet, header_row=info.header_row or None)
    try:
        RowEvaluator.for_sheet(campaign, info, rows=analysis.sheet.rows)
    except CampaignError as error:
        return draft, str(error)
    return draft, ""


def _finds_same_columns(draft: Draft, analysis: SheetAnalysis, campaign: Campaign) -> bool:
    wanted = wanted_columns(campaign)
    try:
        found = open_sheet(
            analysis.path,
            name=draft.tab,
            header_row=draft.header_row,
            wanted_columns=wanted,
            limits=limits_for(trusted=campaign.sheet.trusted),
            has_loose_ends=True,
            encoding=campaign.sheet.encoding,
        ).info
    except SheetError:
        return False
    info = analysis.sheet.info
    return (found.sheet, found.header_row, found.columns) == (info.sheet, info.header_row, info.columns)


def _load(draft: Draft, name: str) -> Campaign:
    """Load the draft as `check` would, its blanks filled with anything."""
    whole = replace(
        draft,
        sender=draft.sender or _ANY_SENDER,
        template=draft.template or _ANY_TEXT,
        fields=[replace(each, value=each.value or _ANY_TEXT) for each in draft.fields],
    )
    with TemporaryDirectory(prefix="wegly-batch-init-") as folder:
        file = Path(folder) / name
        try:
            file.write_text(render_campaign(whole), encoding="utf-8", newline="\n")
        except OSError as error:
            raise _not_written(Path(name), error) from None
        return load_campaign(file, now=datetime.now(UTC))


def _write(out: Path, text: str, sheet: Path) -> None:
    try:
        file = out.open("x", encoding="utf-8", newline="\n")
        try:
            with file:
                file.write(text)
        except BaseException:  # an interrupt as well as a full disk: no half file stays
            out.unlink()
            raise
    except FileExistsError:
        refuse_existing(out, sheet)
    except OSError as error:
        raise _not_written(out, error) from None


def _not_written(out: Path, error: OSError) -> SettingsError:
    problem = _("{file} cannot be written: {error}.").format(file=out, error=describe_os_error(error))
    return SettingsError(problem, _("Name another place with --out."))


def _mapping(draft: Draft) -> Iterator[tuple[str, str, str]]:
    own = {"whatsapp_phone_id": draft.sender, "template.name": draft.template, "template.language": draft.language}
    for name, source in own.items():
        if source is not None:
            yield name, describe_source(source), draft.reasons.get(name, "")
    for name, column in draft.columns.items():
        yield name, _("column {name!r}").format(name=column), draft.reasons.get(name, "")
    for section, refusing in (("suppress", draft.optout), ("consent", draft.consent)):
        if refusing is not None:
            yield f"[{section}]", _("column {name!r}").format(name=refusing), ""
    for each in draft.fields:
        if each.value is not None:
            yield _label(each), _filled(each.value), ""


def _filled(value: Source) -> str:
    return _("text '{text}'").format(text=value.value) if isinstance(value, Constant) else describe_source(value)


def _label(each: DraftField) -> str:
    card = "" if each.card_index is None else _("card {n}").format(n=each.card_index) + " "
    button = "" if each.button_index is None else f" {each.button_index}"
    return f"{card}{each.component}{button} {{{{{each.index}}}}}"


def _unfilled(draft: Draft) -> Iterator[str]:
    if draft.sender is None:
        yield "[sender] whatsapp_phone_id"
    if draft.template is None:
        yield "[template] name"
    value = _("the value of {place}")
    yield from (value.format(place=_label(each)) for each in draft.fields if each.value is None)
