"""The text of a new campaign file: what is known filled in, what is not known marked as such, every section explained.

The comments are for a person who has never seen such a file; the words are those of `samples/boas-vindas.toml`.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from batch.campaign import starter_words as words
from batch.campaign.blanks import blank
from batch.campaign.sources import Constant, Source
from batch.campaign.toml_text import quoted, source_text
from batch.i18n import N_, _, number

_WIDTH = 118
_COLUMNS_LISTED = 60
_NAME_SHOWN = 60
"""Characters of a column's name in a comment; questions of a form stand in headers whole."""

_SENDER = N_("the id of the WhatsApp number that sends; Wegly shows it in the settings of your number")
_TEMPLATE = N_("the name of the approved template, exactly as WhatsApp has it")


@dataclass(frozen=True, kw_only=True, slots=True)
class DraftField:
    """One value of the template."""

    component: str
    index: int
    value: Source | None
    """A `Constant` is a text with `{Column|filter}` in it; None is to be filled in."""
    button_index: int | None = None
    card_index: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What is known of a campaign before anybody has written its file. None: to be filled in, or left out."""

    name: str
    sheet: str
    """The sheet as a person types it: its path."""
    file: str
    """The campaign file, likewise."""
    all_columns: Sequence[str]
    columns: Mapping[str, str]
    """Field of the request to the name of the sheet's column; the phone (`wa_contact_id`) is among them."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Field of the request to the sentence that says why this column."""
    language: Source
    """Of the template."""
    sender: Source | None = None
    template: Source | None = None
    body: str | None = None
    fields: Sequence[DraftField] = ()
    example: str = "{Nome|first_name|title}"
    """A template value of this sheet, for the comments."""
    tab: str | None = None
    header_row: int | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    """Limits of reading that are not the program's own."""


def starter_text(draft: Draft) -> str:
    """The file, ending with a line break. `load_campaign` reads it once its blanks are filled in."""
    sections = (_head, _campaign, _sender, _template, _columns, _template_fields, _speed, _window, _sheet)
    return "\n".join(section(draft) for section in sections)


def _head(draft: Draft) -> str:
    return _(words.HEAD).format(sheet=_plain(draft.sheet), file=_plain(draft.file))


def _plain(text: str) -> str:
    """A text as a comment may hold it."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _campaign(draft: Draft) -> str:
    return _(words.CAMPAIGN).format(name=quoted(draft.name))


def _sender(draft: Draft) -> str:
    return _(words.SENDER_SECTION).format(sender=_given(draft.sender, _(_SENDER)))


def _template(draft: Draft) -> str:
    body = '# body = "Ol\u00e1 {{1}}, tudo bem?"' if draft.body is None else f"body = {quoted(draft.body)}"
    name, language = _given(draft.template, _(_TEMPLATE)), source_text(draft.language)
    return _(words.TEMPLATE_SECTION).format(name=name, language=language, body=body)


def _given(source: Source | None, what: str) -> str:
    return quoted(blank(what)) if source is None else source_text(source)


def _columns(draft: Draft) -> str:
    lines = [_(words.COLUMNS_HEAD), *_commented(", ".join(_listed(draft.all_columns)), indent="  "), "[columns]"]
    for name, column in draft.columns.items():
        lines += _commented(draft.reasons.get(name, ""))
        lines.append(f"{name} = {quoted(column)}")
    return "\n".join([*lines, ""])


def _listed(names: Sequence[str]) -> Iterable[str]:
    for name in names[:_COLUMNS_LISTED]:
        yield quoted(name if len(name) <= _NAME_SHOWN else name[: _NAME_SHOWN - 3] + "...")
    if len(names) > _COLUMNS_LISTED:
        yield _("and {names} more").format(names=number(len(names) - _COLUMNS_LISTED))


def _commented(text: str, indent: str = "") -> list[str]:
    sign = f"# {indent}"
    return textwrap.wrap(_plain(text), _WIDTH, initial_indent=sign, subsequent_indent=sign, break_on_hyphens=False)


def _template_fields(draft: Draft) -> str:
    head = _(words.FIELDS_HEAD).format(example=_plain(draft.example))
    if draft.fields:
        return head + "\n".join(map(_block, draft.fields))
    example = _block(DraftField(component="BODY", index=1, value=Constant(value=draft.example)))
    lines = "".join(f"# {line}\n" for line in example.splitlines())
    return head + _(words.FIELDS_NONE) + lines


def _block(each: DraftField) -> str:
    lines = ["[[template_fields]]", f"component = {quoted(each.component)}", 'type = "TEXT"', f"index = {each.index}"]
    if each.button_index is not None:
        lines.append(f"button_index = {each.button_index}")
    if each.card_index is not None:
        lines.append(f"card_index = {each.card_index}")
    what = _("what stands for {{{{{index}}}}}, like {{Nome|first_name}}").format(index=each.index)
    value = _given(each.value, what)
    return "\n".join([*lines, f"value = {value}", ""])


def _speed(_draft: Draft) -> str:
    return _(words.SPEED)


def _window(_draft: Draft) -> str:
    return _(words.WINDOW)


def _sheet(draft: Draft) -> str:
    tab = '# name = "Contatos"' if draft.tab is None else f"name = {quoted(draft.tab)}"
    row = "# header_row = 4" if draft.header_row is None else f"header_row = {draft.header_row}"
    sign = "" if draft.limits else "# "
    limits = [f"{name} = {value:_}" for name, value in draft.limits.items()] or ["# cells = 64_000_000"]
    return _(words.SHEET).format(tab=tab, row=row) + "\n".join([_(words.LIMITS), f"{sign}[sheet.limits]", *limits, ""])
