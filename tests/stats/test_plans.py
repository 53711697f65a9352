"""Counting finds events by key, also where statistics say that a partition is all but empty."""

from __future__ import annotations

from typing import Any

import psycopg
from log.emitting import insert_many
from stats.counting import count_events

AnyConnection = psycopg.Connection[Any]


def blocks(connection: AnyConnection) -> int:
    """Blocks of the events' tables and indexes that were touched so far."""
    connection.execute("select pg_stat_force_next_flush()")
    (total,) = connection.execute(
        """
        select sum(heap_blks_read + heap_blks_hit) from pg_statio_user_tables
        where schemaname = 'ledger' and relname like 'agent_events_p%'
        """
    ).fetchone() or (0,)
    return int(total)


def test_a_batch_costs_the_same_in_a_large_partition(ledger: AnyConnection) -> None:
    insert_many(ledger, 1)
    ledger.execute("vacuum analyze")
    insert_many(ledger, 50_000)
    ledger.execute("select ledger.seal('acme')")
    count_events(ledger, max_events=1)
    before = blocks(ledger)
    count_events(ledger, max_events=1_000)
    assert blocks(ledger) - before <= 2_000
