"""The domain as frozen values: row, person, message, outcome, run. No I/O, no clock."""
