"""Lets the tests of this folder share the scripted API and its world."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scripted_api import World

from batch.ledger import Ledger
from batch.ledger.send.queue import SendQueue


@pytest.fixture
def world(ledger: Ledger, in_virtual_time: Callable[[Any], Any], inline_sending: Callable[..., SendQueue]) -> World:
    """A run that can be planned in a ledger, and sent in virtual time."""
    return World(ledger, in_virtual_time, inline_sending)
