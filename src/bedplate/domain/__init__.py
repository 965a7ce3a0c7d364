"""Nouns that everyone speaks: frozen slotted dataclasses on the standard library alone.

No I/O, no framework, no configuration; behaviour only where it follows from the fields.
"""
