"""The measurements of `scripts/bench upcast`: reading old payloads as the current version."""

from __future__ import annotations

import json
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import psycopg
from log import Figure
from server import TENANT, Bench

from agent_events import Ledger

PAGE = 1000
READ = "select * from ledger.read_stream('thing', %s, upcast => %s, tenant_id => %s)"
SETUP = """
    create schema bench_upcast;
    grant usage on schema bench_upcast to ledger_sandbox;
    create function bench_upcast.lift(payload jsonb) returns jsonb immutable
    return payload || '{"lifted": true}';
"""
CASES = {
    "upcast, all current": "current",
    "upcast, one step": "one",
    "upcast, two steps": "two",
}


def measure_upcast(bench: Bench, rounds: int, say: Callable[[str], None]) -> list[Figure]:
    """A stream of a page for each case, read in turn against the same stream raw."""
    with psycopg.connect(bench.dsn, autocommit=True) as connection:
        say("emitting")
        prepare(connection)
        figures = [Figure("read_stream, a page of 1,000, raw", raw(connection, rounds), "ms")]
        for what, stream in CASES.items():
            say(what)
            ratios = [
                timed(connection, stream, upcast=True) / timed(connection, stream, upcast=False)
                for _ in range(rounds)
            ]
            figures.append(Figure(f"{what}, against raw", median(ratios), "times"))
    return figures


def prepare(connection: psycopg.Connection[Any]) -> None:
    ledger = Ledger(connection)
    connection.execute(SETUP)
    for version, stream in ((1, "two"), (2, "one"), (3, "current")):
        ledger.register_event_type("bench.lifted", {"title": f"version {version}"})
        batch = [
            {
                "event_type": "bench.lifted",
                "payload": {"number": number, "text": "x" * 50},
                "aggregate_type": "thing",
                "aggregate_id": stream,
            }
            for number in range(PAGE)
        ]
        emit = "select count(*) from ledger.emit_events(%s, %s)"
        connection.execute(emit, [json.dumps(batch), TENANT])
    for version in (1, 2):
        ledger.register_upcaster("bench.lifted", version, "bench_upcast.lift")
    connection.execute("vacuum analyze")


def raw(connection: psycopg.Connection[Any], rounds: int) -> float:
    return 1000 * median(timed(connection, "current", upcast=False) for _ in range(rounds))


def timed(connection: psycopg.Connection[Any], stream: str, *, upcast: bool) -> float:
    """Seconds for a page, with its way to the client."""
    start = perf_counter()
    connection.execute(READ, [stream, upcast, TENANT]).fetchall()
    return perf_counter() - start
