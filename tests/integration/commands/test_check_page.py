"""`check --open`: the page lies with the reports, private, and goes as they do; its hash is that of the plan."""

from __future__ import annotations

import os
import time
import webbrowser
from pathlib import Path

import pytest
from office import Office, phones
from rights import is_private

from batch.i18n import use_language


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was asked to open."""
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: found.append(url) or True)
    return found


def test_the_page_is_written_for_its_owner_and_opened(office: Office, opened: list[str]) -> None:
    """Below the reports folder, 0600 in 0700; nothing is sent, no ledger is made, and the next check replaces it."""
    sheet, campaign = office.sheet([*phones(3), "abc"]), office.campaign()
    code, out, err = office.type("check", sheet, "-c", campaign, "--open")
    page = office.folder / "reports" / "check" / "contatos.html"
    assert (code, err) == (3, "")
    assert f"The check as a page: {page}" in out
    assert opened == [page.as_uri()]
    assert all(is_private(each) for each in (page, page.parent, page.parent.parent))
    assert not (office.folder / "ledger.sqlite3").exists()
    before = page.read_text("utf-8")
    assert "1 row to fix" in before
    assert "Pessoa 2003" in before
    office.sheet(phones(2))
    with use_language("en"):  # `--lang` stays for this process
        code, out, err = office.type("check", sheet, "-c", campaign, "--open", "--json", "--lang", "pt_BR")
    assert (code, out[0]) == (0, "{")
    assert str(page) in err
    after = page.read_text("utf-8")
    assert "Todas as linhas estão boas" in after
    assert "Pessoa 2003" not in after
    other = office.folder / "outros"
    office.type("check", sheet, "-c", campaign, "--open", "--reports", other)
    assert [each.name for each in (other / "check").iterdir()] == ["contatos.html"]


def test_without_a_browser_the_path_is_named(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a folder that takes no page is an error with a remedy; nothing was sent."""
    monkeypatch.setattr(webbrowser, "open", lambda _url: False)
    sheet, campaign = office.sheet(phones(1)), office.campaign()
    _, out, err = office.type("check", sheet, "-c", campaign, "--open")
    assert out.count(str(office.folder / "reports" / "check" / "contatos.html")) == 1
    assert err == "No browser was found: open it yourself.\n"
    (office.folder / "datei").write_text("x")
    assert "--reports" in office.refused("check", sheet, "-c", campaign, "--open", "--reports", office.folder / "datei")


def test_its_hash_is_that_of_the_plan(office: Office) -> None:
    """With fields beyond the body, several senders and rows that stay out."""
    sheet = office.sheet([*phones(4), "abc", phones(1)[0]])
    campaign = office.campaign(
        '[[template_fields]]\ncomponent = "HEADER"\nindex = 1\nvalue = "Ola <{Nome}>"',
        sender='[{ id = "0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c", share = "50%" }, '
        '{ id = "7c19d2aa-1b3c-4d5e-8f90-123456789abc", share = "50%" }]',
    )
    office.type("check", sheet, "-c", campaign, "--open")
    page = (office.folder / "reports" / "check" / "contatos.html").read_text("utf-8")
    _, out, _ = office.type("plan", sheet, "-c", campaign, "--out", office.folder / "plan.json")
    (digest,) = (line.split()[-1] for line in out.splitlines() if line.startswith("Hash"))
    assert page.count(f'data-copy="{digest}"') == 1


def test_it_shows_times_limits_and_cost(office: Office) -> None:
    """As `check` prints them."""
    campaign = office.campaign('[throttle]\nper_24h = 2\n[prices]\nper_message = "0.35"')
    _, out, _ = office.type("check", office.sheet(phones(5)), "-c", campaign, "--open")
    page = (office.folder / "reports" / "check" / "contatos.html").read_text("utf-8")
    assert "about BRL 1.75" in page
    for line in out[out.index("When") :].split("\n\n")[0].splitlines()[1:]:
        assert line.split("  ")[-1].strip() in page


def test_the_list_of_runs_and_a_purge_know_it(office: Office, fast_looks: None) -> None:
    """It is no run's folder; old it goes with old reports and with a purge, of another program it stays."""
    sheet, campaign = office.sheet(phones(1)), office.campaign()
    office.type("check", sheet, "-c", campaign, "--open")
    office.run(sheet, campaign)
    reports = office.folder / "reports"
    page, mine = reports / "check" / "contatos.html", reports / "check" / "minha.html"
    assert "check</" not in (reports / "index.html").read_text("utf-8")
    for words in (("--reports-older-than", "30d"), ("--older-than", "30d")):
        office.type("check", sheet, "-c", campaign, "--open")
        mine.write_text("<p>minha", encoding="utf-8")
        assert "page of a check" not in office.type("purge", *words, "--yes")[1]
        for each in (page, mine):
            os.utime(each, (time.time() - 31 * 86_400,) * 2)
        assert "1 page of a check" in office.type("purge", *words, "--dry-run")[1]
        assert page.exists()
        assert "1 page of a check" in office.type("purge", *words, "--yes")[1]
        assert (page.exists(), mine.exists()) == (False, True)


def test_a_report_that_is_fed_back_has_its_own_columns_once(office: Office, fast_looks: None) -> None:
    """Its result columns are no columns of the person's."""
    sheet, campaign = office.sheet(phones(2)), office.campaign()
    run = office.run(sheet, campaign)
    results: Path = office.folder / "reports" / str(run.summary["run"]) / "results.csv"
    assert office.type("check", results, "-c", campaign, "--base-url", office.sandbox.url, "--open")[0] == 0
    page = (office.folder / "reports" / "check" / "results.html").read_text("utf-8")
    assert '"own":["Nome","Telefone"]' in page
    assert "wegly_chat_id" not in page
