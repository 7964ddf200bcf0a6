"""Use cases: one module for each command, named like it, and the services that they share.

A use case takes settings and returns a record; it prints nothing. The command line only parses and prints, so a program
can call the same functions. This is the only package that knows all the others, and it enters each by its door.

* `inputs`: a sheet and its campaign (`campaign_sheet`), judged rows (`staging` is the only way), lists of people, the
  change guard.
* `runs`: the folder, the log, the progress and the end of a run.
* `init`: from a sheet to the draft of a campaign.
"""
