"""Reads report.html back: the figures at its head, and the rows as its own script reads them."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

__all__ = ["page_counts", "page_reasons", "page_rows", "page_settings"]

_SETTINGS = re.compile(r'<script type="application/json" id="settings">(.*?)</script>', re.DOTALL)
_ROWS = re.compile(r'<script type="application/json" class="rows-data">(.*?)</script>', re.DOTALL)
_TILES = re.compile(r'<li class="tile is-(\w+)[^"]*">.*?<strong class="count">([\d.,]+)</strong>', re.DOTALL)


def page_settings(page: str) -> dict[str, Any]:
    """What the page tells its script."""
    (settings,) = _SETTINGS.findall(page)
    found: dict[str, Any] = json.loads(settings)
    return found


def page_rows(page: str) -> list[list[Any]]:
    """Each row as a list: its number, the result columns, the user's own cells."""
    settings = page_settings(page)
    texts: list[str] = []
    rows = []
    for part in _ROWS.findall(page):
        for row in json.loads(part):
            for index, once in enumerate(settings["interned"], start=1):
                if once and isinstance(row[index], int):
                    row[index] = texts[row[index]]
                elif once and row[index] is not None and len(texts) < settings["mostTexts"]:
                    texts.append(row[index])
            rows.append(row)
    return rows


def page_counts(page: str) -> dict[str, int]:
    """The six figures at the head."""
    return {kind: _whole(count) for kind, count in _TILES.findall(page)}


def page_reasons(page: str) -> Counter[str]:
    """Rows of each reason, outcomes put together; none of accepted rows, which need nothing."""
    found = Counter[str]()
    body = page.partition('id="reasons-title"')[2].partition("</section>")[0]
    for part in body.split('<li class="why">')[1:]:
        (count,) = re.findall(r'class="count">([\d.,]+)<', part)
        (reason,) = re.findall(r'data-reason="(\w+)"', part)
        found[reason] += _whole(count)
    return found


def _whole(text: str) -> int:
    return int(re.sub(r"\D", "", text))
