"""The rules, in order of their codes. Docs and `--explain` are made from the docstrings: why, bad, good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sqlglot import exp

from usersync.compile.pipeline import Compiled
from usersync.diagnostics import Diagnostic, Level
from usersync.lint.rule import Check, Checked, Rule

RULES: dict[str, Rule] = {}


def rule(code: str, name: str, level: Level = Level.ERROR) -> Callable[[Check], Check]:
    """Registers a check under its code and name."""

    def register(check: Check) -> Check:
        RULES[code] = Rule(code, name, level, check)
        return check

    return register


@rule("US001", "template-error")
def template_error(checked: Checked) -> Iterable[Diagnostic]:
    """Jinja must be able to read and render every model.

    Bad: `select {% if true %} id from t`
    Good: `select {% if true %} id {% endif %} from t`
    """
    return checked.found.get("US001", ())


@rule("US002", "sql-parse-error")
def sql_parse_error(checked: Checked) -> Iterable[Diagnostic]:
    """What a template renders must be SQL of the model's dialect; so must mappings, checks and users.sql.

    Bad: `select id frm customers`
    Good: `select id from customers`
    """
    return checked.found.get("US002", ())


@rule("US003", "undefined-name")
def undefined_name(checked: Checked) -> Iterable[Diagnostic]:
    """A name that nothing defines is a typing error, not an empty text.

    Bad: `where updated_at >= {{ update_at }}`
    Good: `where updated_at >= {{ updated_at }}`
    """
    return checked.found.get("US003", ())


@rule("US004", "unknown-ref-or-source")
def unknown_ref_or_source(checked: Checked) -> Iterable[Diagnostic]:
    """`ref()` names a view of the project, `source()` the pipeline's own connection; users.sql must exist.

    Bad: `select id from {{ ref('activ') }}`
    Good: `select id from {{ ref('active') }}`
    """
    return checked.found.get("US004", ())


@rule("US005", "cycle")
def cycle(checked: Checked) -> Iterable[Diagnostic]:
    """Views that use each other in a circle have no SQL.

    Bad: `models/a.sql` uses `{{ ref('b') }}` and `models/b.sql` uses `{{ ref('a') }}`
    Good: one of them reads the table itself
    """
    return checked.found.get("US005", ())


@rule("US101", "name-invalid")
def name_invalid(checked: Checked) -> Iterable[Diagnostic]:
    """Names of pipelines have 1 to 60 characters, and stems of model files are unique.

    Bad: `models/eu/crm.sql` and `models/us/crm.sql`
    Good: `models/eu/crm_eu.sql` and `models/us/crm_us.sql`
    """
    return checked.found.get("US101", ())


@rule("US102", "unknown-key")
def unknown_key(checked: Checked) -> Iterable[Diagnostic]:
    """A misspelt setting would be ignored in silence.

    Bad: `config(conection = 'crm')`
    Good: `config(connection = 'crm')`
    """
    return checked.found.get("US102", ())


@rule("US103", "unknown-connection")
def unknown_connection(checked: Checked) -> Iterable[Diagnostic]:
    """A pipeline reads one connection of profiles.yml; primary sources name connections too.

    Bad: `config(connection = 'cmr')`
    Good: `config(connection = 'crm')`
    """
    return checked.found.get("US103", ())


@rule("US104", "config-not-literal")
def config_not_literal(checked: Checked) -> Iterable[Diagnostic]:
    """Settings are read without running the template, so that every tool sees them; they are literals, said once.

    Bad: `config(connection = var('where'))`
    Good: `config(connection = 'crm')`
    """
    return checked.found.get("US104", ())


@rule("US106", "schedule-invalid")
def schedule_invalid(checked: Checked) -> Iterable[Diagnostic]:
    """A schedule is a period from 5m to 24h and the minute of the day at which it starts.

    Bad: `schedule = {'period': '7m'}`
    Good: `schedule = {'period': '15m', 'start': 5}`
    """
    return checked.found.get("US106", ())


@rule("US107", "secret-in-model")
def secret_in_model(checked: Checked) -> Iterable[Diagnostic]:
    """Secrets are named in profiles.yml only: models are rendered into artifacts.

    Bad: `select '{{ env_var("API_TOKEN") }}' as token`
    Good: `select id from customers`
    """
    return checked.found.get("US107", ())


@rule("US108", "setting-invalid")
def setting_invalid(checked: Checked) -> Iterable[Diagnostic]:
    """Every model has a config(), and each setting a value of its own kind.

    Bad: `config(incremental = 'yes')`
    Good: `config(incremental = true)`
    """
    return checked.found.get("US108", ())


@rule("US201", "mapping-unknown-column")
def mapping_unknown_column(checked: Checked) -> Iterable[Diagnostic]:
    """A mapping computes from the columns that the query returns, and from nothing else.

    Bad: `mapping = {'email': 'lower(mail)'}` over `select id, email from customers`
    Good: `mapping = {'email': 'lower(email)'}`
    """
    return checked.found.get("US201", ())


@rule("US202", "mapping-and-function")
def mapping_and_function(checked: Checked) -> Iterable[Diagnostic]:
    """A pipeline maps with expressions or with a function, not with both.

    Bad: `config(mapping = {…}, function = {…})`
    Good: `config(mapping = {…})`
    """
    return checked.found.get("US202", ())


@rule("US203", "unknown-property")
def unknown_property(checked: Checked) -> Iterable[Diagnostic]:
    """Mappings, identifiers and guards name properties of users.sql; a struct and its parts are not both mapped.

    Bad: `mapping = {'emial': 'email'}`
    Good: `mapping = {'email': 'email'}`
    """
    return checked.found.get("US203", ())


@rule("US204", "conversion-impossible")
def conversion_impossible(checked: Checked) -> Iterable[Diagnostic]:
    """Some types can never become others, whatever the value.

    Bad: `mapping = {'active': 'created_at'}` where active is boolean
    Good: `mapping = {'active': 'created_at is not null'}`
    """
    return checked.found.get("US204", ())


@rule("US206", "user-id-missing-or-wrong-type")
def user_id_missing(checked: Checked) -> Iterable[Diagnostic]:
    """The user id is a column of the query that holds text, whole numbers, uuids, or json of one of the first two.

    Bad: `config(user_id = 'id')` over `select customer_id from customers`
    Good: `config(user_id = 'customer_id')`
    """
    return checked.found.get("US206", ())


@rule("US207", "account-ids-type")
def account_ids(checked: Checked) -> Iterable[Diagnostic]:
    """Accounts come from columns of the query.

    Bad: `config(account_ids = 'company')` over `select id, company_id from customers`
    Good: `config(account_ids = 'company_id')`
    """
    return checked.found.get("US207", ())


@rule("US208", "column-name-invalid")
def column_name_invalid(checked: Checked) -> Iterable[Diagnostic]:
    """Names of columns and properties are letters, digits and underscores, so that they need no quotes anywhere.

    Bad: `select id, name as "1st-name" from customers`
    Good: `select id, name as first_name from customers`
    """
    return checked.found.get("US208", ())


@rule("US209", "duplicate-column")
def duplicate_column(checked: Checked) -> Iterable[Diagnostic]:
    """Two columns of one name, whatever the case, cannot be told apart.

    Bad: `select Email, email from customers`
    Good: `select email, backup_email from customers`
    """
    return checked.found.get("US209", ())


@rule("US211", "unaliased-expression")
def unaliased_expression(checked: Checked) -> Iterable[Diagnostic]:
    """Every database invents another name for an expression without one.

    Bad: `select id, lower(email) from customers`
    Good: `select id, lower(email) as email from customers`
    """
    return checked.found.get("US211", ())


@rule("US212", "property-invalid")
def property_invalid(checked: Checked) -> Iterable[Diagnostic]:
    """Properties have a type that is known here, a column of their own, and no constraint but check.

    Bad: `create table users (email text not null, user_id bigint)`
    Good: `create table users (email text, customer_id bigint)`
    """
    return checked.found.get("US212", ())


@rule("US213", "mapping-not-scalar")
def mapping_not_scalar(checked: Checked) -> Iterable[Diagnostic]:
    """A mapping computes one value from one row: aggregates, windows, subqueries and random values belong elsewhere.

    Bad: `mapping = {'score': 'sum(points)'}`
    Good: `select id, sum(points) as score from events group by id`
    """
    return checked.found.get("US213", ())


@rule("US301", "needs-updated-at")
def needs_updated_at(checked: Checked) -> Iterable[Diagnostic]:
    """An incremental pipeline needs the column that tells when a row changed.

    Bad: `config(incremental = true)`
    Good: `config(incremental = true, updated_at = 'updated_at')`
    """
    return checked.found.get("US301", ())


@rule("US302", "placeholder-missing")
def placeholder_missing(checked: Checked) -> Iterable[Diagnostic]:
    """Without the cursor an incremental query reads everything each time.

    Bad: `config(incremental = true, …)` over `select id, updated_at from customers`
    Good: `select id, updated_at from customers where updated_at >= ${updated_at}`
    """
    return checked.found.get("US302", ())


@rule("US303", "format-missing-or-wrong")
def format_missing_or_wrong(checked: Checked) -> Iterable[Diagnostic]:
    """Update times of text and json columns need a format, of known directives; others take none.

    Bad: `config(updated_at = 'changed', updated_at_format = '%Q')`
    Good: `config(updated_at = 'changed', updated_at_format = '%d/%m/%Y %H:%M')`
    """
    return checked.found.get("US303", ())


@rule("US406", "ids-of-two-tables", Level.WARNING)
def ids_of_two_tables(checked: Checked) -> Iterator[Diagnostic]:
    """Within a connection one id is one person: ids of two tables, or of two columns, would merge strangers.

    Bad: `select id from customers` and `select id from employees` on one connection
    Good: a second connection to the same database for the employees
    """
    first: dict[str, Compiled] = {}
    for compiled in checked.compiled.values():
        model = compiled.model
        other = first.setdefault(model.connection, compiled)
        mine, theirs = _id_source(compiled), _id_source(other)
        if other is not compiled and mine and theirs and mine != theirs:
            message = (
                f"ids of connection {model.connection!r} come from {mine} here "
                f"and from {theirs} in {other.model.file.path}: equal ids would be one person"
            )
            hint = "if they are ids of different things, give one a connection of its own in profiles.yml"
            yield model.problem("US406", message, "connection", hint=hint, level=Level.WARNING)


def _id_source(compiled: Compiled) -> str | None:
    """`table.column` that the user id is read from; None where the query does not say."""
    tree = compiled.full.tree
    select = tree if isinstance(tree, exp.Select) else tree.find(exp.Select)
    origin = select.args.get("from_") if select else None
    table = origin.this if origin else None
    if select is None or not isinstance(table, exp.Table):
        return None
    name = compiled.model.user_id.lower()
    column = next((s.unalias() for s in select.selects if s.alias_or_name.lower() == name), None)
    if column is None:
        return None
    return f"{table.name}.{column.name if isinstance(column, exp.Column) else column.sql()}".lower()


@rule("US501", "not-read-only")
def not_read_only(checked: Checked) -> Iterable[Diagnostic]:
    """A model is one SELECT over its own connection: it changes nothing, and reaches no file or database but its own.

    Bad: `delete from customers returning id`
    Good: `select id from customers`
    """
    return checked.found.get("US501", ())
