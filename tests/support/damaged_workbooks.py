"""Damaged workbooks: mutations of good ones, each by the number of its seed."""

from __future__ import annotations

import io
import random
import re
import warnings
import zipfile
from collections.abc import Callable, Sequence

Parts = dict[str, bytes]
VALUES = (
    b"9" * 5000,
    b"-1",
    b"",
    b"0",
    b"XFE1048577",
    b"&#0;",
    b"1e999",
    b"rId999",
    b"../../x",
    b"\xff",
    b"true",
    b"A1:A",
)
SNIPPETS = (
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>",
    b"<![CDATA[",
    b"<?x?>",
    b"<!-- -->",
    b"\0",
    b"</row>",
    b"<row r='1'>",
    b"<x:c/>",
)


def _place(content: bytes, chance: random.Random) -> int:
    return chance.randrange(len(content) + 1)


def _change_byte(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(max(1, len(content)))
    return content[:at] + bytes([chance.randrange(256)]) + content[at + 1 :]


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: _place(content, chance)]


def _drop(content: bytes, chance: random.Random) -> bytes:
    at = _place(content, chance)
    return content[:at] + content[at + chance.randrange(1, 200) :]


def _repeat(content: bytes, chance: random.Random) -> bytes:
    at = _place(content, chance)
    return content[:at] + content[at : at + chance.randrange(1, 400)] * chance.randrange(2, 50) + content[at:]


def _insert(content: bytes, chance: random.Random) -> bytes:
    tags = [match.end() for match in re.finditer(rb">", content)] or [0]
    at = chance.choice(tags)
    return content[:at] + chance.choice(SNIPPETS) + content[at:]


def _change_attribute(content: bytes, chance: random.Random) -> bytes:
    found = list(re.finditer(rb'="([^"]*)"', content))
    if not found:
        return _change_byte(content, chance)
    match = chance.choice(found)
    return content[: match.start(1)] + chance.choice(VALUES) + content[match.end(1) :]


CHANGES: Sequence[Callable[[bytes, random.Random], bytes]] = (
    _change_byte,
    _cut,
    _drop,
    _repeat,
    _insert,
    _change_attribute,
    _change_attribute,
    _change_attribute,
)


def damage(content: bytes, seed: int) -> bytes:
    """Return a workbook with one to three faults: in a part of its zip file, in the list of parts, or anywhere."""
    chance = random.Random(seed)  # noqa: S311 - faults, no secrets
    for _ in range(chance.randrange(1, 4)):
        is_zip = zipfile.is_zipfile(io.BytesIO(content)) and chance.random() < 0.85
        content = _damage_part(content, chance) if is_zip else chance.choice(CHANGES[:4])(content, chance)
    return content


def _damage_part(content: bytes, chance: random.Random) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            parts = [(name, file.read(name)) for name in file.namelist()]
    except Exception:  # noqa: BLE001 - damaged already
        return _change_byte(content, chance)
    at = chance.randrange(len(parts)) if parts else 0
    name, part = parts[at] if parts else ("x", b"")
    match chance.randrange(12):
        case 0:
            parts[at : at + 1] = []
        case 1:
            parts.append((name, chance.choice(parts)[1] if parts else b""))
        case 2:
            parts[at : at + 1] = [(name.upper(), part)]
        case _:
            parts[at : at + 1] = [(name, chance.choice(CHANGES)(part, chance))]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name that stands twice is a fault to try
        for each, data in parts:
            info = zipfile.ZipInfo(each)
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, data)
    return out.getvalue()
