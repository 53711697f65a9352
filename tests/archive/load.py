"""Emitters beside a slow reader, and how long each emit took and waited for locks."""

from __future__ import annotations

import re
import threading
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import psycopg

AnyConnection = psycopg.Connection[Any]
Dial = Callable[[], AnyConnection]

EMITTERS = 8
PAUSE = 0.002  # seconds between two emits of an emitter: waits are seen, and the log stays short
EMIT = """
    select id from ledger.emit_event(
      'test.happened', '{"n": 1}', tenant_id => %s, aggregate_type => %s, aggregate_id => %s
    )
"""
READ = """
    select count(*), pg_sleep(%s) from (select e.id from ledger.events as e limit 1000) as e
"""
NAP = 0.005
LATE = f"""
    select extract(epoch from clock_timestamp() - statement_timestamp()) - {NAP}
    from (select pg_sleep({NAP}) offset 0) as nap
"""
# The server says it to the client that waited, when the wait is over.
ACQUIRED = re.compile(r"process \d+ acquired \w+ on .* after ([0-9.]+) ms")


class Load:
    """What the emitters of one stretch of time saw: a number per call, in seconds.

    Arrays of numbers, because the garbage collector stops all threads to look through objects.
    """

    def __init__(self) -> None:
        self.took = array("d")
        self.waited = array("d")
        self.errors: list[psycopg.Error] = []
        self.reads = 0
        self.lateness = 0.0

    def add(self, took: float, waited: float) -> None:
        self.took.append(took)
        self.waited.append(waited)

    def extend(self, other: Load) -> None:
        self.took.extend(other.took)
        self.waited.extend(other.waited)
        self.errors += other.errors


def note_lock_waits(admin: AnyConnection) -> None:
    """From the next connection on, the server tells clients about every wait for a lock.

    Waits shorter than a millisecond are not told.
    """
    database = admin.info.dbname
    for setting in ("log_lock_waits = on", "deadlock_timeout = '1ms'", "client_min_messages = log"):
        admin.execute(f"alter database {database} set {setting}")  # type: ignore[arg-type]


class Emitter:
    """Emits single events, one call after the other: every second one in a stream of its own."""

    def __init__(self, connection: AnyConnection, number: int) -> None:
        self.connection = connection
        self.number = number
        self.waited = 0.0
        connection.add_notice_handler(self.hear)

    def hear(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if found := ACQUIRED.match(str(diagnostic.message_primary)):
            self.waited += float(found[1]) / 1000

    def run(self, over: threading.Event) -> Load:
        load = Load()
        count = 0
        while not over.wait(PAUSE):
            count += 1
            stream = ("deal", str(self.number)) if count % 2 else (None, None)
            self.waited = 0.0
            began = perf_counter()
            try:
                self.connection.execute(EMIT, ["acme", *stream]).fetchall()
            except psycopg.Error as error:
                load.errors.append(error)
                if self.connection.broken:
                    break
            load.add(perf_counter() - began, self.waited)
        return load


def longest_lateness(connection: AnyConnection, over: threading.Event) -> float:
    """How much later than it wanted a server process woke up, at most: the machine's own delay."""
    worst = 0.0
    while not over.is_set():
        (late,) = connection.execute(LATE).fetchone() or (0.0,)
        worst = max(worst, float(late))
    return worst


def read(connection: AnyConnection, seconds: float, over: threading.Event) -> int:
    """Query after query, each so long; how many."""
    count = 0
    while not over.is_set():
        connection.execute(READ, [seconds]).fetchall()
        count += 1
    return count


@contextmanager
def loaded(dial: Dial, read_seconds: float) -> Iterator[Load]:
    """Emitters, and a reader without a pause, beside the block; what they saw is told after it."""
    load = Load()
    over = threading.Event()
    emitters = [Emitter(dial(), number) for number in range(EMITTERS)]
    reader, control = dial(), dial()
    with ThreadPoolExecutor(EMITTERS + 2) as threads:
        running = [threads.submit(emitter.run, over) for emitter in emitters]
        napping = threads.submit(longest_lateness, control, over)
        reading = threads.submit(read, reader, read_seconds, over)
        try:
            yield load
        finally:
            over.set()
    for one in running:
        load.extend(one.result())
    load.reads = reading.result()
    load.lateness = napping.result()
    for connection in [reader, control, *(emitter.connection for emitter in emitters)]:
        connection.close()
