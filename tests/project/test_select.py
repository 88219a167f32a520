"""`--select` and `--exclude`: names, globs, methods, unions and intersections."""

import pytest

from tests.support import Workspace
from usersync.diagnostics import ConfigError, NothingSelectedError
from usersync.project.model import Project
from usersync.project.select import pick, select

MODELS = {
    "eu/crm_de": ("crm", ["sales", "daily"]),
    "eu/crm_fr": ("crm", ["sales"]),
    "us/crm_us": ("crm_us", ["sales", "daily"]),
    "app": ("app", []),
}


@pytest.fixture
def project(workspace: Workspace) -> Project:
    workspace.users()
    for path, (connection, tags) in MODELS.items():
        workspace.model(path, "select id, email from t", connection=connection, user_id="id", tags=tags)
    workspace.model("active", "select id from t", kind="view", connection="crm")
    return workspace.load()


ALL = ["app", "crm_de", "crm_fr", "crm_us"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ALL),
        (["app"], ["app"]),
        (["+app+"], ["app"]),
        (["crm_us", "app"], ["app", "crm_us"]),
        (["crm_us app"], ["app", "crm_us"]),
        (["app", "app"], ["app"]),
        (["crm_*"], ["crm_de", "crm_fr", "crm_us"]),
        (["*_[du]*"], ["crm_de", "crm_us"]),
        (["*"], ALL),
        (["name:app"], ["app"]),
        (["tag:daily"], ["crm_de", "crm_us"]),
        (["tag:*a*"], ["crm_de", "crm_fr", "crm_us"]),
        (["connection:crm"], ["crm_de", "crm_fr"]),
        (["connection:crm*"], ["crm_de", "crm_fr", "crm_us"]),
        (["path:models/eu"], ["crm_de", "crm_fr"]),
        (["path:models/eu/"], ["crm_de", "crm_fr"]),
        (["path:models/app.sql"], ["app"]),
        (["path:models/*/crm_*.sql"], ["crm_de", "crm_fr", "crm_us"]),
        (["path:models"], ALL),
        (["tag:daily,path:models/eu"], ["crm_de"]),
        (["tag:daily,connection:crm_us", "app"], ["app", "crm_us"]),
        (["tag:sales,tag:daily,crm_d*"], ["crm_de"]),
    ],
)
def test_pipelines_are_selected_in_order_of_their_files(
    project: Project, words: list[str], expected: list[str]
) -> None:
    assert list(select(project, words)) == expected


@pytest.mark.parametrize(
    ("words", "without", "expected"),
    [
        ([], ["app"], ["crm_de", "crm_fr", "crm_us"]),
        ([], ["tag:daily", "app"], ["crm_fr"]),
        ([], ["tag:sales,tag:daily"], ["app", "crm_fr"]),
        (["tag:sales"], ["connection:crm_us"], ["crm_de", "crm_fr"]),
        (["tag:sales"], ["nobody"], ["crm_de", "crm_fr", "crm_us"]),
    ],
)
def test_what_is_excluded_is_left_out(
    project: Project, words: list[str], without: list[str], expected: list[str]
) -> None:
    assert list(select(project, words, without)) == expected


@pytest.mark.parametrize("words", [["nobody"], ["tag:sales,app"], ["tag:"], ["path:models/e"], ["active"], ["APP"]])
def test_nothing_selected_is_an_error_of_its_own(project: Project, words: list[str]) -> None:
    with pytest.raises(NothingSelectedError) as caught:
        select(project, words)
    assert caught.value.exit_code == 3


def test_excluding_all_selects_nothing(project: Project) -> None:
    with pytest.raises(NothingSelectedError) as caught:
        select(project, [], ["*"])
    assert "there are no pipelines" not in str(caught.value)


@pytest.mark.parametrize(("word", "hint"), [("crm_dd", "did you mean 'crm_de'?"), ("ap", "did you mean 'app'?")])
def test_a_misspelt_name_is_guessed(project: Project, word: str, hint: str) -> None:
    with pytest.raises(NothingSelectedError) as caught:
        select(project, [word])
    assert caught.value.diagnostics[0].hint == hint


@pytest.mark.parametrize("word", ["tags:daily", "state:modified:x", "source:crm", "tag:a:b"])
def test_an_unknown_method_is_an_error(project: Project, word: str) -> None:
    with pytest.raises(ConfigError, match="knows no method"):
        select(project, [word])


@pytest.mark.parametrize("name", ["crm_de", "models/eu/crm_de.sql"])
def test_one_pipeline_is_picked_by_name_or_file(project: Project, name: str) -> None:
    assert pick(project, name).stem == "crm_de"


@pytest.mark.parametrize("name", ["active", "crm", "crm_*", "nobody", ""])
def test_what_is_no_pipeline_is_not_picked(project: Project, name: str) -> None:
    with pytest.raises(NothingSelectedError, match="there is no pipeline"):
        pick(project, name)
