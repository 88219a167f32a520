"""What travels to a server: a relay in between that keeps every byte the client sends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from tests.servers import Database


@dataclass
class Wire:
    """A relay before a database server."""

    database: Database
    """The same database, by way of the relay."""
    sent: bytearray = field(default_factory=bytearray)


@contextmanager
def tapped(database: Database) -> Iterator[Wire]:
    """A relay before a database, for as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wire = Wire(replace(database, host="127.0.0.1", port=listener.getsockname()[1]))
        threading.Thread(target=_serve, args=(listener, database, wire), daemon=True).start()
        yield wire


def _serve(listener: socket.socket, database: Database, wire: Wire) -> None:
    with suppress(OSError):  # the listener is closed
        while True:
            client, _ = listener.accept()
            server = socket.create_connection((database.host, database.port))
            threading.Thread(target=_pump, args=(client, server, wire.sent), daemon=True).start()
            threading.Thread(target=_pump, args=(server, client, None), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
    with suppress(OSError), source, target:
        while data := source.recv(65536):
            if kept is not None:
                kept += data
            target.sendall(data)
