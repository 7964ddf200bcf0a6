"""Marks of tests that ask for what a system has not; the one place of what Wine lacks besides."""

from __future__ import annotations

import ctypes
import os
import shlex
import sys

import pytest

WINE = sys.platform == "win32" and hasattr(ctypes.WinDLL("ntdll"), "wine_get_version")

no_links = pytest.mark.skipif(os.name == "nt", reason="Windows lets only administrators make links")
"""Mark of a test that makes links."""
limited_memory = pytest.mark.skipif(
    WINE or sys.platform == "darwin",
    reason="macOS limits no memory of a process, and Wine takes a job's limits and ignores them",
)
"""Mark of a test of a process that may have so much memory."""


def split_command(command: str) -> list[str]:
    """The words of a command that the program names, as this system's shell takes them."""
    if os.name != "nt":
        return shlex.split(command)
    return [word.strip('"') for word in shlex.split(command, posix=False)]
