"""Plays the world of a seed: a few lives with faults, then fair weather; the promise is checked after each."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from batch.errors import LedgerFailed
from batch.ledger import Ledger
from batch.model.runs import Result
from simulated.api import FAIR, Api
from simulated.chats import Chats
from simulated.clock import SimulatedLoop, Stuck
from simulated.disk import Disk, in_memory, on_file
from simulated.fate import Fate, Knobs, draw_fate, draw_knobs, fair_fate, stream
from simulated.life import Life
from simulated.looks import draw_looking
from simulated.outreach import OTHER_SENDER, Earlier, suppress, write_other
from simulated.outreach_promise import LEFT_OUT
from simulated.process import PROCESS, Killed, Process, task_factory
from simulated.promise import Broken, Promise
from simulated.sheet import SheetRow, draw_sheet, edited
from simulated.undisturbed import undisturbed

__all__ = ["Played", "play"]

_FAIR_LIVES = (1, 1, 1, 2)
"""The first must leave nothing waiting; a second must find nothing to do."""
_IDLE_LIVES = 60
"""In fair weather, one after the other without a post, until rows that wait count as lost: a cap may let one through a
day, for as many days as there are rows."""
_TO_THE_BRINK = 0.8
_THOROUGH = 0.25
"""How likely a life is compared with what `check` foretold."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """A world that was played to its end, or until the promise broke."""

    seed: int
    knobs: Knobs
    breaches: tuple[Broken, ...]
    trace: tuple[str, ...]
    """Every event, in order."""
    figures: Counter[str]
    """lives, kills, posts, ..., and `ending <name>` for each way an exchange ended."""

    @property
    def digest(self) -> str:
        """Of the trace."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


def play(seed: int) -> Played:
    """Play the world of `seed`. The promise was kept when `breaches` is empty."""
    knobs = draw_knobs(stream(seed, "knobs"))
    with undisturbed(page=knobs.page, waits=knobs.outreach.wait), on_file() if knobs.file else in_memory() as disk:
        world = _World(seed=seed, knobs=knobs, disk=disk)
        try:
            world.play()
        finally:
            world.loop.close()
    return Played(
        seed=seed, knobs=knobs, breaches=tuple(world.promise.breaches), trace=tuple(world.trace), figures=world.figures
    )


