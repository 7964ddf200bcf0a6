"""report.html: the whole report as one page that needs nothing but a browser.

It can be read on a phone, on paper, by a screen reader and without JavaScript; with it the rows can be searched,
filtered, sorted and copied. The markup is in `templates`, its content comes from `figures` and `rows`. Its
Content-Security-Policy allows this style and this script by their hashes and nothing else, so that no text of a sheet
or of the API can run or load anything.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from batch.atomic_file import write_atomic
from batch.i18n import _, decimal, ngettext, number
from batch.model.delivery import STATE_WORDS
from batch.model.outcomes import Outcome
from batch.reporter.columns import Value
from batch.reporter.html.figures import (
    arrived,
    bar_segments,
    chart_columns,
    next_steps,
    percentage_text,
    reason_groups,
    run_facts,
)
from batch.reporter.html.rows import INTERNED, MOST_TEXTS, PageRows, SentMessages, choose_lead_columns
from batch.reporter.html.text import (
    LONGEST_CELL,
    column_names,
    harmless,
    language_tag,
    local_moment,
    local_time,
    rate_text,
    reply_words,
    script_texts,
    to_script_json,
)
from batch.reporter.rows import ReportInputs, TableLayout, TableRow, lay_out_table
from batch.reporter.statistics import SENT_PER
from batch.reporter.summary_view import headline, rehearsal, summarize_outcomes, verdict
from batch.reporter.tones import TONES, Tone

DARK_SURFACE = "1A212B"
"""Behind everything on a dark screen."""
_WHITE = "FFFFFF"


def mix(one: str, other: str, part: float) -> str:
    """Mix two colours: `part` (0 to 1) of the first, the rest of the other."""
    pairs = zip(bytes.fromhex(one), bytes.fromhex(other), strict=True)
    return bytes(round(a * part + b * (1 - part)) for a, b in pairs).hex().upper()


def make_dark_tone(tone: Tone) -> Tone:
    """Return the same tone for a dark screen."""
    return Tone(
        tint=mix(tone.bar, DARK_SURFACE, 0.24), ink=mix(tone.bar, _WHITE, 0.42), bar=mix(tone.bar, _WHITE, 0.88)
    )


def tones_css() -> str:
    """Custom properties (`--error-ink` and so on) for both kinds of screen, and a class for each outcome."""
    light = "".join(_properties(outcome, tone) for outcome, tone in TONES.items())
    dark = "".join(_properties(outcome, make_dark_tone(tone)) for outcome, tone in TONES.items())
    classes = "".join(
        f".is-{name}{{--tint:var(--{name}-tint);--ink-of:var(--{name}-ink);--bar:var(--{name}-bar)}}\n"
        for name in Outcome
    )
    return f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}"


def _properties(outcome: Outcome, tone: Tone) -> str:
    return f"--{outcome}-tint:#{tone.tint};--{outcome}-ink:#{tone.ink};--{outcome}-bar:#{tone.bar};"


_TEMPLATES = Path(__file__).parent / "templates"

_SCRIPT = ("data.js", "search.js", "order.js", "copy.js", "detail.js", "table.js", "filters.js")
REPORT_SCRIPT = (*_SCRIPT, "message.js", "main.js")
CHECK_SCRIPT = (*_SCRIPT, "bubble.js", "main.js")
"""Files of a page's script, in their order."""
_SAMPLE = 200
"""Rows by which the leading columns of the table are chosen."""


def render_page(template: str, values: Mapping[str, object], *, script: tuple[str, ...] = ()) -> Iterator[bytes]:
    """Yield a page in pieces of UTF-8; an iterator among `values` is read only when its place in the page comes."""
    css, code = page_css(), join_scripts(script)
    own = {"style": css, "script": code, "policy": security_policy(css, code), "lang": language_tag()}
    for piece in _environment().get_template(template).generate({**values, **own}):
        yield piece.encode("utf-8", "replace")


@cache
def page_css() -> str:
    """The CSS of every page."""
    return "\n" + tones_css() + (_TEMPLATES / "page.css").read_text("utf-8")


@cache
def join_scripts(files: tuple[str, ...]) -> str:
    """Return files of JavaScript as one script; empty for none."""
    return "".join("\n" + (_TEMPLATES / file).read_text("utf-8") for file in files)


def security_policy(css: str, code: str) -> str:
    """The Content-Security-Policy of a page with this style and this script (empty: none)."""
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
    made.filters["script_json"] = to_script_json
    made.filters["rate"] = rate_text
    made.filters["share"] = lambda share: "\N{EN DASH}" if share is None else f"{decimal(100 * share)}%"
    made.globals["percentage_text"] = percentage_text
    return made


def write_html(target: Path, inputs: ReportInputs, files: Sequence[Path] = ()) -> Path:
    """Write the page, whole or not at all; return its path. Memory does not grow with the rows.

    `files`: the others of the report, which it leads to.
    """

    def write(file: BinaryIO) -> None:
        file.writelines(render_page("report.html.jinja", _values(inputs, files), script=REPORT_SCRIPT))

    return write_atomic(target, write)


