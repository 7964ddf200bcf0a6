"""report.html in a real browser: found, filtered, sorted, read and copied as a person does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from accessibility import IN_LANGUAGES_AND_SCHEMES, assert_accessible
from playwright.sync_api import Page, expect
from report_factory import HOSTILE, Made, hostile, phone

from batch.model.csv_injection import guard
from batch.model.delivery import DeliveryState
from batch.reporter.html import rows as html_rows

Open = Callable[..., Page]
_LIST = re.compile(r"[\t\r\n]+")


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of 300 rows."""
    return Made(rows=300).page(tmp_path_factory.mktemp("usual"))


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report in which every text means harm."""
    return hostile(120).page(tmp_path_factory.mktemp("wild"))


def numbers(page: Page) -> list[str]:
    """The rows that are shown, by their numbers, in their order."""
    return page.locator("#table tbody th").all_inner_texts()


def top_of(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["y"]


def end_of(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def hits(page: Page, text: str) -> None:
    expect(page.locator("#hits")).to_have_text(text)


def test_the_first_screen_tells_how_it_went(show: Open, usual: Path) -> None:
    """Headline, verdict and the first thing to do are above the fold of a laptop and of a phone, the rows not far."""
    for width, height, screens in ((1366, 768, 2), (360, 740, 4)):
        page = show(usual, viewport={"width": width, "height": height})
        for selector in ("h1", ".verdict", ".lead", ".step >> nth=0"):
            assert end_of(page, selector) < height
        assert top_of(page, "#rows") < screens * height
    expect(page.locator(".verdict")).to_contain_text("exit code 4")


def test_on_a_phone_what_arrived_is_a_short_sentence(show: Open, tmp_path: Path) -> None:
    """The whole one would push the first thing to do below the fold."""
    page = show(Made(rows=60, followed=True).page(tmp_path), viewport={"width": 360, "height": 740})
    assert end_of(page, ".step >> nth=0") < 740
    expect(page.locator(".head .wide")).to_be_hidden()
    expect(page.locator(".head .narrow")).to_contain_text("Delivered at least")
    page.set_viewport_size({"width": 1366, "height": 768})
    expect(page.locator(".head .wide")).to_contain_text("Delivered at least")
    expect(page.locator(".head .narrow")).to_be_hidden()
    assert end_of(page, ".step >> nth=0") < 768


@pytest.mark.parametrize("query", ["conceicao 7", "CONCEIÇÃO 7", "  joão   conceição 7 "])
def test_accents_and_case_do_not_count(show: Open, usual: Path, query: str) -> None:
    """João Conceição is found however it is typed; several words must all be there."""
    page = show(usual)
    page.get_by_label("Search").fill(query)
    expect(page.locator("#hits")).not_to_have_text("300 of 300 rows")
    assert "7" in numbers(page)
    for text in page.locator("#table tbody .who").all_inner_texts():
        assert "João Conceição" in text


@pytest.mark.parametrize(
    "spelling",
    [
        "+55 11 90077-0539",
        "(11) 90077-0539",
        "011 90077 0539",
        "11900770539",
        "90077-0539",
        "5511900770539",
        "11 0077-0539",
    ],
)
def test_a_phone_is_found_in_any_spelling(show: Open, usual: Path, spelling: str) -> None:
    """With or without country, area, ninth digit, signs."""
    assert phone(77) == "+5511900770539"
    page = show(usual)
    page.get_by_label("Search").fill(spelling)
    hits(page, "1 of 300 rows")
    assert numbers(page) == ["77"]


def test_what_nobody_has_finds_nothing_and_says_so(show: Open, usual: Path) -> None:
    """An empty table explains itself, and everything comes back."""
    page = show(usual)
    page.get_by_label("Search").fill("nobody is called so")
    hits(page, "0 of 300 rows")
    expect(page.locator("#table tbody")).to_contain_text("No row is like that")
    page.get_by_role("button", name="Show all").click()
    hits(page, "300 of 300 rows")


def test_outcomes_and_reasons_filter(show: Open, usual: Path) -> None:
    """Several outcomes together, a reason, and both with the search."""
    page = show(usual)
    page.get_by_role("checkbox", name="Fix").check()
    hits(page, "10 of 300 rows")
    page.get_by_role("checkbox", name="Decide").check()
    hits(page, "15 of 300 rows")
    page.get_by_label("Reason").select_option("api_refused")
    hits(page, "5 of 300 rows")
    assert set(page.locator("#table tbody .badge").all_inner_texts()) == {"Fix"}
    page.get_by_label("Search").fill("nao pode receber")
    hits(page, "5 of 300 rows")


def test_a_count_and_a_reason_lead_to_their_rows(show: Open, usual: Path) -> None:
    """From the figure to the rows in one click, and the rows get the focus."""
    page = show(usual)
    page.locator(".tile.is-unknown button").click()
    hits(page, "5 of 300 rows")
    expect(page.locator("#rows")).to_be_focused()
    page.locator("button[data-reason=phone_not_a_number]").click()
    hits(page, "5 of 300 rows")
    assert set(page.locator("#table tbody .badge").all_inner_texts()) == {"Fix"}


def test_what_arrived_is_shown_and_leads_to_its_rows(show: Open, tmp_path: Path) -> None:
    """Each step has its messages and shows as many rows; the select does the same, and details have words for codes."""
    made = Made(rows=140, followed=True)
    page = show(made.page(tmp_path))
    counts = made.tally().delivery
    assert counts is not None
    steps = page.locator(".funnel li, .beside li")
    expect(steps.locator(".count")).to_have_text(
        [
            *map(str, (counts.messaged, counts.delivered + counts.states[DeliveryState.SENT], counts.delivered)),
            *map(str, (counts.read, counts.replied, counts.failed, counts.on_the_way, counts.not_known)),
            str(counts.opted_out),
        ]
    )
    for step in steps.all():
        step.get_by_role("button").click()
        hits(page, f"{step.locator('.count').inner_text()} of 140 rows")
    page.get_by_label("Delivery").select_option(label="Failed")
    hits(page, f"{counts.failed} of 140 rows")
    assert set(page.locator("#table tbody .state").all_inner_texts()) == {"failed"}
    page.locator("#table .open").first.click()
    detail = page.locator("#detail-body")
    expect(detail).to_contain_text("131049 Withheld")
    expect(detail).to_contain_text("Nov 5, 2026")
    page.keyboard.press("Escape")
    page.get_by_label("Delivery").select_option(label="Replied")
    page.locator("#table .open").first.click()
    expect(detail).to_contain_text(re.compile("button: Quero <b>saber</b> mais|opt-out"))
    page.keyboard.press("Escape")
    page.locator("#reset").click()
    hits(page, "140 of 140 rows")
    arrived = page.locator(".arrived")
    expect(arrived).to_contain_text("fewer than 50")
    expect(arrived.locator(".rates tbody tr").nth(1).locator("td")).to_have_text(["49", "–", "–", "–"])  # noqa: RUF001
    expect(page.locator(".step", has_text="Replies to decide")).to_contain_text(
        'wegly-batch suppress add "+55 11 90002-0014"'
    )
    expect(arrived.locator(".failures tbody tr")).to_contain_text("Withheld")


def test_a_row_to_decide_has_its_message_and_what_to_copy(show: Open, tmp_path: Path) -> None:
    """The text as the person may have got it, as text alone; another campaign is named; the phone is one click away."""
    made = Made(
        rows=60, message=lambda row, request, run: f"Oi <b>{row.cells[0]}</b>\ntudo bem?" if row.number < 40 else None
    )
    page = show(made.page(tmp_path), permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("checkbox", name="Decide").check()
    assert numbers(page) == ["10"]
    page.locator("#table .phone .copy").click()
    assert page.evaluate("() => navigator.clipboard.readText()") == "+55 11 90010-0070"
    page.locator("#table .open").click()
    detail = page.locator("#detail-body")
    expect(detail.locator(".bubble")).to_have_text("Oi <b>Zé 10</b>\ntudo bem?")
    expect(detail).to_contain_text("The message, if it was sent")
    expect(detail).to_contain_text("Message wamid.10 · processing")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("button", name="Details of row 42", exact=True).click()
    expect(detail).to_contain_text("The sheet or the campaign has changed since")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Details of row 20", exact=True).click()
    expect(detail.locator(".bubble")).to_have_count(0)


def test_the_next_steps_lead_to_files_and_commands(show: Open, tmp_path: Path) -> None:
    """What to fix first, with its file beside the page; a command is copied as it is typed."""
    page = show(Made(rows=300).page(tmp_path), permissions=["clipboard-read", "clipboard-write"])
    first = page.locator(".step").first
    expect(first).to_contain_text("10 rows to fix")
    expect(first.get_by_role("link")).to_have_attribute("href", "./retry.xlsx")
    first.locator(".copies").click()
    command = page.evaluate("() => navigator.clipboard.readText()")
    assert command == f"wegly-batch run {tmp_path / 'retry.xlsx'}" == first.locator("code").inner_text()
    expect(page.locator("#said")).to_have_text("Copied.")
    expect(page.locator(".next > .does a")).to_have_attribute("href", "./report.xlsx")
    page.locator(".step .show").click()
    hits(page, "5 of 300 rows")


def test_times_of_one_day_have_no_date(show: Open, usual: Path) -> None:
    """In the table, with and without the script; the head names the day."""
    for script in (True, False):
        page = show(usual, java_script_enabled=script)
        times = page.locator("#table tbody .when:not(:empty)").all_inner_texts()
        assert times
        assert all(re.search(r"\d:\d\d:\d\d", text) and "2026" not in text for text in times)
    expect(page.locator(".eyebrow time")).to_contain_text("2026")


def test_columns_sort_both_ways(show: Open, usual: Path) -> None:
    """Numbers as numbers; the table says by which column."""
    page = show(usual)
    expect(page.locator("th[data-column='1']")).to_have_attribute("aria-sort", "ascending")
    assert set(page.locator("#table tbody .badge").all_inner_texts()[:10]) == {"Fix"}
    page.get_by_role("button", name="Row", exact=True).click()
    assert numbers(page)[:3] == ["2", "3", "4"]
    page.get_by_role("button", name="Row", exact=True).click()
    assert numbers(page)[:3] == ["301", "300", "299"]
    expect(page.locator("th[data-column='0']")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Outcome", exact=True).click()
    assert set(page.locator("#table tbody .badge").all_inner_texts()[:10]) == {"Fix"}
    page.get_by_role("button", name="Nome").click()
    names = page.locator("#table tbody .who").all_inner_texts()
    assert names[0].startswith("Ana")
    expect(page.locator("#said")).to_contain_text("Sorted by Nome, ascending.")


def test_pages_turn(show: Open, usual: Path) -> None:
    """Fifty rows at a time, to the end and back, or as many as one likes."""
    page = show(usual)
    page.get_by_role("button", name="Row", exact=True).click()
    assert len(numbers(page)) == 50
    page.get_by_role("button", name="Next").click()
    assert numbers(page)[0] == "52"
    page.get_by_role("button", name="Last", exact=True).click()
    assert numbers(page)[-1] == "301"
    expect(page.locator("#page")).to_have_text("Page 6 of 6")
    expect(page.get_by_role("button", name="Next")).to_be_disabled()
    page.get_by_label("Rows on a page").select_option("500")
    assert len(numbers(page)) == 300


def test_the_detail_has_all_that_is_known(show: Open, usual: Path) -> None:
    """The API's words, ids, times and every column of the user's."""
    page = show(usual)
    page.get_by_role("checkbox", name=re.compile(r"Accepted \d")).check()
    page.get_by_role("button", name="Details of row 7", exact=True).click()
    detail = page.get_by_role("dialog")
    for text in ("Accepted", "+55 11 90007-0049", f"{7:032x}", "http_201", "200", "Padaria Aurora", "João Conceição 7"):
        expect(detail).to_contain_text(text)
    page.keyboard.press("Escape")
    expect(detail).to_be_hidden()
    expect(page.get_by_role("button", name="Details of row 7", exact=True)).to_be_focused()
    page.get_by_role("button", name="Show all").click()
    page.get_by_label("Reason").select_option("api_refused")
    page.locator("#table .open").first.click()
    expect(detail).to_contain_text("O contato não pode receber.")


def test_a_row_is_copied_as_a_sheet_takes_it(show: Open, usual: Path) -> None:
    """Tabs between the user's cells and the result columns, in the order of report.xlsx."""
    page = show(usual, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy row 7", exact=True).click()
    expect(page.locator("#said")).to_contain_text("Row 7 is copied")
    cells = page.evaluate("() => navigator.clipboard.readText()").split("\t")
    assert cells[:5] == ["João Conceição 7", "(11) 90007-0049", "Padaria Aurora", "", "success"]
    assert len(cells) == 4 + 13


def test_copying_works_where_the_browser_has_no_clipboard(show: Open, usual: Path) -> None:
    """Old browsers, or ones that do not allow it: the text goes the old way, from the table and from the detail."""
    page = show(usual, permissions=["clipboard-read"])
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    page.get_by_role("button", name="Copy row 9", exact=True).click()
    expect(page.locator("#said")).to_contain_text("Row 9 is copied")
    assert page.evaluate("() => navigator.clipboard.readText()").startswith("Antônio Gonçalves" if 9 % 6 == 2 else "")
    page.get_by_role("button", name="Details of row 8", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Copy the row").click()
    expect(page.locator("#detail-said")).to_contain_text("Row 8 is copied")
    assert page.evaluate("() => navigator.clipboard.readText()").split("\t")[0].endswith(" 8")


def test_what_is_copied_becomes_no_formula(show: Open, wild: Path) -> None:
    """As in results.csv: what a spreadsheet program would run is guarded, a phone is not."""
    page = show(wild, permissions=["clipboard-read", "clipboard-write"])
    for row in range(2, 17):
        page.get_by_role("button", name=f"Copy row {row}", exact=True).click()
        expect(page.locator("#said")).to_contain_text(f"Row {row} is copied")
        cells = page.evaluate("() => navigator.clipboard.readText()").split("\t")
        assert len(cells) == 4 + 13
        for index, cell in enumerate(cells[:4]):
            original = HOSTILE[(row + index) % len(HOSTILE)]
            if original in ("=1+1", "-2+3+cmd|' /C calc'!A0", "javascript:alert(1)", "مرحبا"):
                assert cell == guard(original)
        assert "+55 11" in cells[8]


def test_everything_can_be_done_with_the_keyboard(show: Open, usual: Path) -> None:
    """Tab reaches skip link, tiles, search, filters, headings, rows and pages; the focus is seen on each."""
    page = show(usual)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    seen: list[str] = []
    for _ in range(30):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "() => { const e = document.activeElement; const s = getComputedStyle(e);"
            " const n = e.nextElementSibling && getComputedStyle(e.nextElementSibling);"
            " return [e.id || e.name || e.className, s.outlineStyle, n ? n.outlineStyle : '']; }"
        )
        seen.append(outline[0])
        assert "solid" in outline[1:], outline
    for wanted in ("search", "reason", "reset", "outcome", "sort", "open", "copy"):
        assert wanted in seen
    page.get_by_label("Search").focus()
    page.keyboard.type("conceicao 13")
    expect(page.locator("#table tbody th")).to_have_count(10)
    page.locator("#table .open").first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_number_of_hits_is_told_to_a_screen_reader(show: Open, usual: Path) -> None:
    """It stands in a live region, and the table has a caption, headings with a scope, and roles."""
    page = show(usual)
    expect(page.get_by_role("status").first).to_have_text("300 of 300 rows")
    table = page.get_by_role("table", name="The rows of the sheet, and what became of each")
    expect(table).to_be_visible()
    assert table.get_by_role("columnheader").count() == 7
    assert table.get_by_role("rowheader").count() == 50


def test_hostile_texts_do_nothing(show: Open, wild: Path) -> None:
    """No script runs, no dialog opens, no element comes of a cell, in the table and in the detail."""
    page = show(wild)
    page.get_by_label("Rows on a page").select_option("500")
    for row in range(2, 18):
        page.get_by_role("button", name=f"Details of row {row}", exact=True).click()
        page.get_by_role("button", name="Close").click()
    assert page.locator("img, iframe, object, embed, main script:not([type='application/json']), b > *").count() == 0
    page.get_by_label("Search").fill("<img src=x onerror")
    expect(page.locator("#hits")).not_to_have_text("120 of 120 rows")
    page.locator("#table .open").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("<img src=x onerror=alert(1)>")


@pytest.mark.parametrize("made", ["usual", "wild"])
def test_it_reads_without_javascript(show: Open, made: str, request: pytest.FixtureRequest) -> None:
    """The table is plain and whole; nothing is offered that would not work."""
    page = show(request.getfixturevalue(made), java_script_enabled=False)
    expect(page.locator("#table tbody tr")).to_have_count(300 if made == "usual" else 120)
    expect(page.locator("#controls")).to_be_hidden()
    expect(page.locator("#pages")).to_be_hidden()
    expect(page.locator(".show").first).to_be_hidden()
    expect(page.get_by_text("need JavaScript")).to_be_visible()


def test_on_paper_there_are_the_figures_and_the_rows_of_the_page(show: Open, usual: Path) -> None:
    """All counts and reasons, no controls, and the rows that were shown."""
    page = show(usual)
    page.get_by_role("checkbox", name="Decide").check()
    hits(page, "5 of 300 rows")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator(".tile")).to_have_count(6)
    expect(page.locator(".why").first).to_be_visible()
    expect(page.locator("#table tbody tr")).to_have_count(5)
    for selector in ("#controls", "#pages", ".copy >> nth=0", ".skip", "button.show >> nth=0"):
        expect(page.locator(selector)).to_be_hidden()
    assert page.evaluate("() => getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("made", ["usual", "wild"])
@pytest.mark.parametrize("script", ["on", "off"])
def test_the_page_scrolls_in_one_direction_only(
    show: Open, made: str, script: str, request: pytest.FixtureRequest
) -> None:
    """360 pixels are enough for the page and for a row's detail, and so is every width above."""
    page = show(
        request.getfixturevalue(made), viewport={"width": 360, "height": 740}, java_script_enabled=script == "on"
    )
    for width in (360, 600, 900, 1100, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        page.mouse.wheel(500, 0)
        box = page.locator("h1").bounding_box()
        assert box is not None
        assert box["x"] >= 0, width
        if script == "on":
            assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    if script == "on":
        page.set_viewport_size({"width": 360, "height": 740})
        page.locator("#table .open").nth(3).click()
        assert page.evaluate("() => document.querySelector('#detail-body').scrollWidth") <= 360


@IN_LANGUAGES_AND_SCHEMES
def test_axe_finds_nothing_serious(show: Open, tmp_path: Path, scheme: str, language: str) -> None:
    """axe-core, wide and narrow, on the page as it opens and with a row's detail open."""
    made = Made(rows=60, language=language, warnings=("1 row is hidden.",), notes=("A note.",), followed=True)
    file = made.page(tmp_path)
    page = show(file, color_scheme=scheme, viewport={"width": 1280, "height": 800}, bypass_csp=True)
    page.locator("#size").select_option("25")
    assert_accessible(page)
    page.locator("#table .open").first.click()
    assert_accessible(page)
    page.set_viewport_size({"width": 360, "height": 740})
    assert_accessible(page)
    page.keyboard.press("Escape")
    assert_accessible(page)


def test_a_zone_that_the_browser_does_not_know_costs_nothing(show: Open, tmp_path: Path) -> None:
    """Zones get new names, and browsers are old: the page works, with the time as the report has it."""
    file = Made(rows=60).page(tmp_path)
    text = file.read_text("utf-8")
    assert text.count('"timezone":"America/Sao_Paulo"') == 1
    file.write_text(text.replace('"timezone":"America/Sao_Paulo"', '"timezone":"Mars/Olympus"'), "utf-8")
    page = show(file)
    hits(page, "60 of 60 rows")
    expect(page.locator("#table td.when:not(:empty)").last).to_contain_text("2026-11-03 10:00:0")


def test_a_page_that_cannot_hold_all_rows_says_so_beside_the_hits(
    show: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes the rows that are here for all of them."""
    monkeypatch.setattr(html_rows, "MOST_ROWS", 40)
    page = show(Made(rows=300).page(tmp_path))
    hits(page, "40 of 40 rows")
    expect(page.locator("#held")).to_contain_text("This page holds 40 of 300 rows")


@pytest.mark.long
def test_a_hundred_thousand_rows_stay_usable(show: Open, tmp_path: Path) -> None:
    """The page opens, searches, filters and sorts within seconds."""
    page = show(Made(rows=100_000).page(tmp_path))
    page.set_default_timeout(15_000)
    expect(page.locator("#hits")).to_have_text("100,000 of 100,000 rows", timeout=15_000)
    page.get_by_label("Search").fill("conceicao 77777")
    expect(page.locator("#hits")).not_to_have_text("100,000 of 100,000 rows", timeout=10_000)
    page.get_by_label("Search").fill(phone(77_777))
    expect(page.locator("#table tbody")).to_contain_text("77777", timeout=5_000)
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("button", name="Nome").click()
    expect(page.locator("#said")).to_contain_text("Sorted by Nome", timeout=5_000)
    page.get_by_role("checkbox", name="Decide").check()
    expect(page.locator("#hits")).to_have_text("1,667 of 100,000 rows", timeout=5_000)
