"""The ways in which a client comes to its connection; what holds for a POST holds over each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from unittest.mock import patch

from connect_proxy import proxy_address

from batch.chats import ChatsClient
from batch.chats.transport import factory
from batch.model.verdicts import Verdict

__all__ = ["WAYS", "Way"]


class Connected(ChatsClient):
    """Connects before each post, as the pool does."""

    async def post(
        self, payload: str, *, had_answer: bool, is_void: Callable[[], bool] = lambda: False
    ) -> Verdict | None:
        failed = await self.connect()
        return failed or await super().post(payload, had_answer=had_answer, is_void=is_void)


class Way:
    """How clients of a test are made: `make` takes what `ChatsClient` takes."""

    def __init__(self, kind: type[ChatsClient], *, trust_env: bool = False, proxied: bool = False) -> None:
        self._kind = kind
        self._trust_env = trust_env or proxied
        self.proxied = proxied
        """Through a proxy that the environment names, though the server is on this machine."""

    def make(self, **options: object) -> ChatsClient:
        with patch.object(factory, "environment_proxy", self._proxy):
            return self._kind(**{"trust_env": self._trust_env, **options})  # type: ignore[arg-type]  # any option

    def _proxy(self, _: str) -> str | None:
        return proxy_address() if self.proxied else None


WAYS: Mapping[str, Way] = MappingProxyType(
    {
        "direct": Way(ChatsClient),
        "connected": Way(Connected),
        "trusting": Way(ChatsClient, trust_env=True),
        "proxied": Way(ChatsClient, proxied=True),
        "proxied, connected": Way(Connected, proxied=True),
    }
)
"""The connection is made by the post or before it; without a proxy, with none in the environment, with one."""
