"""wegly-batch: one row, one person, at most one message, and a report that tells the truth about it.

The way of the data is one direction, and the packages are named after it:

    sheet -> loader -> plan -> ledger -> pool -> ledger -> reporter -> report

Invariants that every part keeps:

* Nothing is sent before every row of the sheet was checked.
* A POST is made only by who won the claim of its key, and the claim is durable before the first byte.
* What may have been sent is never posted again by itself.
* Every row has exactly one outcome, and the outcomes add up to the rows of the sheet.
"""

from batch._version import __version__

__all__ = ["__version__"]
