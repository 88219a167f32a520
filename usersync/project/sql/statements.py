"""Kinds of statements that are no queries."""

from __future__ import annotations

from sqlglot import exp

STATEMENTS = (
    exp.DML,
    exp.DDL,
    exp.Command,
    exp.Merge,
    exp.Drop,
    exp.Alter,
    exp.Set,
    exp.Use,
    exp.Attach,
    exp.Detach,
    exp.Copy,
    exp.Pragma,
    exp.Transaction,
    exp.Commit,
    exp.Rollback,
    exp.TruncateTable,
    exp.Kill,
    exp.LoadData,
    exp.Install,
)
"""What changes something, or cannot be told from what does."""

OTHERS = (exp.Describe, exp.Show, exp.Comment, exp.Analyze, exp.Summarize, exp.Grant, exp.Revoke)
"""What changes nothing and is no query either, or is of no use here."""
