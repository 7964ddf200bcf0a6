"""Load a campaign file: decode, parse, validate, and report every problem at once."""

import codecs
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import get_args

from pydantic import BaseModel, ValidationError

from batch.campaign.problems import SECRET_KEYS, Problem, campaign_error, explain_problem, format_key
from batch.campaign.scaffold import FILL_IN_MARKS
from batch.campaign.schema import CampaignFile, CampaignSection, WindowSection
from batch.campaign.sources import Source
from batch.campaign.validators import RECIPIENT, fill_date, slug
from batch.errors import CampaignError
from batch.i18n import N_, _
from batch.model.contact_limits import ContactLimits
from batch.model.sending_hours import Hours, Window


class Campaign(CampaignSection, CampaignFile):
    """Valid campaign: the sections of its file, and the keys of [campaign] as its own."""

    path: Path
    sha256: str
    """Of the file as it was read, as hex digits: it may be another one by now."""
    name: str
    """Name with its date: the scope in which a recipient is messaged once."""

    @property
    def slug(self) -> str:
        """Name as part of a folder's name."""
        return slug(self.name)

    @property
    def column_sources(self) -> Mapping[str, Source] | None:
        """Field of the request to its source; None: columns are matched by the sheet's header."""
        return {field: source for field, source in self.columns if source is not None} if self.columns else None

    @property
    def hours(self) -> Hours:
        """Sending hours."""
        return Hours(tuple(_window(window, self.timezone) for window in self.window))

    @property
    def contact_limits(self) -> ContactLimits:
        """Limits that hold across runs and campaigns."""
        within, unreachable = self.history.not_within, self.history.skip_unreachable
        return ContactLimits(
            not_within=None if within is None else timedelta(seconds=within),
            skip_unreachable=None if unreachable is None else timedelta(seconds=unreachable),
            per_24h=self.throttle.per_24h,
            shared_cap=self.throttle.shared_cap == "account",
            timezone=self.timezone,
        )


_LARGEST = 1_000_000
"""Bytes. A campaign file has a few thousand; anything larger is another file."""
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LINE = re.compile(r"(?<!\s)\s*\(at line (\d+), column \d+\)")
_Path = tuple[str | int, ...]
_LONG_NUMBER = re.compile(r"[0-9][0-9_]{4000}")
_DEEPEST = 50
"""Keys and places in lists to a value; a campaign has five."""
_LARGEST_NUMBER = 1 << 53
_TWICE = ("Cannot overwrite", "Cannot declare")
_SECTION = re.compile(r"^[ \t]*\[[\w.]*\]?[ \t]*(?:#.*)?$", re.MULTILINE)
_SECRET = re.compile(r"notify|webhook|\\[uU]")  # `"web\u0068ook"` is that key, too
"""From here to the end of its section there may be a secret address, over several lines too: no line is shown."""
_CURLY_QUOTES = re.compile("[\u2018\u2019\u201c\u201d]")


def load_campaign(path: Path, *, now: datetime) -> Campaign:
    """Return the campaign in the file at `path`. `now` (aware) gives the date in its name.

    Raises CampaignError with every problem of the file: place, value found, values allowed.
    """
    raw = _read(path)
    data = _parsed(decode_text(raw).replace("\r\n", "\n").replace("\r", "\n"), path.name)
    if large := [place for place, value in _walk(data) if isinstance(value, int) and abs(value) > _LARGEST_NUMBER]:
        text = _("{key} is a number that is too large")
        raise campaign_error(path.name, [Problem(text=text.format(key=format_key(each))) for each in large])
    unfilled = dict(_find_marks(data))
    problems = list(unfilled.values())
    try:
        file = CampaignFile.model_validate(data, context=path.parent)
    except ValidationError as invalid:
        wrong = [details for details in invalid.errors(include_url=False) if details["loc"] not in unfilled]
        problems += [explain_problem(details, _known_keys) for details in wrong]
        # Several checks may find the same problem.
        raise campaign_error(path.name, list(dict.fromkeys(problems))) from None
    if problems:
        raise campaign_error(path.name, problems)
    name = fill_date(file.campaign.name, now=now, timezone=file.campaign.timezone)
    return Campaign.model_construct(
        **dict(file) | dict(file.campaign) | {"path": path, "name": name, "sha256": sha256(raw).hexdigest()}
    )


