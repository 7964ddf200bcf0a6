"""What the starts of one sender came to: how many, and how fast."""

from __future__ import annotations

__all__ = ["Starts"]


class Starts:
    """Counts starts. Passes are apart: what is waited for between them (the hours of tomorrow) is no pace."""

    def __init__(self) -> None:
        self.count = 0
        self._seconds = 0.0
        """Between first and last start of each pass."""
        self._gaps = 0
        self._latest: float | None = None

    def new_pass(self) -> None:
        """The next start begins a pass."""
        self._latest = None

    def note(self, now: float) -> None:
        """A start, by a monotonic clock."""
        if self._latest is not None:
            self._seconds += now - self._latest
            self._gaps += 1
        self._latest = now
        self.count += 1

    @property
    def rate(self) -> float | None:
        """Starts a second between the first and the last of each pass; None when no pass had two."""
        return self._gaps / self._seconds if self._gaps and self._seconds > 0 else None
