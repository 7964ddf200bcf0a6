"""Workers, rate limits and stop rules: the pool brings every pending message of a run to an outcome.

It knows the ledger and the API only by the protocols in `ports`. Invariants:

* A worker waits for its start slot, claims and connects a little before it, posts once at its moment, and records or
  releases the claim; nothing else makes a POST.
* Right before the first byte, with nothing to wait for in between, the hours and the age of the claim are looked at
  once more: what may not begin any more gives its claim back and takes another slot.
* Each sender has its own start slots, workers and stop signal. Causes that concern all senders (a signal, the ledger,
  the clock, the token) stop every one of them.
* A message that a rule keeps back is passed over or deferred, never held by a claim.
* A claim that did not send is released before any wait, so open claims are attempts in flight.
* Once the run is stopping no claim is made; attempts in flight finish, or are recorded as `unknown`.
* Time arithmetic is in pure functions (`pacing`, `retries`, `stop`); the event loop's clock drives them.
"""

from batch.pool.attempt import ledger_failure
from batch.pool.deferred import NEVER
from batch.pool.event_loop import precise_loop
from batch.pool.pacing import RetryRules
from batch.pool.pool import NOTHING_SENT, Pool, PoolResult
from batch.pool.ports import PoolSettings, Progress
from batch.pool.sender import SenderPool
from batch.pool.start_slots import AchievedRate
from batch.pool.stop import StopRules, StopSignal, stop_on_signals
