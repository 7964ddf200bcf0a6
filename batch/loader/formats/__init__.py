"""File formats: one module for each way in which a table lies on disk."""
