"""Output of `init`: what it found in the sheet, what it guessed and why, and what to do next."""

from __future__ import annotations

from batch.app.init.analyse import SheetAnalysis
from batch.app.init.write import WrittenCampaign
from batch.cli.output.layout import labelled_lines, section, sheet_line
from batch.i18n import N_, _

_NO_FIELDS = N_(
    "No template value is filled: there are no columns body_1, header_1 and so on. If the template has a {{1}}, say in "
    "the file what stands there."
)


def analysis_text(analysis: SheetAnalysis) -> str:
    """The sheet as it was read."""
    info = analysis.sheet.info
    return section(sheet_line(info, analysis.sheet.row_count), info.warnings)


def campaign_text(written: WrittenCampaign) -> str:
    """The guesses with their reasons, what is left to fill in, and the next command."""
    guesses = ((name, f"{how}: {why.rstrip('.')}" if why else how) for name, how, why in written.mapping)
    parts = [section(_("Guessed from the columns' names and cells"), labelled_lines(guesses))]
    notes = [*written.asides, *([] if written.has_fields else [_(_NO_FIELDS)])]
    if notes:
        parts.append(section(_("Good to know"), notes))
    if written.problem:
        parts.append(section(_("Left to correct"), [written.problem]))
    parts.append(section(_("{file} is written. Next:").format(file=written.file), _next_steps(written)))
    return "\n\n".join(parts)


def _next_steps(written: WrittenCampaign) -> list[str]:
    if not written.unfilled:
        return [written.check]
    open_it = _("open it in any editor and fill in, where it says FILL IN: {keys}")
    then = _("then: {command}")
    return [open_it.format(keys=", ".join(written.unfilled)), then.format(command=written.check)]
