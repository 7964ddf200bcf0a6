"""What a POST costs: ChatsClient against a plain httpx client per worker, on this machine.

    python tests/benchmarks/client.py [--posts 4000] [--rounds 3] [--profile 40]

A bare server answers from a process of its own. Read the ratios: the milliseconds are this machine's. CPU is that of
the client's process alone, all its threads; `--profile` shows where ChatsClient spends it, so many lines of it.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import itertools
import multiprocessing
import pstats
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from statistics import median

import httpx

from batch.chats import ChatsClient, Token, encode, make_ssl_context
from batch.model.messages import Message, TemplateField

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJiZW5jaG1hcmsifQ.YS1zaWduYXR1cmUtb2YtYS10b2tlbg"
CHAT = (
    b'{"id":"3c90c3cc-0d44-4b50-8888-8dd25736052a","status":"OPEN","unread_count":0,"archived_at":null,'
    b'"contact":{"name":"Ana Souza","wa_id":"5511999990001"},"last_message_at":null,'
    b'"last_message":{"from_me":true,"origin":"API","status":"queued"}}'
)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nDate: Wed, 11 Mar 2026 12:00:00 GMT\r\nServer: benchmark\r\n"
    b"Content-Type: application/json; charset=utf-8\r\nX-Request-Id: 5f2c9a\r\nVary: Origin\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(CHAT), CHAT)
)

Post = Callable[[], Awaitable[object]]
Maker = Callable[[str, AsyncExitStack], Post]


def a_payload(name: str) -> str:
    """The body of a POST like most: a name, two values."""
    values = (name, "Padaria Esperan\u00e7a")
    return encode(
        Message(
            whatsapp_phone_id="0b28ee57-7a57-4407-a9c5-5cd4e5a5fd6c",
            wa_contact_id="11999990001",
            template_name="saudacao_inicial",
            template_language="pt_BR",
            remote_profile_name=name,
            template_fields=tuple(
                TemplateField(component="BODY", type="TEXT", index=index, value=value)
                for index, value in enumerate(values, 1)
            ),
        )
    )


PAYLOADS = itertools.cycle([a_payload("Ana " + "x" * more) for more in range(60)])
"""No two that follow one another are of one length: what is kept per length must not look better than it is."""


class BareServer(asyncio.Protocol):
    """Answers each request after a delay, and looks at nothing but its length."""

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._seen = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen += data
        while (end := self._seen.find(b"\r\n\r\n") + 4) > 3:
            head = self._seen[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self._seen) < end + length:
                return
            self._seen = self._seen[end + length :]
            if self._delay:
                asyncio.get_running_loop().call_later(self._delay, self._answer)
            else:
                self._answer()

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(ANSWER)  # type: ignore[attr-defined]  # a stream's transport has it


def serve(ready: Connection, delay: float) -> None:
    """The server's process: tells its port, and serves until it is ended."""

    async def work() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: BareServer(delay), "127.0.0.1", 0, backlog=1024)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(work())


TLS = make_ssl_context()


def plain_httpx(url: str, stack: AsyncExitStack) -> Post:
    """A client of httpx with one connection, used as its documentation says."""
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    client = httpx.AsyncClient(verify=TLS, trust_env=False, limits=limits, timeout=60.0)
    stack.push_async_callback(client.aclose)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}

    async def post() -> object:
        response = await client.post(f"{url}/integrations/external/chats", content=next(PAYLOADS), headers=headers)
        return response.json()["id"]

    return post


def chats_client(url: str, stack: AsyncExitStack) -> Post:
    """Our client, verdict included."""
    client = ChatsClient(endpoint=url, token=Token.parse(TOKEN, "benchmark"), ssl_context=TLS)
    stack.push_async_callback(client.aclose)

    async def post() -> object:
        verdict = await client.post(next(PAYLOADS), had_answer=True)
        if verdict.signs is None:
            raise SystemExit(f"the benchmark's own server was not understood: {verdict}")
        return verdict.signs.chat_id

    return post


MAKERS: dict[str, Maker] = {"plain httpx, a client per worker": plain_httpx, "ChatsClient": chats_client}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one round cost."""

    seconds: float
    cpu: float


async def measured(maker: Maker, url: str, *, workers: int, posts: int, profile: cProfile.Profile | None) -> Cost:
    """So many posts by so many workers; connections are made and warm before the clock starts."""
    async with AsyncExitStack() as stack:
        workers_posts = [maker(url, stack) for _ in range(workers)]
        await asyncio.gather(*(post() for post in workers_posts))
        left = posts

        async def work(post: Post) -> None:
            nonlocal left
            while left > 0:
                left -= 1
                await post()

        if profile:
            profile.enable()
        began, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(work(post) for post in workers_posts))
        cost = Cost(seconds=time.perf_counter() - began, cpu=time.process_time() - cpu)
        if profile:
            profile.disable()
        return cost


def scene(name: str, *, workers: int, delay: float, posts: int, rounds: int, lines: int) -> None:
    """One table: each client in turn, `rounds` times, medians."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=serve, args=(there, delay), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{here.recv()}"
    profile = cProfile.Profile() if lines else None
    try:
        costs: dict[str, list[Cost]] = {client: [] for client in MAKERS}
        for _ in range(rounds):
            for client, maker in MAKERS.items():
                run = measured(maker, url, workers=workers, posts=posts, profile=None)
                costs[client].append(asyncio.run(run))
        show(name, costs, posts)
        if profile:
            asyncio.run(measured(chats_client, url, workers=workers, posts=posts, profile=profile))
            pstats.Stats(profile).sort_stats("tottime").print_stats(lines)
    finally:
        server.terminate()
        server.join()


def show(name: str, costs: dict[str, list[Cost]], posts: int) -> None:
    """The table of a scene; the ratio is to the first client's CPU."""
    print(f"\n{name}; {posts} posts")  # noqa: T201 - a benchmark talks
    print(f"{'':34}{'posts/s':>10}{'CPU ms/post':>14}{'ratio':>8}")  # noqa: T201 - see above
    first = None
    for client, rounds in costs.items():
        cpu = median(cost.cpu for cost in rounds) / posts * 1000
        speed = posts / median(cost.seconds for cost in rounds)
        first = first or cpu
        print(f"{client:34}{speed:10.0f}{cpu:14.3f}{cpu / first:8.2f}")  # noqa: T201 - see above


def main(arguments: Sequence[str] | None = None) -> None:
    """Both scenes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--posts", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", type=int, default=0, metavar="LINES")
    given = parser.parse_args(arguments)
    common = {"posts": given.posts, "rounds": given.rounds, "lines": given.profile}
    scene("32 in flight, answered at once", workers=32, delay=0.0, **common)
    scene("256 in flight, answered after 300 ms", workers=256, delay=0.3, **common)


if __name__ == "__main__":
    main()
