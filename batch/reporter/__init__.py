"""Turns results into the report a person reads."""
