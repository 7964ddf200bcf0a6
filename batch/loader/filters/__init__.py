"""Filters of `{Column|filter}`: a registry, and one module for each rule of its own."""
