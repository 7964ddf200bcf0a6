"""A ledger's disk that becomes full at one person, on each database."""

from collections.abc import Iterator
from contextlib import contextmanager

from batch.ledger import Ledger


@contextmanager
def refusing(ledger: Ledger, doing: str, person: str) -> Iterator[None]:
    """Refuse to INSERT or DELETE an entry of this person while the block runs, in the middle of a statement."""
    old = "NEW" if doing == "INSERT" else "OLD"
    trigger = f"CREATE TRIGGER refuse BEFORE {doing} ON suppressed"
    if ledger._engine.dialect.name == "sqlite":
        made = [f"{trigger} WHEN {old}.person = '{person}' BEGIN SELECT RAISE(FAIL, 'no room'); END"]
        dropped = "DROP TRIGGER refuse"
    else:
        raised = "BEGIN RAISE EXCEPTION 'no room'; END"
        made = [
            f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $${raised}$$",
            f"{trigger} FOR EACH ROW WHEN ({old}.person = '{person}') EXECUTE FUNCTION refuse()",
        ]
        dropped = "DROP FUNCTION refuse CASCADE"
    with ledger._engine.begin() as connection:
        for statement in made:
            connection.exec_driver_sql(statement)
    try:
        yield
    finally:
        with ledger._engine.begin() as connection:
            connection.exec_driver_sql(dropped)
