"""Tenants see only their own, by every way that leads to a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]

FORCED = [
    "agent_events",
    "agent_events_archive",
    "agent_runs",
    "capture_queue",
    "cold_drops",
    "cold_files",
    "cold_ranges",
    "count_cursors",
    "emit_permits",
    "erasures",
    "event_counts",
    "event_private",
    "event_schemas",
    "event_types",
    "idempotency_keys",
    "inbox",
    "inbox_failures",
    "legal_holds",
    "log_blocks",
    "log_edges",
    "log_entries",
    "log_heads",
    "log_sweep",
    "log_tiles",
    "outbox",
    "outbox_purges",
    "reducers",
    "relay_confirmations",
    "relay_cursors",
    "relay_parked",
    "relays",
    "snapshot_cursors",
    "snapshot_failures",
    "snapshots",
    "streams",
    "subscription_cursors",
    "tenant_grants",
    "tenants",
    "upcasters",
]


@pytest.fixture
def two_tenants(pg: AnyConnection) -> AnyConnection:
    for tenant in ["acme", "globex"]:
        pg.execute("select ledger.set_tenant_policy(%s, 'open')", [tenant])
        pg.execute(
            "select ledger.emit_event('test.happened', tenant_id => %s, aggregate_type => 'deal',"
            " aggregate_id => '1', correlation_id => '00000000-0000-4000-8000-000000000001')",
            [tenant],
        )
    return pg


@pytest.fixture
def reader(
    two_tenants: AnyConnection,  # noqa: ARG001
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
) -> AnyConnection:
    """A login that reads the tenant acme."""
    return connect(user=login_role("reader", {"acme": ["read"]}))


def tenants(connection: AnyConnection, source: str) -> set[str]:
    rows = connection.execute(f"select distinct tenant_id from {source}").fetchall()
    return {tenant for (tenant,) in rows if tenant != "default"}


SOURCES = [
    "ledger.agent_events",
    "ledger.events",
    "ledger.outbox",
    "ledger.agent_runs",
    "ledger.agent_run_status",
    "ledger.streams",
    "ledger.tenants",
]


@pytest.mark.parametrize("source", SOURCES)
def test_reader_sees_its_tenant_only(reader: AnyConnection, source: str) -> None:
    assert tenants(reader, source) <= {"acme"}
    assert source == "ledger.agent_run_status" or tenants(reader, source) == {"acme"}


@pytest.mark.parametrize(
    "call",
    [
        "find_events(tenant_id => 'globex')",
        "read_stream('deal', '1', tenant_id => 'globex')",
        "trace('00000000-0000-4000-8000-000000000001', tenant_id => 'globex')",
        "get_event(gen_random_uuid(), tenant_id => 'globex')",
    ],
)
def test_reader_cannot_ask_for_another_tenant(
    reader: AnyConnection, refused: Refused, call: str
) -> None:
    refused(reader, "LG005", f"select * from ledger.{call}")


def test_functions_in_a_filter_see_no_other_tenants_rows(
    reader: AnyConnection, pg: AnyConnection
) -> None:
    """A cheap function in WHERE must not run on rows before they are filtered."""
    pg.execute(f"create schema attack authorization {reader.info.user}")
    reader.execute(
        "create function attack.peek(text) returns boolean language plpgsql cost 0.0000001 as"
        " $$ begin raise notice '%', $1; return true; end $$"
    )
    seen: list[str] = []
    reader.add_notice_handler(lambda notice: seen.append(notice.message_primary or ""))
    for source in ["ledger.events", "ledger.agent_events"]:
        reader.execute(f"select count(*) from {source} where attack.peek(tenant_id)")
    assert set(seen) == {"acme"}


@pytest.mark.usefixtures("two_tenants")
def test_every_tenant_for_a_star(
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
) -> None:
    reader = connect(user=login_role("reader", {"*": ["read"]}))
    assert tenants(reader, "ledger.events") == {"acme", "globex"}


def test_a_role_that_inherits_the_grant_reads(
    reader: AnyConnection,
    pg: AnyConnection,
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
) -> None:
    member = login_role("member")
    pg.execute(f"grant {reader.info.user} to {member}")
    assert tenants(connect(user=member), "ledger.events") == {"acme"}


@pytest.mark.usefixtures("two_tenants")
def test_owner_reads_every_tenant(owner: AnyConnection) -> None:
    assert tenants(owner, "ledger.events") == {"acme", "globex"}


@pytest.mark.usefixtures("two_tenants")
def test_reader_without_a_tenant_sees_nothing(
    pg: AnyConnection,
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
) -> None:
    role = login_role("reader")
    pg.execute(f"grant ledger_reader to {role}")
    reader = connect(user=role)
    for source in SOURCES:
        assert reader.execute(f"select tenant_id from {source}").fetchall() == []


def test_reader_has_no_way_around_by_partitions(
    reader: AnyConnection, pg: AnyConnection, refused: Refused
) -> None:
    partitions = pg.execute("select partition_name from ledger.partitions").fetchall()
    for (name,) in partitions:
        refused(reader, "42501", f"select * from ledger.{name}")


def test_reader_cannot_read_private_data_or_grants(reader: AnyConnection, refused: Refused) -> None:
    for table in ["event_private", "tenant_grants", "idempotency_keys"]:
        refused(reader, "42501", f"select * from ledger.{table}")


def test_a_mistaken_grant_opens_no_rows(
    reader: AnyConnection, pg: AnyConnection, refused: Refused
) -> None:
    """Row-level security is the second line: GRANT ALL by mistake does not let anyone write."""
    pg.execute(f"grant all on all tables in schema ledger to {reader.info.user}")
    refused(reader, "LG001", "insert into ledger.agent_events select * from ledger.agent_events")
    refused(reader, "42501", "insert into ledger.outbox select * from ledger.outbox")
    refused(reader, "42501", "insert into ledger.tenant_grants values ('*', current_user, '{}')")
    assert reader.execute("update ledger.streams set sequence = 9").rowcount == 0
    assert reader.execute("select * from ledger.event_private").fetchall() == []
    assert reader.execute("select * from ledger.tenant_grants").fetchall() == []
    kinds = {kind for (kind,) in pg.execute("select kind from ledger.doctor()").fetchall()}
    assert "write privilege" in kinds


def test_row_level_security_is_forced(pg: AnyConnection) -> None:
    rows = pg.execute(
        "select relname from pg_class where relnamespace = 'ledger'::regnamespace"
        " and relrowsecurity and relforcerowsecurity order by 1"
    ).fetchall()
    assert [name for (name,) in rows] == FORCED


def test_the_tenant_filter_runs_once_per_query(reader: AnyConnection) -> None:
    rows = reader.execute("explain select * from ledger.agent_events").fetchall()
    plan = "\n".join(line for (line,) in rows)
    assert "InitPlan" in plan
    assert "SubPlan" not in plan
