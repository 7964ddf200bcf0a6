"""Text and JSON output of commands."""
