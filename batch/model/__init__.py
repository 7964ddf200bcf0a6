"""Values and pure rules: rows, messages, outcomes, runs, phones, sending hours.

Everything here is a function of its arguments: no file, no network, no clock, no other package of the program but
`errors` and `i18n`. What must not change between two runs of a campaign (keys, phones) is pinned by tests.
"""
