"""The page of `check --open` in a real browser: what to fix, the rows, each row's message as in WhatsApp."""

from __future__ import annotations

import csv
import webbrowser
from collections.abc import Callable
from pathlib import Path

import pytest
from accessibility import IN_LANGUAGES_AND_SCHEMES, assert_accessible
from playwright.sync_api import Page, expect
from report_factory import HOSTILE

from batch.cli.main import _run as wegly_batch
from batch.i18n import use_language

Open = Callable[..., Page]
SENDER = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c"
BODY = "Olá {{1}}!\n\nSua fatura de {{ 2 }}: *{{3}}*.\nObrigado, {{1}}."
CAMPAIGN = f"""
[campaign]
name = "cobrança"
[sender]
whatsapp_phone_id = "{SENDER}"
[template]
name = "fatura_nova"
language = "pt_BR"
body = '''{BODY}'''
[columns]
wa_contact_id = "Telefone"
[prices]
per_message = "0.35"
[[template_fields]]
component = "HEADER"
index = 1
value = "{{Loja}}"
[[template_fields]]
component = "BODY"
index = 1
value = "{{Nome}}"
[[template_fields]]
component = "BODY"
index = 2
value = "{{Loja}}"
[[template_fields]]
component = "BODY"
index = 3
value = "{{Valor}}"
[[template_fields]]
component = "BUTTON"
button_index = 0
index = 1
value = "fatura/{{Nome|digits}}"
"""


