"""Reads sources, merges what was read with what is stored, and writes it all at once."""

PACKAGE = "usersync.build"
"""Whose SQL templates are meant."""
