"""What `init` says: what it sees, what it guess and why, and what to do next."""

from __future__ import annotations

from batch.app.init.analyse import SheetAnalysis
from batch.app.init.write import WrittenCampaign
from batch.cli.output.layout import sheet_line
from batch.i18n import N_, _


def analysis_text(analysis: SheetAnalysis) -> str:
    """How the sheet was read."""
    info = analysis.sheet.info
    head = sheet_line(info, analysis.sheet.row_count)
    return "\n".join([head, *(f"  {warning}" for warning in info.warnings)])


def campaign_text(written: WrittenCampaign) -> str:
    """What was guess and why, what is left to fill in, and the command that comes next."""
    width = max(len(name) for name, _how, _why in written.mapping)
    lines = [f"  {name:<{width}}  {how}{_because(why)}" for name, how, why in written.mapping]
    parts = ["\n".join([_("Guessed from the columns' names and cells"), *lines])]
    notes = [*written.asides, *([] if written.has_fields else [_(_NO_FIELDS)])]
    if notes:
        parts.append("\n".join([_("Good to know"), *(f"  {note}" for note in notes)]))
    if written.problem:
        parts.append("\n".join([_("Left to correct"), f"  {written.problem}"]))
    parts.append("\n".join([_("{file} is written. Next:").format(file=written.file), *_next(written)]))
    return "\n\n".join(parts)


def _because(why: str) -> str:
    return f": {why.rstrip('.')}" if why else ""


def _next(written: WrittenCampaign) -> list[str]:
    if not written.unfilled:
        return [f"  {written.check}"]
    open_it = _("open it in any editor and fill in, where it says FILL IN: {keys}")
    then = _("then: {command}")
    return [f"  {open_it.format(keys=', '.join(written.unfilled))}", f"  {then.format(command=written.check)}"]


_NO_FIELDS = N_(
    "No template value is filled: there are no columns body_1, header_1 and so on. If the template has a {{1}}, say in "
    "the file what stands there."
)
