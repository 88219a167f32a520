"""What a server says it was asked: its own log of statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pymysql

from tests.servers import Database

_WHERE = "coalesce(pg_current_logfile(), '/proc/self/fd/2')"
"""PostgreSQL's log: a file of its own, or where it writes its messages."""


@contextmanager
def logged(database: Database) -> Iterator[list[str]]:
    """The statements that the server receives in the block, for this database; there when it ends."""
    found: list[str] = []
    with _LOGS[database.kind](database, found):
        yield found


@contextmanager
def _postgres(database: Database, found: list[str]) -> Iterator[None]:
    database.execute(f"alter database {database.database} set log_statement = 'all'")
    [(start,)] = database.execute(f"select (pg_stat_file({_WHERE})).size")
    yield
    database.execute(f"alter database {database.database} reset log_statement")
    [(log,)] = database.execute(f"select pg_read_file({_WHERE}, {start}, 100000000)")
    # Lines that go on begin with a tab.
    entries = re.findall(r"^(\S.*(?:\n\t.*)*)", str(log), re.MULTILINE)
    own = (entry for entry in entries if database.database in entry.partition(" LOG: ")[0])
    found += [m[1].replace("\n\t", "\n") for entry in own if (m := re.search(r"(?s)LOG:  [^:]*: (.*)", entry))]


@contextmanager
def _alone(database: Database) -> Iterator[None]:
    """One test at a time: the log is the whole server's."""
    session = pymysql.connect(
        host=database.host, port=database.port, user=database.user, password=database.password, autocommit=True
    )
    with session, session.cursor() as cursor:
        cursor.execute("select get_lock('usersync log', 60)")
        yield


@contextmanager
def _mysql(database: Database, found: list[str]) -> Iterator[None]:
    with _alone(database):
        [(start, output)] = database.execute("select now(6), @@global.log_output")
        database.execute("set global log_output = 'TABLE'; set global general_log = on")
        try:
            yield
        finally:
            database.execute(f"set global general_log = off; set global log_output = '{output}'")
    since = f"from mysql.general_log where event_time >= '{start}'"
    own = f"select thread_id {since} and command_type = 'Connect' and argument like '% on {database.database} %'"
    rows = database.execute(
        f"select argument {since} and command_type in ('Execute', 'Query') and thread_id in ({own})"
    )
    texts = (text.decode() if isinstance(text, bytes) else str(text) for (text,) in rows)
    # What makes each statement read-only on MariaDB.
    found += [re.sub(r"^set statement .*? for ", "", text) for text in texts]


_LOGS = {"postgres": _postgres, "mysql": _mysql}
