"""User data from any database, merged into one trustworthy table of users."""

__version__ = "0.1.0"
