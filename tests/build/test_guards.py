"""Guards that refuse a whole build."""

from __future__ import annotations

from tests.support import Workspace


def test_more_merged_users_than_allowed_write_nothing(workspace: Workspace) -> None:
    workspace.profile({"a": {"type": "files", "path": "."}, "b": {"type": "files", "path": "."}})
    workspace.users("email text", identifiers=["email"], max_users_merged=1)
    workspace.write("a.csv", "id,email\n1,x\n2,y\n3,z\n")
    workspace.write("b.csv", "id,email\n1,p\n2,q\n3,r\n")
    for name in ("a", "b"):
        workspace.model(name, f"select id, email from '{name}.csv'", connection=name, user_id="id")
    workspace.build()
    before = workspace.rows("select * from users order by user_id")
    workspace.write("b.csv", "id,email\n1,x\n2,y\n3,r\n")
    outcome = workspace.run("build")
    assert (outcome.exit_code, "2 users would be merged" in outcome.stderr) == (4, True)
    assert workspace.rows("select * from users order by user_id") == before
    workspace.write("b.csv", "id,email\n1,x\n2,q\n3,r\n")
    assert workspace.build()["users"]["merged"] == 1
