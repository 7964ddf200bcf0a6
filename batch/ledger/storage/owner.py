"""Who holds a claim."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

__all__ = ["Owner"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """Host, process and run of a claim."""

    run: str
    host: str
    pid: int

    @classmethod
    def here(cls, run: str) -> Owner:
        """This process, for `run`."""
        return cls(run=run, host=socket.gethostname(), pid=os.getpid())
