"""report.html: the whole report as one page that needs nothing but a browser.

It reads well on a phone, on paper, aloud and without JavaScript; with it the rows can be searched, filtered, sorted and
copied. The templates are in `templates`, what they show is made by `html_figures` and `html_rows`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from batch.i18n import _, ngettext, number
from batch.reporter.atomic_file import write_aside
from batch.reporter.columns import Value
from batch.reporter.html.colours import tones_css
from batch.reporter.html.figures import bar_segments, chart_columns, percentage_text, reason_bars, run_facts
from batch.reporter.html.rows import INTERNED, MOST_TEXTS, Rows, lead_columns, own_columns
from batch.reporter.html.text import column_names, harmless, lang, moment, rate, script_json, script_words
from batch.reporter.inputs import ReportInputs
from batch.reporter.rows import TableLayout, lay_out_table
from batch.reporter.statistics import SENT_PER
from batch.reporter.summary_view import headline, summarize_outcomes, verdict

_TEMPLATES = Path(__file__).parent / "templates"

REPORT_SCRIPT = ("data.js", "search.js", "order.js", "copy.js", "detail.js", "table.js", "filters.js", "main.js")
"""The parts of the report's script, in their order."""


def pieces(template: str, values: Mapping[str, object], *, script: tuple[str, ...] = ()) -> Iterator[bytes]:
    """A page, piece by piece: what `values` gives as an iterator is taken from it only when its place has come."""
    code = script_of(script)
    whole = {**values, "style": style(), "script": code, "policy": policy(style(), code), "lang": lang()}
    for piece in _environment().get_template(template).generate(whole):
        yield piece.encode("utf-8", "replace")


@cache
def style() -> str:
    """The CSS of every page."""
    return "\n" + tones_css() + (_TEMPLATES / "page.css").read_text("utf-8")


@cache
def script_of(parts: tuple[str, ...]) -> str:
    """Files of JavaScript as one script; empty for none."""
    return "".join("\n" + (_TEMPLATES / part).read_text("utf-8") for part in parts)


def policy(css: str, code: str) -> str:
    """The Content-Security-Policy of a page with this style and this script."""
    scripts = f"script-src {_hash(code)}; " if code else ""
    return f"default-src 'none'; style-src {_hash(css)}; {scripts}base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(_, ngettext, newstyle=True)  # type: ignore[attr-defined]  # the extension adds it
    made.filters["number"] = number
    made.filters["harmless"] = harmless
    made.filters["rate"] = rate
    made.globals["percentage_text"] = percentage_text
    return made


_SAMPLE = 200
"""Rows by which the columns of the table are chosen."""


def write_html(target: Path, inputs: ReportInputs) -> Path:
    """Write the page (see `write_aside`). Memory does not grow with the rows."""

    def write(file: BinaryIO) -> None:
        file.writelines(pieces("report.html.jinja", _values(inputs), script=REPORT_SCRIPT))

    return write_aside(target, write)


def _values(inputs: ReportInputs) -> dict[str, object]:
    run, tally = inputs.run, inputs.tally
    table = _table(inputs)
    info = inputs.sheet.info
    return {
        "run": run,
        "verdict": verdict(run.exit_code),
        "headline": headline(run, tally, last_sent=inputs.statistics.last_sent),
        "began": moment(run.started, inputs.zone),
        "notes": inputs.notes,
        "remarks": info.warnings if info else (),
        "rows_of_all": tally.rows,
        "counts": summarize_outcomes(tally.counts),
        "segments": bar_segments(tally.counts),
        "reasons": reason_bars(tally, inputs.statistics),
        "columns": chart_columns(inputs.statistics),
        "most": max((each.new + each.existing for each in inputs.statistics.sent), default=0),
        "sent_title": _(SENT_PER[inputs.statistics.step]),
        "facts": list(run_facts(inputs)),
        "senders": tally.this_run.senders,
        "wanted": rate(tally.this_run.wanted_rate),
        "table": table,
        "chunks": table.rows.chunks(),
        "settings": script_json(_settings(inputs, table)),
        "moment": lambda at: moment(datetime.fromisoformat(at), inputs.zone),
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Table:
    """The rows with their columns. A row is its number, the values of `COLUMNS`, then the user's cells."""

    rows: Rows
    own: tuple[str, ...]
    """The user's columns by name."""
    lead: tuple[int, ...]
    """Those of them that stand in the table."""

    @property
    def leads(self) -> Iterator[tuple[int, str]]:
        """The place in a row, and the name, of each column of the user that stands in the table."""
        return ((1 + len(INTERNED) + index, self.own[index]) for index in self.lead)


def _table(inputs: ReportInputs) -> _Table:
    layout = lay_out_table(inputs.sheet.info)
    own = own_columns(layout, has_sheet=inputs.sheet.info is not None)
    return _Table(
        rows=_rows(inputs, layout, own),
        own=tuple(harmless(layout.header[index], 200) for index in own),
        lead=lead_columns(_sample(inputs, layout, own)),
    )


def _rows(inputs: ReportInputs, layout: TableLayout, own: tuple[int, ...]) -> Rows:
    return Rows(inputs.table(layout), layout, own, inputs.tally.counts)


def _sample(inputs: ReportInputs, layout: TableLayout, own: tuple[int, ...]) -> list[tuple[Value, ...]]:
    """The first rows, read apart: the head of the table is written before the first of them."""
    of_all = inputs.table(layout)
    first = Rows(islice(of_all, _SAMPLE), layout, own, inputs.tally.counts)
    for _chunk in first.chunks():
        pass
    return first.plain


def _settings(inputs: ReportInputs, table: _Table) -> dict[str, object]:
    """What the script of the page must know."""
    return {
        "lang": lang(),
        "timezone": inputs.run.timezone,
        "names": column_names(),
        "own": table.own,
        "lead": table.lead,
        "interned": [*INTERNED, *(True for _each in table.own)],
        "mostTexts": MOST_TEXTS,
        "words": script_words(),
    }
