"""A member of ledger_owner owns the tables, and cannot change what they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]
Unchanged = Callable[[], bool]

pytestmark = pytest.mark.usefixtures("no_event_triggers")

APPEND_ONLY = ["agent_events", "outbox", "agent_runs", "event_schemas"]
TENANT = {"event_schemas": "registered_by"}


@pytest.fixture
def sees_owner(
    owner: AnyConnection,
    event: dict[str, Any],  # noqa: ARG001
) -> AnyConnection:
    """The owner, where there is an event to attack."""
    return owner


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_owner_cannot_update(
    sees_owner: AnyConnection, refused: Refused, unchanged: Unchanged, table: str
) -> None:
    column = TENANT.get(table, "tenant_id")
    error = refused(sees_owner, "LG001", f"update ledger.{table} set {column} = {column}")
    assert error.diag.message_primary == (
        f"UPDATE on ledger.{table} is refused: the ledger is append-only"
    )
    assert "new event" in (error.diag.message_hint or "")
    assert unchanged()


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement",
    [
        "delete from ledger.{table}",
        "delete from ledger.{table} where false",
        "truncate ledger.{table}",
        "truncate ledger.{table} cascade",
    ],
)
def test_owner_cannot_delete(
    sees_owner: AnyConnection,
    refused: Refused,
    unchanged: Unchanged,
    table: str,
    statement: str,
) -> None:
    refused(sees_owner, "LG001", statement.format(table=table))
    assert unchanged()


def copy_of(event: dict[str, Any], target: str) -> str:
    return f"insert into {target} select * from ledger.agent_events where id = '{event['id']}'"


def test_owner_cannot_insert(
    sees_owner: AnyConnection, refused: Refused, event: dict[str, Any], unchanged: Unchanged
) -> None:
    error = refused(sees_owner, "LG001", copy_of(event, "ledger.agent_events"))
    assert "emit_event" in (error.diag.message_hint or "")
    assert unchanged()


def test_owner_cannot_insert_into_the_outbox(
    sees_owner: AnyConnection, refused: Refused, unchanged: Unchanged
) -> None:
    refused(sees_owner, "42501", "insert into ledger.outbox select * from ledger.outbox")
    assert unchanged()


@pytest.mark.parametrize("table", ["agent_runs", "event_schemas"])
def test_owner_cannot_insert_runs_or_schemas(
    sees_owner: AnyConnection, refused: Refused, table: str
) -> None:
    refused(sees_owner, "LG001", f"insert into ledger.{table} select * from ledger.{table}")


def test_nobody_inserts_into_the_archive(
    sees_owner: AnyConnection, pg: AnyConnection, refused: Refused, event: dict[str, Any]
) -> None:
    for connection in [sees_owner, pg]:
        refused(connection, "LG001", copy_of(event, "ledger.agent_events_archive"))
    pg.execute("grant insert on ledger.agent_events_archive to ledger_append")
    pg.execute("set role ledger_append")
    refused(pg, "LG001", copy_of(event, "ledger.agent_events_archive"))


@pytest.mark.parametrize("table", ["agent_events", "outbox"])
@pytest.mark.parametrize(
    "statement",
    [
        "update {partition} set tenant_id = tenant_id",
        "delete from {partition}",
        "truncate {partition}",
        "insert into {partition} select * from ledger.{table}",
        "with gone as (delete from {partition} returning 1) select * from gone",
    ],
)
def test_owner_cannot_change_a_partition(
    sees_owner: AnyConnection,
    refused: Refused,
    event: dict[str, Any],
    unchanged: Unchanged,
    table: str,
    statement: str,
) -> None:
    partition = event["partition"].replace("agent_events", table)
    refused(sees_owner, "LG001", statement.format(table=table, partition=partition))
    assert unchanged()


def test_not_even_ledger_append_inserts_into_a_partition(
    pg: AnyConnection, refused: Refused, event: dict[str, Any]
) -> None:
    pg.execute(f"grant insert on {event['partition']} to ledger_append; set role ledger_append")
    refused(pg, "LG001", copy_of(event, event["partition"]))


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger.agent_events set payload = '{}'",
        "delete from ledger.agent_events",
        "truncate ledger.agent_events",
        "insert into ledger.agent_events select * from ledger.agent_events",
        "update ledger.outbox set payload = '{}'",
        "delete from ledger.agent_runs",
    ],
)
def test_superuser_cannot_under_replica_role(
    pg: AnyConnection, refused: Refused, unchanged: Unchanged, statement: str
) -> None:
    pg.execute("set session_replication_role = replica")
    refused(pg, "LG001", statement)
    assert unchanged()


def test_owner_cannot_by_on_conflict_do_update(
    sees_owner: AnyConnection, refused: Refused, event: dict[str, Any], unchanged: Unchanged
) -> None:
    statement = copy_of(event, "ledger.agent_events") + (
        " on conflict (tenant_id, created_at, id) do update set payload = '{}'"
    )
    refused(sees_owner, "LG001", statement)
    assert unchanged()


@pytest.mark.parametrize(
    "action",
    [
        "matched then update set payload = '{}'",
        "matched then delete",
        "not matched then insert (tenant_id) values ('acme')",
    ],
)
def test_owner_cannot_by_merge(
    sees_owner: AnyConnection, refused: Refused, unchanged: Unchanged, action: str
) -> None:
    refused(
        sees_owner,
        "LG001",
        "merge into ledger.agent_events as e using (values ('acme')) as v (tenant_id)"
        f" on v.tenant_id = e.tenant_id when {action}",
    )
    assert unchanged()


@pytest.mark.parametrize("target", ["ledger.agent_events", "{partition}"])
def test_owner_cannot_by_copy(
    sees_owner: AnyConnection, event: dict[str, Any], unchanged: Unchanged, target: str
) -> None:
    """A superuser cannot either: COPY FROM is not for tables with row-level security otherwise."""
    sees_owner.execute("set role none")
    statement = f"copy {target.format(**event)} (tenant_id) from stdin"
    with pytest.raises(psycopg.Error), sees_owner.cursor().copy(statement) as copy:
        copy.write_row(["acme"])
    assert unchanged()


@pytest.mark.parametrize("target", ["ledger.agent_events", "{partition}"])
def test_superuser_cannot_by_copy(
    pg: AnyConnection, event: dict[str, Any], unchanged: Unchanged, target: str
) -> None:
    statement = f"copy {target.format(**event)} (tenant_id) from stdin"
    with pytest.raises(psycopg.Error) as caught, pg.cursor().copy(statement) as copy:
        copy.write_row(["acme"])
    assert caught.value.sqlstate == "LG001"
    assert unchanged()


def test_owner_cannot_through_a_view(
    sees_owner: AnyConnection, pg: AnyConnection, refused: Refused, unchanged: Unchanged
) -> None:
    pg.execute("create schema attack; grant all on schema attack to ledger_owner")
    sees_owner.execute("create view attack.events as select * from ledger.agent_events")
    refused(sees_owner, "LG001", "update attack.events set payload = '{}'")
    refused(sees_owner, "LG001", "delete from attack.events")
    assert unchanged()
    pg.execute("drop schema attack cascade")


def test_owner_cannot_through_a_rule(
    sees_owner: AnyConnection, pg: AnyConnection, refused: Refused, unchanged: Unchanged
) -> None:
    pg.execute("create schema attack; grant all on schema attack to ledger_owner")
    sees_owner.execute("create table attack.bait (id int)")
    sees_owner.execute(
        "create rule attack as on insert to attack.bait do instead delete from ledger.agent_events"
    )
    refused(sees_owner, "LG001", "insert into attack.bait values (1)")
    assert unchanged()
    pg.execute("drop schema attack cascade")


def detach(owner: AnyConnection, event: dict[str, Any]) -> None:
    owner.execute("set role ledger_owner")
    owner.execute(f"alter table ledger.agent_events detach partition {event['partition']}")


@pytest.mark.parametrize(
    "statement",
    [
        "update {partition} set payload = '{{}}'",
        "delete from {partition}",
        "truncate {partition}",
        "insert into {partition} select * from {partition}",
    ],
)
def test_owner_cannot_after_detach(
    sees_owner: AnyConnection, refused: Refused, event: dict[str, Any], statement: str
) -> None:
    detach(sees_owner, event)
    refused(sees_owner, "LG001", statement.format(**event))


@pytest.mark.parametrize(
    "statement", ["update ledger.rogue set payload = '{}'", "delete from ledger.rogue"]
)
@pytest.mark.parametrize("how", ["partition", "inheritance"])
def test_owner_cannot_below_a_rogue_parent(
    sees_owner: AnyConnection, refused: Refused, event: dict[str, Any], how: str, statement: str
) -> None:
    """Statement guards of a child do not fire for a statement on its parent; row guards do."""
    detach(sees_owner, event)
    if how == "partition":
        sees_owner.execute(
            "create table ledger.rogue (like ledger.agent_events) partition by range (created_at)"
        )
        sees_owner.execute(
            f"alter table ledger.rogue attach partition {event['partition']}"
            " for values from (minvalue) to (maxvalue)"
        )
    else:
        sees_owner.execute("create table ledger.rogue (like ledger.agent_events)")
        sees_owner.execute(f"alter table {event['partition']} inherit ledger.rogue")
    refused(sees_owner, "LG001", statement)
    refused(sees_owner, "LG001", "truncate ledger.rogue")


def test_owner_cannot_change_private_data(
    sees_owner: AnyConnection, pg: AnyConnection, refused: Refused, unchanged: Unchanged
) -> None:
    refused(sees_owner, "LG001", "update ledger.event_private set private = '{}'")
    refused(sees_owner, "LG001", "truncate ledger.event_private")
    sees_owner.execute("delete from ledger.event_private")
    refused(pg, "LG001", "delete from ledger.event_private")
    assert unchanged()


@pytest.mark.usefixtures("event")
def test_only_ledger_append_erases_private_data(pg: AnyConnection) -> None:
    pg.execute("grant delete on ledger.event_private to ledger_append; set role ledger_append")
    assert pg.execute("delete from ledger.event_private").rowcount == 1


@pytest.mark.parametrize("table", ["streams", "idempotency_keys"])
def test_owner_cannot_move_heads_or_keys(
    sees_owner: AnyConnection, refused: Refused, table: str
) -> None:
    assert sees_owner.execute(f"delete from ledger.{table}").rowcount == 0
    update = f"update ledger.{table} set created_at = created_at - interval '1 day'"
    assert sees_owner.execute(update).rowcount == 0
    refused(sees_owner, "LG001", f"truncate ledger.{table}")
    refused(sees_owner, "42501", f"insert into ledger.{table} select * from ledger.{table}")


def test_owner_cannot_forget_a_partition(sees_owner: AnyConnection, refused: Refused) -> None:
    refused(sees_owner, "LG001", "delete from ledger.partitions")
    refused(sees_owner, "LG001", "truncate ledger.partitions")


@pytest.mark.parametrize(
    "role", ["ledger_append", "ledger_guard", "ledger_sandbox", "ledger_capture"]
)
def test_owner_cannot_become_another(
    sees_owner: AnyConnection, refused: Refused, role: str
) -> None:
    refused(sees_owner, "42501", f"set role {role}")
    refused(sees_owner, "42501", f"reassign owned by {role} to ledger_owner")


def test_owner_cannot_replace_guards_or_writers(
    sees_owner: AnyConnection, refused: Refused
) -> None:
    sees_owner.execute("set role ledger_owner")
    refused(
        sees_owner,
        "42501",
        "create or replace function ledger_guard.refuse_change() returns trigger"
        " language plpgsql as 'begin return new; end'",
    )
    refused(sees_owner, "42501", "alter function ledger.emit_event security invoker")
    refused(sees_owner, "42501", "create table ledger_guard.mine (id int)")


def test_what_an_owner_can_still_do_shows_in_doctor(
    sees_owner: AnyConnection, pg: AnyConnection, event: dict[str, Any]
) -> None:
    """Without event triggers an owner can disable a guard. Nothing but the report stops that."""
    sees_owner.execute("set role ledger_owner")
    sees_owner.execute(f"alter table {event['partition']} disable trigger all")
    sees_owner.execute(f"update {event['partition']} set payload = '{{\"amount\": 9}}'")
    kinds = {kind for (kind,) in pg.execute("select kind from ledger.doctor()").fetchall()}
    assert {"guard disabled", "event hash"} <= kinds
