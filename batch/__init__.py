"""wegly-batch: one row, one recipient, at most one message, and a report that tells the truth about it.

Data flows in one direction, and the packages are named after it:

    sheet -> loader -> plan -> ledger -> pool -> ledger -> reporter -> report

Invariants:

* Nothing is sent before every row of the sheet was checked.
* A POST is made only after its key was claimed, and the claim is durable before the first byte.
* A message that may have been sent is never posted again by itself.
* Every row has exactly one outcome, and the outcomes add up to the rows of the sheet.
"""

from batch._version import __version__

__all__ = ["__version__"]
