"""report.html: what is in the file, before any browser looks at it."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from page_data import page_counts, page_reasons, page_rows, page_settings
from report_factory import COLUMNS, HOSTILE, Made, hostile, phone, result
from rights import is_private

from batch.i18n import use_language
from batch.model.outcomes import Outcome
from batch.reporter import COLUMNS as OURS
from batch.reporter import report, write_report
from batch.reporter.html import rows as html_rows
from batch.reporter.html.figures import bar_segments
from batch.reporter.html.page import (
    CHECK_SCRIPT,
    DARK_SURFACE,
    REPORT_SCRIPT,
    join_scripts,
    make_dark_tone,
    mix,
    page_css,
    write_html,
)
from batch.reporter.html.rows import PageRows, allot_rows, choose_lead_columns
from batch.reporter.html.text import LONGEST_CELL, harmless, rate_text, to_script_json
from batch.reporter.rows import ReportRow, lay_out_table
from batch.reporter.statistics import collect_statistics
from batch.reporter.summary_view import summarize_reasons
from batch.reporter.tones import TONES


class Seen(HTMLParser):
    """The page as a parser sees it: its elements, and the text of those that hold code or data."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.held: list[tuple[str, dict[str, str | None], str]] = []
        self.text = ""
        self.page = text
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.held.append((tag, dict(attrs), ""))

    def handle_data(self, data: str) -> None:
        if self.lasttag in ("script", "style") and self.cdata_elem:
            tag, attrs, text = self.held[-1]
            self.held[-1] = (tag, attrs, text + data)
        else:
            self.text += data

    def data(self, **wanted: str) -> list[str]:
        return [text for tag, attrs, text in self.held if tag == "script" and wanted.items() <= attrs.items()]


def rows_in(seen: Seen) -> list[list[Any]]:
    return page_rows(seen.page)


def seen(made: Made, folder: Path) -> Seen:
    return Seen(made.page(folder).read_text("utf-8"))


def test_every_row_is_in_the_page_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    """Number, outcome, reason, phone, and the user's own cells come back out of the page's data."""
    rows = rows_in(seen(Made(rows=2_500), tmp_path))
    assert [row[0] for row in rows] == list(range(2, 2_502))
    for row, expected in zip(rows, Made(rows=2_500).results(), strict=True):
        assert row[1:3] == [expected.outcome.value, expected.reason]
        assert re.sub(r"\D", "", str(row[5])) == phone(expected.row)[1:]
        assert row[6] == expected.chat_id
        assert row[11] == (None if expected.sent_at is None else row[11])
        assert str(row[len(OURS) + 1]).endswith(f" {expected.row}")
        assert row[len(OURS) + 3] == "Padaria Aurora"


def test_a_text_that_comes_again_is_written_once(tmp_path: Path) -> None:
    """So that a report of many rows can still be sent: here less than 300 bytes a row."""
    made = Made(rows=4_000)
    text = made.page(tmp_path).read_text("utf-8")
    data = "".join(Seen(text).data(**{"class": "rows-data"}))
    assert data.count("Padaria Aurora") == 1
    assert len(data) < 300 * 4_000


