"""The promise, checked against the server's own log: after each kill, and when the same command has ended."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from crash_kills import Kill, carry_out
from crash_scene import CONCURRENCY, FIRST_ROW, ROWS, Ended, Row, Scene

from batch.model.outcomes import Outcome

__all__ = ["AfterKill", "Trial", "after_kill", "judge", "survive"]

SENT = {"success", "reused"}
DIED = "run_died"
"""The reason of a row whose run died while its attempt was in flight."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AfterKill:
    """The ledger as a kill left it."""

    claimed: frozenset[str]
    """People whose claim is open."""
    unclaimed_posts: tuple[str, ...]
    """People whose POST the server received though the ledger knows of no attempt: none, or the order is wrong."""


@dataclass(kw_only=True, slots=True)
class Trial:
    """What several kills and the runs after them came to. All but `kills`, `missed` and the unknowns must be empty."""

    kills: int = 0
    missed: int = 0
    """Runs that ended before it came to the kill."""
    unknown: int = 0
    """Rows that are unknown because a run died."""
    most_unknown: int = 0
    """The most of them by one kill."""
    duplicates: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    """More unknown rows than attempts were in flight, or other ones."""

    @property
    def broken(self) -> list[str]:
        """What breaks the promise."""
        return [*self.duplicates, *self.lost, *self.untrue, *self.beyond]

    def add(self, other: Trial) -> None:
        """Count the other one in."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            setattr(self, each.name, max(mine, theirs) if each.name == "most_unknown" else mine + theirs)


def survive(scene: Scene, kills: Iterable[Kill], *, rows: Sequence[Row] = ROWS) -> Trial:
    """Run the command and kill it, again and again, then let it end, and judge what it says."""
    trial = Trial()
    claimed: set[str] = set()
    for kill in kills:
        ended = carry_out(kill, scene)
        if not ended.killed:
            trial.missed += 1
            continue
        trial.kills += 1
        left = after_kill(scene)
        trial.untrue += [f"{person} was posted without a claim ({kill})" for person in left.unclaimed_posts]
        fresh = left.claimed - claimed
        trial.most_unknown = max(trial.most_unknown, len(fresh))
        if len(fresh) > CONCURRENCY:
            trial.beyond.append(f"{len(fresh)} claims were open at {kill}")
        claimed |= left.claimed
    judge(trial, scene, scene.run(), claimed=claimed, rows=rows)
    return trial


def after_kill(scene: Scene) -> AfterKill:
    """Read a copy of the ledger: to open the ledger itself would already repair it."""
    if scene.server:
        found = _messages_on_server(scene.server)
    else:
        with tempfile.TemporaryDirectory() as aside:
            for path in scene.folder.glob(scene.ledger.name + "*"):
                if path.is_file():
                    shutil.copy(path, aside)
            found = _messages(Path(aside) / scene.ledger.name)
    attempted = {person for person, state, attempts in found if state != "pending" or attempts}
    posted = dict.fromkeys(_person(received.body) for received in scene.log.received)
    return AfterKill(
        claimed=frozenset(person for person, state, _ in found if state == "claimed"),
        unclaimed_posts=tuple(person for person in posted if person not in attempted),
    )


def _messages(ledger: Path) -> list[Any]:
    connection = sqlite3.connect(ledger)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'messages'").fetchall():
            return []
        return connection.execute("SELECT person, state, attempts FROM messages").fetchall()
    finally:
        connection.close()


def _messages_on_server(url: str) -> list[Any]:
    """Read what the killed program's last transactions left, once the server has noticed that it is gone."""
    import psycopg  # noqa: PLC0415 - only where there is a server

    address, _, schema = url.partition("&schema=")
    with psycopg.connect(address, autocommit=True) as connection:
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'wegly-batch'"
        while (found := connection.execute(sessions).fetchone()) and found[0]:
            time.sleep(0.005)
        there = connection.execute("SELECT to_regclass(%s)", [f"{schema}.messages"]).fetchone()
        if not there or there[0] is None:
            return []
        table = psycopg.sql.Identifier(schema, "messages")
        return connection.execute(psycopg.sql.SQL("SELECT person, state, attempts FROM {}").format(table)).fetchall()


def _person(body: str) -> str:
    """The canonical number of a POST's contact, which this sheet sends in the national form."""
    return "+55" + body.partition('"wa_contact_id":')[2].split('"')[1]


def judge(trial: Trial, scene: Scene, ended: Ended, *, claimed: set[str], rows: Sequence[Row] = ROWS) -> None:
    """Compare the report of the run that ended with the server's log. `claimed`: who was in flight at a kill."""
    if ended.summary is None:
        trial.lost.append(f"no report: exit {ended.code}: {ended.stderr[-2000:]}")
        return
    lines = scene.results(str(ended.summary["run"]))
    counts = ended.summary["counts"]
    if len(lines) != len(rows) or not isinstance(counts, Mapping) or sum(counts.values()) != len(rows):
        trial.lost.append(f"{len(rows)} rows became {len(lines)} lines, counted as {counts}")
    told = Counter(line["wegly_status"] for line in lines)
    if counts != {outcome.value: told[outcome.value] for outcome in Outcome}:
        trial.untrue.append(f"the summary counts {counts}, the report has {dict(told)}")
    chats: dict[str, list[str]] = {}
    for applied in scene.log.applied:
        chats.setdefault(applied.person, []).append(applied.chat_id)
    trial.duplicates += [f"{person} got {len(got)} messages" for person, got in chats.items() if len(got) > 1]
    for number, (row, line) in enumerate(zip(rows, lines, strict=False), FIRST_ROW):
        problem, where = _judge_row(row, line, chats.get(_canonical(row.phone), [])), f"row {number}"
        if problem is not None:
            kind, words = problem
            getattr(trial, kind).append(f"{where} is {line['wegly_status']} ({line['wegly_reason']}): {words}")
    died = {_canonical(line["Telefone"]) for line in lines if line["wegly_reason"] == DIED}
    trial.unknown += len(died)
    if died != claimed:
        trial.beyond.append(f"unknown after a kill: {sorted(died)}; in flight at the kills: {sorted(claimed)}")


def _judge_row(row: Row, line: Mapping[str, str], chats: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with a row, as the list of a trial it belongs to and words; `chats`: one for each message sent."""
    outcome = line["wegly_status"]
    if outcome not in row.outcomes and not (row.good and line["wegly_reason"] == DIED):
        return "lost" if row.good else "untrue", f"it should be {' or '.join(sorted(row.outcomes))}"
    if not row.good or outcome == "unknown":
        return None
    if len(chats) != (outcome in SENT):
        return "untrue", f"the server applied {len(chats)} messages"
    if outcome in SENT and line["wegly_chat_id"] not in chats:
        return "untrue", "the server made another chat"
    return None


def _canonical(phone: str) -> str:
    return "+55" + "".join(filter(str.isdigit, phone))
