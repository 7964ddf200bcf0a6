"""Administration of a ledger: settlement, purge, backup."""
