"""Rights of files, as far as the system has them."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def is_private(path: Path) -> bool:
    """Only the owner may use it. On Windows, whose modes say nothing about other users, that lies with its folder."""
    return os.name == "nt" or stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
