"""The ledger that `scripts/bench explore` looks at, written past emit_event.

Of each hundred events one starts a run of an agent and one ends it; the others are about 999,999
aggregates of three types, of 10,000 actors, eight to a correlation, each caused by the one before.
Beside them are two runs of 100,000 events, each with a stream of its own: one has ended, one goes
on. Hashes are none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from emit import PAYLOAD
from server import TENANT

BLOCK = 200_000
LONG = 100_000
LARGE_TRACE = 10_000
TREE = 4_000


def random_bits(seed: str) -> str:
    """SQL: a UUID of version 4 as ledger.event_id takes it, the same for the same text."""
    return f"overlay(overlay(md5({seed}) placing '4' from 13) placing '8' from 17)::uuid"


RUN_END = json.dumps({"steps": 9, "input_tokens": 8120, "output_tokens": 512})
INSERT = """
    insert into ledger.agent_events (
      tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
      schema_version, payload, aggregate_type, aggregate_id, sequence, actor_type, actor_id,
      outcome, hash
    )
"""
# m counts the events that are about aggregates; s is 0 for the first event of a run and 99 for the
# last. One run in fifty is still running, one in 10,007 is paused, one in twenty has failed; the
# outcome of one event in a million is partial.
EVENTS = f"""
    {INSERT}
    select
      %(tenant)s, e.id, t.at, r.id, md5('trace' || n / 8)::uuid, md5('correlation' || n / 8)::uuid,
      case
        when n %% 8 > 0
        then ledger.event_id(t.at - %(apart)s::interval, {random_bits("'event' || n - 1")})
      end,
      coalesce(r.event_type, 'bench.type_' || n %% 40), 1,
      case when r.event_type is null then %(payload)s else %(run_end)s end::jsonb,
      case
        when r.event_type is null then (array['deal', 'post', 'wallet'])[m %% 3 + 1]
        else 'run'
      end,
      case when r.event_type is null then (m %% 999999)::text else r.id::text end,
      case when r.event_type is null then m / 999999 + 1 else least(s, 1) + 1 end,
      (array['user', 'agent', 'system'])[n %% 3 + 1], 'actor-' || (n * 7919 %% 10000)::text,
      case
        when r.event_type = 'run.failed' then 'failure'
        when n %% 1000000 = 7 then 'partial'
        else (array['success', 'failure', 'pending', null])[n %% 4 + 1]
      end,
      sha256(uuid_send(e.id))
    from generate_series(%(first)s::bigint, %(first)s::bigint + %(count)s - 1) as n
    cross join lateral (
      select n %% 100 as s, n / 100 * 98 + n %% 100 - 1 as m, %(began)s + n * %(apart)s as at
    ) as t
    cross join lateral (
      select
        md5('run' || n / 100)::uuid as id,
        case
          when t.s = 0 then 'run.started'
          when t.s < 99 or n / 100 %% 50 = 11 then null
          when n / 100 %% 10007 = 3 then 'run.paused'
          when n / 100 %% 20 = 7 then 'run.failed'
          else 'run.completed'
        end as event_type
    ) as r
    cross join lateral ledger.event_id(t.at, {random_bits("'event' || n")}) as e (id)
    where r.event_type is not null or t.s between 1 and 98
"""
# Of the first 10,000 one correlation, of the next 4,000 another: a tree with three effects each.
LONG_RUN = f"""
    {INSERT}
    select
      %(tenant)s, e.id, t.at, %(run)s::uuid, md5(%(run)s::text || c.correlation)::uuid,
      md5(%(run)s::text || c.correlation)::uuid,
      case
        when n between {LARGE_TRACE + 1} and {LARGE_TRACE + TREE - 1}
        then ledger.event_id(
          %(began)s + interval '0.5 s' * ({LARGE_TRACE} + (n - {LARGE_TRACE} - 1) / 3),
          {random_bits(f"%(run)s::text || {LARGE_TRACE} + (n - {LARGE_TRACE} - 1) / 3")}
        )
      end,
      case
        when n = 0 then 'run.started'
        when n = {LONG} - 1 and %(is_over)s then 'run.completed'
        when n %% 2 = 1 then 'run.tool_called'
        else 'run.tool_completed'
      end,
      1, %(payload)s::jsonb || jsonb_build_object('tool_name', 'tool-' || n / 2 %% 7, 'n', n),
      'deal', %(run)s::text, n + 1, 'agent', 'long', null, sha256(uuid_send(e.id))
    from generate_series(0, {LONG} - 1) as n
    cross join lateral (select %(began)s + interval '0.5 s' * n as at) as t
    cross join lateral ledger.event_id(t.at, {random_bits("%(run)s::text || n")}) as e (id)
    cross join lateral (
      select case
        when n < {LARGE_TRACE} then 'large'
        when n < {LARGE_TRACE + TREE} then 'tree'
        else (n / 8)::text
      end as correlation
    ) as c
