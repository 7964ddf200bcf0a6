"""The templates of the HTML pages, what is put inside them, and what the browser may do with it.

A page is one file: its style and its script stand inside it, and the policy in its head allows exactly these two, by
their hashes. Nothing is fetched, no form is sent, and markup from a sheet could run nothing even if it got in.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from batch.i18n import _, ngettext, number
from batch.reporter.html.html_colours import tones_css
from batch.reporter.html.text import harmless, lang

__all__ = ["REPORT_SCRIPT", "pieces", "policy", "script_of", "style"]

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
    return made
