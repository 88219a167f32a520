"""Rules of templates and SQL: what cannot be read at all."""

from __future__ import annotations

from collections.abc import Iterable

from usersync.diagnostics import Diagnostic
from usersync.lint.rule import Checked
from usersync.lint.rules.registry import rule


@rule("US001", "template-error")
def template_error(checked: Checked) -> Iterable[Diagnostic]:
    """Jinja must be able to read and render every model.

    Bad: `select {% if true %} id from t`
    Good: `select {% if true %} id {% endif %} from t`
    """
    return (*checked.found.get("US001", ()), *checked.unused_views.get("US001", ()))


@rule("US002", "sql-parse-error")
def sql_parse_error(checked: Checked) -> Iterable[Diagnostic]:
    """What a template renders must be SQL of the model's dialect; so must mappings, users.sql and recorded sources.

    Bad: `select id, , email from customers`
    Good: `select id, email from customers`
    """
    views = checked.unused_views.get("US002", ())
    return (*checked.found.get("US002", ()), *views, *checked.sources.problems)


@rule("US003", "undefined-name")
def undefined_name(checked: Checked) -> Iterable[Diagnostic]:
    """A name that nothing defines is a typing error, not an empty text.

    Bad: `where updated_at >= {{ update_at }}`
    Good: `where updated_at >= {{ updated_at }}`
    """
    return (*checked.found.get("US003", ()), *checked.unused_views.get("US003", ()))


@rule("US004", "unknown-ref-or-source")
def unknown_ref_or_source(checked: Checked) -> Iterable[Diagnostic]:
    """`ref()` names a view of the project, `source()` the pipeline's own connection; users.sql must exist.

    Bad: `select id from {{ ref('activ') }}`
    Good: `select id from {{ ref('active') }}`
    """
    return (*checked.found.get("US004", ()), *checked.unused_views.get("US004", ()))


@rule("US005", "cycle")
def cycle(checked: Checked) -> Iterable[Diagnostic]:
    """Views that use each other in a circle have no SQL.

    Bad: `models/a.sql` uses `{{ ref('b') }}` and `models/b.sql` uses `{{ ref('a') }}`
    Good: one of them reads the table itself
    """
    return (*checked.found.get("US005", ()), *checked.unused_views.get("US005", ()))