@dataclass(eq=False, kw_only=True)
class _World:
    seed: int
    knobs: Knobs
    disk: Disk
    trace: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._lives = self._sent_by_others = 0
        self._fates = stream(self.seed, "fates")
        self._people = stream(self.seed, "people")
        self._delays = stream(self.seed, "disk")
        stalls = stream(self.seed, "stalls")
        likely = self.knobs.stalls
        self.loop = SimulatedLoop(lambda: stalls.uniform(0.0, 3.0) if likely and stalls.random() < likely else 0.0)
        self.loop.set_task_factory(task_factory)  # type: ignore[arg-type]
        self.loop.set_exception_handler(self._unheard)
        self.promise = Promise(self.note, self.knobs.outreach)
        self.promise.outreach.unlocked = self.knobs.two
        self._others = stream(self.seed, "others")
        self._looks = stream(self.seed, "looks")
        chats = self.promise.delivery.chats = Chats(self.knobs.moves, stream(self.seed, "chats"))
        self.promise.delivery.disk = self.disk
        self.api = Api(
            self.loop,
            self.disk,
            self.promise,
            self.note,
            chats=chats,
            rng=stream(self.seed, "api"),
            way=stream(self.seed, "way"),
        )

    def note(self, who: str, what: str, *details: object) -> None:
        """One line of the trace."""
        self.trace.append(f"{self.loop.time():.6f} {who} {what} {' '.join(map(str, details))}")

    def play(self) -> None:
        """Lives with faults, then fair ones; ends early when the promise is broken."""
        knobs = self.knobs
        sheet = draw_sheet(
            self._people,
            knobs.rows,
            people=knobs.people,
            senders=knobs.senders,
            invoices=knobs.invoices,
            flawed=knobs.flawed,
        )
        self._before(sheet)
        for _ in range(knobs.lives):
            self._gap()
            fates = [draw_fate(self._fates, knobs) for _ in range(1 + knobs.two)]
            self._live(fates, sheet)
            if self._people.random() < 0.5:
                sheet = edited(self._people, sheet, people=knobs.people)
        for _ in range(self._people.choice(_FAIR_LIVES)):
            self._sleep(3600 * self._looks.choice(knobs.moves.gaps))
            self._to_the_end(sheet)
        self.figures["opt-outs seen"] = self.promise.delivery.opted_out_by_look
        self.figures["replaced"] = self.promise.delivery.replacements
        self.figures.update({f"ending {name}": times for name, times in self.api.seen.items()})
        self.figures.update({f"left open by a failed {kind}": n for kind, n in self.promise.left_open.items()})

    def _to_the_end(self, sheet: Sequence[SheetRow]) -> None:
        """In fair weather, one life after the other at the time that the last one named, until nothing waits."""
        idle = 0
        while idle < _IDLE_LIVES:
            posts = self.figures["posts"]
            until = self._live([fair_fate()], sheet, fair=True)
            if until is None or self.promise.breaches:
                return
            idle = idle + 1 if self.figures["posts"] == posts else 0
            self.figures["waited for hours or a cap"] += 1
            self._sleep((until - self.loop.wall()).total_seconds())
        self.promise.broken("lost", f"after {_IDLE_LIVES} lives without a post in fair weather some rows wait still")

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.loop.run_until_complete(asyncio.sleep(seconds))

    def _before(self, sheet: Sequence[SheetRow]) -> None:
        """What another campaign sent in the days before."""
        with self.disk.open() as ledger:
            for _ in range(self.knobs.outreach.earlier):
                ago = timedelta(
                    hours=self._others.choice((0.1, 1.0, 19.99, 23.0, 23.999, 40.0)), seconds=self._others.uniform(0, 9)
                )
                sender = f"sender-{self._others.randrange(self.knobs.senders)}"
                self._other(ledger, sheet, self.loop.wall() - ago, sender)

    def _gap(self) -> None:
        """The time between two lives; where there are hours, often until shortly before their end."""
        outreach, rng = self.knobs.outreach, self._others
        self._sleep(3600 * (rng.choice(outreach.gaps) + self._looks.choice(self.knobs.moves.gaps)))
        end = outreach.window_end(self.loop.wall())
        if end is not None and rng.random() < _TO_THE_BRINK:
            length = self.knobs.rows / self.knobs.settings.rate + 0.5
            self._sleep((end - self.loop.wall()).total_seconds() - rng.uniform(0, length))

    def _meanwhile(self, sheet: Sequence[SheetRow]) -> None:
        """What others will do while the next life sends."""
        outreach, length = self.knobs.outreach, self.knobs.rows / self.knobs.settings.rate
        for what, times in ((self._list, outreach.listed), (self._sends_too, outreach.others)):
            for _ in range(times):
                self.loop.call_later(self._others.uniform(0, length), what, sheet)

    def _list(self, sheet: Sequence[SheetRow]) -> None:
        person = self._others.choice(sheet).person
        if person is not None:
            with self.disk.open() as ledger:
                suppress(ledger, person, self.loop.wall())
            self.note("people", "listed", person)
            self.promise.outreach.listed(person)

    def _sends_too(self, sheet: Sequence[SheetRow]) -> None:
        with self.disk.open() as ledger:
            self._other(ledger, sheet, self.loop.wall(), OTHER_SENDER)

    def _other(self, ledger: Ledger, sheet: Sequence[SheetRow], at: datetime, sender: str) -> None:
        person = self._others.choice(sheet).person
        if person is not None:
            message = Earlier(person=person, sender=sender, at=at)
            write_other(ledger, message, self._sent_by_others)
            self._sent_by_others += 1
            self.note("another campaign", "sent", person, sender, at)
            self.promise.outreach.other(message)

    def _live(self, fates: Sequence[Fate], sheet: Sequence[SheetRow], *, fair: bool = False) -> datetime | None:
        """One life, or two at once. Returns when the rest may go, as the (last) run told; None when nothing waits."""
        if self.promise.breaches:
            return None
        if not fair:
            moves, rng = self.knobs.moves, self._looks
            fails, reads = rng.random() < moves.broken, rng.choice((0.0, 0.1, 0.5))
            fates = [replace(fate, weather=replace(fate.weather, fails=fails, reads=reads)) for fate in fates]
        self.api.change(fates[0].weather)
        wrong = self.promise.outreach.clock_was_wrong or fates[0].weather.skew != 0
        self.promise.outreach.clock_was_wrong = self.promise.delivery.clock_was_wrong = wrong
        self._meanwhile(sheet)
        lives = [self._life(fate, sheet, first=number == 0, alone=len(fates) == 1) for number, fate in enumerate(fates)]
        try:
            self._run(lives)
        except Stuck as stuck:
            self.promise.broken("stuck", str(stuck))
            return None
        self._check(lives, fair=fair)
        sent = lives[-1].sent
        return sent.next_at if sent else None

    def _life(self, fate: Fate, sheet: Sequence[SheetRow], *, first: bool, alone: bool) -> Life:
        self._lives += 1
        settings = self.knobs.settings
        process = Process(
            name=f"run-{self._lives}",
            rate=settings.rate,
            concurrency=settings.concurrency,
            note=self.note,
            kill_at=fate.kill_event,
            alone=alone,
        )
        looking = draw_looking(self._looks, self.knobs.moves)
        if looking.canary and fate.weather is not FAIR:
            fate = replace(fate, canary=fate.canary or self._looks.randint(1, 3))
        if self.knobs.moves.replies and fate.weather is not FAIR and self._looks.random() < 0.4:
            fate = replace(fate, limit=self._looks.randint(1, self.knobs.rows))
        process.undelivered = looking.undelivered
        process.fails = fate.weather.fails and not (self.knobs.stalls or self.knobs.outreach.wait or fate.weather.skew)
        if not first:
            fate = replace(fate, delay=self._fates.choice((0.0, 0.05, 0.5, 5.0)))
            sheet = edited(self._people, sheet, people=self.knobs.people)
        if fate.trouble is not None:
            self.disk.troubles[process] = fate.trouble
        life = Life(
            process=process,
            fate=fate,
            looking=looking,
            knobs=self.knobs,
            sheet=sheet,
            loop=self.loop,
            disk=self.disk,
            api=self.api,
            promise=self.promise,
            rng=self._delays,
            note=self.note,
            alone=alone,
            thorough=self._people.random() < _THOROUGH,
        )
        process.now = life.now
        return life

    def _run(self, lives: Sequence[Life]) -> None:
        """Run the loop until every life has ended, one way or the other."""
        mains = [self._begin(life) for life in lives]
        processes = [life.process for life in lives]
        while not all(task.done() for process in processes for task in process.tasks):
            left = [task for process in processes for task in process.tasks if not task.done()]
            try:
                self.loop.run_until_complete(_all_of(left))
            except Killed:
                self._bury(processes)
        self._bury(processes)
        for main, life in zip(mains, lives, strict=True):
            error = None if main.cancelled() else main.exception()
            if error is not None and not life.process.dead:
                self.promise.broken("defect", f"{life.process.name}: {error!r}")

    def _begin(self, life: Life) -> asyncio.Task[None]:
        context = copy_context()
        context.run(PROCESS.set, life.process)
        return self.loop.create_task(life.live(), context=context)

    def _bury(self, processes: Sequence[Process]) -> None:
        for process in processes:
            if process.dead and not process.buried:
                self.api.died(process)
                process.bury()
                self.promise.check_dead(process, self.disk)

    def _check(self, lives: Sequence[Life], *, fair: bool) -> None:
        for life in lives:
            process = life.process
            self.figures.update({"lives": 1, "kills": process.dead, "posts": process.posts, "events": process.events})
            if life.sent is not None and not process.dead:
                self.figures[f"stop {life.sent.cause}"] += 1
            if not process.dead:
                self.promise.check_ended(process, self.disk, hurried=life.hurried)
                if process not in self.disk.troubles:
                    self.promise.delivery.looked(process)
        self.promise.check_messages(self.disk)
        self.promise.outreach.check()
        self.promise.delivery.check(self.disk, allowed=self.promise.outreach.is_listed)
        with self.disk.open() as ledger:
            for life in lives:
                self._check_report(ledger, life, fair=fair)

    def _check_report(self, ledger: Ledger, life: Life, *, fair: bool) -> None:
        run = life.process.name
        results: Sequence[Result] = ()
        if self.disk.look("select 1 from runs where run = ?", run):
            results = self.promise.check_report(ledger, run, life.sheet, alone=life.alone, thorough=life.thorough)
            self.promise.delivery.check_report(ledger, run, results)
        left_out = [result.reason for result in results if result.reason in LEFT_OUT]
        self.figures.update(f"left out {reason}" for reason in left_out)
        if fair:
            if life.sent is None or life.sent.cause is not None:
                self.promise.broken("lost", f"in fair weather {run} came to {life.sent}")
            self.promise.check_all_done(results, later=life.sent is not None and life.sent.next_at is not None)

    def _unheard(self, _: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        # Of a write that failed nobody need hear who was cancelled at the same moment.
        if not isinstance(error, Killed | LedgerFailed):
            self.promise.broken("defect", f"{context['message']}: {error!r}")


async def _all_of(tasks: Sequence[asyncio.Task[Any]]) -> None:
    await asyncio.wait(tasks)
