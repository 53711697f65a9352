"""The comparisons of `scripts/bench emit`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import psycopg
from batch import measure_batch
from server import TENANT, Bench
from stats import Rates, Ratio, interleave, ratio

CLIENTS = (1, 2, 8, 16)
STREAMS = 10_000
TEN = f"\\set n random(1, {STREAMS})\n"
HOT = "\\set n 0\n"

PAYLOAD = json.dumps(
    {
        "order_id": "o-2026-000417",
        "status": "paid",
        "customer": {"id": "c-5521", "name": "Acme GmbH", "country": "DE"},
        "lines": [
            {"sku": "AX-100", "quantity": 3, "price": 19.9, "title": "Mounting bracket"},
            {"sku": "BX-220", "quantity": 1, "price": 249.0, "title": "Control unit"},
        ],
        "total": 308.7,
        "note": "Deliver to the back entrance.",
    }
)

NO_STREAM = "null, null, null, null"
STREAM = (
    "'order', :n::text, (extract(epoch from clock_timestamp()) * 1000000)::bigint, "
    "'\\x0102030405060708091011121314151617181920212223242526272829303132'::bytea"
)
BARE = """
with e as (
  insert into bare.agent_events (
    tenant_id, id, created_at, run_id, trace_id, correlation_id, event_type, schema_version,
    payload, actor_type, actor_id, outcome, hash, aggregate_type, aggregate_id, sequence, prev_hash
  )
  values (
    'acme', gen_random_uuid(), clock_timestamp(), :run::uuid, :trace::uuid, :correlation::uuid,
    'bench.order_placed', 1, :payload::jsonb, 'agent', 'bench', 'success',
    '\\x0102030405060708091011121314151617181920212223242526272829303132'::bytea, {stream}
  )
  returning *
)
insert into bare.outbox (
  tenant_id, id, aggregate_type, aggregate_id, event_type, schema_version, payload, trace_id,
  correlation_id, created_at
)
select
  tenant_id, id, aggregate_type, aggregate_id, event_type, schema_version, payload, trace_id,
  correlation_id, created_at
