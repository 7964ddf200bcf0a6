"""Languages of the program: English as it stands in the code, and Brazilian Portuguese.

Texts are marked where they are written, in English: `_("Run again.")`, `ngettext("{n} row", "{n} rows", n)`, and `N_`
for a text of a table that is looked up later. Values are inserted after the translation: `_("Row {n}").format(n=7)`.
The catalogues are in `batch/locale`; `CONTRIBUTING.md` says how they are made. Codes, columns, keys and the log are not
translated.
"""

import gettext
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

LANGUAGES = ("pt_BR", "en")
"""Values of `--lang` and `[campaign] language`."""
_DOMAIN = "wegly_batch"
_LOCALE = Path(__file__).parent / "locale"
_SWAPPED = str.maketrans(",.", ".,")

_current: ContextVar[str] = ContextVar("wegly_batch_language", default="en")


def _(text: str) -> str:
    """Translate a text into the current language; a text without a translation stays as it is."""
    return _catalogue(_current.get()).gettext(text) if text else ""  # a catalogue translates "" into its own header


def ngettext(one: str, many: str, count: float) -> str:
    """Translate a text into the form that fits a number, which the caller inserts."""
    return _catalogue(_current.get()).ngettext(one, many, round(count) if count == round(count) else 2)


def N_(text: str) -> str:  # noqa: N802 - the name that every catalogue tool knows
    """Mark a text for the catalogues without translating it yet."""
    return text


def current_language() -> str:
    """Return the current language, one of `LANGUAGES`."""
    return _current.get()


def set_language(language: str) -> None:
    """Make one of `LANGUAGES` the current language, in this thread and in tasks that it starts from now on."""
    _current.set(language)


@contextmanager
def use_language(language: str | None) -> Iterator[None]:
    """Use one of `LANGUAGES` inside the block; None keeps the current one. Other running threads keep their own."""
    if language is None:
        yield
        return
    before = _current.set(language)
    try:
        yield
    finally:
        _current.reset(before)


def number(value: float, form: str = ",") -> str:
    """Format a number for the current language: `1,200.5` or `1.200,5`. `form` is a format specification."""
    written = format(value, form)
    return written.translate(_SWAPPED) if _current.get() == "pt_BR" else written


def decimal(value: float, places: int = 1) -> str:
    """Format a number with so many decimal places."""
    return number(value, f",.{places}f")


def describe_os_error(error: OSError) -> str:
    """Translate an OSError's message when it is a known errno text; Windows gives it in the user's language anyway."""
    return _(error.strerror or str(error))


def parse_language(name: str) -> str | None:
    """Return `pt_BR` or `en` for `pt`, `pt-br`, `pt_BR.UTF-8`, `en_US`, `C` ...; None for any other language."""
    first = name.replace("-", "_").partition(".")[0].partition("_")[0].strip().casefold()
    return {"pt": "pt_BR", "en": "en", "c": "en", "posix": "en"}.get(first)


def system_language(environment: Mapping[str, str] = os.environ) -> str:
    """Return the language of the user's system: Portuguese if it is that, else English."""
    names = [environment.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    found = next((name for name in names if name), None) or _windows_locale()
    return (parse_language(found) if found else None) or "en"


def _windows_locale() -> str | None:
    if sys.platform == "win32":
        import ctypes  # noqa: PLC0415 - exists on Windows alone
        import locale  # noqa: PLC0415

        return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage())
    return None


_ERRNO_TEXTS = (
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
"""Texts of errno values about files, so that the catalogue has them for `describe_os_error`."""


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(_DOMAIN, _LOCALE, languages=[language])
