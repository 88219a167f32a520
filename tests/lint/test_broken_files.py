"""Each sign and word of a template wounded, one at a time: what Jinja or the compiler refuses is an error of lint."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lint.test_mutations import FILES, is_jinja
from tests.support import Workspace
from usersync.diagnostics import ConfigError, Diagnostic, Level
from usersync.lint.run import lint
from usersync.project.config import PIPELINE_KEYS
from usersync.project.load import Settings, load_project

RICH = """{{ config(
    connection = 'crm', user_id = 'id', updated_at = 'updated_at', incremental = true, tags = ['a', 'b'],
    description = "It's one", mapping = {'email': 'lower(email)', 'address.city': 'city'}
) }}
{%- set kinds = ['a', 'b'] %}
{% macro low(column) -%} lower(trim({{ column }})) {%- endmacro %}
select id, {{ low('email') }} as email, city, {{ var('n', 3) | int }} as n, updated_at,
    {% for kind in kinds %}
    max(case when kind = '{{ kind }}' then amount end) as amount_{{ kind | lower }}{{ ',' if not loop.last }}
    {% endfor %}
from customers {# a comment #} -- {{ kinds | join(', ') }}
{% if is_incremental() and kinds | length > 1 %}
where updated_at >= ${updated_at}
{% elif kinds is defined %}
where true
{% else %}
where id > 1
{% endif %}
group by all
"""
SIGN = re.compile(
    r"\{\{|-?\}\}|\{%-?|-?%\}|\{#|#\}|\b(?:end\w+|if|for|macro|set|else|elif|in|not|is|and)\b|[()\[\]{}'\",=|:]"
)
NAME = re.compile(r"\b[a-z_]{3,}\b")


def wounds(text: str) -> Iterator[str]:
    """A template with each sign dropped and doubled, each word misspelt, and cut at every few characters."""
    for sign in SIGN.finditer(text):
        start, end = sign.span()
        yield text[:start] + text[end:]
        yield text[:end] + text[start:]
    for word in NAME.finditer(text):
        yield text[: word.start() + 1] + text[word.start() + 2 :]
    yield from (text[:end] for end in range(3, len(text), 23))


@pytest.fixture
def project(tmp_path: Path) -> Workspace:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    return Workspace(tmp_path)


def refusal(project: Workspace, name: str, text: str) -> str:
    """What compiling says where it fails with another text of a file; it asks no source."""
    file = project.root / name
    file.write_text(text)
    outcome = project.run("compile", "--offline", "--stdout")
    file.unlink()
    if name in FILES:
        file.write_text(FILES[name])
    return outcome.stderr if outcome.exit_code else ""


def errors(project: Workspace, name: str, text: str) -> list[Diagnostic]:
    """Lint's errors with another text of a file."""
    try:
        found = lint(load_project(Settings(project.root), lenient=True, overlay={name: text}))
    except ConfigError as error:
        return list(error.diagnostics)
    return [finding for finding in found if finding.level is Level.ERROR]


@pytest.mark.parametrize(
    "name", ["models/rich.sql", "models/users.sql", "models/crm_customers.sql", "macros/normalise.sql"]
)
def test_what_jinja_or_the_compiler_refuses_is_an_error(project: Workspace, name: str) -> None:
    text = FILES.get(name, RICH)
    assert errors(project, name, text) == []
    refused = 0
    for wounded in dict.fromkeys(wounds(text)):
        if errors(project, name, wounded):
            refused += 1
        else:
            assert is_jinja(wounded), wounded
            assert refusal(project, name, wounded) == "", wounded
    assert refused > 40


VALUES = ["none", "3", "1.5", "'zz_nope'", "['a', 1]", "{'a': 'b'}", "{'email': {'a': 'b'}}", "{'email': 3}"]


@pytest.mark.parametrize("key", sorted(PIPELINE_KEYS))
def test_a_setting_that_the_compiler_refuses_is_an_error(project: Workspace, key: str) -> None:
    name = "models/crm_customers.sql"
    text = re.sub(rf"(?ms)^    {key} +=.*?,$(?=\n(    \w|\)))", "", FILES[name])

    def setting(written: str) -> str:
        return text.replace("config(", f"config({written}, ")

    assert errors(project, name, setting(f"{key}x = 'a'"))
    assert errors(project, name, setting(f"{key} = nope()"))
    for value in VALUES:
        changed = setting(f"{key} = {value}")
        assert errors(project, name, changed) or refusal(project, name, changed) == "", value