from e;
"""
EMIT = """
select id, created_at, sequence, hash, duplicate
from ledger.emit_event(
  event_type => '{event_type}', payload => :payload::jsonb, tenant_id => 'acme',
  run_id => :run::uuid, actor_type => 'agent', actor_id => 'bench', outcome => 'success'{stream}
);
"""
AGGREGATE = ", aggregate_type => 'order', aggregate_id => :n::text"


def emit_script(event_type: str = "bench.order_placed", stream: str = "") -> str:
    return EMIT.format(event_type=event_type, stream=stream)


SCRIPTS = {
    "bare, no stream": BARE.format(stream=NO_STREAM),
    "emit, no stream": emit_script(),
    "bare, 10,000 streams": TEN + BARE.format(stream=STREAM),
    "emit, 10,000 streams": TEN + emit_script(stream=AGGREGATE),
    "bare, hot stream": HOT + BARE.format(stream=STREAM),
    "emit, hot stream": HOT + emit_script(stream=AGGREGATE),
}
VALIDATOR = {
    "emit, schema {}": emit_script("bench.unchecked"),
    "ten constraints": emit_script(),
}


@dataclass(frozen=True)
class Plan:
    rounds: int
    seconds: int
    clients: tuple[int, ...]
    commits: tuple[str, ...]
    parts: tuple[str, ...]
    is_quick: bool

    def cases(self) -> list[tuple[int, str]]:
        """Clients and synchronous_commit; quick: only what the goals are about."""
        if self.is_quick:
            return [(2, "off"), (16, "on")]
        return [(clients, commit) for commit in self.commits for clients in self.clients]


def measure(bench: Bench, plan: Plan, say: Callable[[str], None]) -> list[Ratio]:
    results = []
    fill_streams(bench)
    check_twins(bench)
    if "streams" in plan.parts:
        for clients, commit in plan.cases():
            say(f"single events: {clients} clients, synchronous_commit {commit}")
            with bench.clone() as database:
                rates = measure_scripts(database, SCRIPTS, plan, clients, commit)
            results += compare_streams(rates, clients, commit)
    if "batch" in plan.parts:
        for commit in ("off",) if plan.is_quick else plan.commits:
            say(f"batches of 1,000 events, synchronous_commit {commit}")
            with bench.clone() as database:
                results += measure_batch(database, PAYLOAD, plan.rounds, commit)
    if "validator" in plan.parts:
        say("the validator's cost")
        with bench.clone() as database:
            rates = measure_scripts(database, VALIDATOR, plan, 1, "off", rounds=2 * plan.rounds)
        results.append(
            ratio(
                rates,
                "ten constraints",
                "emit, schema {}",
                clients=1,
                commit="off",
                goal=0.10,
                is_cost=True,
            )
        )
    return results


def measure_scripts(
    bench: Bench,
    scripts: dict[str, str],
    plan: Plan,
    clients: int,
    commit: str,
    rounds: int | None = None,
) -> Rates:
    measurements = {
        name: partial(
            bench.pgbench,
            script,
            clients=clients,
            commit=commit,
            seconds=plan.seconds,
            variables=variables(bench),
        )
        for name, script in scripts.items()
    }
    return interleave(measurements, rounds or plan.rounds)


def compare_streams(rates: Rates, clients: int, commit: str) -> list[Ratio]:
    is_goal = (clients, commit) == (2, "off")
    is_hot_goal = (clients, commit) == (16, "on")
    pairs = [
        ("emit, no stream", "bare, no stream", 0.58 if is_goal else None),
        ("emit, 10,000 streams", "bare, 10,000 streams", 0.48 if is_goal else None),
        ("emit, hot stream", "bare, hot stream", None),
        ("emit, hot stream", "emit, no stream", 0.5 if is_hot_goal else None),
    ]
    return [
        ratio(rates, what, against, clients=clients, commit=commit, goal=goal)
        for what, against, goal in pairs
    ]


def variables(bench: Bench) -> dict[str, str]:
    """What the scripts are given as parameters, as an application would."""
    with psycopg.connect(bench.dsn) as connection:
        query = "select trace_id::text, correlation_id::text from ledger.agent_runs where id = %s"
        trace, correlation = connection.execute(query, [bench.run_id]).fetchone() or ("", "")
    return {
        "payload": PAYLOAD,
        "run": bench.run_id,
        "trace": trace,
        "correlation": correlation,
    }


def fill_streams(bench: Bench) -> None:
    """One event per stream on either side, so that all streams are there before the clock runs."""
    with psycopg.connect(bench.dsn, autocommit=True) as connection:
        connection.execute(
            """
            select ledger.emit_event('bench.order_placed', %s, tenant_id => %s, run_id => %s,
              aggregate_type => 'order', aggregate_id => n::text)
            from generate_series(0, %s) as n
            """,
            [PAYLOAD, TENANT, bench.run_id, STREAMS],
        )
        connection.execute("insert into bare.agent_events select * from ledger.agent_events")
        connection.execute("insert into bare.outbox select * from ledger.outbox")
        connection.execute("vacuum analyze")


def check_twins(bench: Bench) -> None:
    """The comparison is fair only if both sides fill the same columns of the same tables."""
    with bench.clone() as database:
        for bare, emit in zip(list(SCRIPTS)[::2], list(SCRIPTS)[1::2], strict=True):
            filled = [filled_columns(database, SCRIPTS[name]) for name in (bare, emit)]
            if filled[0] != filled[1]:
                raise SystemExit(f"{bare} and {emit} differ in {filled[0] ^ filled[1]}")


def filled_columns(bench: Bench, script: str) -> set[str]:
    """Columns that the last event and message of a script have values in."""
    bench.pgbench(script, clients=1, commit="off", seconds=1, variables=variables(bench))
    schema = "bare" if "into bare." in script else "ledger"
    filled: set[str] = set()
    with psycopg.connect(bench.dsn) as connection:
        for table in ("agent_events", "outbox"):
            query = f"""
                select array_agg(key) from jsonb_each((
                  select to_jsonb(t) from {schema}.{table} as t order by created_at desc limit 1
                )) where value <> 'null'
            """
            row = connection.execute(query).fetchone()
            filled |= {f"{table}.{column}" for column in (row[0] if row else [])}
    return filled
