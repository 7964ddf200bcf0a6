"""The table of shared texts: plain ones that are taken as they are, and those that the parser gives."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch.errors import SheetError
from batch.model.sheets import Limits, SheetFile
from batch.ooxml.archive import open_archive
from batch.ooxml.shared_strings import find_texts, read_shared_strings

unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck))
"""A busy machine is no failure."""

TEXTS = (
    "1",
    "0",
    "12",
    "46100.5",
    "1234.50",
    "-0.5",
    "Ana",
    "  ",
    "",
    "&amp;",
    "a\nb",
    "a]]>b",
    "\ufffe",
    "_x0041_",
    "é",
)
texts = st.sampled_from(TEXTS)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def source_of(path: Path, **parts: bytes) -> SheetFile:
    with zipfile.ZipFile(path, "w") as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return SheetFile(path=path, name=path.name, limits=Limits())


@unhurried
@given(
    entries=st.lists(
        st.builds(
            lambda form, text: form.format(text),
            st.sampled_from(
                ["<si><t>{}</t></si>"] * 4
                + ["<si><r><t>{}</t></r></si>", '<si><t xml:space="preserve">{}</t></si>', "<si/>",
                   "<!-- <si><t>x</t></si> -->",
                   "<si><t>{}</si>", "x<si><t>{}</t></si>", "<si><rPh><t>{}</t></rPh></si>", "\n"]
            ),
            texts,
        ),
        max_size=6,
    )
)  # fmt: skip
def test_the_table_of_texts_is_read_alike_with_and_without_the_short_cut(folder: Path, entries: list[str]) -> None:
    """The same texts by the same numbers, or the same refusal."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<sst xmlns="m">{"".join(entries)}</sst>'.encode()
    source = source_of(folder / "c.xlsx", table=body)

    def texts_of() -> list[str] | str:
        try:
            table = read_shared_strings(open_archive(source), "table")
        except SheetError as error:
            return str(error)
        return [table[index] for index in range(len(table))]

    short = texts_of()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("batch.ooxml.shared_strings.has_plain_head", lambda head: False)
        assert short == texts_of()


@unhurried
@given(
    size=st.integers(min_value=1, max_value=60), texts=st.lists(st.sampled_from(["Ana", "", "é", "a b"]), max_size=9)
)
def test_where_the_table_is_cut_into_pieces_does_not_matter(folder: Path, size: int, texts: list[str]) -> None:
    """Texts that end, begin or go on in another piece are read as if they stood in one."""
    body = f'<?xml version="1.0"?><sst>{"".join(f"<si><t>{text}</t></si>" for text in texts)}</sst>'.encode()
    source = source_of(folder / "d.xlsx", table=body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("batch.ooxml.archive._CHUNK", size)
        table = read_shared_strings(open_archive(source), "table")
    assert [table[index] for index in range(len(table))] == texts
    assert table.longest == max((len(text.encode()) for text in texts), default=0)


@unhurried
@given(
    size=st.integers(min_value=1, max_value=60),
    texts=st.lists(st.sampled_from(["Ana", "", "a &amp; b"]), min_size=1, max_size=9),
    numbers=st.sets(st.integers(min_value=0, max_value=12), max_size=4),
)
def test_single_texts_are_found_by_their_numbers(size: int, texts: list[str], numbers: set[int]) -> None:
    """Those that are not in the table are left out."""
    body = f"<sst>{''.join(f'<si><t>{text}</t></si>' for text in texts)}</sst>".encode()
    found = find_texts((body[at : at + size] for at in range(0, len(body), size)), numbers)
    assert found == {n: texts[n].replace("&amp;", "&") for n in numbers if n < len(texts)}
