"""The durable record of keys, claims and outcomes."""
