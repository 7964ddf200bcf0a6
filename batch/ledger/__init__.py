"""The durable record of keys, claims and outcomes, across runs and campaigns (SQLAlchemy lives here).

Invariants:

* A message is posted only by who holds its claim, and a claim is one conditional UPDATE that is durable before the
  first byte of the POST.
* A message leaves `claimed` only by release (certainly nothing was sent), by a recorded outcome, or, when its run
  died, as `unknown`.
* Once `success`, `reused` or `unknown`, no plan makes a message pending again.
* `payload` is kept only while a message is pending or claimed.
"""

from batch.ledger.claims import Claim, Recorded
from batch.ledger.ledger import Ledger, Sending
from batch.ledger.owner import Owner
from batch.ledger.staging import StagedRow, Staging

__all__ = ["Claim", "Ledger", "Owner", "Recorded", "Sending", "StagedRow", "Staging"]