def _values(inputs: ReportInputs, files: Sequence[Path]) -> dict[str, object]:
    run, tally, info = inputs.run, inputs.tally, inputs.sheet.info
    return row_values(inputs, _report_table(inputs)) | {
        "run": run,
        "verdict": verdict(run.exit_code),
        "headline": headline(run, tally, last_sent=inputs.statistics.last_sent)[: 2 + bool(tally.delivery)],
        "began": local_moment(run.started, inputs.zone),
        "notes": inputs.notes,
        "remarks": info.warnings if info else (),
        "groups": reason_groups(tally, inputs.statistics),
        "rehearsal": rehearsal(run.endpoint),
        "steps": next_steps(inputs, files),
        "workbook": next((each.name for each in files if each.suffix in (".xlsx", ".xlsm")), None),
        "columns": chart_columns(inputs.statistics),
        "most": max((each.new + each.existing for each in inputs.statistics.sent), default=0),
        "sent_title": _(SENT_PER[inputs.statistics.step]),
        "facts": list(run_facts(inputs)),
        "arrived": arrived(inputs),
    }


def _moments(began: datetime) -> Callable[[str], str]:
    """Return what writes a moment down: without its day where that is the run's."""

    def write(iso: str) -> str:
        at = datetime.fromisoformat(iso).astimezone(began.tzinfo)
        return local_time(at) if at.date() == began.date() else local_moment(at, None)

    return write


@dataclass(frozen=True, kw_only=True, slots=True)
class PageTable:
    """The table of rows. A row is its number, the values of the result columns, the user's cells, then other texts."""

    rows: PageRows
    own: tuple[str, ...]
    """Names of the user's columns."""
    messages: Mapping[int, tuple[str | None, str | None]] | None
    """Text and id, by the number of a row; complete once the rows are written. None: the script makes them of texts."""
    names: tuple[str, ...]
    """Names of the result columns."""
    lead: tuple[int, ...]
    """Indexes of those among them that stand in the table; the others are in the details of a row."""
    text_of: Callable[[tuple[Value, ...]], str] = lambda _row: ""
    """Returns the message of a row that has no sentence."""
    others: int = 0
    """Texts of a row behind the user's cells."""

    @property
    def leads(self) -> Iterator[tuple[int, str]]:
        """Index in a row, and name, of each of the user's columns that stands in the table."""
        return ((1 + len(self.names) + index, self.own[index]) for index in self.lead)

    @property
    def timed(self) -> bool:
        """True for rows with the times of their attempts."""
        return "wegly_sent_at" in self.names


def _report_table(inputs: ReportInputs) -> PageTable:
    layout, messages = lay_out_table(inputs.sheet.info, followed=inputs.followed), SentMessages(inputs)
    own = layout.own_columns if inputs.sheet.info else ()  # of a sheet gone it is the row number, which is there
    return make_table(inputs, layout, own, messages.table(layout), messages=messages.texts)


def make_table(
    inputs: ReportInputs,
    layout: TableLayout,
    own: Sequence[int],
    rows: Iterable[TableRow],
    *,
    others: int = 0,
    **more: Any,
) -> PageTable:
    """Return the table of these rows.

    `own`: places of the user's columns. `others`: texts of each row behind its cells; `more`: fields of `PageTable`.
    """
    counts, width = inputs.tally.counts, len(layout.header)
    # The head of the table is written before its first row, so its columns are chosen by rows that are read apart.
    sample = PageRows(islice(inputs.table(layout), _SAMPLE), layout, own, counts)
    for _chunk in sample.chunks():
        pass
    return PageTable(
        rows=PageRows(rows, layout, [*own, *range(width, width + others)], counts),
        own=tuple(harmless(layout.header[index], 200) for index in own),
        lead=choose_lead_columns(sample.plain, 1 + len(layout.places)),
        names=layout.names,
        others=others,
        **more,
    )


def page_settings(inputs: ReportInputs, table: PageTable, **more: object) -> str:
    """Return the settings of the page's script, which reads them as JSON."""
    return to_script_json(
        {
            "lang": language_tag(),
            "timezone": inputs.run.timezone,
            "began": inputs.run.started.isoformat(),
            "names": column_names(table.names),
            "own": table.own,
            "lead": table.lead,
            "interned": [
                *INTERNED[: len(table.names)],
                *(True for _each in table.own),
                *(True for _ in range(table.others)),
            ],
            "mostTexts": MOST_TEXTS,
            "words": script_texts(),
            "states": {state.value: _(words) for state, words in STATE_WORDS.items()},
            "outcomes": {outcome.value: outcome.word for outcome in Outcome},
            "replies": reply_words(),
            "followed": inputs.followed,
        }
        | more
    )


def row_values(inputs: ReportInputs, table: PageTable, **settings: object) -> dict[str, object]:
    """Return the values of the part of a page that shows the rows. `settings`: further ones of its script."""
    tally = inputs.tally
    return {
        "table": table,
        "tally": tally,
        "redacted": inputs.redacted,
        "counts": summarize_outcomes(tally.counts),
        "segments": bar_segments(tally.counts),
        "all_reasons": sorted({reason for _outcome, reason in tally.reasons}),
        "states": {state.value: _(words) for state, words in STATE_WORDS.items()},
        "outcomes": {outcome.value: outcome.word for outcome in Outcome},
        "chunks": table.rows.chunks(),
        "settings": page_settings(inputs, table, **settings),
        "moment": _moments(inputs.run.started.astimezone(inputs.zone)),
        "longest": LONGEST_CELL,
    }
