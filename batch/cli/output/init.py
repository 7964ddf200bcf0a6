"""Output of `init`: the sheet's columns with their first cells, the campaign that was written, its first message."""

import json
from collections.abc import Sequence

from batch.app.check import Check
from batch.app.init.analyse import SheetAnalysis
from batch.app.init.write import WrittenCampaign
from batch.cli.output.layout import labelled_lines, outcome_table, row_label, section, sheet_line
from batch.cli.terminal import display_width, text_width, wrap
from batch.control_characters import show_controls
from batch.formatting import format_messages
from batch.i18n import N_, _, ngettext, number
from batch.model.phone.cells import format_phone
from batch.model.sheets import SheetRow

_NO_FIELDS = N_(
    "No template value is filled: there are no columns body_1, header_1 and so on. If the template has a {{1}}, say in "
    "the file what stands there."
)
_LONGEST_NAME = 22
_MOST_COLUMNS = 60
_GAP = "  "
_NOTHING = "-"


def columns_text(analysis: SheetAnalysis) -> str:
    """The sheet, notes about it, and its columns."""
    info = analysis.sheet.info
    notes = [_GAP + each for each in info.warnings]
    lines = column_lines(info.columns, analysis.first_rows)
    return "\n".join([sheet_line(info, analysis.sheet.row_count), *notes, "", *lines])


def column_lines(columns: Sequence[str], rows: Sequence[SheetRow]) -> list[str]:
    """The numbered columns of a sheet, each with its cells in these rows, on lines that fit the terminal."""
    names = [_clip(name, _LONGEST_NAME) for name in columns[:_MOST_COLUMNS]]
    width = max(map(display_width, names), default=0)
    numbers = len(str(len(names)))
    room = text_width() - 2 * len(_GAP) - numbers - width
    cell = max(8, room // max(1, len(rows)) - len(_GAP))
    head = " " * (len(_GAP) + numbers) + _line("", width, [row_label(row.number) for row in rows], cell)
    lines = [
        f"{_GAP}{place:>{numbers}}" + _line(name, width, [row.cells[place - 1] or _NOTHING for row in rows], cell)
        for place, name in enumerate(names, start=1)
    ]
    if more := len(columns) - len(names):
        lines.append(_GAP + ngettext("and {n} more column", "and {n} more columns", more).format(n=number(more)))
    return [head, *lines]


def _line(name: str, width: int, cells: Sequence[str], cell: int) -> str:
    return "".join([_GAP, _pad(name, width), *(_GAP + _pad(_clip(each, cell), cell) for each in cells)]).rstrip()


def _pad(text: str, width: int) -> str:
    return text + " " * (width - display_width(text))


def _clip(text: str, width: int) -> str:
    """Return a text on one line, with an ellipsis where it is longer."""
    shown = " ".join(show_controls(text).split())
    if display_width(shown) <= width:
        return shown
    while display_width(shown) > width - 3:
        shown = shown[:-1]
    return f"{shown}..."


def clip_start(text: str, width: int = 30) -> str:
    """Return the end of a text's last line, with an ellipsis and from a whole word on where it is longer."""
    line = text.rsplit("\n", maxsplit=1)[-1].lstrip()
    end = line[-width:]
    return line if end == line else f"...{end.partition(' ')[2] or end}"


def campaign_text(written: WrittenCampaign, *, asked: bool, more: str = "") -> str:
    """The guesses with their reasons, what is left to fill in, and the next command. `asked`: a person has decided.

    `more`: options that this command was given and the next one needs.
    """
    guesses = ((name, f"{how}: {why.rstrip('.')}" if why else how) for name, how, why in written.mapping)
    parts = [] if asked else [section(_("Guessed from the columns' names and cells"), labelled_lines(guesses))]
    notes = [*([] if asked else written.asides), *([] if written.has_fields else [_(_NO_FIELDS)])]
    if notes:
        parts.append(section(_("Good to know"), notes))
    if written.problem:
        parts.append(section(_("Left to correct"), [written.problem]))
    if written.unfilled:
        open_it = _("open it in any editor and fill in, where it says FILL IN: {keys}")
        steps = [open_it.format(keys=", ".join(written.unfilled))]
        steps.append(_("then: {command}").format(command=written.check + more))
    else:
        steps = [f"{written.run if asked else written.check}{more}"]
    parts.append(section(_("{file} is written. Next:").format(file=written.file), steps))
    return "\n\n".join(parts)


def first_message_text(found: Check, link: str | None, header: str | None = None) -> str:
    """The rows by outcome, and the first message as its person reads it.

    `link` of the template's button, and `header` above its text: with `{{1}}` in them.
    """
    parts = [outcome_table(found.counts, found.reasons)]
    if not found.examples:
        return "\n\n".join([*parts, _("Nothing would be sent: `check` says why.")])
    first = found.examples[0]
    head = _("The first of {messages}, as {phone} reads it (row {row}):").format(
        messages=format_messages(found.to_send), phone=format_phone(first.person), row=first.row
    )
    lines = (first.text if first.text is not None else "\n".join(first.values)).split("\n")
    fields = json.loads(first.payload).get("template_fields", [])
    heads = [each["value"] for each in fields if each["component"] == "HEADER"]
    if header is not None:
        lines = [header.replace("{{1}}", *heads[:1] or [""]), "", *lines]
    ends = [each["value"] for each in fields if each["component"] == "BUTTON"]
    if link is not None and ends:
        lines += ["", f"[ {link.replace('{{1}}', ends[0])} ]"]
    bubble = [line.rstrip() for line in wrap(lines, "  | ")]
    return "\n\n".join([*parts, "\n".join([head, "", *bubble])])
