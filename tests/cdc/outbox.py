"""A ledger whose outbox is read from the WAL, and what its table says against that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from cdc import page
from operating.standby import wait_until
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

AnyConnection = psycopg.Connection[Any]
Message = dict[str, Any]

ROLE = "ledger_cdc"
HAPPENED = "test.happened"
PUBLICATION, CREATE_ROLE = page.sql("The publication, the role, the slot")[:2]
SLOT = page.sql("The publication, the role, the slot")[2]
NAME = "ledger_outbox"
consumer = page.load_consumer()


@dataclass
class Outbox:
    """A database of its own: `admin` a superuser, `reader` the role of the page."""

    dsn: str
    connections: list[AnyConnection] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.admin = self.connect()
        self.reader = self.connect(ROLE)

    def connect(self, user: str = "postgres", **parameters: Any) -> AnyConnection:
        options = {"autocommit": True, "user": user} | parameters
        connection = psycopg.connect(self.dsn, **options)
        connection.execute("set timezone = 'UTC'")
        if not connection.autocommit:
            connection.commit()
        self.connections.append(connection)
        return connection

    def set_up(self) -> None:
        """What the page says, but for the role, which the server has already."""
        self.admin.execute(PUBLICATION)
        self.reader.execute(SLOT)

    def take(self, *names: str) -> list[Message]:
        """What has come since the last time: slot and publication, if not those of the page."""
        found: list[Message] = []
        consumer.take(self.reader, found.append, *names)
        return found

    def table(self) -> list[Message]:
        """Every row of ledger.outbox, each value as PostgreSQL writes it."""
        columns = self.admin.execute("select * from ledger.outbox limit 0").description or []
        names = [column.name for column in columns]
        texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(n)) for n in names)
        rows = self.admin.execute(sql.SQL("select {} from ledger.outbox").format(texts))
        return [dict(zip(names, row, strict=True)) for row in rows]

    def slot(self, column: str) -> Any:
        query = sql.SQL("select {} from pg_replication_slots where slot_name = %s")
        row = self.admin.execute(query.format(sql.Identifier(column)), [NAME]).fetchone()
        assert row is not None
        return row[0]

    def lacking(self, taken: Sequence[Message], looks: Sequence[str]) -> str:
        """What is needed to explain a message that has not come, and how the slot went on."""
        missing = set(ids(self.table())) - set(ids(taken))
        query = """
            select
              o.id, o.xmin as written_by, o.ctid, o.created_at, o.tableoid::regclass, w.flushed, s.*
            from ledger.outbox as o
            cross join (select pg_current_wal_flush_lsn() as flushed) as w
            left join pg_replication_slots as s on s.slot_name = %s
            where o.id = any(%s)
        """
        with self.admin.cursor(row_factory=dict_row) as cursor:
            found = cursor.execute(query, [NAME, list(missing)]).fetchall()
        twice = len(taken) - len(set(ids(taken)))
        return "\n".join([f"{len(missing)} missing, {twice} twice", *map(str, found), *looks])

    def close(self) -> None:
        for connection in self.connections:
            connection.close()


def emit(connection: AnyConnection, *names: str, tenant_id: str = "acme") -> list[UUID]:
    """An event of each of these aggregates, published; their ids."""
    batch = Jsonb(
        [
            {
                "event_type": HAPPENED,
                "payload": {"name": name, "text": 'ünï "q" \\ \t 😀', "n": 1.50},
                "aggregate_type": "deal",
                "aggregate_id": name,
                "headers": {"traceparent": "00"},
                "publish": True,
            }
            for name in names
        ]
    )
    statement = "select id from ledger.emit_events(%s, tenant_id => %s)"
    return [row[0] for row in connection.execute(statement, [batch, tenant_id])]


def ids(messages: Sequence[Message]) -> list[UUID]:
    return [UUID(message["id"]) for message in messages]


def by_id(messages: Sequence[Message]) -> list[Message]:
    return sorted(messages, key=lambda message: str(message["id"]))


def drop_database(dsn: str, name: str) -> None:
    """Its slots first, when who read them is gone: they would keep it."""
    with psycopg.connect(make_conninfo(dsn), autocommit=True) as server:
        of_it = "from pg_replication_slots where database = %s"
        wait_until(server, f"select not coalesce(bool_or(active), false) {of_it}", name)
        server.execute(f"select pg_drop_replication_slot(slot_name) {of_it}", [name])  # type: ignore[arg-type]
        server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
