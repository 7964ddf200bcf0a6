"""Where the samples are."""

from __future__ import annotations

from pathlib import Path

import batch

__all__ = ["samples"]


def samples() -> Path:
    """The folder of the samples: inside the installed package, or beside it in a checkout."""
    package = Path(batch.__file__).parent
    inside = package / "samples"
    return inside if inside.is_dir() else package.parent / "samples"
