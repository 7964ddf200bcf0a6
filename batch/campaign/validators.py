"""Parsers of a campaign's values as people write them, and validators that the schema makes of them.

Validators raise ValueError with a text that says what is allowed; `problems` adds the key and the value found.
"""

import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import PlainValidator, ValidationInfo

from batch.errors import nearest
from batch.i18n import N_, _
from batch.model.messages import is_loopback
from batch.model.phone.cells import is_region
from batch.model.sheets import openable_path

T = TypeVar("T")

RECIPIENT = "recipient"
"""Time zone of a window: that of each recipient."""
_MOST_MONEY = 1_000_000
FASTEST = 10_000.0
"""Starts per second; WhatsApp grants a number 1,000 at most."""

_LONGEST_DURATION = 99_999 * 86_400.0
"""Seconds. Longer ones are no difference of two dates."""
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_RATE = re.compile(r"([0-9]+(?:[.,][0-9]+)?) ?/ ?(s|min|h)")
_DURATION = re.compile(r"([0-9]+(?:[.,][0-9]+)?) ?(s|m|min|h|d|w)")
_SHARE = re.compile(r"([0-9]+(?:[.,][0-9]+)?) ?%")


def parse_rate(text: str) -> float:
    """Return starts per second: 10.0 for "10/s", "600/min", "36000/h". Raises ValueError with what is allowed."""
    match = _RATE.fullmatch(text.strip())
    rate = _number(match[1]) / _SECONDS[match[2]] if match else 0.0
    if not 0 < rate <= FASTEST:
        raise ValueError(_('allowed is a rate above 0 like "10/s", "600/min" or "5000/h", of at most 10,000 a second'))
    return rate


