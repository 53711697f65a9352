"""Old events in partitions of their own, and the way of such a partition into a file and back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from problems import problems
from psycopg import sql

AnyConnection = psycopg.Connection[Any]

COLUMNS = (
    "tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type, "
    "schema_version, payload, deal_id, action_id, aggregate_type, aggregate_id, sequence, "
    "actor_type, actor_id, outcome, proof, metadata, occurred_at, private_hash, prev_hash, hash"
)
RECORD = "select ledger.record_cold_file(%s, %s, %s, %s, %s, %s)"
DROP = "select ledger.drop_cold(%s, %s, %s, %s)"
MAY = "agent_events_p20210501"
JUNE = "agent_events_p20210601"


def emit_at(pg: AnyConnection, time: str, events: Sequence[dict[str, Any]], tenant: str) -> None:
    """Emit a batch as it would have been emitted then: hashed and chained."""
    document = json.dumps(events)
    pg.execute("select ledger.ensure_tenant(%s)", [tenant])
    pg.execute("select ledger.ensure_partition(%s)", [time])
    with pg.transaction():
        pg.execute("select ledger.lock_streams(%s, %s)", [tenant, document])
        pg.execute(
            "select count(*) from ledger.emit_plain_events(%s, %s, %s)", [tenant, document, time]
        )


def batch(count: int, streams: int = 3, first: int = 0) -> list[dict[str, Any]]:
    """Events of which every fourth has no stream."""
    return [
        {"event_type": "run.paused", "payload": {"n": n}, "publish": False}
        | ({"aggregate_type": "deal", "aggregate_id": str(n % streams)} if n % 4 else {})
        for n in range(first, first + count)
    ]


def archive(pg: AnyConnection, partition: str) -> None:
    """Move a partition from agent_events to the archive."""
    pg.execute("call ledger.archive_partition(%s)", [partition])


@dataclass
class File:
    """What is outside: the rows as COPY gave them, and what was computed from them."""

    partition: str
    rows: bytes
    sha256: bytes
    row_count: int
    tenants: dict[str, Any]

    def record(self, connection: AnyConnection) -> None:
        connection.execute(
            RECORD,
            [
                self.partition,
                f"{self.partition}.parquet",
                self.sha256,
                len(self.rows) or 1,
                self.row_count,
                json.dumps(self.tenants),
            ],
        )

    def drop(self, connection: AnyConnection, checkpoints: Sequence[str]) -> None:
        connection.execute(
            DROP, [self.partition, self.sha256, json.dumps(self.tenants), list(checkpoints)]
        )

    def copy(self, connection: AnyConnection, rows: bytes | None = None) -> None:
        """Begin to restore, and copy the rows, or others, into the table."""
        connection.execute("select ledger.begin_restore(%s)", [self.partition])
        statement = sql.SQL("copy {} ({}) from stdin (format csv)").format(
            sql.Identifier("ledger", self.partition), sql.SQL(COLUMNS)
        )
        with connection.cursor().copy(statement) as copy:
            copy.write(self.rows if rows is None else rows)

    def restore(self, connection: AnyConnection, rows: bytes | None = None) -> int:
        self.copy(connection, rows)
        row = connection.execute("select ledger.finish_restore(%s)", [self.partition]).fetchone()
        assert row is not None
        return int(row[0])


def export(operator: AnyConnection, partition: str) -> File:
    """Read a partition as an operator who reads all tenants does."""
    query = f"""
        copy (
          select {COLUMNS}
          from ledger.events
          where created_at >= {{}} and created_at < {{}}
          order by tenant_id, created_at, id
        ) to stdout (format csv)
    """
    bounds = operator.execute(
        "select from_time::text, to_time::text from ledger.partitions where partition_name = %s",
        [partition],
    ).fetchone()
    assert bounds is not None
    with operator.cursor().copy(sql.SQL(query).format(*map(sql.Literal, bounds))) as copy:
        rows = b"".join(bytes(part) for part in copy)
    tenants = digest(operator, partition)
    count = sum(tenant["row_count"] for tenant in tenants.values())
    return File(partition, rows, hashlib.sha256(rows).digest(), count, tenants)


def digest(operator: AnyConnection, partition: str) -> dict[str, Any]:
    """What `ledger.partition_digest` says, as a manifest says it."""
    rows = operator.execute(
        """
        select tenant_id, row_count, (
            select array_agg(array[lower(r), upper(r) - 1] order by r) from unnest(ranges) as r
          ), encode(root, 'hex')
        from ledger.partition_digest(%s)
        """,
        [partition],
    ).fetchall()
    return {
        tenant: {"row_count": count, "ranges": ranges, "root": root}
        for tenant, count, ranges, root in rows
    }


def checkpoints(pg: AnyConnection) -> list[str]:
    """A note for every tenant's log as it stands."""
    rows = pg.execute("select ledger.checkpoint(tenant_id => tenant_id) from ledger.log_heads")
    return [note + "\n— example.com/ledger c2ln\n" for (note,) in rows.fetchall()]


def findings(pg: AnyConnection) -> list[tuple[Any, ...]]:
    """What verify() has to say, of every tenant."""
    return pg.execute(
        "select t.tenant_id, v.* from ledger.tenants as t, ledger.verify(t.tenant_id) as v"
    ).fetchall()


def complaints(pg: AnyConnection) -> set[tuple[str, str]]:
    """What doctor() has to say; not of roles, which all databases of a cluster share."""
    return {(kind, name) for kind, name, _ in problems(pg)}
