"""Files: every kind and compression, globs, partitions, columns that differ, and no way out of the folder."""

from __future__ import annotations

import functools
import gzip
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.sources.landing import rejected
from tests.support import Workspace, pipeline_of
from usersync.diagnostics import SourceError
from usersync.sources.engine import open_engine
from usersync.sources.extensions import load_extension


@pytest.fixture
def lake(workspace: Workspace) -> Path:
    """The folder of the connection `lake`."""
    folder = workspace.root / "lake"
    folder.mkdir()
    return folder


def reads(workspace: Workspace, table: str, columns: str = "name text", **options: object) -> None:
    """A project with one pipeline over files."""
    workspace.profile({"lake": {"type": "files", "path": "lake", **options}})
    workspace.users(columns)
    workspace.model("p", f"select * from {table}", connection="lake", user_id="id")


def copied(query: str, path: Path, how: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    duckdb.execute(f"copy ({query}) to '{path}' ({how})" if how else f"copy ({query}) to '{path}'")


def names(workspace: Workspace) -> list[object]:
    return [name for (name,) in workspace.rows("select name from identities order by identity_id")]


def refused(workspace: Workspace) -> str:
    """The message of the one failed pipeline."""
    [error] = pipeline_of(workspace.build(expect=1), "p")["errors"]
    return f"{error['message']} {error['hint']}"


KINDS = {
    "csv": "format csv",
    "csv.gz": "format csv, compression gzip",
    "csv.zst": "format csv, compression zstd",
    "csv.gzip": "format csv, compression gzip",
    "csv.zstd": "format csv, compression zstd",
    "tsv": "format csv, delimiter '\t'",
    "parquet": "format parquet, compression zstd",
    "pq": "format parquet, compression gzip",
    "jsonl": "format json",
    "ndjson.gz": "format json, compression gzip",
    "jsonl.zst": "format json, compression zstd",
    "jsonl.zstd": "format json, compression zstd",
}


@pytest.mark.parametrize("ending", KINDS)
def test_every_kind_and_compression(workspace: Workspace, lake: Path, ending: str) -> None:
    copied("select 1 as id, 'Ånn, \"x\"' as name union all select 2, null", lake / f"a.{ending}", KINDS[ending])
    reads(workspace, f"'a.{ending}'")
    workspace.build()
    assert names(workspace) == ['Ånn, "x"', None]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.csv", ["1", "2"]),
        ("**/*.csv", ["1", "2", "3", "4"]),
        ("sub/*.csv", ["3"]),
        ("[ab].csv", ["1", "2"]),
        ("?.csv", ["1", "2"]),
        ("sub/**/c*.csv", ["3"]),
    ],
)
def test_patterns(workspace: Workspace, lake: Path, pattern: str, expected: list[str]) -> None:
    for number, path in enumerate(["a", "b", "sub/c", "sub/deep/d"], 1):
        copied(f"select {number} as id, 'x' as name", lake / f"{path}.csv")
    reads(workspace, f"'{pattern}'")
    workspace.build()
    assert [found for (found,) in workspace.rows("select identity_id from identities order by 1")] == expected


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_partitions_are_columns(workspace: Workspace, lake: Path, ending: str) -> None:
    for number, (year, country) in enumerate([(2024, "de"), (2025, "it"), (2025, "fr")]):
        copied(f"select {number} as id", lake / f"people/year={year}/country={country}/a.{ending}")
    reads(workspace, f"'people/*/*/*.{ending}' where year = 2025", "country text, year integer")
    assert pipeline_of(workspace.build(), "p")["read"] == 2
    assert workspace.rows("select country, year from users order by 1") == [("fr", 2025), ("it", 2025)]


# --- Columns that differ from file to file ---

FIRST = "select 1 as id, 'Ann' as name"
DRIFTS = {
    "more": "select 2 as id, 'Bob' as name, 'x' as nick",
    "renamed": "select 2 as id, 'Bob' as nom",
    "fewer": "select 2 as id",
    "other type": "select '08' as id, 'Bob' as name",
}


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize(
    ("drift", "ending"),
    # CSV has no types.
    [(d, e) for d in DRIFTS for e in ("parquet", "csv") if (d, e) != ("other type", "csv")],
)
def test_columns_that_differ_are_an_error(
    workspace: Workspace, lake: Path, drift: str, ending: str, order: str
) -> None:
    for name, query in zip(order, (FIRST, DRIFTS[drift]), strict=True):
        copied(query, lake / f"{name}.{ending}")
    reads(workspace, f"'*.{ending}'", "name text, nick text")
    assert "union_by_name" in refused(workspace)


