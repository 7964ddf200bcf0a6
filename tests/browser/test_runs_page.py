"""index.html in a real browser: the runs of a folder, and the way to each report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from accessibility import assert_accessible
from playwright.sync_api import Page, expect
from report_factory import Made, hostile

from batch.reporter import delivery_headline, write_index, write_report

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs and one that was killed."""
    folder = tmp_path_factory.mktemp("reports")
    for name, made in (
        ("20261103T130000Z-novembro-1b02", Made(rows=60, followed=True)),
        ("20261103T140000Z-x-0000", hostile(20)),
    ):
        (folder / name).mkdir()
        write_report(
            folder / name,
            run=made.run(),
            tally=made.tally(),
            sheet=made.view(),
            results=lambda made=made: iter(made.results()),  # type: ignore[misc]  # bound now, not later
        )
    (folder / "20261103T150000Z-morto-0001").mkdir()
    assert write_index(folder, "en") == ()
    return folder


def test_each_run_leads_to_its_report(show: Open, reports: Path) -> None:
    """A click on the campaign opens the page of the run."""
    page = show(reports / "index.html")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_text("20261103T150000Z-morto-0001")).to_be_visible()
    delivery = Made(rows=60, followed=True).tally().delivery
    assert delivery is not None
    expect(page.locator("tbody tr").filter(has_text="novembro").locator(".about")).to_have_text(
        delivery_headline(delivery, "America/Sao_Paulo")
    )
    expect(page.locator(".about")).to_have_count(1)
    link = page.get_by_role("link", name="novembro")
    assert link.get_attribute("href") == "./20261103T130000Z-novembro-1b02/report.html"
    assert (reports / "20261103T130000Z-novembro-1b02" / "report.html").is_file()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_list_can_be_read_by_everybody(show: Open, reports: Path, scheme: str, width: int) -> None:
    """No serious finding of axe-core, and no scrolling to the side."""
    page = show(reports / "index.html", color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    assert_accessible(page)
