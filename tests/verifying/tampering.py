"""What a superuser does to a ledger that it wants to rewrite, and puts back afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql

from agent_events.verifying import Finding

AnyConnection = psycopg.Connection[Any]


def flip(column: str, offset: int) -> str:
    """SQL for a bytea with another byte at `offset`; a fixed one may stand there by chance."""
    return f"set_byte({column}, {offset}, get_byte({column}, {offset}) # 255)"


def emit(pg: AnyConnection, count: int, tenant_id: str = "acme", streams: int = 0) -> None:
    """A batch of events, spread over streams if there are any."""
    stream = {"aggregate_type": "deal"}
    batch = [
        {"event_type": "test.happened", "payload": {"n": n}, "publish": False}
        | (stream | {"aggregate_id": str(n % streams)} if streams else {})
        for n in range(count)
    ]
    for low in range(0, count, 10_000):
        document = json.dumps(batch[low : low + 10_000])
        pg.execute("select count(*) from ledger.emit_events(%s, %s)", [document, tenant_id])


def seal(pg: AnyConnection, tenant_id: str = "acme") -> None:
    pg.execute("select ledger.seal(%s)", [tenant_id])


@contextmanager
def unguarded(pg: AnyConnection, *, tables: bool = True) -> Iterator[None]:
    """All guards off, and on again at the end, so that only the log tells; or DDL's only."""
    with pg.transaction():
        _each_event_trigger(pg, "disable")
        for (table,) in _tables(pg) if tables else ():
            pg.execute(sql.SQL("alter table {} disable trigger all").format(sql.SQL(table)))
    yield
    with pg.transaction():
        for (table,) in _tables(pg) if tables else ():
            pg.execute("select ledger.protect_table(%s::regclass)", [table])
        _each_event_trigger(pg, "enable always")


def forge(pg: AnyConnection, statement: str, *parameters: Any) -> None:
    """Run a statement with all guards off."""
    with unguarded(pg):
        pg.execute(statement, parameters or None)  # type: ignore[arg-type]


def _tables(pg: AnyConnection) -> list[tuple[str]]:
    query = "select target::text from ledger_guard.protected_tables order by parent is not null"
    return pg.execute(query).fetchall()


def _each_event_trigger(pg: AnyConnection, action: str) -> None:
    names = pg.execute("select evtname from pg_event_trigger where evtname like 'ledger%'")
    for (name,) in names.fetchall():
        statement = sql.SQL("alter event trigger {} " + action)
        pg.execute(statement.format(sql.Identifier(name)))


class Killer:
    """Ends the verifier's connections as soon as it begins with a tenant."""

    def __init__(self, pg: AnyConnection) -> None:
        self.pg = pg

    def begin(self, tenant_id: str, events: int) -> None:
        self.pg.execute(
            """
            select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = 'agent-events verify' and datname = current_database()
            """
        )

    def advance(self, events: int) -> None: ...

    def found(self, findings: Sequence[Finding]) -> None: ...