def test_more_texts_than_are_remembered_come_back_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound a text is written each time, and the reader follows the same rule."""
    monkeypatch.setattr(html_rows, "MOST_TEXTS", 7)
    monkeypatch.setattr("batch.reporter.html.page.MOST_TEXTS", 7)
    rows = rows_in(seen(Made(rows=100), tmp_path))
    assert [row[1] for row in rows] == [result(number).outcome.value for number in range(2, 102)]
    assert len({row[len(OURS) + 1] for row in rows}) == 100


def test_nothing_of_a_sheet_becomes_markup(tmp_path: Path) -> None:
    """Hostile cells, headers, names and answers add no element and no attribute to the page."""
    tame = seen(Made(rows=200, warnings=("a", "b"), notes=("a", "b", "c")), tmp_path)
    (tmp_path / "hostile").mkdir()
    wild = seen(hostile(200), tmp_path / "hostile")
    kinds = {tag for tag, _ in tame.elements}
    assert {tag for tag, _ in wild.elements} <= kinds
    assert [tag for tag, _ in wild.elements].count("script") == [tag for tag, _ in tame.elements].count("script")
    names = {name for _, attrs in wild.elements for name in attrs}
    assert not {name for name in names if name.startswith("on")}
    assert "style" not in names
    assert {name for name in names if name in ("src", "href", "action", "srcset")} == {"href"}
    assert {attrs["href"] for _, attrs in wild.elements if "href" in attrs} == {
        "#rows",
        "./retry.xlsx",
        "./report.xlsx",
    }
    assert "<!--" not in (tmp_path / "hostile" / "report.html").read_text("utf-8")


def test_hostile_cells_are_still_all_there(tmp_path: Path) -> None:
    """They are shown as they are, but for what cannot be shown: turned text is named, long text is cut and said."""
    made = hostile(60)
    found = seen(made, tmp_path)
    shown = {str(cell) for row in rows_in(found) for cell in row[len(OURS) + 1 :]}
    assert "<img src=x onerror=alert(1)>" in shown
    assert "[U+202E]gpj.exe" in shown
    assert "x" * LONGEST_CELL + "…" in shown
    assert not any("\u202e" in cell for cell in shown)
    assert "long cells are cut on this page" in found.text


def test_the_policy_allows_exactly_the_style_and_the_script_of_the_page(tmp_path: Path) -> None:
    """No inline code but ours, by its hash; nothing is fetched, no form goes anywhere."""
    found = seen(hostile(30), tmp_path)
    (policy,) = (attrs["content"] for tag, attrs in found.elements if attrs.get("http-equiv") and tag == "meta")
    assert policy is not None

    def hashed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    (css,) = (text for tag, _, text in found.held if tag == "style")
    (code,) = found.data(type="module")
    assert policy == (
        f"default-src 'none'; style-src {hashed(css)}; script-src {hashed(code)}; base-uri 'none'; form-action 'none'"
    )
    assert {attrs.get("type") for tag, attrs, _ in found.held if tag == "script"} == {"module", "application/json"}
    assert "unsafe" not in policy


def test_the_script_writes_texts_only_as_texts() -> None:
    """No way from a string to markup or code is used."""
    code = join_scripts(REPORT_SCRIPT) + join_scripts(CHECK_SCRIPT)
    for way in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "fetch(",
        "://",
    ):
        assert way not in code
    assert "url(" not in page_css()
    assert "@import" not in page_css()


@pytest.mark.parametrize("text", HOSTILE)
def test_json_in_a_script_cannot_end_it(text: str) -> None:
    """It reads back as it was and holds no sign that a parser of HTML or old JavaScript looks for."""
    written = str(to_script_json([text]))
    assert json.loads(written) == [text]
    assert not re.search("[<>&\u2028\u2029]", written)


def test_a_text_keeps_its_direction_to_itself() -> None:
    """Marks that turn what follows are named; letters that are written from the right stay as they are."""
    assert harmless("a\u202eb\u2066c") == "a[U+202E]b[U+2066]c"
    assert harmless("مرحبا") == "مرحبا"
    assert harmless("x" * 11, 10) == "x" * 10 + "…"
    assert harmless("\x00\ud800\x9b") == "��\\x9b"
    assert harmless("a\r\nb\rc\td") == "a\nb\nc\td"


@pytest.mark.parametrize("rows", [60, 5_000])
def test_without_javascript_there_is_a_table(tmp_path: Path, rows: int) -> None:
    """All rows of a usual sheet; of a large one those that need a person, and where the others are."""
    found = seen(Made(rows=rows), tmp_path)
    page = (tmp_path / "report.html").read_text("utf-8")
    body = page.partition('id="table"')[2].partition("</table>")[0]
    outcomes = Counter(re.findall(r'<tr role="row" class="is-(\w+)">', body))
    expected = Counter(each.outcome.value for each in Made(rows=rows).results())
    if rows == 60:
        assert outcomes == expected
        assert "rows are shown" not in found.text
    else:
        assert sum(outcomes.values()) == html_rows.MOST_PLAIN
        assert all(outcomes[kind] == expected[kind] for kind in ("error", "unknown", "pending", "skipped", "reused"))
        assert "2,000 of 5,000 rows are shown" in found.text


def test_a_page_that_cannot_hold_all_rows_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs a person comes first, and the page names the files that have the rest."""
    monkeypatch.setattr(html_rows, "MOST_ROWS", 25)
    found = seen(Made(rows=200), tmp_path)
    kinds = Counter(row[1] for row in rows_in(found))
    assert kinds["error"] + kinds["unknown"] + kinds["pending"] + kinds["skipped"] + kinds["reused"] == 20
    assert kinds.total() == 25
    assert "This page holds 25 of 200 rows" in found.text