def _window(section: WindowSection, home: str) -> Window:
    begin, end = section.hours
    zone = None if section.timezone == RECIPIENT else section.timezone or home
    return Window(days=section.days, begin=begin, end=end, zone=zone, holidays=section.holidays)


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):  # reading a pipe would wait for ever
            raise _refusal(path, N_("{path} is a pipe or a device, not a campaign file."), _NAME_FILE)
        if path.stat().st_size > _LARGEST:
            raise _refusal(path, N_("{path} is too large to be a campaign file."), _NAME_CAMPAIGN)
        raw = path.read_bytes()
    except FileNotFoundError:
        raise _refusal(path, N_("There is no campaign file {path}."), N_("Check the name and the folder.")) from None
    except OSError as failure:
        text = N_("The campaign file {path} cannot be read: {reason}.")
        raise _refusal(path, text, _NAME_FILE, reason=failure.strerror or str(failure)) from None
    if raw.startswith(_WORKBOOKS):
        raise _refusal(path, N_("{path} is a workbook, not a campaign file."), _NAME_CAMPAIGN)
    return raw


_NAME_FILE, _NAME_CAMPAIGN = N_("Name a .toml file."), N_("Name the campaign's .toml file.")


def _refusal(path: Path, text: str, remedy: str, **values: str) -> CampaignError:
    return CampaignError(_(text).format(path=path, **values), _(remedy))


def decode_text(raw: bytes) -> str:
    """Decode a text file as editors save it: UTF-8, UTF-16 with its mark, else Windows-1252."""
    if raw.startswith(_UTF_16):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _parsed(text: str, file: str) -> dict[str, object]:
    try:
        data = tomllib.loads(text + "\n")  # for an error at the end of the text tomllib gives no line
        deepest = max((len(place) for place, _value in _walk(data)), default=0)
    except tomllib.TOMLDecodeError as failure:
        raise campaign_error(file, [_syntax_problem(str(failure), text)]) from None
    except ValueError:  # more digits than Python makes a number of
        lines = (at for at, line in enumerate(text.split("\n"), 1) if _LONG_NUMBER.search(line))
        problem = _("line {number} has a number that is too large").format(number=next(lines))
        raise campaign_error(file, [Problem(text=problem)]) from None
    except RecursionError:
        data, deepest = {}, _DEEPEST + 1
    if deepest > _DEEPEST:
        raise campaign_error(file, [Problem(text=_("the file is no TOML: its brackets are nested too deep"))])
    return data


def _syntax_problem(message: str, text: str) -> Problem:
    place = _LINE.search(message)
    words = _LINE.sub("", message)
    if place is None:
        return Problem(text=_("the file is no TOML: {words}").format(words=words))
    line = _shown_line(text.split("\n")[: int(place[1])])
    return Problem(
        text=_("line {number}, {line!r}, is no TOML: {words}").format(number=place[1], line=line, words=words),
        remedy=_syntax_remedy(words, line),
    )


def _shown_line(lines: Sequence[str]) -> str:
    """Return the last of the lines, without what may be a secret."""
    text, line = "\n".join(lines), lines[-1].strip()
    begin = max((found.start() for found in _SECTION.finditer(text)), default=0)
    if _SECTION.fullmatch(line) or not _SECRET.search(text, begin):
        return line
    key = line.partition("=")[0].strip()
    return f"{key} = ..." if key in {"notify", "webhook"} else "..."


def _syntax_remedy(words: str, line: str) -> str:
    if _CURLY_QUOTES.search(line):
        return _('Use straight quotes (").')
    if words.startswith(_TWICE):
        return _("A key or section may stand in the file once.")
    return _('Correct the line; a text stands in quotes, like name = "a".')


def _walk(data: object, path: _Path = ()) -> Iterator[tuple[_Path, object]]:
    """Yield each value with its place."""
    if isinstance(data, dict | list) and data:
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _walk(value, (*path, key))
    else:
        yield path, data


def _find_marks(data: object) -> Iterator[tuple[_Path, Problem]]:
    """Yield each place at which a value is still to be filled in, with the problem that says which."""
    for path, value in _walk(data):
        if isinstance(value, str) and value.startswith(tuple(FILL_IN_MARKS.values())):
            what = _("the address") if path in SECRET_KEYS else value.partition(":")[2].strip()
            text = _("{key} is not filled in yet").format(key=format_key(path))
            yield path, Problem(text=text, remedy=_("Put there {what}.").format(what=what))


def _known_keys(place: Sequence[str | int]) -> list[str]:
    """Return the keys of the section at `place` in the file."""
    model: type[BaseModel] = CampaignFile
    for part in place:
        if isinstance(part, str):
            model = _model_in(model.model_fields[part].annotation)
    return list(model.model_fields)


def _model_in(annotation: object) -> type[BaseModel]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(_model_in(part) for part in get_args(annotation) if part is not type(None) and part is not Ellipsis)
