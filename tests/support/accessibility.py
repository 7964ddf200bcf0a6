"""The judgement of axe-core on a page in the browser."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

IN_LANGUAGES_AND_SCHEMES = pytest.mark.parametrize(
    ("language", "scheme"),
    [
        ("pt_BR", "light"),
        ("en", "dark"),
        pytest.param("pt_BR", "dark", marks=pytest.mark.long),
        pytest.param("en", "light", marks=pytest.mark.long),
    ],
)
"""Each language and each scheme once; the other pairs among the long tests."""


def assert_accessible(page: Page) -> None:
    """Assert that axe-core finds nothing serious on the page as it stands."""
    found = Axe().run(page).response["violations"]
    assert [
        (each["id"], [node["html"] for node in each["nodes"]][:3])
        for each in found
        if each["impact"] in ("serious", "critical")
    ] == []
