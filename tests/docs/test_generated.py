"""What the docs take from the code is current."""

import pytest

from tests.docs.generate import every_command, regenerated, rules
from tests.docs.pages import PAGES, read
from usersync.lint.rules import RULES


@pytest.mark.parametrize("page", PAGES)
def test_generated_parts_are_current(page: str) -> None:
    if regenerated(read(page)) != read(page):
        pytest.fail("it is out of date; run: python -m tests.docs.generate", pytrace=False)


def test_every_command_has_its_help() -> None:
    text = read("docs/commands.md")
    assert [name for name, _ in every_command() if f"\n## usersync {name}".rstrip() + "\n" not in text] == []


def test_every_rule_says_why_with_a_bad_and_a_good_example() -> None:
    sections = dict(zip(RULES, rules().split("\n### ")[1:], strict=True))
    assert [code for code, text in sections.items() if "\n- Bad: " not in text or "\n- Good: " not in text] == []
