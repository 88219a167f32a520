"""Rules of `config()`: what a pipeline says of itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from usersync.diagnostics import Diagnostic, Level
from usersync.lint.rule import Checked
from usersync.lint.rules.registry import rule


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


@rule("US105", "missing-description", Level.INFO)
def missing_description(checked: Checked) -> Iterator[Diagnostic]:
    """Whoever finds a value in the table of users asks what the rows are that it came from.

    Bad: `config(connection = 'crm', user_id = 'id')`
    Good: `config(connection = 'crm', user_id = 'id', description = 'Customers as the sales team keeps them.')`
    """
    for model in checked.project.pipelines.values():
        if "" in model.at and not model.description.strip():
            hint = "add description = '…': what its rows are"
            message = f"nothing says what {model.stem} is"
            yield model.problem("US105", message, "", hint=hint, length=6, level=Level.INFO)


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
