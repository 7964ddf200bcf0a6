"""Follow thousands of messages that move on random ways, and compare the ledger with the server's log.

Prints a line for each part, and ends with 1 when something does not hold. See README.md beside it.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from moving_messages import MovingApi, accept, compare, draw, known, serving

from batch.app import follow as following
from batch.app import looks
from batch.app.follow import FollowChoices, follow
from batch.app.settings import Settings
from batch.chats import Token
from batch.ledger import FollowScope, Ledger

BEGAN = datetime(2026, 11, 3, 12, tzinfo=UTC)
AFTER = [timedelta(hours=1, minutes=11), timedelta(hours=4), timedelta(days=2), timedelta(days=8), timedelta(days=31)]
READERS = 16
TOKEN = Token.parse("a-token", "the proof")
RATE = 50.0


class LiveApi(MovingApi):
    """An API with the machine's own clock."""

    arrivals: list[float]

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    @now.setter
    def now(self, _moment: datetime) -> None:
        self.arrivals = []

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        self.arrivals.append(time.monotonic())
        return super().answer(path)


def follow_all(api: MovingApi, ledger: Ledger, rate: float) -> int:
    """Make a pass; return how many looks are due still."""
    settings = Settings(base_url=api.url, ledger=f"sqlite:///{ledger.location}", rate=rate)
    return follow(FollowChoices(), settings=settings, token=TOKEN, on_look=lambda *_: None).due


def prove_month(folder: Path, count: int, seed: int) -> list[str]:
    """A month of looks, each pass against the log."""
    wrong: list[str] = []
    api, real_now = MovingApi(draw(count, seed, began=BEGAN), BEGAN), following.utc_now
    most = gets = 0
    with serving(api), Ledger.open(f"sqlite:///{folder / 'month.sqlite3'}") as ledger:
        accept(ledger, api)
        before: dict[str, tuple[str, int]] = {}
        for passed in AFTER:
            api.now = BEGAN + passed
            following.utc_now = looks.utc_now = lambda now=api.now: now
            for _again in range(4):
                due = ledger.deliveries.due(FollowScope(endpoint=api.url), api.now)
                each = [api.by_chat[message.chat_id] for message in due]
                most += sum((-(-4 // one.pages) if one.pages else 1) + len(one.glitches) for one in each)
                left = follow_all(api, ledger, 100_000.0)
                wrong += compare(ledger, api, before)
                before = known(ledger)
                if not left:
                    break
        gets = api.gets
    following.utc_now = looks.utc_now = real_now
    wrong += [f"{gets} requests, and {most} were to make"] if gets > most else []
    wrong += ["something was posted"] if api.posts else []
    sys.stdout.write(f"a month of {count} messages: {gets} requests of at most {most}, {len(wrong)} wrong\n")
    return wrong


def prove_kills(folder: Path, count: int, kills: int, seed: int) -> list[str]:
    """Kill the command at random until it has been killed so often, then let it end."""
    messages = draw(count, seed, began=datetime.now(UTC) - timedelta(hours=1, minutes=30))
    for message in messages:
        message.glitches.clear()
        message.pages = None
    api, dice, done = LiveApi(messages, BEGAN), random.Random(seed), 0  # noqa: S311 - repeatable
    location = folder / "kills.sqlite3"
    with serving(api), Ledger.open(f"sqlite:///{location}") as ledger:
        accept(ledger, api)
        command = [sys.executable, "-m", "batch", "follow", "--base-url", api.url, "--ledger", f"sqlite:///{location}"]
        command += ["--rate", f"{max(50, count // 20)}/s", "--reports", str(folder / "reports")]
        environment = {**os.environ, "WEGLY_TOKEN": "a-token"}
        while True:
            with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as running:
                asked = api.gets
                while running.poll() is None and (done >= kills or api.gets - asked < 1):
                    time.sleep(0.01)
                if done < kills:
                    time.sleep(dice.random() * 20 / max(kills, 1))
                    running.send_signal(signal.SIGKILL)
                    done += 1
                code = running.wait()
            if code == 0:
                break
        looks = {looks for _state, looks in known(ledger).values()}
        wrong = compare(ledger, api)
        wrong += [f"looks of messages: {looks}"] if looks != {1} else []
        wrong += [f"{len(known(ledger))} messages have a look"] if len(known(ledger)) != count else []
        again = api.gets - count
        wrong += [f"{again} requests were made again"] if again > READERS * (done + 1) else []
    sys.stdout.write(f"{done} kills over {count} messages: {again} requests made again, {len(wrong)} wrong\n")
    return wrong


def prove_rate(folder: Path, seed: int) -> list[str]:
    """The looks of some seconds, as they arrive."""
    messages = draw(500, seed, began=datetime.now(UTC) - timedelta(hours=1, minutes=30))
    for message in messages:
        message.glitches.clear()
        message.pages = None
    api = LiveApi(messages, BEGAN)
    with serving(api), Ledger.open(f"sqlite:///{folder / 'rate.sqlite3'}") as ledger:
        accept(ledger, api)
        follow_all(api, ledger, RATE)
    seen = (len(api.arrivals) - 1) / (api.arrivals[-1] - api.arrivals[0])
    sys.stdout.write(f"{RATE:g} looks a second were wanted: {seen:.2f}\n")
    return [] if abs(seen - RATE) <= 0.03 * RATE else [f"{seen:.2f} looks a second"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wrong = prove_month(folder, options.messages, options.seed)
        wrong += prove_kills(folder, options.messages, options.kills, options.seed + 1)
        wrong += prove_rate(folder, options.seed + 2)
    for each in wrong[:20]:
        sys.stdout.write(f"  {each}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