def test_the_bound_in_bytes_holds_and_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sheets of hundreds of columns do not make a page that no browser opens."""
    monkeypatch.setattr(html_rows, "MOST_BYTES", 100_000)
    found = seen(Made(rows=5_000), tmp_path)
    assert 0 < len(rows_in(found)) < 5_000
    assert f"This page holds {len(rows_in(found)):,} of 5,000 rows" in found.text


def test_the_urgent_rows_get_the_room() -> None:
    """Errors before unknown before pending, whatever there is most of."""
    counts = {Outcome.SUCCESS: 1_000, Outcome.ERROR: 6, Outcome.UNKNOWN: 6}
    held = allot_rows(counts, 10)
    assert (held[Outcome.ERROR], held[Outcome.UNKNOWN], held[Outcome.SUCCESS]) == (6, 4, 0)
    assert sum(allot_rows(counts, 5_000).values()) == 1_012


def test_the_page_streams() -> None:
    """Rows are written as they are read: the first are out before the last are asked for."""
    made = Made(rows=5_000)
    material = made.material()
    layout = lay_out_table(material.sheet.info, followed=False)
    asked = 0

    def counted() -> Iterator[ReportRow]:
        nonlocal asked
        for each in material.rows():
            asked += 1
            yield each

    rows = PageRows(replace(material, rows=counted).table(layout), layout, (0, 1), material.tally.counts)
    assert len(json.loads(next(rows.chunks()))) == 1_000
    assert asked <= 1_001


def test_what_shows_nothing_has_no_card(tmp_path: Path) -> None:
    """No chart over a run of seconds, no table of one sender; technical details are folded."""
    material = Made(rows=100).material()
    for senders in (1, 2):
        done = replace(material.tally.this_run, senders=material.tally.this_run.senders[:senders])
        given = replace(material, tally=replace(material.tally, this_run=done))
        text = write_html(tmp_path / "report.html", given).read_text("utf-8")
        assert ('<table class="senders' in text) == (senders > 1)
        assert 'class="course"' not in text
        assert '<details class="card technical">' in text
    longer = write_html(tmp_path / "report.html", Made(rows=600).material()).read_text("utf-8")
    assert 'class="course"' in longer


def test_a_sheet_that_is_gone_has_a_page_too(tmp_path: Path) -> None:
    """The rows are there with what the ledger knows, without columns of the user's."""
    found = seen(Made(rows=40, sheet=False), tmp_path)
    assert page_settings(found.page)["own"] == []
    assert len(rows_in(found)) == 40


def test_a_run_without_rows_has_a_page(tmp_path: Path) -> None:
    """Nothing is divided by zero, and the page says that there is nothing."""
    found = seen(Made(rows=0), tmp_path)
    assert rows_in(found) == []
    assert "The sheet has no rows." in found.text


