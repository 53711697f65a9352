"""A login role that has only ledger_writer, for one tenant, does no damage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]

TABLES = [
    "agent_events",
    "agent_events_archive",
    "agent_runs",
    "erasures",
    "event_private",
    "event_schemas",
    "event_types",
    "idempotency_keys",
    "legal_holds",
    "outbox",
    "partition_settings",
    "partitions",
    "streams",
    "tenant_grants",
    "tenants",
]


def test_writer_emits_for_its_tenant(writer: AnyConnection) -> None:
    row = writer.execute(
        "select * from ledger.emit_event('test.happened', tenant_id => 'acme')"
    ).fetchone()
    assert row is not None


@pytest.mark.parametrize("table", sorted(set(TABLES) - {"event_schemas", "event_types"}))
def test_writer_cannot_read(writer: AnyConnection, refused: Refused, table: str) -> None:
    refused(writer, "42501", f"select * from ledger.{table}")


def test_writer_cannot_read_the_view(writer: AnyConnection, refused: Refused) -> None:
    refused(writer, "42501", "select * from ledger.events")


def test_writer_cannot_read_a_partition(
    writer: AnyConnection, refused: Refused, event: dict[str, Any]
) -> None:
    refused(writer, "42501", f"select * from {event['partition']}")


@pytest.mark.parametrize(
    "call",
    [
        "ledger.get_event('{id}', tenant_id => 'acme')",
        "ledger.find_events(tenant_id => 'acme')",
        "ledger.read_stream('deal', '1', tenant_id => 'acme')",
        "ledger.trace('{correlation_id}', tenant_id => 'acme')",
    ],
)
def test_writer_cannot_read_by_function(
    writer: AnyConnection, refused: Refused, event: dict[str, Any], call: str
) -> None:
    refused(writer, "42501", f"select * from {call.format(**event)}")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    [
        "insert into ledger.{table} default values",
        "delete from ledger.{table}",
        "truncate ledger.{table}",
    ],
)
def test_writer_cannot_change(
    writer: AnyConnection, refused: Refused, table: str, statement: str
) -> None:
    refused(writer, "42501", statement.format(table=table))


def test_writer_cannot_update(writer: AnyConnection, refused: Refused) -> None:
    refused(writer, "42501", "update ledger.agent_events set payload = '{}'")


def test_writer_cannot_forge_by_copy(writer: AnyConnection) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        writer.cursor().copy("copy ledger.agent_events from stdin") as copy,
    ):
        copy.write_row(["acme"])


def test_writer_cannot_backdate(writer: AnyConnection, pg: AnyConnection) -> None:
    """occurred_at is the caller's word; created_at and the time in the id are the server's."""
    writer.execute(
        "select ledger.emit_event('test.happened', tenant_id => 'acme', aggregate_type => 'deal',"
        " aggregate_id => '2', occurred_at => '2001-01-01')"
    )
    row = pg.execute(
        "select created_at > now() - interval '1 minute', ledger.event_time(id) = created_at"
        " from ledger.agent_events where aggregate_id = '2'"
    ).fetchone()
    assert row == (True, True)


def test_writer_cannot_act_for_another_tenant(writer: AnyConnection, refused: Refused) -> None:
    statement = "select ledger.emit_event('test.happened', tenant_id => 'globex')"
    error = refused(writer, "LG005", statement)
    assert "ledger.grant_access(" in (error.diag.message_hint or "")


def test_writer_cannot_act_for_another_tenant_by_context(
    writer: AnyConnection, refused: Refused
) -> None:
    writer.execute("set ledger.tenant_id = 'globex'")
    refused(writer, "LG005", "select ledger.emit_event('test.happened')")
    refused(writer, "LG005", "select ledger.start_run('spy')")
    refused(writer, "LG005", """select * from ledger.emit_events('[{"event_type": "a.b"}]')""")


def test_writer_cannot_borrow_another_tenants_run(
    writer: AnyConnection, pg: AnyConnection, refused: Refused
) -> None:
    pg.execute("select ledger.set_tenant_policy('globex', 'open')")
    row = pg.execute("select ledger.start_run('agent', tenant_id => 'globex')").fetchone()
    assert row is not None
    statement = "select ledger.emit_event('test.happened', tenant_id => 'acme', run_id => %s)"
    refused(writer, "LG006", statement, row)


@pytest.mark.parametrize("role", ["ledger_owner", "ledger_append", "ledger_guard", "postgres"])
def test_writer_cannot_set_role(writer: AnyConnection, refused: Refused, role: str) -> None:
    refused(writer, "42501", f"set role {role}")
    refused(writer, "42501", f"select set_config('role', '{role}', false)")
    refused(writer, "42501", f"set session authorization {role}")


@pytest.mark.parametrize(
    "call",
    [
        "ledger.grant_access(current_user, '*')",
        "ledger.set_tenant_policy('acme', 'open')",
        "ledger.register_event_type('evil.type', '{}')",
        "ledger.ensure_partitions()",
        "ledger.protect_table('pg_class')",
        "ledger.repair_guards()",
        "ledger.doctor()",
        "ledger_guard.open_window('upgrade')",
        "ledger_guard.create_event_triggers()",
    ],
)
def test_writer_cannot_administer(writer: AnyConnection, refused: Refused, call: str) -> None:
    refused(writer, "42501", f"select {call}")


def test_writer_may_execute_nothing_that_skips_the_checks(pg: AnyConnection) -> None:
    """These are the functions with more than the caller's rights that a writer may call."""
    rows = pg.execute(
        """
        select distinct p.proname from pg_proc as p
        where p.pronamespace in ('ledger'::regnamespace, 'ledger_guard'::regnamespace)
          and p.prosecdef and has_function_privilege('ledger_writer', p.oid, 'execute')
        """
    ).fetchall()
    assert {name for (name,) in rows} <= {
        "acts_for",
        "add_run",
        "emit_event",
        "emit_events",
        "finish_run",
        "permitted_tenants",
        "seal",
        "start_run",
    }


def test_public_has_nothing(pg: AnyConnection) -> None:
    rows = pg.execute(
        """
        select p.oid::regprocedure::text from pg_proc as p,
          aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
        where p.pronamespace in ('ledger'::regnamespace, 'ledger_guard'::regnamespace)
          and a.grantee = 0
        union all
        select c.oid::regclass::text from pg_class as c, aclexplode(c.relacl) as a
        where c.relnamespace in ('ledger'::regnamespace, 'ledger_guard'::regnamespace)
          and a.grantee = 0
        union all
        select n.nspname from pg_namespace as n, aclexplode(n.nspacl) as a
        where n.nspname in ('ledger', 'ledger_guard') and a.grantee = 0
        """
    ).fetchall()
    assert rows == []
