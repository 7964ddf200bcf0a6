"""The ways in which a client comes to its connection; what holds for a POST holds over each."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from batch.chats import ChatsClient
from batch.model.verdicts import Verdict

__all__ = ["WAYS", "Way"]


class Connected(ChatsClient):
    """Connects before each post, as the pool does."""

    async def post(self, payload: str, *, had_answer: bool) -> Verdict:
        failed = await self.connect()
        return failed or await super().post(payload, had_answer=had_answer)


class Way:
    """How clients of a test are made: `make` takes what `ChatsClient` takes."""

    def __init__(self, kind: type[ChatsClient], *, trust_env: bool) -> None:
        self._kind = kind
        self.trust_env = trust_env

    def make(self, **options: object) -> ChatsClient:
        return self._kind(**{"trust_env": self.trust_env, **options})  # type: ignore[arg-type]  # any option


WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "direct": Way(ChatsClient, trust_env=False),
        "connected": Way(Connected, trust_env=False),
        "httpx": Way(ChatsClient, trust_env=True),
    }
)
"""Our own connection, made by the post or before it, and httpx's, which is used with `trust_env`."""
