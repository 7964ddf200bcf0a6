"""kill -9 at any instant, and the same command again: the promise, against the server's own log.

The long version, with its table: `sweep.py`.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from crash_kills import AtCall, AtRandom, Kill
from crash_promise import Trial, judge, survive
from crash_scene import CONCURRENCY, ROWS, scene
from postgres import Cluster, new_ledger

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace kills the program at a system call")

SOONEST = AtRandom(seconds=0.03, latest=30)
"""While the first attempts are in flight."""

KILLS: dict[str, tuple[Kill, ...]] = {
    "while it plans, and as it writes the ledger": (
        AtCall(call="openat (ledger)", number=3),
        AtCall(call="fdatasync", number=6),
        AtCall(call="pwrite64", number=70),
        AtCall(call="fdatasync", number=7),
    ),
    "as it posts and takes the answers": (
        AtCall(call="sendto", number=7),
        AtCall(call="recvfrom", number=12),
        AtCall(call="sendto", number=12),
        AtRandom(seconds=0.03, latest=30),
    ),
    "while it writes the report, and again when all was sent": (
        AtCall(call="rename", number=3),
        AtCall(call="fdatasync", number=3),
        AtCall(call="unlink", number=5),
        AtCall(call="fsync", number=4),
    ),
}


@needs_strace
@pytest.mark.parametrize("kills", KILLS.values(), ids=KILLS.keys())
def test_nobody_is_messaged_twice_and_no_row_is_lost(kills: tuple[Kill, ...], tmp_path: Path) -> None:
    """Four kills, one after the other, then the same command to its end."""
    with scene(tmp_path / "scene") as stage:
        trial = survive(stage, kills)
    assert trial.broken == []
    assert trial.kills == len(kills)
    assert trial.most_unknown <= CONCURRENCY


ON_SERVER: tuple[Kill, ...] = (
    AtCall(call="sendto", number=60),
    AtCall(call="recvfrom", number=150),
    AtCall(call="sendto", number=150),
    AtRandom(seconds=0.03, latest=30),
)
"""Statements, posts and answers go by these calls."""


@pytest.mark.long
@needs_strace
def test_nor_with_a_ledger_on_postgresql(postgres: Cluster, tmp_path: Path) -> None:
    """Locks end with the killed program's session, and its open claims are seen by the next run at once."""
    with scene(tmp_path / "scene", server=new_ledger(postgres)) as stage:
        trial = survive(stage, ON_SERVER)
    assert trial.broken == []
    assert trial.kills >= len(ON_SERVER) - 1
    assert trial.most_unknown <= CONCURRENCY


SABOTAGED = """
from sqlalchemy import update

from batch.cli.main import main
from batch.ledger.send import claims
from batch.ledger.storage.schema import messages


def send_them_again(connection, **_):
    claimed = messages.c.state == "claimed"
    return connection.execute(update(messages).where(claimed).values(state="pending")).rowcount


claims.settle_dead_claims = send_them_again
main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_a_program_that_sends_doubtful_rows_again_is_found_out(tmp_path: Path) -> None:
    """The proof can fail: with the rule for dead claims defeated, the same kill shows people messaged twice."""
    program = tmp_path / "sabotaged.py"
    program.write_text(SABOTAGED, encoding="utf-8")
    with scene(tmp_path / "scene", program=(sys.executable, str(program))) as stage:
        trial = survive(stage, [SOONEST])
    assert trial.kills == 1
    assert trial.duplicates
    assert trial.beyond


def test_a_report_that_is_not_true_is_found_out(tmp_path: Path) -> None:
    """The proof can fail: a missing row, a row counted wrong, a message nobody reports, another chat."""
    with scene(tmp_path / "scene") as stage:
        ended = stage.run()
        judge(clean := Trial(), stage, ended, claimed=set())
        assert clean.broken == []
        assert ended.summary is not None
        report = stage.folder / "reports" / str(ended.summary["run"]) / "results.csv"
        text = report.read_text(encoding="utf-8-sig")
        chat = next(line["wegly_chat_id"] for line in stage.results(report.parent.name) if line["wegly_chat_id"])

        def judged(changed: str) -> Trial:
            report.write_text(changed, encoding="utf-8-sig")
            judge(trial := Trial(), stage, ended, claimed=set())
            return trial

        assert judged("".join(text.splitlines(keepends=True)[:-1])).lost
        assert judged(text.replace("success", "pending", 1)).lost
        assert judged(text.replace("success", "error", 1)).untrue
        assert judged(text.replace(chat, "another")).untrue
        assert judged(text.replace("answer_lost", "run_died", 1)).beyond
        judge(silent := Trial(), stage, replace(ended, summary=None), claimed=set())
        assert silent.lost
        twice = stage.log.applied[0]
        stage.log.note_applied(stage.log.received[0], contact=twice.contact, sender=twice.sender, chat_id=twice.chat_id)
        assert judged(text).duplicates
    assert len(ROWS) == 40
