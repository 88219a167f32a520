"""Connections attached read-only to the engine, each under its own name."""

from __future__ import annotations

import random
import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb

from usersync.compile.sql import ident, literal
from usersync.diagnostics import SourceError
from usersync.project.model import Connection, Source
from usersync.sources.catalog import read_tables, server_version
from usersync.sources.engine import set_option
from usersync.sources.extensions import load_extension
from usersync.sources.views import read_definitions

EXTENSIONS = {"postgres": "postgres_scanner", "mysql": "mysql_scanner", "sqlite": "sqlite_scanner"}

# The scanner's string filters, groups and orders follow neither MySQL's rules nor DuckDB's, and tinyint(1) may hold 5.
_MYSQL_OPTIONS: Mapping[str, Any] = {
    "mysql_experimental_filter_pushdown": False,
    "mysql_aggregate_pushdown_enabled": False,
    "mysql_order_pushdown_enabled": False,
    "mysql_tinyint1_as_boolean": False,
    "mysql_query_timeout_enabled": False,
    "mysql_session_time_zone": "+00:00",
    "mysql_incomplete_dates_as_nulls": True,
}
# One query a table, so that the server can use an index.
_POSTGRES_OPTIONS: Mapping[str, Any] = {"pg_use_ctid_scan": False}

DEFAULT_CONNECT_TIMEOUT = 10
"""Seconds."""
MYSQL_PORT = 3306

_SECRET_KEYS = ("host", "port", "database", "user", "password")


def attach(
    engine: duckdb.DuckDBPyConnection, connection: Connection, waiting: Callable[[str], None] | None = None
) -> Source:
    """Attaches a connection under its name, read-only. A connection of type files needs its folder only.

    Args:
        engine: The DuckDB instance.
        connection: Where to; `retries` says how often to try again where nobody answers.
        waiting: Told why and how long this waits before it tries again.

    Raises:
        SourceError: the extension, the file or the server is out of reach.
    """
    for attempt in range(connection.options.get("retries", 0)):
        try:
            return _attach(engine, connection)
        except SourceError as error:
            if not _PASSING.search(error.diagnostics[0].message):
                raise
            seconds = _pause(attempt)
            if waiting:
                waiting(f"{error.diagnostics[0].message}; trying again in {seconds:.1f} s")
            time.sleep(seconds)
    return _attach(engine, connection)


_PASSING = re.compile(
    r"refused|timeout expired|timed out|can't connect|lost connection|closed the connection|gone away|starting up"
    r"|shutting down|too many (connections|clients)|temporary failure|network is unreachable|no route to host"
    r"|connection reset|gave no reason|character set",
    re.IGNORECASE,
)
"""Troubles that may pass by themselves: a wrong password or database does not."""


def _pause(attempt: int) -> float:
    """Seconds before the next attempt: half a second, doubled each time up to 30 s, give or take half."""
    return min(30.0, 0.5 * 2.0**attempt) * random.uniform(0.5, 1.5)


def _attach(engine: duckdb.DuckDBPyConnection, connection: Connection) -> Source:
    match connection.type:
        case "files":
            _existing(connection, Path.is_dir, "folder")
            if connection.options.get("urls"):
                load_extension(engine, "httpfs")
        case "duckdb":
            path = _existing(connection, Path.is_file, "file")
            try:
                # Before it is attached: closing a file a second time would give up the lock of the first.
                definitions = read_definitions(path)
            except duckdb.Error as error:
                raise source_error(connection, error) from None
            _run(engine, connection, f"attach {literal(str(path))} as {ident(connection.name)} (read_only)")
            return Source(connection, definitions=definitions)
        case "sqlite":
            path = _existing(connection, Path.is_file, "file")
            load_extension(engine, EXTENSIONS["sqlite"])
            _run(
                engine,
                connection,
                f"attach {literal(str(path))} as {ident(connection.name)} (type sqlite, read_only)",
            )
        case "postgres":
            _server(engine, connection, _POSTGRES_OPTIONS, _postgres_parameters(connection.options))
        case _:
            _greeted(connection)
            _server(engine, connection, _MYSQL_OPTIONS, "")
    try:
        version = server_version(engine, connection) if connection.type == "mysql" else ""
        return Source(
            connection, read_tables(engine, connection, version), _statement_head(connection, version), version
        )
    except duckdb.Error as error:
        with suppress(duckdb.Error):  # so that it can be attached again
            engine.execute(f"detach {ident(connection.name)}")
        raise source_error(connection, error, stage="its tables cannot be listed") from None


def _statement_head(connection: Connection, version: str) -> str:
    """What every statement to a server begins with: the scanner has no way to prepare MySQL's sessions."""
    if connection.type != "mysql":
        return ""
    seconds = connection.options.get("statement_timeout", 0)
    if "mariadb" in version.lower():
        limit = f", max_statement_time = {seconds}" if seconds else ""
        return f"set statement tx_read_only = 1{limit} for "
    return f"/*+ MAX_EXECUTION_TIME({seconds * 1000}) */" if seconds else ""


def _existing(connection: Connection, exists: Any, what: str) -> Path:
    path = connection.place
    if not exists(path):
        hint = "paths in profiles.yml start at the project's folder"
        raise SourceError(f"connection {connection.name!r}: there is no {what} {path}", hint=hint)
    return path


