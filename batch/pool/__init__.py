"""Drives attempts: workers, throttle, what stops a run. It knows the ledger and the API only by small protocols.

Invariants:

* A worker waits for its slot, claims and connects a little before it, posts once at its moment, and records or
  releases; nothing else makes a POST.
* Each sender has a lane of its own: its pace, its workers, its stop. What concerns all (a signal, the ledger, the
  clock, the token) stops every lane.
* What a rule keeps back is passed over or put off, never held by a claim.
* A claim that did not send is released before any wait, so open claims are attempts in flight.
* Once the run is stopping no claim is made; what is in flight is finished, or recorded as `unknown`.
* Arithmetic of time is in pure functions (`pace`, `repeats`, `stopping`); the loop's clock drives them.
"""

from batch.pool.hours import NEVER
from batch.pool.pool import Pool, Sent
from batch.pool.ports import Attempts, ChatsClient, PoolSettings, Progress
from batch.pool.retries import RepeatRules
from batch.pool.stop import Stop, StopCause, StopRules, stopping_on_signals

__all__ = [
    "NEVER",
    "Attempts",
    "ChatsClient",
    "Pool",
    "PoolSettings",
    "Progress",
    "RepeatRules",
    "Sent",
    "Stop",
    "StopCause",
    "StopRules",
    "stopping_on_signals",
]
