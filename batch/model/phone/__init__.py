"""Phone numbers: the number that a cell means, Brazilian numbering rules, other countries, time zones."""
