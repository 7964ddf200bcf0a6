"""Lets the tests of this folder import its harness, which the command `sweep.py` uses as well."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
