"""One run in progress: its folder, log, progress and end."""
