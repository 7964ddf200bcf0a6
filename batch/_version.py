"""The version, read by the build and by the program alike."""

__version__ = "0.4.0"
