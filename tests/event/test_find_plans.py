"""A filter that few events pass finds them by its index, however small the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]

EVENTS = 20_000
READ = """
    select coalesce(sum(s.seq_tup_read + s.idx_tup_fetch), 0)
    from pg_stat_xact_user_tables as s
    where s.relname like 'agent\\_events\\_p%'
"""


@pytest.fixture
def oldest(pg: AnyConnection) -> dict[str, UUID]:
    """The ids of the oldest of many events; ten share each id."""
    pg.execute("select ledger.ensure_tenant('acme')")
    pg.execute("set role ledger_append")
    pg.execute(
        """
        insert into ledger.agent_events (
          tenant_id, id, created_at, run_id, trace_id, correlation_id, deal_id, event_type,
          schema_version, payload, hash
        )
        select
          'acme', ledger.event_id(t.at, gen_random_uuid()), t.at, md5('run' || n / 10)::uuid,
          md5('trace' || n / 10)::uuid, md5('deal' || n / 10)::uuid, md5('deal' || n / 10)::uuid,
          'test.happened', 1, '{}', sha256(n::text::bytea)
        from generate_series(0, %(events)s - 1) as n
        cross join lateral (select now() + n * interval '1 millisecond' as at) as t
        """,
        {"events": EVENTS},
    )
    pg.execute("reset role")
    pg.execute("vacuum analyze ledger.agent_events")
    ids = {"run_id": "run", "trace_id": "trace", "correlation_id": "deal", "deal_id": "deal"}
    found = pg.execute("select md5(n || '0')::uuid from unnest(%s::text[]) n", [[*ids.values()]])
    return dict(zip(ids, (each for (each,) in found), strict=True))


@pytest.fixture
def rows_read(pg: AnyConnection) -> Callable[..., int]:
    """`rows_read(trace_id=..., page_size=1)`: the rows that a page looks at."""

    def run(**arguments: Any) -> int:
        given = ", ".join(f"{name} => %({name})s" for name in arguments)
        with pg.transaction():
            (before,) = pg.execute(READ).fetchone() or (0,)
            found = pg.execute(f"select id from ledger.find_events('acme', {given})", arguments)
            assert len(found.fetchall()) == min(arguments["page_size"], 10)
            (after,) = pg.execute(READ).fetchone() or (0,)
        return int(after - before)

    return run


def test_an_id_is_not_looked_for_by_reading_through_time(
    oldest: dict[str, UUID], rows_read: Callable[..., int]
) -> None:
    for name, wanted in oldest.items():
        for page_size in (1, 2, 100):
            for newest_first in (True, False):
                read = rows_read(**{name: wanted}, page_size=page_size, newest_first=newest_first)
                assert read < EVENTS / 4, (name, page_size, newest_first)
