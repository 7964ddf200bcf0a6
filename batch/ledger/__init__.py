"""The durable record of keys, claims and outcomes, across runs and campaigns. SQLAlchemy is used here alone.

`plan` stages a sheet and decides which rows go, `send` claims and records, `read` gives results, `admin` is for
people: settlement, retention, backup; `deliveries` notes what looks into the chats have shown. All stand on `storage`.

Invariants:

* A message is posted only by the holder of its claim, and a claim is one conditional UPDATE that is durable before the
  first byte of the POST.
* A plan goes by the state of the ledger in its own transaction, whatever a sheet was judged by before
  (`storage/staged_tables.py`).
* A message leaves `claimed` only by release (certainly nothing was sent), by a recorded outcome, or, when its run
  died, as `unknown`.
* Once `success`, `reused` or `unknown`, no plan makes a message pending again.
* A message that is to replace a failed one (`retry_of`) has a key of its own: the failed one's claim and outcome stay.
  There is one at most for each message and person of a campaign, claimed only within two minutes of a look that shows
  the failure; unclaimed it ends with its run.
* A decision about an `unknown` message is noted in the transaction that carries it out. It may be reversed until the
  message was sent again. A message that it made pending has no payload: only a plan that gives it one sends it.
* `payload` is kept only while a message is pending or claimed.
* Keys are keyed hashes, so that a message whose person was purged is still the same message.
"""

from typing import TYPE_CHECKING

from batch.ledger.admin.backup import LedgerContents, back_up, read_contents
from batch.ledger.admin.people import PersonMessage, PersonRecord
from batch.ledger.admin.purge import PurgeCounts, Scope
from batch.ledger.admin.settlement import RelatedMessage, RowStatus, Settlement, SettlementCheck, check_settlement
from batch.ledger.deliveries.looks import FollowedMessage, FollowScope, OtherAttempt
from batch.ledger.ledger import Ledger, database_at
from batch.ledger.plan.rules import History, RetryOptions, RowSelection
from batch.ledger.plan.staging import Staging
from batch.ledger.plan.undelivered import DueLooks
from batch.ledger.send.queue import SendQueue
from batch.ledger.storage.engine import Database
from batch.ledger.storage.location import find_sync_service
from batch.ledger.storage.locks import Owner, campaign_lock, follow_lock, sender_lock
from batch.ledger.storage.schema import State
from batch.ledger.storage.staged_tables import StagedRow
from batch.ledger.storage.suppression import SuppressionEntry

if TYPE_CHECKING:  # who has a file needs none of it
    from batch.ledger.send.lane_queue import LaneQueue
