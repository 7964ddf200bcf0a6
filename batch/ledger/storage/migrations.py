"""Migrations of a ledger in an SQLite file, from one version of its schema to the next."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import sqlalchemy as sa

from batch.errors import LedgerUnusable
from batch.i18n import _
from batch.ledger.storage.engine import create_tables
from batch.ledger.storage.errors import DAMAGED, remedy_for_code
from batch.ledger.storage.locks import is_in_use, locks_folder
from batch.ledger.storage.schema import (
    RETRIES,
    canaries,
    deliveries,
    messages,
    meta,
    metadata,
    removals,
    rows,
    suppressed,
    thin_indexes,
)

Migration = Callable[[sa.Connection], None]


def _use_one_form_of_numbers(connection: sa.Connection) -> None:
    """Give people whose number has two forms the one by which they are known now (`unify_forms`)."""
    for table in (messages, rows, suppressed):
        without = (table.c.person.like("+54%"), ~table.c.person.like("+549%"))
        new = sa.literal("+549") + sa.func.substr(table.c.person, 4)
        update = sa.update(table).prefix_with("OR IGNORE", dialect="sqlite")
        connection.execute(update.where(*without).values(person=new))
    connection.execute(
        sa.delete(suppressed).where(suppressed.c.person.like("+54%"), ~suppressed.c.person.like("+549%"))
    )


def _limit_suppression_to_endpoints(connection: sa.Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE suppressed RENAME TO suppressed_everywhere")
    suppressed.create(connection)
    connection.exec_driver_sql(
        "INSERT INTO suppressed (person, reason, source, added)"
        " SELECT person, reason, source, added FROM suppressed_everywhere"
    )
    connection.exec_driver_sql("DROP TABLE suppressed_everywhere")
    _use_one_form_of_numbers(connection)


def _add_deliveries(connection: sa.Connection) -> None:
    for column in (
        "messages ADD COLUMN message_id",
        "messages ADD COLUMN message_status",
        "runs ADD COLUMN reply_opt_outs",
    ):
        connection.exec_driver_sql(f"ALTER TABLE {column} TEXT")
    deliveries.create(connection)


def _add_canaries_and_retries(connection: sa.Connection) -> None:
    canaries.create(connection)
    connection.exec_driver_sql("ALTER TABLE messages ADD COLUMN retry_of VARCHAR(64)")
    RETRIES.create(connection)


def _add_epochs(connection: sa.Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE messages ADD COLUMN claim_epoch INTEGER")


MIGRATIONS: Mapping[int, Migration] = {
    5: _limit_suppression_to_endpoints,
    6: _add_deliveries,
    7: _add_canaries_and_retries,
    8: removals.create,
    9: _add_epochs,
    10: thin_indexes,
}
"""Version n to the step that leads to it from n - 1: each change of a table brings its own."""

OLDEST_VERSION = 4
"""The oldest version that migrations start from. Keys of earlier ones are plain hashes, under which every recipient
would count as new."""
_LAST_UPGRADER = "3bbba84"
"""The last commit of wegly-batch with the steps from versions 1 to 3 to version 4."""


def read_version(connection: sa.Connection) -> int | None:
    """Return the schema version; None for an empty database."""
    if not sa.inspect(connection).has_table(meta.name):
        return None
    found = connection.execute(sa.select(meta.c.value).where(meta.c.name == "schema_version")).scalar()
    if not isinstance(found, str) or not re.fullmatch(r"\d{1,9}", found, re.ASCII):
        raise LedgerUnusable(_("The ledger has no version in its table `meta`."), remedy_for_code(DAMAGED))
    return int(found)


def migrate(connection: sa.Connection, path: Path, migrations: Mapping[int, Migration], version: int) -> None:
    """Create the tables, or bring those of an older version up to `version`. The caller commits."""
    found = read_version(connection)
    if found is None:
        create_tables(connection, metadata, version)
        return
    _refuse_version(path, found, version)
    for step in range(found + 1, version + 1):
        migrations[step](connection)
    if found < version:
        connection.execute(sa.update(meta).where(meta.c.name == "schema_version").values(value=str(version)))


def _refuse_version(path: Path, found: int, version: int) -> None:
    """Raise LedgerUnusable when a ledger of version `found` cannot be used, or not be migrated at this moment."""
    if found > version:
        raise LedgerUnusable(
            _("The ledger {path} was written by a newer wegly-batch (its version is {found}, ours {version}).").format(
                path=path, found=found, version=version
            ),
            _("Install the newest wegly-batch."),
        )
    if found < OLDEST_VERSION:
        raise LedgerUnusable(
            _("The ledger {path} has version {found}; this wegly-batch reads version {oldest} and newer.").format(
                path=path, found=found, oldest=OLDEST_VERSION
            ),
            _(
                "Everyone in it stays protected: in a checkout of wegly-batch, `git checkout {commit}`, install that "
                'as its README says, and run `wegly-batch runs --ledger "sqlite:///{path}"` once, which brings the '
                "ledger up to date. Then install this version again."
            ).format(commit=_LAST_UPGRADER, path=path),
        )
    if found < version and is_in_use(locks_folder(path)):
        # The program that holds a lock knows the old tables only.
        raise LedgerUnusable(
            _("The ledger {path} must be brought up to date, and another program is using it.").format(path=path),
            _("Wait until it has ended, then run the same command again."),
        )
