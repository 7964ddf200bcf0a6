"""The check of a sheet as a page: what to fix first, who gets which message, when and at what cost.

It looks like report.html and is made of the same parts. What it shows of a row's message are the texts that fill the
template, each written once; the script puts them into the body, as `text_of` does for browsers without it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from batch.atomic_file import write_atomic
from batch.model.messages import TemplateField
from batch.model.outcomes import Outcome
from batch.model.runs import NextStep
from batch.reporter.columns import COLUMNS, Value
from batch.reporter.html.figures import reason_groups
from batch.reporter.html.page import CHECK_SCRIPT, make_table, render_page, row_values
from batch.reporter.html.text import local_moment
from batch.reporter.rows import ReportInputs, TableLayout, TableRow, lay_out_table
from batch.reporter.summary_view import rehearsal, summarize_outcomes

_COLUMNS_SHOWN = COLUMNS.index("wegly_phone") + 1
_SENTENCE, _ACTION = COLUMNS.index("wegly_message"), COLUMNS.index("wegly_action")
Texts = tuple[str | None, ...]
"""Of one message: its sender, the template's name and language, then a value for each of the template's fields."""
FIRST_VALUE = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class NoteSummary:
    """A note on good rows."""

    rows: int
    words: str
    """Of the first row."""
    first: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckPage:
    """A checked sheet as the page shows it, all sentences in the language of its run."""

    inputs: ReportInputs
    headline: str
    steps: Sequence[NextStep]
    warnings: Sequence[str]
    notes: Sequence[NoteSummary]
    schedule: Sequence[tuple[str, str]]
    """Label and value: times, limits, cost."""
    facts: Sequence[tuple[str, str]]
    """Label and value: how the sheet is read, and where it would go."""
    sources: Sequence[tuple[str, str]]
    """A field of the API, and how it is filled."""
    hash: str
    """Of the messages, as `plan` gives it."""
    body: str | None
    """Of the template; None: the campaign does not give it."""
    fill_body: Callable[[Mapping[int, str]], str]
    """Returns the body with its values."""
    fields: Sequence[TemplateField]
    """Of the template, in the order of their values; their own values mean nothing."""
    messages: Callable[[], Iterator[tuple[int, Texts]]]
    """Yields row and texts of each message, ascending, from the start at each call."""

    @property
    def others(self) -> int:
        """Texts of each message."""
        return FIRST_VALUE + len(self.fields)

    def rows(self, layout: TableLayout) -> Iterator[TableRow]:
        """Yield every row of the sheet with the texts of its message behind its cells; no sentence where it has one."""
        messages, none = self.messages(), (None,) * self.others
        number, texts = next(messages, (0, none))
        unused = [place for index in (_SENTENCE, _ACTION) for place in layout.places[index]]
        for row in self.inputs.table(layout):
            while number and number < row.number:
                number, texts = next(messages, (0, none))
            if number != row.number:
                yield row._replace(cells=(*row.cells, *none))
                continue
            cells = list(row.cells)
            for place in unused:
                cells[place] = None
            yield row._replace(cells=(*cells, *texts))

    def text_of(self, row: Sequence[Value]) -> str:
        """Return the message of a row of the page; empty where it has none."""
        values = row[-len(self.fields) :] if self.fields else ()
        if row[-self.others] is None:
            return ""
        given = [(field, str(value)) for field, value in zip(self.fields, values, strict=True) if value is not None]
        if self.body is None:
            return "\n".join(f"{field.label}: {value}" for field, value in given)
        return self.fill_body({field.index: value for field, value in given if is_of_body(field)})


def is_of_body(field: TemplateField) -> bool:
    """Return whether a field fills the body; cards have bodies of their own."""
    return field.component == "BODY" and field.card_index is None


def write_check_page(target: Path, page: CheckPage) -> Path:
    """Write the page, whole or not at all, 0600; return its path. Memory does not grow with the rows."""
    return write_atomic(
        target, lambda file: file.writelines(render_page("check.html.jinja", _values(page), script=CHECK_SCRIPT))
    )


def _values(page: CheckPage) -> dict[str, object]:
    inputs = page.inputs
    whole = lay_out_table(inputs.sheet.info, followed=False)
    places = whole.places[:_COLUMNS_SHOWN]
    width = max(whole.own, *(indexes[-1] + 1 for indexes in places))
    layout = replace(whole, places=places, header=whole.header[:width])
    own = [index for index in whole.own_columns if index < whole.own]
    table = make_table(inputs, layout, own, page.rows(layout), others=page.others, messages=None, text_of=page.text_of)
    fields = [
        {"label": str(each.label), "component": each.component, "index": each.index, "inBody": is_of_body(each)}
        for each in page.fields
    ]
    groups = reason_groups(inputs.tally, inputs.statistics)
    first = {(each.outcome, each.reason): each.first for each in inputs.statistics.reasons}
    values = row_values(inputs, table, body=page.body, fields=fields)
    return values | {
        "counts": [each for each in summarize_outcomes(inputs.tally.counts) if each.rows],
        "page": page,
        "run": inputs.run,
        "began": local_moment(inputs.run.started, inputs.zone),
        "rehearsal": rehearsal(inputs.run.endpoint, is_sent=False),
        "to_fix": next((found for outcome, _rows, found in groups if outcome is Outcome.ERROR), []),
        "groups": [each for each in groups if each[0] not in (Outcome.ERROR, Outcome.PENDING)],
        "first": first,
        "steps": page.steps,
        "arrived": None,
        "wrong": inputs.tally.counts[Outcome.ERROR],
    }
