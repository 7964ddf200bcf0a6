"""Drives attempts: workers, throttle, stopping."""
