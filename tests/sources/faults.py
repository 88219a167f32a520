"""A relay before a database server that can be cut or made to hang, by hand or after so many bytes of answers."""

from __future__ import annotations

import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count

from tests.servers import Database


@dataclass
class Relay:
    """A relay that still works, until it is told otherwise."""

    database: Database
    """The same database, by way of the relay."""
    allowance: int | None = None
    """How many bytes of answers pass from now on; None for any number."""
    hangs: bool = False
    """What it does then: stop passing bytes on, or else cut the connections and take no more."""
    done: threading.Event = field(default_factory=threading.Event)
    """Set when it stopped passing bytes on."""
    asked: Callable[[bytes], None] = lambda _: None
    """Called with what a client sends, before the server gets it."""
    passed: Callable[[], None] | None = None
    """Called once, when the allowance is used up; everything passes on afterwards."""
    _open: list[socket.socket] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stop_after(self, size: int, *, hang: bool = False) -> None:
        """Sets when to stop, and how."""
        self.hangs, self.allowance = hang, size

    def after(self, size: int, act: Callable[[], None]) -> None:
        """Sets what happens after so many bytes of answers; they go on passing."""
        self.passed, self.allowance = act, size

    def at_request(self, number: int, words: bytes, act: Callable[[], None]) -> None:
        """Sets what happens when a client is about to ask for the n-th time for something with these words."""
        counted = count(1)

        def asked(data: bytes) -> None:
            if words in _plain(data) and next(counted) == number:
                act()

        self.asked = asked

    def cut(self) -> None:
        """Cuts all connections, and takes no more."""
        self.done.set()
        with self._lock:
            for end in self._open:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        """Works again."""
        self.allowance = None
        self.done.clear()

    def serve(self, listener: socket.socket, server: Database) -> None:
        """Takes connections until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                if self.done.is_set():
                    client.close()
                    continue
                target = socket.create_connection((server.host, server.port))
                with self._lock:
                    self._open += [client, target]
                threading.Thread(target=self._pump, args=(client, target, False), daemon=True).start()
                threading.Thread(target=self._pump, args=(target, client, True), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with suppress(OSError), source, target:
            while data := source.recv(16384):
                if answers and not self._passes(len(data)):
                    if self.hangs:
                        self.done.set()
                        threading.Event().wait()
                    self.cut()
                    return
                if not answers:
                    self.asked(data)
                target.sendall(data)
            # To close is not enough while the other thread waits for this end.
            target.shutdown(socket.SHUT_RDWR)

    def _passes(self, size: int) -> bool:
        if self.allowance is None:
            return True
        self.allowance -= size
        if self.allowance < 0 and self.passed:
            self.allowance = None
            self.passed()
        return self.allowance is None or self.allowance >= 0


def _plain(data: bytes) -> bytes:
    """What a client says; those of MySQL compress what is long, packet by packet."""
    found, at = data, 0
    with suppress(zlib.error):
        while len(data) >= at + 7:
            end = at + 7 + int.from_bytes(data[at : at + 3], "little")
            if any(data[at + 4 : at + 7]):
                found += zlib.decompress(data[at + 7 : end])
            at = end
    return found


@contextmanager
def relayed(server: Database) -> Iterator[Relay]:
    """A relay before a database, for as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        relay = Relay(replace(server, host="127.0.0.1", port=listener.getsockname()[1]))
        threading.Thread(target=relay.serve, args=(listener, server), daemon=True).start()
        yield relay
        relay.cut()