@pytest.mark.parametrize("table", ["'*.{}'", "read_{}('*.{}')", "read_{}(['a.{}', 'b.{}'])"])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_or_are_matched_by_name(workspace: Workspace, lake: Path, table: str, ending: str) -> None:
    copied(FIRST, lake / f"a.{ending}")
    copied("select 'b' as nick, 'Bob' as name, 2 as id", lake / f"b.{ending}")
    reads(workspace, table.replace("{}", ending), "name text, nick text", union_by_name=True)
    workspace.build()
    assert workspace.rows("select name, nick from users order by 1") == [("Ann", None), ("Bob", "b")]


def test_or_are_matched_by_the_call(workspace: Workspace, lake: Path) -> None:
    copied(FIRST, lake / "a.csv")
    copied(DRIFTS["more"], lake / "b.csv")
    reads(workspace, "read_csv('*.csv', union_by_name = true)", "name text, nick text")
    workspace.build()
    assert workspace.rows("select name, nick from users order by 1") == [("Ann", None), ("Bob", "x")]


def test_keys_that_objects_lack_are_null(workspace: Workspace, lake: Path) -> None:
    for number in range(40):
        more = {"nick": "x"} if number == 39 else {}
        (lake / f"{number:02}.jsonl").write_text(json.dumps({"id": number, "name": "n"} | more))
    reads(workspace, "'*.jsonl'", "name text, nick text")
    assert "'nick'" in refused(workspace)
    reads(workspace, "'*.jsonl'", "name text, nick text", union_by_name=True)
    workspace.build()
    assert workspace.rows("select nick, count(*) from users group by 1 order by 1") == [("x", 1), (None, 39)]


def test_columns_that_are_told_are_not_mixed_up(workspace: Workspace, lake: Path) -> None:
    copied("select 1 as id, 2 as name", lake / "a.csv")
    copied("select 3 as name, 4 as id", lake / "b.csv")
    reads(workspace, "read_csv('*.csv', columns = {'id': 'bigint', 'name': 'text'})")
    assert "the columns of 'b.csv' are in another order" in refused(workspace)


def test_a_value_of_another_type_is_no_silent_change(workspace: Workspace, lake: Path) -> None:
    (lake / "a.csv").write_text("id,name\n" + "".join(f"{n},x\n" for n in range(30_000)) + "oops,y\n")
    reads(workspace, "'a.csv'")
    assert "oops" in refused(workspace)
    reads(workspace, "read_csv('a.csv', all_varchar = true)")
    workspace.build()
    assert (rejected(workspace), workspace.rows("select count(*) from users")) == ([], [(30_001,)])


# --- No way out ---

OUTSIDE = [
    "'../secret.csv'",
    "'sub/../../secret.csv'",
    "'{root}/secret.csv'",
    "'~/secret.csv'",
    "'file://{root}/secret.csv'",
    "'https://example.com/x.csv'",
    "'s3://bucket/x.parquet'",
    "read_csv('../secret.csv')",
    "read_csv(['a.csv', '{root}/secret.csv'])",
    "read_csv_auto('..\\secret.csv')",
    "read_parquet('https://example.com/x.parquet')",
    "read_text('a.csv')",
    "read_blob('a.csv')",
    "glob('*')",
    "sniff_csv('a.csv')",
    "parquet_metadata('a.parquet')",
    "query('select 1')",
    "query_table('x')",
    "sqlite_scan('x', 'y')",
    "postgres_query('x', 'y')",
    "duckdb_secrets()",
]


@pytest.mark.parametrize("table", OUTSIDE)
def test_nothing_but_files_of_the_folder(workspace: Workspace, lake: Path, table: str) -> None:
    copied(FIRST, lake / "a.csv")
    copied(FIRST, workspace.root / "secret.csv")
    reads(workspace, table.replace("{root}", str(workspace.root)))
    for command in ("lint", "build", "preview p"):
        outcome = workspace.run(*command.split())
        assert ("US501" in outcome.output or "error" in outcome.output, outcome.exit_code in (1, 2)) == (True, True)
    assert not (workspace.root / "target/warehouse.duckdb").exists() or not names(workspace)


