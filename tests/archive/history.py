"""Events of days gone by, written as emit_events() writes them, and where partitions are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import psycopg
from log.consistency import Row, rows

AnyConnection = psycopg.Connection[Any]

HAPPENED = "test.happened"
BATCH = 10_000
DAY = timedelta(days=1)


@cache
def today() -> datetime:
    """The last midnight, UTC, before the test began; tests/conftest.py forgets it after each.

    Another one may pass in the middle of a test, which counts its days from this one all the same.
    """
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def start_of_day(days_ago: int) -> datetime:
    return today() - days_ago * DAY


def since_noon(days_ago: int) -> timedelta:
    """Age of the noon of that day, for a policy.

    Partitions end at midnight, so none becomes due while the test runs; with a policy of whole days
    one does at every midnight.
    """
    return datetime.now(UTC) - start_of_day(days_ago) - DAY / 2


def set_interval(connection: AnyConnection, partition_interval: str) -> None:
    """For partitions that are made from now on; those that are there stay."""
    update = "update ledger.partition_settings set partition_interval = %s"
    connection.execute(update, [partition_interval])


def forget_partitions(connection: AnyConnection) -> None:
    """All are gone, as if nobody had made any; what was in them, too."""
    connection.execute(
        """
        begin;
        select ledger_guard.open_window('uninstall');
        alter table ledger.partitions disable trigger user;
        do $$
        declare
          v_partition record;
        begin
          for v_partition in select * from ledger.partitions loop
            execute format('drop table ledger.%I', v_partition.partition_name);
          end loop;
        end
        $$;
        delete from ledger.partitions;
        alter table ledger.partitions enable trigger user;
        create or replace function ledger.covered_period() returns tstzrange
        language sql immutable parallel safe return 'empty'::tstzrange;
        select ledger.repair_guards();
        commit
        """
    )


def emit_at(
    connection: AnyConnection,
    at_time: datetime,
    elements: Sequence[dict[str, Any]],
    tenant_id: str = "acme",
) -> list[UUID]:
    """A batch as if the clock were at that time; its ids. For a superuser, before any sealing."""
    batch = json.dumps(elements)
    connection.execute("select ledger.ensure_tenant(%s)", [tenant_id])
    connection.execute("select ledger.ensure_partition(%s)", [at_time])
    with connection.transaction():
        connection.execute("select ledger.lock_streams(%s, %s)", [tenant_id, batch])
        write = "select id from ledger.emit_plain_events(%s, %s, %s)"
        ids = connection.execute(write, [tenant_id, batch, at_time]).fetchall()
    assert len(ids) == len(elements)
    return [row[0] for row in ids]


def fill(connection: AnyConnection, at_time: datetime, count: int, tenant_id: str = "acme") -> None:
    """So many events of that time, every tenth in one of 100 streams."""
    for first in range(0, count, BATCH):
        elements = [
            {"event_type": HAPPENED, "payload": {"n": number}, "publish": False}
            | (
                {"aggregate_type": "deal", "aggregate_id": str(number % 1000)}
                if n % 10 == 0
                else {}
            )
            for n in range(min(BATCH, count - first))
            for number in [first + n]
        ]
        emit_at(connection, at_time + timedelta(seconds=first // BATCH), elements, tenant_id)


def partition_of(connection: AnyConnection, at_time: datetime) -> str:
    """Name of the partition of agent_events that holds that time."""
    row = connection.execute(
        """
        select partition_name::text from ledger.partitions
        where parent_name = 'agent_events' and from_time <= %(at)s and %(at)s < to_time
        """,
        {"at": at_time},
    ).fetchone()
    assert row is not None
    return str(row[0])


def tiers(connection: AnyConnection) -> dict[str, str]:
    """Tier of each partition of agent_events that ended before the test began."""
    query = """
        select partition_name::text, tier from ledger.partitions
        where parent_name = 'agent_events' and to_time <= %s order by from_time
    """
    return dict(connection.execute(query, [today()]).fetchall())


def check_manifest(connection: AnyConnection) -> None:
    """What ledger.partitions says is so: parent, bounds, and rows where they were counted."""
    found = rows(
        connection,
        """
        select p.*, i.inhparent::regclass::text as parent,
          pg_get_expr(c.relpartbound, c.oid) as bounds
        from ledger.partitions as p
        left join pg_class as c on c.oid = to_regclass('ledger.' || quote_ident(p.partition_name))
        left join pg_inherits as i on i.inhrelid = c.oid and not i.inhdetachpending
        where p.tier in ('hot', 'archive')
        """,
    )
    with connection.transaction():
        connection.execute("set local timezone = 'UTC'")
        attached = rows(
            connection,
            """
            select c.relname::text as name, i.inhparent::regclass::text as parent,
              pg_get_expr(c.relpartbound, c.oid) as bounds
            from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
            where i.inhparent = any(
              '{ledger.agent_events,ledger.agent_events_archive,ledger.outbox}'::regclass[]
            )
            """,
        )
    assert {row["name"]: row for row in attached} == {
        partition["partition_name"]: expected(partition) for partition in found
    }
    for partition in found:
        if partition["tier"] == "archive":
            count = f"select count(*) from ledger.{partition['partition_name']}"
            assert connection.execute(count).fetchone() == (partition["row_count"],)  # type: ignore[arg-type]
            assert partition["moved_at"] is not None
            assert partition["sealed_snapshot"] is None


def expected(partition: Row) -> Row:
    """A row of the manifest as the catalog should have it."""
    parent = partition["parent_name"]
    if partition["tier"] == "archive":
        parent = "agent_events_archive"
    bounds = " TO ".join(
        f"('{partition[side].astimezone(UTC):%Y-%m-%d %H:%M:%S}+00')"
        for side in ("from_time", "to_time")
    )
    return {
        "name": partition["partition_name"],
        "parent": f"ledger.{parent}",
        "bounds": f"FOR VALUES FROM {bounds}",
    }


def findings(connection: AnyConnection, *tenants: str) -> list[Row]:
    """What verify() finds in the logs of these tenants."""
    return [
        row
        for tenant_id in tenants
        for row in rows(connection, "select * from ledger.verify(%s)", tenant_id)
    ]


def moves(connection: AnyConnection) -> list[tuple[str, str]]:
    """Type and partition of each event about a partition, as they happened."""
    return connection.execute(
        """
        select event_type, aggregate_id from ledger.events
        where tenant_id = 'ledger' and aggregate_type = 'partition' order by created_at
        """
    ).fetchall()