def test_the_page_speaks_the_language_of_the_run(tmp_path: Path) -> None:
    """The language of the document, numbers and dates are those of Brazil; codes stay as they are."""
    found = seen(Made(rows=1_500, language="pt_BR"), tmp_path)
    (language,) = (attrs["lang"] for tag, attrs in found.elements if tag == "html")
    assert language == "pt-BR"
    assert "1.500" in found.text
    assert "3 de nov. de 2026 10:00:00" in found.text
    (tmp_path / "en").mkdir()
    english = seen(Made(rows=1_500), tmp_path / "en")
    assert "Nov 3, 2026, 10:00:00\u202fAM" in english.text


def test_the_figures_of_the_page_are_those_of_the_run(tmp_path: Path) -> None:
    """The six counts, each reason's rows, and the rows themselves add up to the same."""
    made = Made(rows=700)
    page = made.page(tmp_path).read_text("utf-8")
    counts = {outcome.value: count for outcome, count in made.tally().counts.items()}
    assert page_counts(page) == counts
    assert Counter(row[1] for row in page_rows(page)) == Counter(counts)
    assert page_reasons(page) == Counter(each.reason for each in made.results() if not each.outcome.is_accepted)


def test_what_needs_a_person_comes_first(tmp_path: Path) -> None:
    """Errors, then unknown, then pending; what is done comes last."""
    made = Made(rows=300)
    found = summarize_reasons(made.tally(), collect_statistics(made.results(), made.material().zone))
    order = [Outcome.ERROR, Outcome.UNKNOWN, Outcome.PENDING, Outcome.SKIPPED, Outcome.REUSED, Outcome.SUCCESS]
    places = [order.index(each.outcome) for each in found]
    assert places == sorted(places)
    assert "Look in WhatsApp" in next(each.action for each in found if each.outcome is Outcome.UNKNOWN)


def test_one_row_in_a_hundred_thousand_is_seen_in_the_bar() -> None:
    """The parts touch each other, fill the bar, and none is too thin."""
    parts = bar_segments({Outcome.SUCCESS: 99_999, Outcome.ERROR: 1})
    assert [(kind, at) for kind, at, _ in parts] == [(Outcome.SUCCESS, "0.00"), (Outcome.ERROR, "99.40")]
    assert all(float(width) >= 0.5 for _, _, width in parts)
    ends = [(float(at), float(at) + float(width)) for _, at, width in parts]
    assert all(abs(one[1] - other[0]) < 0.02 for one, other in pairwise(ends))


@pytest.mark.parametrize(
    ("starts", "words"), [(40.0, "40 a second"), (7.933, "7.93 a second"), (0.5, "30 a minute"), (1e-5, "0.86 a day")]
)
def test_a_rate_is_told_in_a_unit_that_fits(starts: float, words: str) -> None:
    """Nobody reads 0.5 a second."""
    assert rate_text(starts) == words
    assert rate_text(None) == ""


