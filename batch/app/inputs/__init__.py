"""Inputs of a command: sheets, lists of people, staged rows, and the guard against changes."""
