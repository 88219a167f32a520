"""Whatever a file says, lint answers with findings: no traceback, no exit code of a bug."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support import Workspace

REPO = Path(__file__).parents[2]
MODELS = sorted((REPO / "models").glob("*.sql"))
FILES = {path.relative_to(REPO).as_posix(): path.read_text("utf-8") for path in MODELS}
FILES["profiles.yml"] = (REPO / "profiles.example.yml").read_text("utf-8")
FILES["macros/normalise.sql"] = (REPO / "macros/normalise.sql").read_text("utf-8")
SIGNS = "{}()[]'\"`$%#;:,.-*/\\|&!?<>=~^@_0aZé\t\n\0"
WORDS = ["{{", "}}", "{%", "%}", "{#", "#}", "--", "/*", "*/", "''", "${", "${updated_at}", "$1", "none", "true"]
MORE_WORDS = ["select ", "from ", " as ", "1e999", "2024-13-45", "!!int ", "&a "]
PIECES = st.one_of(st.sampled_from([*SIGNS, *WORDS, *MORE_WORDS]), st.text(min_size=1, max_size=3))


@st.composite
def mutations(draw: st.DrawFn) -> tuple[str, str]:
    """A file of the repo's own project with one to four small wounds."""
    name = draw(st.sampled_from(sorted(FILES)))
    text = FILES[name]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        match draw(st.sampled_from(["cut", "delete", "insert", "replace"])):
            case "cut":
                text = text[:at]
            case "delete":
                text = text[:at] + text[at + draw(st.integers(1, 30)) :]
            case "insert":
                text = text[:at] + draw(PIECES) + text[at:]
            case _:
                text = text[:at] + draw(PIECES) + text[at + 1 :]
    return name, text


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    root = tmp_path_factory.mktemp("mutated")
    for name in ("models", "macros"):
        shutil.copytree(REPO / name, root / name)
    return Workspace(root)


def cut(name: str, after: str) -> tuple[str, str]:
    """A file that ends behind some text."""
    return name, FILES[name][: FILES[name].index(after) + len(after)]


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mutation=mutations())
@example(mutation=cut("profiles.yml", "app:\n          type: files\n          path:"))
@example(mutation=cut("profiles.yml", "type: files"))
@example(mutation=cut("models/app_users.sql", "from read_json("))
@example(mutation=cut("models/crm_customers.sql", "select"))
@example(mutation=cut("models/users.sql", "create table users ("))
@example(mutation=("models/newsletter_subscribers.sql", ""))
@example(mutation=("models/users.sql", "\0"))
def test_a_mutated_project_is_linted_without_a_traceback(project: Workspace, mutation: tuple[str, str]) -> None:
    name, text = mutation
    for path, original in FILES.items():
        (project.root / path).write_bytes((text if path == name else original).encode("utf-8", "surrogatepass"))
    outcome = project.run("lint")
    assert outcome.exit_code in {0, 1, 2}, outcome.output
    assert "Traceback" not in outcome.output
