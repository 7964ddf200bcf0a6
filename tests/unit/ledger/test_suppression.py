"""The suppression list in the ledger: who is on it, since when and why, and how others see it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from refusals import refusing

from batch.errors import LedgerFailed
from batch.ledger import Ledger, SuppressionEntry
from batch.ledger.storage.suppression import suppress

NOW = datetime(2026, 11, 3, 12, 0, 0, 123456, tzinfo=UTC)


def entry(number: int, *, days: int = 0, reason: str = "asked for it", source: str = "by hand") -> SuppressionEntry:
    person = f"+55119{number:08d}"
    return SuppressionEntry(person=person, reason=reason, source=source, added=NOW + timedelta(days=days))


def test_everything_of_an_entry_is_kept(ledger: Ledger) -> None:
    """Reason, source and time to the microsecond, as they were given."""
    given = entry(1, reason="não quer; «nunca»", source="bloqueio.csv")
    assert ledger.suppression.add([given]) == 1
    assert ledger.suppression.find(given.person) == given
    assert ledger.suppression.find("+5511988887777") is None


def test_who_is_on_it_stays_as_first_noted(ledger: Ledger) -> None:
    """A second import does not rewrite when and why; nor does the same person twice in one."""
    first, again = entry(1, source="first"), entry(1, days=9, source="again")
    assert ledger.suppression.add([first, again]) == 1
    assert ledger.suppression.add([again, entry(2)]) == 1
    assert ledger.suppression.find(first.person) == first
    assert ledger.suppression.count() == 2


def test_entries_come_by_date_then_person(ledger: Ledger) -> None:
    """Whatever the order they were put on it."""
    ledger.suppression.add([entry(3, days=1), entry(2, days=1), entry(9), entry(1, days=2)])
    assert [each.person[-1] for each in ledger.suppression.entries()] == ["9", "2", "3", "1"]


def test_removing_returns_those_who_were_on_it(ledger: Ledger) -> None:
    """With what was noted of them; the others are not mentioned, and the rest stays."""
    ledger.suppression.add([entry(1), entry(2), entry(3)])
    gone = ledger.suppression.remove([entry(2).person, entry(7).person], NOW)
    assert gone == [entry(2)]
    assert [each.person for each in ledger.suppression.entries()] == [entry(1).person, entry(3).person]


def test_a_long_list_goes_in_and_out_in_steps(ledger: Ledger) -> None:
    """More people than one statement takes, some of them twice and far apart."""
    assert ledger.suppression.add(entry(number % 2400) for number in range(5000)) == 2400
    assert ledger.suppression.count() == 2400
    assert len(ledger.suppression.remove((entry(number).person for number in range(2399)), NOW)) == 2399
    assert [each.person for each in ledger.suppression.entries()] == [entry(2399).person]


def test_it_is_there_when_the_ledger_is_opened_again(ledger_url: str) -> None:
    """Durable on return."""
    with Ledger.open(ledger_url) as ledger:
        ledger.suppression.add([entry(1)])
    with Ledger.for_reading(ledger_url) as ledger:
        assert list(ledger.suppression.entries()) == [entry(1)]


def test_a_long_import_keeps_nobody_from_the_ledger(ledger_url: str) -> None:
    """While the sheet is still being read, another process writes at once, and sees whom the steps before added."""
    with Ledger.open(ledger_url) as ledger, Ledger.open(ledger_url) as other:

        def slowly() -> Iterator[SuppressionEntry]:
            for number in range(2500):
                if number == 2200:
                    assert other.suppression.find(entry(1999).person)
                    assert other.suppression.add([entry(2300, source="other")]) == 1
                yield entry(number)

        assert ledger.suppression.add(slowly()) == 2499
        assert ledger.suppression.count() == 2500
        kept = ledger.suppression.find(entry(2300).person)
        assert kept is not None
        assert kept.source == "other"


def test_within_another_transaction_it_lives_and_dies_with_it(ledger: Ledger) -> None:
    """As when WhatsApp's 131050 is recorded: both durable, or neither."""
    with ledger._engine.connect() as connection:
        with connection.begin():
            assert suppress(connection, entry(1)) is True
            assert suppress(connection, entry(1, source="again")) is False
        dying = connection.begin()
        assert suppress(connection, entry(2)) is True
        dying.rollback()
    assert list(ledger.suppression.entries()) == [entry(1)]


def test_a_list_that_cannot_be_written_says_so(ledger: Ledger) -> None:
    """LedgerFailed, and what to do; for both ways."""
    ledger.suppression.add([entry(1)])
    why = "changing the suppression list: no room"
    with refusing(ledger, "INSERT", entry(2).person), pytest.raises(LedgerFailed, match=f"{why}.* do it again"):
        ledger.suppression.add([entry(2)])
    with refusing(ledger, "DELETE", entry(1).person), pytest.raises(LedgerFailed, match=f"{why}.*Nobody was taken"):
        ledger.suppression.remove([entry(1).person], NOW)
    assert list(ledger.suppression.entries()) == [entry(1)]
