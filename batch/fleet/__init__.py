"""The hand-out of lanes to workers by Procrastinate, which is used here alone.

What it says is a hint about who might work now, never about who may: that is decided by the ledger's locks and claims.
Its rows may be lost, doubled or ended by hand, and the next sweep of any worker puts right what is missing.
"""

from batch.fleet.dispatch import LaneJob, enqueue, forget_lost, make_tables, queued_lanes, work