def parse_duration(text: str) -> float:
    """Return seconds: 900.0 for "15m". Raises ValueError with what is allowed."""
    match = _DURATION.fullmatch(text.strip())
    seconds = _number(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 0 < seconds <= _LONGEST_DURATION:
        raise ValueError(_('allowed is a time above 0 like "90s", "15m", "2h" or "7d", of at most "99999d"'))
    return seconds


def parse_wait(text: str) -> float:
    """Return seconds as `parse_duration`, and 0.0 for "0s"."""
    return 0.0 if _DURATION.fullmatch(text.strip()) and not text.strip(" 0.,smhdwin") else parse_duration(text)


def parse_share(text: str) -> float:
    """Return a share of one: 0.2 for "20%". Raises ValueError with what is allowed."""
    match = _SHARE.fullmatch(text.strip())
    share = _number(match[1]) / 100 if match else 0.0
    if not 0 < share <= 1:
        raise ValueError(_('allowed is a share above 0 like "20%", of at most "100%"'))
    return share


def _number(text: str) -> float:
    return float(text.replace(",", "."))


_LONGEST_NAME = 100
_LONGEST_SLUG = 60
_FORMATS = {"yyyy-mm": "%Y-%m", "yyyy-mm-dd": "%Y-%m-%d"}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_BETWEEN_WORDS = re.compile(r"[^a-z0-9]+")


def name_problem(name: str) -> str | None:
    """Return the problem of a campaign's name as it stands in the file, or None."""
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        return _("allowed is one line of 1 to {longest} characters").format(longest=_LONGEST_NAME)
    if "{" in _without_known(name) or "}" in _without_known(name):
        return _("allowed in braces are {yyyy-mm} and {yyyy-mm-dd}")
    return None


def _without_known(name: str) -> str:
    return _PLACEHOLDER.sub(lambda match: "" if match[1] in _FORMATS else match[0], name)


def fill_date(name: str, *, now: datetime, timezone: str) -> str:
    """Replace the placeholders of a checked name by the date of `now` (aware) in `timezone`."""
    local = now.astimezone(ZoneInfo(timezone))
    return _PLACEHOLDER.sub(lambda match: local.strftime(_FORMATS[match[1]]), name.strip())


def slug(name: str) -> str:
    """Return a name for folders: lower-case ASCII letters, digits and dashes, never empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _BETWEEN_WORDS.sub("-", plain).strip("-")[:_LONGEST_SLUG].rstrip("-") or "campaign"


def check_with(problem_of: Callable[[str], str | None]) -> PlainValidator:
    """Validate a text for which `problem_of` returns None."""

    def validate(raw: object) -> str:
        problem = problem_of(raw) if isinstance(raw, str) else _("allowed is a text in quotes")
        if problem:
            raise ValueError(problem)
        return str(raw)

    return PlainValidator(validate)


def parse_with(
    parse: Callable[[str], T], example: str = "", *, shape: str = N_("allowed is a text in quotes like {example}")
) -> PlainValidator:
    """Validate a text that `parse` takes. `shape`: marked, what is allowed, like the `example`."""

    def validate(raw: object) -> T:
        if not isinstance(raw, str):
            raise ValueError(_(shape).format(example=example))  # noqa: TRY004 - pydantic takes ValueError
        return parse(raw)

    return PlainValidator(validate)


def parse_list(
    shape: str, make: Callable[[list[str]], object] = tuple, *, example: str = "", least: int = 0
) -> PlainValidator:
    """Validate a list of texts that are not empty. `shape`: marked, what is allowed, like the `example`."""

    def validate(raw: object) -> object:
        given = raw if isinstance(raw, list) else [raw]
        texts = [text.strip() for text in given if isinstance(text, str)]
        if given is not raw or not all(texts) or len(texts) < max(least, len(given)):
            raise ValueError(_(shape).format(example=example))
        return make(texts)

    return PlainValidator(validate)


TEXTS = N_("allowed is a list of texts like {example}")


def refuse_twins(names: list[str]) -> tuple[str, ...]:
    """Return names of columns as a tuple. Raises ValueError where one stands twice."""
    if len(set(names)) < len(names):
        raise ValueError(_("a column stands in it twice"))
    return tuple(names)


def resolve_paths(names: Sequence[str], info: ValidationInfo) -> tuple[Path, ...]:
    """Return paths that start at the campaign file's folder, unless they are absolute."""
    return tuple(openable_path(_find_form(Path(info.context or ""), Path(name))) for name in names)


def _find_form(folder: Path, path: Path) -> Path:
    """Return a path with its names as they are on the disk: a Mac writes `ã` there as two signs, a person types one."""
    found = folder
    for part in path.parts:
        same = [part]
        if not os.path.lexists(found / part):
            with suppress(OSError):
                plain = unicodedata.normalize("NFC", part)
                same = [each.name for each in found.iterdir() if unicodedata.normalize("NFC", each.name) == plain]
        found /= same[0] if len(same) == 1 else part
    return found


def zone_problem(name: str) -> str | None:
    """Return the problem of a time zone, or None."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return _("no such time zone{nearest}").format(nearest=nearest(name, available_timezones()))
    return None


def region_problem(name: str) -> str | None:
    """Return the problem of a country, or None."""
    return None if is_region(name) else _('allowed is a country\'s two letters, like "BR" or "PT"')


def blank_problem(text: str) -> str | None:
    """Return the problem of a blank text, or None."""
    return None if text.strip() else _("allowed is a text that is not empty")


def read_window_zone(raw: object) -> str:
    """Return the zone of a window, or `RECIPIENT`. Raises ValueError."""
    problem = zone_problem(raw) if isinstance(raw, str) else _('allowed is "recipient" or a zone in quotes')
    if raw != RECIPIENT and problem:
        raise ValueError(
            _('{problem}; allowed is "recipient" or a zone like "America/Sao_Paulo"').format(problem=problem)
        )
    return str(raw)


def read_selection(raw: object) -> Mapping[str, tuple[str, ...]]:
    """Return columns with the texts that they may hold. Raises ValueError."""
    table: dict[str, Any] = raw if isinstance(raw, dict) else {"": None}
    given = {column: [values] if isinstance(values, str) else values for column, values in table.items()}
    for values in given.values():
        if not (isinstance(values, list) and values and all(isinstance(value, str) for value in values)):
            raise ValueError(_('allowed are columns with lists of texts, like Status = ["ativo"]'))
    return {column: tuple(values) for column, values in given.items()}


_CURRENCY = re.compile("[A-Z]{3}")


def currency_problem(name: str) -> str | None:
    """Return the problem of a currency, or None."""
    return None if _CURRENCY.fullmatch(name) else _('allowed are three capital letters like "BRL" or "USD"')


def read_amount(raw: object) -> Decimal:
    """Return an amount of money, with a comma or a point. Raises ValueError."""
    text = str(raw).replace(",", ".") if isinstance(raw, str | int | float) and not isinstance(raw, bool) else ""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and 0 <= amount <= _MOST_MONEY):
        raise ValueError(_('allowed is an amount like "0.35", of at most 1,000,000'))
    return amount


_ODD = re.compile(r"[\x00-\x20\x7f\\]")


_METRICS = ".prom"


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """Address that gets the summary of a run."""

    url: str = field(repr=False)
    """The whole address, which may hold a secret: only for the request."""
    host: str
    """Host, with its port if one is given; may be shown."""


def read_webhook(raw: object) -> Webhook:
    """Validate the address of `[notify] webhook`. Raises ValueError, which does not repeat the address."""
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError(_('allowed is an address in quotes like "https://example.org/hook"'))
    url = raw.strip()
    parts = _split(url)
    if parts is None or parts.scheme not in ("https", "http"):
        raise ValueError(_('this is no address; allowed is one like "https://example.org/hook"'))
    if "@" in parts.netloc:
        raise ValueError(_("a user name or password stands before the @; put a secret into the path instead"))
    if parts.scheme == "http" and not is_loopback(url):
        raise ValueError(_("it is not encrypted; write https:// (http:// is allowed to this machine alone)"))
    return Webhook(url=url, host=parts.netloc.lower())


def _split(url: str) -> SplitResult | None:
    """Split an address; None if it has no host, a wrong port or characters that no address has."""
    if _ODD.search(url):
        return None
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:
        return None
    return parts if named else None


def read_metrics_path(raw: object, info: ValidationInfo) -> Path:
    """Validate the path of `[notify] prometheus`. Raises ValueError."""
    if not isinstance(raw, str) or not raw.strip() or "\0" in raw or not raw.strip().endswith(_METRICS):
        raise ValueError(_('allowed is a path in quotes that ends in .prom, like "/var/lib/metrics/wegly.prom"'))
    return resolve_paths([raw.strip()], info)[0]
