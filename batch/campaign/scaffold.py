"""Campaign files written for a person: a template filled with what is known, and marks where only the person knows.

A mark is a text that begins with `FILL IN: ` (`PREENCHA: ` in Portuguese). `load_campaign` refuses each by name: sent
as it stands, it would be a wrong sender or a template that does not exist.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from batch.campaign.sources import Constant, Source
from batch.i18n import _, current_language, ngettext, number

if TYPE_CHECKING:
    from jinja2 import Template

FILL_IN_MARKS = MappingProxyType({"en": "FILL IN: ", "pt_BR": "PREENCHA: "})
"""Fixed texts, not of the catalogues: a file that was begun in one language is understood in the other."""

_TEMPLATES = Path(__file__).parent / "templates"
_COMMENT_WIDTH = 118
_COLUMNS_LISTED = 60
_LONGEST_NAME = 60
"""Characters of a column's name in a comment; exports of forms have whole questions as headers."""
_ESCAPED = re.compile(r'[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069"\\]')
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


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
    """Draft of a campaign. None: to be filled in by the person, or left out."""

    name: str
    sheet: str
    """Path of the sheet as it is typed on the command line."""
    file: str
    """Path of the campaign file, likewise."""
    all_columns: Sequence[str]
    columns: Mapping[str, str]
    """Field of the request to the sheet's column; the phone (`wa_contact_id`) is among them."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Field of the request to the sentence that explains the choice of its column."""
    language: Source
    """Of the template."""
    sender: Source | None = None
    template: Source | None = None
    body: str | None = None
    fields: Sequence[DraftField] = ()
    example: str = "{Nome|first_name|title}"
    """A template value of this sheet, for the comments."""
    optout: str | None = None
    """Column in which a yes means no messages."""
    consent: str | None = None
    """Column in which a no means no messages."""
    unique_by: str | None = None
    """Column by which rows of one person differ: only proposed."""
    has_unique_by: bool = False
    """The person wants a message for each of these rows."""
    ignored: Sequence[str] = ()
    """Columns that look like opt-out or consent and are none."""
    tab: str | None = None
    header_row: int | None = None
    trusted: bool = False
    """The person vouches for the sheet's size."""
    encoding: str | None = None
    has_loose_ends: bool = False


def render_campaign(draft: Draft) -> str:
    """Return the text of the campaign file. `load_campaign` reads it once its marks are filled in."""
    return _template().render(draft=draft)


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - `check` needs no template

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        autoescape=False,  # noqa: S701 - it makes TOML, in which `quote` escapes
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.install_gettext_callables(_, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(
        comment=_comment,
        list_columns=_list_columns,
        printable=_printable,
        quote=quote,
        write_or_ask=_write_or_ask,
        write_source=_write_source,
    )
    return environment.get_template("campaign.toml.jinja")


def quote(text: str) -> str:
    """Return a text as TOML has it: on one line, in quotation marks; also fit for a comment."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    return _SHORT_ESCAPES.get(char, f"\\u{ord(char):04x}")


def is_writable(text: str) -> bool:
    """Return False for a text that UTF-8 cannot hold: half of a surrogate pair is no character."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def fill_in(description: str) -> str:
    """Return the mark for a value that the person must give. `description` has no final stop: `the id of ...`."""
    return f"{FILL_IN_MARKS[current_language()]}{description}"


def _write_or_ask(source: Source | None, description: str) -> str:
    return quote(fill_in(description)) if source is None else _write_source(source)


def _write_source(source: Source) -> str:
    # A column is written as a table, which cannot be mistaken for a constant.
    if isinstance(source, Constant):
        return quote(source.value)
    default = "" if source.default is None else f", default = {quote(source.default)}"
    return f"{{ column = {quote(source.column)}{default} }}"


def _printable(text: str) -> str:
    # A line break would end the comment, and what follows would be a setting.
    return "".join(char if char.isprintable() else "?" for char in text)


def _comment(text: str, indent: int = 0) -> str:
    sign = "# " + " " * indent
    return textwrap.fill(
        _printable(text), _COMMENT_WIDTH, initial_indent=sign, subsequent_indent=sign, break_on_hyphens=False
    )


def _list_columns(names: Sequence[str]) -> str:
    shown = [name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 3] + "..." for name in names]
    listed = [quote(name) for name in shown[:_COLUMNS_LISTED]]
    if len(names) > _COLUMNS_LISTED:
        listed.append(_("and {names} more").format(names=number(len(names) - _COLUMNS_LISTED)))
    return ", ".join(listed)
