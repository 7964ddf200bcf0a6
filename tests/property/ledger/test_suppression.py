"""Lists of people, over all numbers and the ways they are written: matching is by person."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from batch.app.inputs.recipient_lists import open_list
from batch.ledger import Ledger, RetryOptions, StagedRow, SuppressionEntry
from batch.loader.mapping.permissions import read_optout
from batch.model.outcomes import Outcome
from batch.model.phone.brazil import AREAS
from batch.model.phone.cells import Phone, read_phone
from batch.model.reasons import Reason

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
unhurried = settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.too_slow])
SPELLINGS = (
    "{a}{n}{m}",
    "({a}) {n}-{m}",
    "{a} {n} {m}",
    "+55 {a} {n}-{m}",
    "55{a}{n}{m}",
    "0{a} {n}-{m}",
    "0xx{a}{n}{m}",
    "+55 (0) {a} {n}-{m}",
    "0055 {a} {n}.{m}",
    "'{a}{n}{m}",
    "55{a}{n}{m}.0",
    "{a}\u00a0{n}\u2013{m}",
    "https://wa.me/55{a}{n}{m}",
    "Cel: ({a}) {n}-{m}",
)

people = st.tuples(st.sampled_from(sorted(AREAS)), st.from_regex(r"9[0-9]{8}", fullmatch=True))
spellings = st.sampled_from(SPELLINGS)
Person = tuple[str, str]


def _spelled(person: Person, spelling: str, *, ninth: bool = True) -> str:
    area, number = person
    number = number if ninth else number[1:]
    return spelling.format(a=area, n=number[:-4], m=number[-4:])


def _e164(person: Person) -> str:
    return f"+55{person[0]}{person[1]}"


def _listed(cells: Sequence[str], header: str | None) -> set[str]:
    """The people that a CSV file with these cells, in its one column, puts on a list."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bloqueio.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=";").writerows([[cell] for cell in ([header] if header else []) + list(cells)])
        found = open_list(path)
        listed = {person for person, _row in found.people()}
        found.refuse_unreadable()
        return listed


def _outcomes(ledger: Ledger, sheet: Iterable[str], *, listed: Iterable[str], only: Iterable[str] | None) -> list[str]:
    """What becomes of each row; a row of somebody who has one already is its duplicate, and told by its own key."""
    with ledger.stage(RetryOptions()) as staging:
        staging.add(
            StagedRow(row=row, key=f"key-{row}", person=person, sender="s", payload="{}", request_hash="h")
            for row, person in enumerate(sheet, start=2)
        )
        staging.suppress((person, "bloqueio.csv") for person in listed)
        if only is not None:
            staging.allow_only(((person, "only.csv") for person in only), "only.csv")
        staging.judge()
        return [
            result.findings[0].reason.value if result.outcome is Outcome.SKIPPED else result.outcome.value
            for result in staging.results()
        ]


@unhurried
@given(st.lists(st.tuples(people, spellings), min_size=1, max_size=12), st.sampled_from(["Telefone", "celular"]))
def test_every_spelling_on_a_list_is_the_person(cells: list[tuple[Person, str]], header: str) -> None:
    """Under a header, whatever the spelling of each cell."""
    assert _listed([_spelled(*cell) for cell in cells], header) == {_e164(person) for person, _ in cells}


@unhurried
@given(st.lists(people, min_size=1, max_size=12), st.sampled_from([SPELLINGS[place] for place in (0, 1, 2, 3, 4, 5)]))
def test_a_list_of_bare_numbers_loses_nobody(cells: list[Person], spelling: str) -> None:
    """Without a header, the first line counts."""
    assert _listed([_spelled(person, spelling) for person in cells], None) == {_e164(person) for person in cells}


@unhurried
@given(people, spellings, spellings, st.booleans())
def test_two_spellings_meet(person: Person, one: str, other: str, ninth: bool) -> None:  # noqa: FBT001 - hypothesis
    """The one in the sheet and the one on the list, also when the list is so old that it lacks the ninth digit."""
    if not ninth and person[1][1] in "2345":  # without its ninth digit that is a landline, and somebody else
        ninth = True
    bare = SPELLINGS[0] if not ninth else other
    in_the_sheet = read_phone(_spelled(person, one))
    assert isinstance(in_the_sheet, Phone)
    old = read_phone(_spelled(person, bare, ninth=ninth))
    if isinstance(old, Phone):  # an eight-digit number may not be one in every area
        assert old.e164 == in_the_sheet.e164


@unhurried
@given(
    st.lists(st.integers(0, 15), min_size=1, max_size=25),
    st.sets(st.integers(0, 15)),
    st.sets(st.integers(0, 15)),
    st.none() | st.sets(st.integers(0, 15)),
)
def test_nobody_on_a_list_is_sent_to(
    sheet: list[int], noted: set[int], listed: set[int], only: set[int] | None
) -> None:
    """For any sheet and any lists: exactly those are left who are on no list of refusals, and among the only ones."""

    def person(number: int) -> str:
        return f"+55119880000{number:02d}"

    with tempfile.TemporaryDirectory() as folder, Ledger.open(f"sqlite:///{folder}/ledger.sqlite3") as ledger:
        ledger.suppression.add(
            SuppressionEntry(person=person(number), reason="r", source="s", added=NOW) for number in sorted(noted)
        )
        found = _outcomes(
            ledger,
            map(person, sheet),
            listed=map(person, sorted(listed)),
            only=None if only is None else map(person, sorted(only)),
        )
    expected = [
        Reason.SUPPRESSED.value
        if number in noted | listed
        else Reason.NOT_ALLOWED.value
        if only is not None and number not in only
        else Outcome.PENDING.value
        for number in sheet
    ]
    assert found == expected


@unhurried
@given(st.none() | st.text(max_size=12))
def test_an_opt_out_is_yes_no_or_an_error(cell: str | None) -> None:
    """Never anything else, whatever stands in the cell; and spaces around it change nothing."""
    said = read_optout(cell, "Opt-out")
    assert isinstance(said, bool | tuple)
    around = read_optout(f"  {cell or ''} ", "Opt-out")
    assert isinstance(around, tuple) if isinstance(said, tuple) else around is said
