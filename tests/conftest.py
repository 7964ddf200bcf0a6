"""Fixtures that several test modules share."""

from __future__ import annotations

import asyncio
import gc
import os
import selectors
import signal
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy
from hypothesis import settings
from postgres import Cluster, NoServer, serving
from sqlalchemy import Engine
from sqlalchemy.util import LRUCache

from batch.i18n import set_language
from batch.ledger import Ledger, Owner
from batch.ledger.send.contact_limits import ContactLimiter
from batch.ledger.send.queue import SendQueue
from batch.ledger.storage import migrations
from batch.ledger.storage.writer import Kind, write_group
from batch.model.contact_limits import ContactLimits

T = TypeVar("T")

# Started in the background a shell has Ctrl+C ignored, and every program that a test starts would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The program is started some hundred times: a setting that forbids it to keep its bytecode would compile it each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes says more about the machine than about the rule.
settings.register_profile("ours", deadline=None)
settings.register_profile("few", deadline=None, max_examples=20)  # .ci/run, on further versions of Python
settings.load_profile("ours")


class _SharedStatements(LRUCache[Any, Any]):
    """What SQLAlchemy has compiled, for any engine with the same dialect."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__((type(key[0]), *key[1:]), value)


def _share_compiled_statements() -> None:
    """Let all ledgers of this process share what SQLAlchemy compiles, as all connections to one ledger do: to compile
    its statements anew is a fifth of the time of a test that runs a sheet."""
    create, shared = sqlalchemy.create_engine, _SharedStatements(5000)

    def create_engine(*words: Any, **options: Any) -> Engine:
        engine = create(*words, **options)
        engine._compiled_cache = shared
        return engine

    sqlalchemy.create_engine = create_engine


def _share_tables() -> None:
    """Let each new ledger in a file or in memory repeat the statements that made the first one's tables: SQLAlchemy
    takes three times as long to find them anew as SQLite to run them, and there are some thousand ledgers."""
    create, statements = migrations.create_tables, list[str]()

    def create_tables(connection: sqlalchemy.Connection, tables: sqlalchemy.MetaData, version: int) -> None:
        if not statements or connection.dialect.name != "sqlite":
            create(connection, tables, version)
            if connection.dialect.name == "sqlite":
                made = connection.exec_driver_sql("SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL")
                statements.extend(sql for table, sql in made if table in tables.tables)
            return
        cursor = connection.connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        create(connection, sqlalchemy.MetaData(), version)

    migrations.create_tables = create_tables


_share_compiled_statements()
_share_tables()


# A run's own would release all at its end; starts as a process of its own show that these work.
_freeze = gc.freeze
gc.freeze = gc.unfreeze = lambda: None


@pytest.fixture(autouse=True, scope="module")
def _small_heap() -> None:
    """Put what is loaded by now out of the garbage collector's sight: each run's full collection would walk through
    all tests, modules and compiled statements, for a fifth of its time."""
    gc.collect()
    _freeze()


@pytest.fixture(autouse=True)
def _private_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the developer's own settings, token, ledger or working folder, or the language of one before it."""
    set_language("en")
    for name in (
        "LC_ALL",
        "LC_MESSAGES",
        "LANG",
        "WEGLY_BATCH_LANG",
        "WEGLY_TOKEN",
        "WEGLY_BASE_URL",
        "WEGLY_ORIGIN",
        "WEGLY_BATCH_LEDGER",
        "WEGLY_BATCH_REPORTS",
    ):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))
    monkeypatch.setenv("WIN_PD_OVERRIDE_LOCAL_APPDATA", str(home / "data"))
    monkeypatch.chdir(home)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL server; skips where none is installed."""
    try:
        with serving() as cluster:
            yield cluster
    except NoServer as error:
        pytest.skip(str(error))


@pytest.fixture
def ledger_url(tmp_path: Path) -> str:
    """The URL of a ledger that is not there yet. Tests of the ledger's own have it on each database."""
    return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An empty ledger of its own."""
    with Ledger.open(ledger_url) as opened:
        yield opened


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer instead of waiting, so that hours pass in no time."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual = 1000.0
        self._clock_resolution = 1e-9  # that of Windows would fire timers early, as no loop of a run does
        real_select = self._selector.select

        def select(timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
            ready = real_select(0.0)
            if not ready and timeout:
                self._virtual += timeout
            return ready

        self._selector.select = select  # type: ignore[method-assign]

    def time(self) -> float:
        return self._virtual


class InlineWriter:
    """The ledger's writer without its thread: virtual time must not run on while a thread works in real time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def submit(self, kind: Kind[Any, T], value: object, future: asyncio.Future[T]) -> None:
        with self._engine.begin() as connection:
            (done,) = write_group(connection, [(kind, value, future)])
        future.set_result(done)


@pytest.fixture
def inline_sending() -> Callable[..., SendQueue]:
    """What `Ledger.open_queue` gives, for loops with a virtual clock."""

    def make(ledger: Ledger, owner: Owner, rules: ContactLimits | None = None, endpoint: str = "") -> SendQueue:
        limiter = ContactLimiter(rules or ContactLimits(), endpoint=endpoint, hashes=ledger.hashes)
        return SendQueue(ledger._engine, InlineWriter(ledger._engine), owner, limiter)  # type: ignore[arg-type]

    return make


@pytest.fixture
def in_virtual_time() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Runs a coroutine to its end on a loop with a virtual clock."""

    def run(work: Coroutine[Any, Any, T]) -> T:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(work)

    return run
