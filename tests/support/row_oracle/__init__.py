"""The row evaluator of before, kept for one commit as the oracle of a property test."""
