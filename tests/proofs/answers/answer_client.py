"""The client alone against the server: thousands of answers a minute, each verdict compared with the log."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from answer_runs import TOKEN, untruths
from answer_server import Log, answering

from batch.app.runs.run_log import events_to
from batch.chats.client import ChatsClient
from batch.chats.token import Token
from batch.model.reasons import Reason
from batch.model.verdicts import Verdict

_CLIENTS = 8
_MOST_SECONDS = 5.0
"""Of the processor, for one answer and what the others do meanwhile."""


@dataclass
class Posted:
    """What the posts came to."""

    answers: int = 0
    slowest: float = 0.0
    breaches: list[str] = field(default_factory=list)


def _name_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return str(event["event"])


def post_all(seed: int, count: int) -> Posted:
    """Post to so many contacts, each once, and judge the verdicts."""
    logged: list[str] = []
    with answering(f"client {seed}", TOKEN) as (url, log), events_to(logged.append, [_name_event]):
        verdicts, slowest = asyncio.run(_post_all(url, count))
    breaches = [
        f"client {seed}: {each}" for contact, verdict in verdicts.items() for each in _wrong(contact, verdict, log)
    ]
    breaches += [f"client {seed}: a reader of answers failed" for event in logged if event == "answer_not_read"]
    if slowest > _MOST_SECONDS:
        breaches.append(f"client {seed}: an answer took {slowest:.1f} s of the processor")
    return Posted(answers=log.count, slowest=slowest, breaches=breaches)


def _wrong(contact: str, verdict: Verdict, log: Log) -> Iterator[str]:
    in_time = verdict.finding.reason is not Reason.ANSWER_TIMEOUT
    yield from untruths(contact, verdict.outcome.value, log, in_time=in_time)
    if TOKEN[:20] in repr(verdict):
        yield f"{contact}: its verdict shows the token"


async def _post_all(url: str, count: int) -> tuple[dict[str, Verdict], float]:
    contacts = (str(11_970_000_000 + number) for number in range(count))
    verdicts: dict[str, Verdict] = {}
    slowest = 0.0

    async def work() -> None:
        nonlocal slowest
        client = ChatsClient(endpoint=url, token=Token(TOKEN), read_timeout=1.0)
        for contact in contacts:
            begin = time.process_time()
            verdicts[contact] = await client.post(json.dumps({"wa_contact_id": contact}), had_answer=True)
            slowest = max(slowest, time.process_time() - begin)
        await client.aclose()

    await asyncio.gather(*(work() for _ in range(_CLIENTS)))
    return verdicts, slowest
