"""Filters of `{Column|filter}`: `registry` lists them all; dates, money and names have modules of their own."""