def check(folder: Path, rows: list[list[str]], *, language: str = "en", campaign: str = CAMPAIGN) -> Path:
    """Write the page of a sheet with these rows, as a person does."""
    with (folder / "contatos.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows([["Nome", "Telefone", "Loja", "Valor"], *rows])
    (folder / "contatos.toml").write_text(campaign, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, use_language("en"):  # `--lang` stays for this process
        patch.setattr(webbrowser, "open", lambda _url: True)
        patch.setenv("WEGLY_BATCH_LEDGER", f"sqlite:///{folder / 'ledger.sqlite3'}")
        words = ["check", str(folder / "contatos.csv"), "--open", "--reports", str(folder), "--lang", language]
        assert wegly_batch(words) in (0, 3)
    return folder / "check" / "contatos.html"


def usual_rows() -> list[list[str]]:
    """Sixty good rows and twelve that are not, for three reasons; two of one person."""
    good = [[f"Pessoa {row}", f"(11) 97001-{2000 + row}", f"Loja {row % 5}", f"R$ {row},50"] for row in range(2, 62)]
    wrong = [[f"Pessoa {row}", ("abc", "", "97001-1234")[row % 3], "Loja 1", "R$ 1,00"] for row in range(62, 74)]
    return [*good, *wrong, good[0]]


def hostile_rows() -> list[list[str]]:
    texts = [text.replace("\r", " ").replace("\n", " ").replace("\t", " ")[:200] for text in HOSTILE]
    texts = [text.encode("utf-8", "ignore").decode().replace("\x00", "") for text in texts] + [
        "$& $1 {{1}} {{2}}",
        "\\",
    ]
    return [[text, f"(11) 97001-{2000 + row}", texts[row - 1], text] for row, text in enumerate(texts)]


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return check(tmp_path_factory.mktemp("usual"), usual_rows())


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> Path:
    parts = CAMPAIGN.replace('"cobrança"', '"<b>x</b>"').split("[[template_fields]]")
    campaign = "[[template_fields]]".join(part for part in parts if "HEADER" not in part and "BUTTON" not in part)
    return check(tmp_path_factory.mktemp("wild"), hostile_rows(), campaign=campaign)


def end_of(page: Page, selector: str) -> float:
    box = page.locator(selector).first.bounding_box()
    assert box is not None
    return box["y"] + box["height"]


def test_the_first_screen_tells_what_to_do(show: Open, usual: Path) -> None:
    """Figures and the first step are above the fold of a laptop and of a phone, the rows not far; commands to copy."""
    for width, height, screens in ((1366, 768, 2), (360, 740, 4)):
        page = show(usual, viewport={"width": width, "height": height})
        for selector in ("h1", ".verdict", ".lead", ".step >> nth=0"):
            assert end_of(page, selector) < height
        rows = page.locator("#rows").bounding_box()
        assert rows is not None
        assert rows["y"] < screens * height
    expect(page.locator(".verdict")).to_have_text("12 rows to fix")
    expect(page.locator(".lead")).to_contain_text("60 messages would be sent")
    commands = page.locator(".step code").all_inner_texts()
    assert "--wrong-rows" in commands[0]
    folder = usual.parent.parent
    places = f"--reports {folder} --ledger sqlite:///{folder / 'ledger.sqlite3'}"
    assert commands[1] == f"wegly-batch run {folder / 'contatos.csv'} {places}"


def test_what_to_fix_is_grouped_and_leads_to_its_rows(show: Open, usual: Path) -> None:
    """A line for each reason with its count, what to do and example rows; a click shows the rows, or one of them."""
    page = show(usual)
    lines = page.locator("section:has(#fix-title) .fix")
    expect(lines).to_have_count(3)
    expect(lines.locator(".count")).to_have_text(["4", "4", "4"])
    line = lines.filter(has_text="phone_missing")
    expect(line).to_contain_text("Fill in the phone and run again.")
    line.locator(".show").click()
    expect(page.locator("#hits")).to_have_text("4 of 73 rows")
    expect(page.locator("#rows")).to_be_focused()
    line.locator(".at").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("There is no phone number.")
    expect(page.locator("#detail-body .bubble")).to_have_count(0)
    page.keyboard.press("Escape")
    out = page.locator(".stays-out")
    out.locator("summary").click()
    expect(out.locator(".fix")).to_contain_text("duplicate")
    expect(page.locator(".when-card")).to_contain_text("about BRL 21.00")


def test_a_row_shows_its_message_as_the_person_will_read_it(show: Open, usual: Path) -> None:
    """Header, body with its lines, button, template and sender; the values are marked."""
    page = show(usual)
    page.get_by_label("Search").fill("97001 2007")
    page.locator("#table .open").first.click()
    bubble = page.locator("#detail-body .bubble")
    assert bubble.locator(".bubble-body").text_content() == (
        "Olá Pessoa 7!\n\nSua fatura de Loja 2: *R$ 7,50*.\nObrigado, Pessoa 7."
    )
    expect(bubble.locator(".bubble-head .filled")).to_have_text("Loja 2")
    expect(bubble.locator(".bubble-button .filled")).to_have_text("fatura/7")
    expect(bubble.locator(".bubble-body .filled")).to_have_text(["Pessoa 7", "Loja 2", "R$ 7,50", "Pessoa 7"])
    detail = page.locator("#detail-body")
    expect(detail).to_contain_text("Template fatura_nova (pt_BR)")
    expect(detail).to_contain_text(f"From the sender {SENDER}")
    expect(detail).to_contain_text("+55 11 97001-2007")


def test_without_the_templates_text_the_values_are_shown(show: Open, tmp_path: Path) -> None:
    """Each with its place."""
    file = check(tmp_path, usual_rows()[:3], campaign=CAMPAIGN.replace(f"body = '''{BODY}'''", ""))
    page = show(file)
    page.locator("#table .open").first.click()
    lines = page.locator("#detail-body .bubble p").all_inner_texts()
    assert [line.split(" ", 1)[0] for line in lines] == ["HEADER", "BODY", "BODY", "BODY", "BUTTON"]
    assert "Pessoa 2" in lines[1]


@pytest.mark.parametrize("made", ["usual", "wild"])
def test_script_and_page_make_the_same_messages(show: Open, made: str, request: pytest.FixtureRequest) -> None:
    """For any text of a cell: without JavaScript the table has what the script shows with it."""
    file = request.getfixturevalue(made)
    plain = show(file, java_script_enabled=False)
    cells = plain.locator("#table tbody tr")
    expected = dict(
        zip(cells.locator("th").all_inner_texts(), cells.locator(".words bdi").all_text_contents(), strict=True)
    )
    page = show(file)
    page.locator("#size").select_option("500")
    rows = page.locator("#table tbody tr")
    shown = dict(zip(rows.locator("th").all_inner_texts(), rows.locator(".clamped").all_text_contents(), strict=True))
    assert len(shown) == len(expected)
    for number, text in expected.items():
        assert shown[number].strip().startswith(text.strip()), number
    assert sum(text.startswith("Olá ") for text in expected.values()) >= 10


def test_hostile_texts_do_nothing(show: Open, wild: Path) -> None:
    """No script runs, no dialog opens, no element comes of a cell, in the table, in the bubble and in the lists."""
    page = show(wild)
    page.locator("#size").select_option("500")
    for each in page.locator("#table .open").all():
        each.click()
        page.get_by_role("button", name="Close").click()
    assert page.locator("img, iframe, object, embed, main script:not([type='application/json']), b > *").count() == 0
    page.get_by_label("Search").fill("<img src=x onerror")
    page.locator("#table .open").first.click()
    expect(page.locator("#detail-body")).to_contain_text("<img src=x onerror=alert(1)>")


def test_it_reads_on_paper_and_without_javascript(show: Open, usual: Path) -> None:
    """The rows and reasons stand there; nothing is offered that would not work."""
    page = show(usual, java_script_enabled=False)
    expect(page.locator("#table tbody tr")).to_have_count(73)
    for selector in ("#controls", "#pages", ".show >> nth=0", ".at >> nth=0"):
        expect(page.locator(selector)).to_be_hidden()
    expect(page.locator(".fix .where").first).to_contain_text("64")
    page = show(usual)
    page.emulate_media(media="print", color_scheme="dark")
    for selector in ("#controls", "#pages", ".copies >> nth=0", ".copy >> nth=0", ".skip"):
        expect(page.locator(selector)).to_be_hidden()
    expect(page.locator(".fix").first).to_be_visible()
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("made", ["usual", "wild"])
def test_the_page_scrolls_in_one_direction_only(show: Open, made: str, request: pytest.FixtureRequest) -> None:
    """360 pixels are enough for the page and for a message, and so is every width above."""
    page = show(request.getfixturevalue(made), viewport={"width": 360, "height": 740})
    for width in (360, 600, 900, 1100, 1366):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("#table .open").last.click()
    assert page.evaluate("() => document.querySelector('#detail-body').scrollWidth") <= 360


@IN_LANGUAGES_AND_SCHEMES
def test_axe_finds_nothing_serious(show: Open, tmp_path: Path, scheme: str, language: str) -> None:
    """axe-core, wide and narrow, on the page as it opens and with a message open."""
    page = show(
        check(tmp_path, usual_rows()[40:], language=language),
        color_scheme=scheme,
        viewport={"width": 1280, "height": 800},
        bypass_csp=True,
    )
    assert_accessible(page)
    page.locator("#table .open").last.click()
    expect(page.locator("#detail-body .bubble")).to_be_visible()
    assert_accessible(page)
    page.set_viewport_size({"width": 360, "height": 740})
    assert_accessible(page)
    page.keyboard.press("Escape")
    assert_accessible(page)