@pytest.mark.parametrize("table", ["'link.csv'", "'*.csv'", "'**/*.csv'", "'dir/*.csv'", "'*/*.csv'"])
@pytest.mark.parametrize("reader", [False, True])
def test_links_that_lead_out(workspace: Workspace, lake: Path, table: str, reader: bool) -> None:
    outside = workspace.root / "outside"
    copied(FIRST, outside / "secret.csv")
    (lake / "sub").mkdir()
    for link in ("link.csv", "sub/link.csv"):
        (lake / link).symlink_to(outside / "secret.csv")
    (lake / "dir").symlink_to(outside)
    reads(workspace, f"read_csv({table})" if reader else table)
    assert "a link that leads out of connection 'lake'" in refused(workspace)


def test_links_that_stay_inside(workspace: Workspace, lake: Path) -> None:
    copied(FIRST, lake / "real.csv")
    (lake / "link.csv").symlink_to(lake / "real.csv")
    reads(workspace, "'link.csv'")
    workspace.build()
    assert names(workspace) == ["Ann"]


@pytest.mark.parametrize("kind", ["duckdb", "sqlite", "postgres", "mysql"])
@pytest.mark.parametrize("table", ["read_csv('a.csv')", "read_parquet('a')", "read_json('a')", "'a.csv'"])
def test_files_are_read_on_no_other_connection(workspace: Workspace, kind: str, table: str) -> None:
    place = {"path": "x"} if kind in ("duckdb", "sqlite") else {"database": "d"}
    workspace.profile({"it": {"type": kind, **place}})
    workspace.users("name text")
    workspace.model("p", f"select id, name from {table} as t", connection="it", user_id="id")
    outcome = workspace.run("compile", "--offline")
    if table == "'a.csv'":
        assert "read_csv" not in (workspace.root / "target/compiled/p.sql").read_text()
    else:
        assert (outcome.exit_code, "only a connection of type files reads files" in outcome.stderr) == (2, True)


# --- Addresses ---


@pytest.fixture
def site(lake: Path) -> Iterator[str]:
    """The address of a web server for a folder beside the lake."""
    folder = lake.parent / "site"
    copied(FIRST, folder / "open/people.csv")
    copied(FIRST, folder / "open/people.parquet")
    copied(FIRST, folder / "closed/people.csv")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def httpfs(tmp_path: Path) -> None:
    try:
        with open_engine(tmp_path / "spill") as engine:
            load_extension(engine, "httpfs")
    except SourceError:
        pytest.skip("DuckDB's extension httpfs is not here")


@pytest.mark.usefixtures("httpfs")
@pytest.mark.parametrize("table", ["'{}/open/people.parquet'", "read_csv('{}/open/people.csv', header = true)"])
def test_an_address_that_the_connection_allows(workspace: Workspace, lake: Path, site: str, table: str) -> None:
    reads(workspace, table.replace("{}", site), urls=[f"{site}/open/"])
    workspace.build()
    assert names(workspace) == ["Ann"]


@pytest.mark.parametrize("path", ["closed/people.csv", "open/../closed/people.csv", "open/%2e%2e/closed/people.csv"])
def test_an_address_that_it_does_not_allow(workspace: Workspace, lake: Path, site: str, path: str) -> None:
    reads(workspace, f"'{site}/{path}'", urls=[f"{site}/open/"])
    outcome = workspace.run("build")
    assert (outcome.exit_code, "leads out of connection 'lake'" in outcome.stderr) == (2, True)


@pytest.mark.parametrize("urls", ["https://example.com/", ["https://example.com"], ["https://u:p@x/"], ["s3://b/"]])
def test_addresses_are_a_list_of_folders(workspace: Workspace, lake: Path, urls: object) -> None:
    reads(workspace, "'a.csv'", urls=urls)
    outcome = workspace.run("list")
    assert (outcome.exit_code, "urls must be a list of addresses" in outcome.stderr) == (2, True), outcome.output


def test_a_broken_compressed_file(workspace: Workspace, lake: Path) -> None:
    packed = gzip.compress("".join(["id,name\n", *(f"{n},{n * 7919 % 1000}\n" for n in range(100_000))]).encode())
    (lake / "b.csv.gz").write_bytes(packed[: len(packed) // 2])
    reads(workspace, "'b.csv.gz'")
    assert "connection 'lake'" in refused(workspace)
