"""Records for programs: what `--json` prints, and what the Python API returns. Their names are never changed.

One module for each command. Sentences are in the current language. A moment is in the campaign's time zone, where there
is a campaign.
"""
