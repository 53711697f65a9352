"""A history that reads can be tried on: four months, the oldest of them archived."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]


@pytest.fixture
def history(pg: AnyConnection) -> AnyConnection:
    """600 events of tenants acme and other, inserted directly: emit_event does not backdate."""
    pg.execute("set timezone = 'UTC'")
    pg.execute("select ledger.ensure_tenant('acme'), ledger.ensure_tenant('other')")
    pg.execute(
        """
        select ledger.ensure_partition(now() - n * interval '1 month')
        from generate_series(1, 4) as n
        """
    )
    pg.execute("set role ledger_append")
    pg.execute(
        """
        insert into ledger.agent_events (
          tenant_id, id, created_at, run_id, trace_id, correlation_id, event_type, schema_version,
          payload, deal_id, aggregate_type, aggregate_id, sequence, actor_type, actor_id, outcome,
          hash
        )
        select
          case when n % 5 = 0 then 'other' else 'acme' end,
          ledger.event_id(t.created_at, gen_random_uuid()),
          t.created_at,
          case when n % 3 > 0 then md5('run' || n % 7) else repeat('0', 32) end::uuid,
          md5('trace' || n / 10)::uuid,
          md5('deal' || n % 11)::uuid,
          (array['deal.created', 'deal.scored', 'dealer.called', 'run.paused', 'a_b.c', 'axb.c'])[
            1 + n % 6
          ],
          1,
          jsonb_build_object('n', n),
          case when n % 2 = 0 then md5('deal' || n % 11)::uuid end,
          case when n % 4 > 0 then 'deal' end,
          case when n % 4 > 0 then (n % 2)::text end,
          case when n % 4 > 0 then
            row_number() over (partition by n % 5 = 0, n % 4 > 0, n % 2 order by n)
          end,
          (array['user', 'agent', null])[1 + n % 3],
          (array['ada', 'bob', null])[1 + n % 3],
          (array['success', 'failure', 'pending', null])[1 + n % 4],
          sha256(n::text::bytea)
        from generate_series(1, 600) as n,
        lateral (
          -- two events at a time share a microsecond
          select now() - interval '100 days' + (n / 2) * interval '8 hours' as created_at
        ) as t
        """
    )
    pg.execute("reset role")
    archive_oldest(pg)
    return pg


@pytest.fixture
def scanned(pg: AnyConnection) -> Callable[..., list[str]]:
    """`scanned(query, parameters)`: the partitions that the query looks into."""

    def counts() -> dict[str, int]:
        rows = pg.execute(
            """
            select s.relname::text, s.idx_scan + s.seq_scan
            from pg_stat_xact_user_tables as s join pg_class as c on c.oid = s.relid
            where c.relispartition
            """
        ).fetchall()
        return dict(rows)

    def run(query: str, *parameters: Any) -> list[str]:
        with pg.transaction():
            before = counts()
            pg.execute(query, *parameters)
            return [name for name, count in counts().items() if count > before.get(name, 0)]

    return run


def archive_oldest(pg: AnyConnection) -> None:
    row = pg.execute(
        """
        select min(p.partition_name), min(p.from_time), min(p.to_time) from ledger.partitions as p
        where p.parent_name = 'agent_events'
          and p.from_time = (select date_trunc('month', min(created_at)) from ledger.agent_events)
        """
    ).fetchone()
    assert row is not None
    name, from_time, to_time = row
    with pg.transaction():
        pg.execute("select ledger_guard.open_window('partition')")
        pg.execute(f"alter table ledger.agent_events detach partition ledger.{name}")
        pg.execute(
            f"alter table ledger.agent_events_archive attach partition ledger.{name}"
            f" for values from ('{from_time}') to ('{to_time}')"
        )
        pg.execute(
            "update ledger.partitions set tier = 'archive' where partition_name = %s", [name]
        )
