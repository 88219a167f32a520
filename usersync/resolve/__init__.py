"""Who is the same person, and what is known of each: from changed identities to users."""

PACKAGE = "usersync.resolve"
"""Whose SQL templates are meant."""
