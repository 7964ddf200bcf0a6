"""The language in which the program speaks to a person: English as it stands in the code, or Brazilian Portuguese.

Texts are marked where they are written, in English: `_("Run again.")`, `ngettext("{n} row", "{n} rows", n)`, and `N_`
for a text of a table that is looked up later. Values are put in after the translation: `_("Row {row}").format(row=7)`.
The catalogues lie in `batch/locale`; `CONTRIBUTING.md` says how they are made. Codes, columns, keys and the log have no
language.
"""

from __future__ import annotations

import gettext
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("pt_BR", "en")
"""What `--lang` and `[campaign] language` may be."""
_DOMAIN = "wegly_batch"
_LOCALE = Path(__file__).parent / "locale"
_SWAPPED = str.maketrans(",.", ".,")

_spoken: ContextVar[str] = ContextVar("wegly_batch_language", default="en")


def _(text: str) -> str:
    """The text in the language that is spoken now; as it stands when nobody has translated it."""
    return _catalogue(_spoken.get()).gettext(text) if text else ""  # of "" a catalogue says its own header


def ngettext(one: str, many: str, count: float) -> str:
    """The form of a text that fits a number; the number itself is put in by the caller."""
    return _catalogue(_spoken.get()).ngettext(one, many, round(count) if count == round(count) else 2)


def N_(text: str) -> str:  # noqa: N802 - the name that every catalogue tool knows
    """Marks a text for the catalogues where it is too early to translate it."""
    return text


def current_language() -> str:
    """The language that is spoken now, one of `LANGUAGES`."""
    return _spoken.get()


def set_language(language: str) -> None:
    """Speak a language (one of `LANGUAGES`) from here on, in this thread and what it starts as tasks."""
    _spoken.set(language)


@contextmanager
def use_language(language: str | None) -> Iterator[None]:
    """Speak a language (one of `LANGUAGES`) inside; None goes on with the present one. Not for use across threads
    that are already running: each has its own."""
    if language is None:
        yield
        return
    before = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(before)


def number(value: float, form: str = ",") -> str:
    """A number as people of the language write it: `1,200.5` or `1.200,5`. `form` is a format specification."""
    written = format(value, form)
    return written.translate(_SWAPPED) if _spoken.get() == "pt_BR" else written


def decimal(value: float, places: int = 1) -> str:
    """A number with so many digits behind the decimal sign."""
    return number(value, f",.{places}f")


def describe_os_error(error: OSError) -> str:
    """What the system says of an error, in the language that is spoken where we know its words: Unix says them in
    English, Windows in the person's own language."""
    return _(error.strerror or str(error))


def parse_language(name: str) -> str | None:
    """`pt_BR` or `en` for `pt`, `pt-br`, `pt_BR.UTF-8`, `en_US`, `C` ...; None for any other language."""
    first = name.replace("-", "_").partition(".")[0].partition("_")[0].strip().casefold()
    return {"pt": "pt_BR", "en": "en", "c": "en", "posix": "en"}.get(first)


def system_language(environment: Mapping[str, str] = os.environ) -> str:
    """The language of the person's system: Portuguese where it says so, else English."""
    names = [environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    found = next((name for name in names if name), None) or _of_windows()
    return (parse_language(found) if found else None) or "en"


def _of_windows() -> str | None:
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - only Windows has what is asked here
        import locale  # noqa: PLC0415

        return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage())
    return None


_SYSTEM_WORDS = (
    N_("Bad file descriptor"),
    N_("Broken pipe"),
    N_("Device or resource busy"),
    N_("Disk quota exceeded"),
    N_("File exists"),
    N_("File name too long"),
    N_("File too large"),
    N_("Input/output error"),
    N_("Is a directory"),
    N_("No space left on device"),
    N_("No such file or directory"),
    N_("Not a directory"),
    N_("Operation not permitted"),
    N_("Permission denied"),
    N_("Read-only file system"),
    N_("Too many levels of symbolic links"),
    N_("Too many open files"),
)
"""What `system_says` finds in the catalogue: how Unix names what happens to files."""


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(_DOMAIN, _LOCALE, languages=[language])
