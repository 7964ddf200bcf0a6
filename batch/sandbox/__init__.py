"""A local imitation of the API, for trying out and for tests.

It accepts the requests of the API's page, refuses all others, keeps one chat for each sender and person, and fails on
demand: by the last four digits of a contact (`SPECIAL_CONTACTS`) and by shares (`Faults`). What it accepted moves:
sent, delivered, read, or otherwise by the digits (`WAYS`). Invariants:

* Its log is the truth: a message is in `applied` exactly when a real API would have sent it, whatever the answer.
* It listens on this machine only, and keeps no token.
"""

from batch.sandbox.deliveries import WAYS
from batch.sandbox.faults import SPECIAL_CONTACTS, Faults
from batch.sandbox.log import SandboxLog
from batch.sandbox.server import RunningSandbox, running_sandbox, serve