def _server(
    engine: duckdb.DuckDBPyConnection, connection: Connection, options: Mapping[str, Any], parameters: str
) -> None:
    load_extension(engine, EXTENSIONS[connection.type])
    for name, value in options.items():
        set_option(engine, name, value)
    secret = ident(f"usersync_{connection.name}")
    pairs = [f"{key} {literal(connection.options[key])}" for key in _SECRET_KEYS if key in connection.options]
    if "ssl_mode" in connection.options:
        pairs.append(f"ssl_mode {literal(connection.options['ssl_mode'])}")
    # A secret, because the text of ATTACH is part of DuckDB's error messages.
    _run(
        engine,
        connection,
        f"create or replace temporary secret {secret} ({', '.join([f'type {connection.type}', *pairs])})",
    )
    _run(
        engine,
        connection,
        f"attach {literal(parameters)} as {ident(connection.name)} "
        f"(type {connection.type}, secret {secret}, read_only)",
    )


def _greeted(connection: Connection) -> None:
    """Waits for the greeting of a MySQL server as long as `connect_timeout` says: its client would wait for ever.

    Raises:
        SourceError: nobody greets in time. All other troubles are left to the client, whose words are better.
    """
    options = connection.options
    if "host" not in options:
        return
    seconds = options.get("connect_timeout", DEFAULT_CONNECT_TIMEOUT)
    try:
        address = (str(options["host"]), options.get("port", MYSQL_PORT))
        with socket.create_connection(address, timeout=seconds) as server:
            server.recv(1)
    except TimeoutError:
        message = f"connection {connection.name!r} ({describe(connection)}): cannot connect: timeout expired"
        raise SourceError(message, hint=_hint("timeout expired")) from None
    except OSError:
        return


def _postgres_parameters(options: Mapping[str, Any]) -> str:
    """libpq's parameters that are no secrets."""
    parameters = [
        f"connect_timeout={options.get('connect_timeout', DEFAULT_CONNECT_TIMEOUT)}",
        "application_name=usersync",
    ]
    if "sslmode" in options:
        parameters.append(f"sslmode={options['sslmode']}")
    if "statement_timeout" in options:
        parameters.append(f"options='-c statement_timeout={options['statement_timeout'] * 1000}'")
    return " ".join(parameters)


def _run(engine: duckdb.DuckDBPyConnection, connection: Connection, sql: str) -> None:
    try:
        engine.execute(sql)
    except duckdb.Error as error:
        raise source_error(connection, error) from None


def source_error(connection: Connection, error: duckdb.Error, *, stage: str = "cannot connect") -> SourceError:
    """DuckDB's error about a source in our words: the connection's name and address, never what it was told."""
    text = re.sub(r"^[A-Z][A-Za-z ]+ Error: ", "", str(error).strip())
    text = re.sub(
        r'^(Unable to connect to Postgres at|Failed to connect to MySQL database with parameters) "[^"]*": ',
        "",
        text,
    )
    text = re.sub(r'^Failed to [\w ]*?(COPY|query) ".*": ?(ERROR:\s+)?', "", text, flags=re.DOTALL)
    text = re.sub(r'^Cannot access file (".*") - .*', r"it may read no file: \1", text)
    text = re.sub(r"\n\s*(LINE \d+:.*|.*\^\s*)$", "", text, flags=re.DOTALL)
    text = " ".join(line.strip() for line in text.splitlines() if line.strip()) or _NO_REASON
    return SourceError(f"connection {connection.name!r} ({describe(connection)}): {stage}: {text}", hint=_hint(text))


def describe(connection: Connection) -> str:
    """A connection's type and address, for messages."""
    options = connection.options
    if "path" in options:
        return f"{connection.type} at {options['path']}"
    port = f":{options['port']}" if "port" in options else ""
    return f"{connection.type} at {options.get('host', 'localhost')}{port}/{options['database']}"


_NO_REASON = "the server gave no reason: the connection was lost, or the query was ended there"
_GONE = "the server went away: nothing of this pipeline was written, build again when it is back"
_TOO_LONG = "`statement_timeout` in profiles.yml allows more; or something there holds a lock on the table"
_HINTS = (
    ("may read no file", "only a connection of type files reads files, and only those of its folder"),
    ("unknown database", "check the database in profiles.yml"),
    ("can't connect", "is the server running, and are host and port in profiles.yml right?"),
    ("refused", "is the server running, and are host and port in profiles.yml right?"),
    ("timeout expired", "is the host in profiles.yml right, and open to this machine?"),
    ("server closed the connection", _GONE),
    ("lost connection", _GONE),
    ("gone away", _GONE),
    ("terminating connection", _GONE),
    ("statement timeout", _TOO_LONG),
    ("max_statement_time", _TOO_LONG),
    ("password", "check user and password in profiles.yml"),
    ("access denied", "check user and password in profiles.yml"),
    ("could not translate host", "check the host in profiles.yml"),
    ("unknown mysql server host", "check the host in profiles.yml"),
    ("conflicting lock", "another process has the file open for writing"),
    (
        "gave no reason",
        "nothing of this pipeline was written: build again when the server is back, or let it take longer",
    ),
    ("does not exist", "check the name; `usersync debug` shows what the connection reaches"),
)


def _hint(text: str) -> str | None:
    return next((hint for word, hint in _HINTS if word in text.lower()), None)


def redact(text: str, secrets: Iterable[str]) -> str:
    """A text without any of the secrets."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "***")
    return text
