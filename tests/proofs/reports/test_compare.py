"""The comparison of two versions passes over what is meant, and over nothing beside it."""

import pytest
from compare import differences

SCREEN = "k: screen of check sheet.csv -c c.toml --lang en"
OLD = """exit 3
Sheet     sheet.csv: 4 rows below the header in row 1

Where each field comes from
  template.name        constant 'saudacao'

2 rows have errors and will not be sent:
  row 3      The phone 1198888 has too few digits. Correct the phone and run again.

The first messages
  row 2, to +55 11 98888-1001
    Olá Ana, R$ 7,00!

  error         2
              1  phone_too_short
              1  value_missing
  pending       2
  rows          4

2 messages would be sent. Nothing was sent now.
"""
NEW = """exit 3
2 messages would be sent. Nothing was sent now.
  rows                   4
  Fix (error)            2
         1  The phone … has too few digits. (phone_too_short)
         1  … is empty (column …). (value_missing)
  Waiting (pending)      2

Sheet     sheet.csv: 4 rows below the header in row 1

Where each field comes from
  template.name        fixed value 'saudacao'

2 rows have errors and will not be sent:
  row 3      The phone 1198888 has too few digits. Correct the phone and run again.

The first messages
  row 2, to +55 11 98888-1001
    Olá Ana, R$ 7,00!

What to do next
  Send it
    wegly-batch run sheet.csv -c c.toml
"""


def test_a_screen_with_the_same_facts_is_the_same() -> None:
    """Totals stand first, outcomes have people's words, and what to type comes last: nothing of it is a difference."""
    assert differences(SCREEN, OLD, NEW, set()) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("exit 3", "exit 0"),
        ("2 messages would", "3 messages would"),
        ("Fix (error)            2", "Fix (error)            3"),
        ("Waiting (pending)      2", "Waiting (skipped)      2"),
        ("1  … is empty", "2  … is empty"),
        ("(value_missing)", "(value_null)"),
        ("row 3 ", "row 4 "),
        ("98888-1001", "98888-1002"),
        ("Olá Ana", "Olá ana"),
        ("'saudacao'", "'saudação'"),
        ("Where each field comes from\n", ""),
        ("\nWhat to do next", "\nA new line.\nWhat to do next"),
    ],
)
def test_another_fact_on_a_screen_is_a_difference(right: str, wrong: str) -> None:
    """A count, an outcome, a code, a row, a phone or a message that changed is seen wherever it stands."""
    assert NEW.count(right) == 1
    assert differences(SCREEN, OLD, NEW.replace(right, wrong), set())


@pytest.mark.parametrize(
    ("where", "old", "new", "seen"),
    [
        ("k: requests", '{"phone": "1"}', '{"phone": "2"}', True),
        ("k: plan.json", '  "format": 1,\n  "rows": 3', '  "format": 2,\n  "rows": 3', False),
        ("k: plan.json", '  "format": 1,\n  "rows": 3', '  "format": 2,\n  "rows": 4', True),
        ("k: run: results.csv", "['Ana', 'error', 'masked']", "['Ana', 'error', 'redacted']", True),
        ("k: run: results.csv", "['Ana', 'error', 'sheet1']", "['Ana', 'error', 'sheet']", True),
        ("k: run: results.csv", "['Ana', 'error']\n['Eva', 'error']", "['Eva', 'error']\n['Ana', 'error']", True),
        (
            "k: run: results.csv",
            "['BODY {{3}} (coluna Valor): dez não é um valor em dinheiro.', '7']",
            "['BODY {{3}} (coluna Valor) precisa ser um valor em dinheiro, mas é dez.', '7']",
            False,
        ),
        (
            "k: run: results.csv",
            "['BODY {{3}} (coluna Valor): dez não é um valor em dinheiro.', '7']",
            "['BODY {{3}} (coluna Valor) precisa ser um valor em dinheiro, mas é onze.', '7']",
            True,
        ),
        ("k: report en mask=True: names of files", "<run>/masked/summary.json", "<run>/redacted/summary.json", False),
        ("k: report en mask=True: <run>/redacted/summary.json", '"input": "masked"', '"input": "redacted"', True),
        ("k: report en mask=False: <run>/summary.json", '"rows": 3', '"rows": 3\n', True),
        (
            "k: report en mask=False: <run>/report.xlsx!xl/worksheets/sheet1.xml",
            '<col min="3" max="3" width="9" />',
            '<col min="3" max="3" width="9" hidden="1"/>',
            True,
        ),
    ],
)
def test_files_differ_only_where_it_is_meant(where: str, old: str, new: str, *, seen: bool) -> None:
    """What is expected in one place is a difference in another, and values beside it are compared."""
    assert bool(differences(where, old, new, set())) == seen