def luminance(colour: str) -> float:
    parts = [each / 255 for each in bytes.fromhex(colour)]
    red, green, blue = (each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_words_of_an_outcome_can_be_read(outcome: Outcome) -> None:
    """WCAG AA, 4.5 to 1, on light and on dark screens."""
    tone, night = TONES[outcome], make_dark_tone(TONES[outcome])
    assert contrast(tone.ink, tone.tint) >= 4.5
    assert contrast(tone.ink, "FFFFFF") >= 4.5
    assert contrast(night.ink, night.tint) >= 4.5
    assert contrast(night.bar, DARK_SURFACE) >= 3


def test_colours_mix() -> None:
    """Half of black and half of white is grey; all of one is that one."""
    assert mix("000000", "FFFFFF", 0.5) == "808080"
    assert mix("123456", "FFFFFF", 1) == "123456"


def test_the_columns_of_the_table_tell_whose_row_it_is() -> None:
    """The name is shown; the phone is there already, and ids, long notes and what all rows have tell nobody apart."""
    columns = (
        lambda row: f"0b28ee57-7a57-4407-a9c5-{row:012x}",
        lambda row: f"Ana {row}",
        lambda row: f"(11) 9{row:04d}-{row * 7:04d}",
        lambda row: "Padaria",
        lambda row: None,
        lambda row: "uma observação muito comprida que não cabe numa coluna estreita" + str(row),
        lambda row: f"Rua {row}",
    )
    rows = []
    for row in range(100, 160):
        ours = ["success", "created", "", None, f"+55 11 9{row:04d}-{row * 7:04d}", *[None] * 8]
        rows.append((row, *ours, *(column(row) for column in columns)))
    assert choose_lead_columns(rows, 14) == (1, 6)
    assert choose_lead_columns([], 14) == ()


def test_the_page_is_private_and_one_of_the_files(tmp_path: Path) -> None:
    """0600 beside the others, in the list of what was written."""
    made = Made(rows=30)
    written = write_report(
        tmp_path, run=made.run(), tally=made.tally(), sheet=made.view(), results=lambda: iter(made.results())
    )
    assert written.page == tmp_path / "report.html"
    assert is_private(tmp_path / "report.html")
    assert not list(tmp_path.glob("*.part"))


def test_rows_are_decided_in_the_workbook(tmp_path: Path) -> None:
    """The screen names report.xlsx for `wegly_settle`, though the page of the same name is written by then."""
    made = Made(rows=300)
    written = write_report(
        tmp_path, run=made.run(), tally=made.tally(), sheet=made.view(), results=lambda: iter(made.results())
    )
    (decide,) = [step for step in written.steps if step.outcome is Outcome.UNKNOWN]
    assert decide.commands == ((f"wegly-batch settle {tmp_path / 'report.xlsx'}", ""),)
    assert "wegly_settle of report.xlsx" in decide.words


def test_files_have_the_campaigns_language_and_the_screen_its_own(tmp_path: Path) -> None:
    """An English screen names the next steps in English, of a campaign whose reports are in Portuguese."""
    made = Made(rows=30, language="pt_BR")
    with use_language("en"):
        written = write_report(
            tmp_path, run=made.run(), tally=made.tally(), sheet=made.view(), results=lambda: iter(made.results())
        )
    assert written.steps[0].title == "1 row to fix"
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "1 linha a corrigir" in page
    assert "1 row to fix" not in page


def test_a_page_that_cannot_be_written_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at the page: the other files are there, and the loss is said."""

    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "write_html", full)
    made = Made(rows=30)
    written = write_report(
        tmp_path, run=made.run(), tally=made.tally(), sheet=made.view(), results=lambda: iter(made.results())
    )
    assert written.page is None
    assert written.missing == ("report.html",)
    assert any("report.html" in problem and "No space left" in problem for problem in written.problems)
    assert {"report.xlsx", "results.csv", "summary.json"} <= {path.name for path in tmp_path.iterdir()}


def test_a_row_that_only_the_sheet_has_is_shown_without_an_outcome(tmp_path: Path) -> None:
    """No complete run has one; a page of a run that broke down must not break down too."""
    made = Made(rows=10)
    material = made.material()
    fewer = [each for each in material.rows() if each.number != 5]
    material = replace(material, rows=lambda: iter(fewer))
    with use_language("en"):
        write_html(tmp_path / "report.html", material)
    row = next(row for row in rows_in(Seen((tmp_path / "report.html").read_text("utf-8"))) if row[0] == 5)
    assert row[1:14] == [None] * 13


def test_the_names_of_the_sheet_stand_in_the_page_as_they_are(tmp_path: Path) -> None:
    """Headings are the user's words, escaped."""
    page = Made(rows=20, columns=("A & B", *COLUMNS[1:])).page(tmp_path).read_text("utf-8")
    assert f"<bdi>{html.escape('A & B')}</bdi>" in page
