"""Puts the parts together from the settings: the only package that knows every concrete class.

One module for each thing a person can do (`checking`, `running`, `reporting`, `settling`, `reconciling`, `demo`); the
command line only turns words into their arguments, and a program may call them as well.
"""
