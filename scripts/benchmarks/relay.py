"""The measurements of `scripts/bench relay`: draining the outbox to nowhere, in SQL terms.

Two workers claim, read and confirm; the rows are counted in the server, so that no client takes
part. Against it stands what people glue together: a table with published_at, drained by
UPDATE … FOR UPDATE SKIP LOCKED.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from statistics import median
from time import perf_counter
from typing import Any

import psycopg
from emit import PAYLOAD
from log import Figure
from server import Bench

WORKERS = 2
BATCH = 1000
EMIT = 10_000
STREAMS = 10_000
TENANTS = ("acme", "globex")  # a worker has a tenant to itself
SHARE = 0.2  # how much of the messages the updated table is drained of: it is slow

CLAIM = "select c.* from ledger.claim_outbox(%s, %s) as c"
READ = "select count(*) from ledger.read_outbox(row(%s, %s, %s, %s, %s, %s)::ledger.outbox_claim)"
CONFIRM = (
    "select ledger.confirm_outbox(%s, %s, through_position => %s, release => true, tenant_id => %s)"
)
UPDATED = """
    create table public.updated_outbox as select o.*, null::timestamptz as published_at
      from ledger.outbox as o limit {limit};
    alter table public.updated_outbox add primary key (tenant_id, created_at, id);
    create index on public.updated_outbox (created_at) where published_at is null;
"""
UPDATE = """
    update public.updated_outbox as o
    set published_at = clock_timestamp()
    from (
      select u.tenant_id, u.created_at, u.id from public.updated_outbox as u
      where u.published_at is null order by u.created_at limit %s for update skip locked
    ) as n
    where (o.tenant_id, o.created_at, o.id) = (n.tenant_id, n.created_at, n.id)
"""
SIZES = """
    select sum(pg_total_relation_size(c.oid))
    from pg_class as c
    where c.relkind = 'r'
      and (c.relname like 'outbox%' or c.relname like 'relay%' or c.relname = 'updated_outbox')
"""

Worker = Callable[[psycopg.Connection[Any]], int]


@dataclass(frozen=True)
class RelayPlan:
    messages: int
    rounds: int


@dataclass(frozen=True)
class Drain:
    """A drain of the outbox: its speed, and what it left behind, per message."""

    per_second: float
    wal: float
    growth: float


def measure_relay(bench: Bench, plan: RelayPlan, say: Callable[[str], None]) -> Iterator[Figure]:
    relays = (f"bench-{number}" for number in count())
    updated = int(plan.messages * SHARE)
    drains: dict[str, list[Drain]] = {}
    with psycopg.connect(bench.dsn, autocommit=True) as admin:
        say(f"emitting and sealing {plan.messages:,} events")
        messages = fill(admin, plan.messages)
        for number in range(plan.rounds + 1):
            for is_held in (False, True):
                say(f"round {number}, an old snapshot {'held' if is_held else 'not held'}")
                admin.execute("drop table if exists public.updated_outbox")
                admin.execute(UPDATED.format(limit=updated))  # type: ignore[arg-type]
                admin.execute("vacuum analyze public.updated_outbox")
                with held_snapshot(bench, is_held):
                    cursor = drain(bench, admin, delivering(next(relays)), messages)
                    update = drain(bench, admin, update_batch, updated)
                if number:  # the first warms up
                    drains.setdefault(f"cursor {is_held}", []).append(cursor)
                    drains.setdefault(f"update {is_held}", []).append(update)
    yield from figures(drains)


def figures(drains: dict[str, list[Drain]]) -> Iterator[Figure]:
    def of(name: str, is_held: bool) -> list[Drain]:
        return drains[f"{name} {is_held}"]

    def against(what: list[Drain], base: list[Drain]) -> float:
        pairs = zip(what, base, strict=True)
        return median(one.per_second / other.per_second for one, other in pairs)

    free, held = of("cursor", False), of("cursor", True)
    rate = median(one.per_second for one in free)
    yield Figure(f"drained, {WORKERS} workers", rate, "messages/s", 150_000)
    yield Figure("the same while an old snapshot is held", against(held, free), "ratio", 0.7)
    yield Figure("against UPDATE published_at", against(free, of("update", False)), "ratio")
    snapshot = against(held, of("update", True))
    yield Figure("against it, an old snapshot held", snapshot, "ratio")
    for name, what in (("cursor", "drained"), ("update", "UPDATE published_at")):
        yield Figure(f"{what}, WAL", median(d.wal for d in of(name, False)), "bytes/message")
        yield Figure(f"{what}, growth", median(d.growth for d in of(name, False)), "bytes/message")


def fill(admin: psycopg.Connection[Any], messages: int) -> int:
    """So many messages; how many there are in all, with those of before."""
    common = {
        "event_type": "bench.order_placed",
        "payload": json.loads(PAYLOAD),
        "aggregate_type": "order",
        "actor_type": "agent",
        "actor_id": "bench",
        "outcome": "success",
    }
    admin.execute("set synchronous_commit = off")
    for first in range(0, messages, EMIT):
        batch = [
            {**common, "aggregate_id": str((first + number) % STREAMS)} for number in range(EMIT)
        ]
        tenant_id = TENANTS[first // EMIT % len(TENANTS)]
        emit = "select count(*) from ledger.emit_events(%s, %s)"
        admin.execute(emit, [json.dumps(batch), tenant_id])
    admin.execute("select count(*) from ledger.seal_all()")
    admin.execute("vacuum analyze")
    (emitted,) = admin.execute("select count(*) from ledger.outbox").fetchone() or (0,)
    return int(emitted)


@contextmanager
def held_snapshot(bench: Bench, is_held: bool) -> Iterator[None]:
    """A transaction that somebody forgot: nothing that dies after it began can be removed."""
    with psycopg.connect(bench.dsn) as forgotten:
        if is_held:
            forgotten.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            forgotten.execute("select 1")
        yield


def drain(bench: Bench, admin: psycopg.Connection[Any], work: Worker, messages: int) -> Drain:
    def until_empty() -> int:
        with psycopg.connect(bench.dsn, autocommit=True) as connection:
            connection.execute("set synchronous_commit = off")
            done = 0
            while handled := work(connection):
                done += handled
            return done

    bytes_before, wal_before = state(admin)
    started = perf_counter()
    with ThreadPoolExecutor(WORKERS) as threads:
        handled = sum(one.result() for one in [threads.submit(until_empty) for _ in range(WORKERS)])
    seconds = perf_counter() - started
    if handled != messages:
        raise SystemExit(f"{handled:,} messages were drained of {messages:,}")
    bytes_after, wal_after = state(admin)
    return Drain(
        messages / seconds,
        float(wal_after - wal_before) / messages,
        float(bytes_after - bytes_before) / messages,
    )


def state(admin: psycopg.Connection[Any]) -> tuple[Any, Any]:
    query = f"select ({SIZES}), pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
    return admin.execute(query).fetchone() or (0, 0)  # type: ignore[arg-type]


def delivering(relay: str) -> Worker:
    def deliver_batch(connection: psycopg.Connection[Any]) -> int:
        claim = connection.execute(CLAIM, [relay, BATCH]).fetchone()
        if claim is None:
            return 0
        (messages,) = connection.execute(READ, claim).fetchone() or (0,)
        _, tenant_id, token, _, through, _ = claim
        connection.execute(CONFIRM, [relay, token, through, tenant_id])
        return int(messages)

    return deliver_batch


def update_batch(connection: psycopg.Connection[Any]) -> int:
    return connection.execute(UPDATE, [BATCH]).rowcount
