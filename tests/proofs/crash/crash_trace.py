"""The order of a claim, its flush and its POST, out of a trace of the program's system calls.

kill -9 does not lose what the system has not yet written to the disk; a power cut does. So this is read from the trace:
the last write to the ledger's log (SQLite's WAL) that changed this person's message before the POST made it `claimed`;
after that write a flush of the log began; and the flush was complete before the first byte of the POST left.

A line of the trace stands where strace held the thread: a call whose end is in an earlier line was complete before a
call began that stands in a later line, whichever threads made them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from crash_pages import rows_of, unescaped

from batch.ledger.storage.schema import messages

__all__ = ["OPTIONS", "Call", "Post", "calls_of", "posts_of"]

OPTIONS = ("-y", "-s", "5000", "-e", "trace=pwrite64,fsync,fdatasync,sendto,sendmsg,write,writev")
"""strace's options for such a trace: names of files, and enough of each text for a whole page of the ledger."""

FLUSHES = {"fsync", "fdatasync"}
SENDS = {"sendto", "sendmsg", "write", "writev"}

_BEGUN = re.compile(r"(?P<thread>\d+) +(?P<name>\w+)\((?P<fd>\d+)<(?P<path>[^>]*)>(?P<rest>.*)", re.DOTALL)
_RESUMED = re.compile(r"(?P<thread>\d+) +<\.\.\. \w+ resumed>")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_CONTACT = re.compile(r'\\"wa_contact_id\\":\\"(\d+)\\"')
_COLUMNS = [column.name for column in messages.columns]


@dataclass(kw_only=True, slots=True)
class Call:
    """A system call on a file or socket; `begun` and `ended` are lines of the trace."""

    name: str
    fd: str
    path: str
    text: str
    begun: int
    ended: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """What the trace shows of one POST, as lines of the trace; None for what it does not show."""

    person: str
    begun: int
    """The first byte of the request leaves."""
    claimed: int | None
    """This person's claim has been written: the last change of the message before the POST."""
    flushed: int | None
    """The first flush that began after that is complete."""

    @property
    def durable(self) -> bool:
        """The claim was on the disk before the first byte left."""
        return self.flushed is not None and self.flushed < self.begun


def calls_of(trace: Iterable[str]) -> list[Call]:
    """The calls of a trace (`strace -f -y`), with those put together that other threads' lines cut in two."""
    found: list[Call] = []
    cut: dict[str, Call] = {}
    for number, line in enumerate(trace):
        if resumed := _RESUMED.match(line):
            if (call := cut.pop(resumed["thread"], None)) is not None:
                call.ended = number
        elif begun := _BEGUN.match(line):
            call = Call(name=begun["name"], fd=begun["fd"], path=begun["path"], text=begun["rest"], begun=number)
            found.append(call)
            if line.rstrip().endswith("<unfinished ...>"):
                cut[begun["thread"]] = call
            else:
                call.ended = number
    return found


def posts_of(trace: Iterable[str]) -> list[Post]:
    """Every POST of a trace, in order, with what was durable before it."""
    everything = calls_of(trace)
    log = _Log()
    for call in everything:
        if call.path.endswith("-wal"):
            log.note(call)
    return [log.before(person, begun) for person, begun in _posted(everything)]


@dataclass(kw_only=True, slots=True)
class _Log:
    """What was written to the ledger's log, and flushed."""

    changes: dict[str, list[tuple[tuple[str, int], Call]]] = field(default_factory=dict)
    """Of each person: (state, attempts) and the write that first had it."""
    flushes: list[Call] = field(default_factory=list)

    def note(self, call: Call) -> None:
        if call.name in FLUSHES:
            self.flushes.append(call)
        elif call.name == "pwrite64" and (text := _TEXT.search(call.text)):
            for person, state in _messages(unescaped(text[1])):
                changes = self.changes.setdefault(person, [])
                if not changes or changes[-1][0] != state:
                    changes.append((state, call))

    def before(self, person: str, begun: int) -> Post:
        """The POST that began at that line."""
        changes = [change for change in self.changes.get(person, []) if change[1].begun < begun]
        claimed = changes[-1][1].ended if changes and changes[-1][0][0] == "claimed" else None
        later = [flush.ended for flush in self.flushes if claimed is not None and flush.begun > claimed]
        flushed = min((ended for ended in later if ended is not None), default=None)
        return Post(person=person, begun=begun, claimed=claimed, flushed=flushed)


def _messages(page: bytes) -> Iterator[tuple[str, tuple[str, int]]]:
    """(person, (state, attempts)) of the messages on a page; nothing where it is another table's."""
    for row in rows_of(page):
        if len(row) == len(_COLUMNS):
            message = dict(zip(_COLUMNS, row, strict=True))
            person, state, attempts = message["person"], message["state"], message["attempts"]
            if isinstance(person, bytes) and isinstance(state, bytes) and isinstance(attempts, int):
                yield person.decode(), (state.decode(), attempts)


def _posted(everything: Iterable[Call]) -> Iterator[tuple[str, int]]:
    """(person, line where the first byte leaves). Head and body are sent one after the other on one connection."""
    heads: dict[str, int] = {}
    for call in everything:
        if call.name not in SENDS or "-wal" in call.path:
            continue
        if ', "POST /integrations' in call.text:
            heads[call.fd] = call.begun
        if call.fd in heads and (contact := _CONTACT.search(call.text)):
            yield f"+55{contact[1]}", heads.pop(call.fd)
