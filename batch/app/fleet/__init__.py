"""Runs that workers send: submitted in one place, sent by any of them, watched from anywhere."""
