"""Lint. Importing it registers every rule; that about unused comments, which only a whole run knows, comes last."""

from usersync.lint import noqa as noqa
