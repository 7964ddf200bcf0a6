"""What the sandbox's log of truth says of one contact."""

from batch.sandbox import SandboxLog
from batch.sandbox.requests import person_of


def applied_to(log: SandboxLog, contact: str) -> int:
    """Count the messages that a contact got; its number may be in any form."""
    person = person_of(contact)
    return sum(entry.person == person for entry in log.applied)