"""
# Twenty names of agents, and one of a run in 50,000. Of ten runs three have a parent of three
# children, and one belongs to the ninth run of all.
RUNS = """
    insert into ledger.agent_runs (
      tenant_id, id, agent_name, parent_run_id, trace_id, correlation_id, started_at
    )
    select
      %(tenant)s, md5('run' || n)::uuid,
      case when n %% 50000 = 17 then 'rare' else 'agent-' || n %% 20 end,
      case
        when n %% 10 in (1, 2, 3) then md5('run' || n / 10 * 10)::uuid
        when n %% 10 = 9 and n > 9 then md5('run9')::uuid
      end,
      md5('trace' || n * 100 / 8)::uuid, md5('correlation' || n * 100 / 8)::uuid,
      %(began)s + n * 100 * %(apart)s
    from generate_series(0, (%(total)s - 1) / 100) as n
"""
LONG_RUNS = """
    insert into ledger.agent_runs (tenant_id, id, agent_name, trace_id, correlation_id, started_at)
    values (
      %(tenant)s, %(run)s::uuid, 'long', md5(%(run)s::text || 'large')::uuid,
      md5(%(run)s::text || 'large')::uuid, %(began)s
    )
"""
STREAMS = """
    insert into ledger.streams (
      tenant_id, aggregate_type, aggregate_id, sequence, created_at, hash
    )
    select
      e.tenant_id, e.aggregate_type, e.aggregate_id, max(e.sequence), max(e.created_at), sha256('')
    from ledger.agent_events as e
    where e.tenant_id = %(tenant)s and e.sequence is not null
    group by e.tenant_id, e.aggregate_type, e.aggregate_id
    on conflict do nothing
"""
LONG_RUN_IDS = {
    True: "00000000-0000-4000-8000-000000000001",
    False: "00000000-0000-4000-8000-000000000002",
}
"""Of the run that has ended, and of the one that goes on."""


def fill(connection: psycopg.Connection[Any], total: int, say: Callable[[str], None]) -> None:
    """Write `total` events of 90 days and the two long runs; seal and count them."""
    partition = "select ledger.ensure_partition(now() - n * interval '30 days')"
    connection.execute(f"{partition} from generate_series(0, 3) n")
    for what, query, arguments in inserts(connection, total):
        say(what)
        with connection.transaction():
            connection.execute("set local role ledger_append")
            connection.execute(query, arguments)
    connection.execute("vacuum analyze ledger.agent_events, ledger.streams, ledger.agent_runs")
    say("sealing")
    connection.execute("select ledger.seal_all()")
    say("counting")
    while connection.execute("select ledger.count_events()").fetchone() != (0,):
        pass
    say("making snapshots")
    for run in LONG_RUN_IDS.values():
        again = "select ledger.snapshot_again(%s, 'deal', %s, %s)"
        connection.execute(again, [TENANT, run, LONG])
    connection.execute("vacuum analyze ledger.event_counts, ledger.log_entries, ledger.snapshots")


def inserts(
    connection: psycopg.Connection[Any], total: int
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    query = "select now() - interval '90 days', interval '90 days' / %s"
    began, apart = connection.execute(query, [total]).fetchone() or (None, None)
    given = {
        "tenant": TENANT,
        "payload": PAYLOAD,
        "run_end": RUN_END,
        "total": total,
        "began": began,
        "apart": apart,
    }
    yield "runs", RUNS, given
    for first in range(0, total, BLOCK):
        count = min(BLOCK, total - first)
        what = f"{first:,} of {total:,} events are made"
        yield what, EVENTS, {**given, "first": first, "count": count}
    for is_over, run in LONG_RUN_IDS.items():
        long = {**given, "run": run, "is_over": is_over}
        yield "a long run", LONG_RUNS, long
        yield "its events", LONG_RUN, long
    yield "heads of streams", STREAMS, given
