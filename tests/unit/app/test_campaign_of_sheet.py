"""The campaign file that a sheet leads to when none is named."""
