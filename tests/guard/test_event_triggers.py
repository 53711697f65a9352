"""Where a superuser installed the ledger, not even its owner changes its objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]

PARTITION_WINDOW = "select ledger_guard.open_window('partition')"


@pytest.fixture
def acting_owner(
    owner: AnyConnection,
    pg: AnyConnection,
    event: dict[str, Any],  # noqa: ARG001
) -> AnyConnection:
    """A session that acts as ledger_owner itself, with more rights than it is given."""
    pg.execute(f"grant create on database {pg.info.dbname} to ledger_owner")
    pg.execute("grant create on schema public to ledger_owner")
    owner.execute("set role ledger_owner")
    return owner


DDL = [
    "drop table ledger.agent_events cascade",
    "drop table {partition}",
    "drop table ledger.outbox cascade",
    "drop schema ledger cascade",
    "drop view ledger.events cascade",
    "drop trigger ledger_guard_row on ledger.agent_events",
    "drop trigger ledger_guard_partition on {partition}",
    "drop policy ledger_owner on ledger.agent_events",
    "drop index ledger.agent_events_type",
    "drop function ledger.emit_event",
    "alter table ledger.agent_events detach partition {partition}",
    "alter table ledger.agent_events disable trigger ledger_guard_row",
    "alter table ledger.agent_events disable trigger all",
    "alter table {partition} disable trigger user",
    "alter table ledger.agent_events enable trigger ledger_guard_row",
    "alter table ledger.agent_events no force row level security",
    "alter table ledger.streams alter sequence type numeric using 0",
    "alter table ledger.agent_events drop column payload cascade",
    "alter table ledger.agent_events rename column payload to body",
    "alter table ledger.agent_events rename to events_of_old",
    "alter table ledger.streams set unlogged",
    "alter table ledger.agent_runs set schema public",
    "alter schema ledger rename to other",
    "alter trigger ledger_guard_insert on ledger.agent_events rename to other",
    "alter policy ledger_owner on ledger.agent_events using (false)",
    "alter function ledger.acts_for(text, text) security invoker",
    "create policy mine on ledger.agent_events using (true) with check (true)",
    "create rule mine as on insert to ledger.agent_events do instead nothing",
    "create index mine on ledger.agent_events (actor_id)",
    "create table ledger.mine (id int)",
    (
        "create table ledger.mine partition of ledger.agent_events"
        " for values from ('2001-01-01') to ('2001-02-01')"
    ),
    (
        "create or replace function ledger.setting(name text) returns text language sql"
        " as 'select 1::text'"
    ),
    (
        "create trigger mine before insert on {partition} for each row"
        " execute function suppress_redundant_updates_trigger()"
    ),
]


@pytest.mark.parametrize("statement", DDL)
def test_owner_ddl_is_refused(
    acting_owner: AnyConnection, refused: Refused, event: dict[str, Any], statement: str
) -> None:
    refused(acting_owner, "LG001", statement.format(**event))


def test_owner_cannot_drop_what_it_owns(acting_owner: AnyConnection, refused: Refused) -> None:
    refused(acting_owner, "LG001", "drop owned by ledger_owner cascade")


@pytest.mark.parametrize("statement", DDL)
def test_superuser_ddl_is_refused_unless_in_a_window(
    pg: AnyConnection, refused: Refused, event: dict[str, Any], statement: str
) -> None:
    refused(pg, "LG001", statement.format(**event))


@pytest.mark.parametrize(
    "statement",
    [
        "alter table ledger.agent_events detach partition {partition} concurrently",
        "alter table only ledger.agent_events detach partition {partition} finalize",
        "alter /* */ table ledger.agent_events detach partition {partition} concurrently",
        'alter table ledger . "agent_events" detach partition {partition} CONCURRENTLY',
        "-- \nalter table ledger.agent_events detach partition {partition} concurrently",
        'alter table U&"ledger".U&"\\0061gent_events" detach partition {partition} concurrently',
    ],
)
def test_detach_concurrently_is_refused(
    acting_owner: AnyConnection,
    pg: AnyConnection,
    refused: Refused,
    event: dict[str, Any],
    statement: str,
) -> None:
    refused(acting_owner, "LG001", statement.format(**event))
    pending = "select 1 from pg_inherits where inhrelid = %s::regclass and not inhdetachpending"
    assert pg.execute(pending, [event["partition"]]).fetchone() == (1,)


def test_detach_concurrently_is_refused_by_search_path(
    acting_owner: AnyConnection, refused: Refused, event: dict[str, Any]
) -> None:
    acting_owner.execute("set search_path = ledger")
    statement = f"alter table agent_events detach partition {event['partition']} concurrently"
    refused(acting_owner, "LG001", statement)


@pytest.mark.parametrize(
    "statement",
    [
        "alter table ledger.agent_events disable trigger ledger_guard_row",
        "alter table {partition} disable trigger all",
        "drop trigger ledger_guard_row on ledger.agent_events",
        "drop table {partition}",
        "alter table ledger.agent_events no force row level security",
        "alter table ledger.streams alter sequence type numeric using 0",
        "alter table ledger.agent_events drop column payload cascade",
        "alter table ledger.agent_events alter outcome set default ledger.forge()",
        "alter table ledger.agent_events add check (ledger.forge() is null)",
        "create index mine on {partition} (ledger.forge())",
        "create rule mine as on insert to ledger.agent_events do instead nothing",
        (
            "create or replace function ledger.setting(name text) returns text"
            " language sql as 'select 1::text'"
        ),
        (
            "create trigger mine before insert on ledger.agent_events for each row"
            " execute function suppress_redundant_updates_trigger()"
        ),
    ],
)
def test_partition_window_is_for_partitions_only(
    acting_owner: AnyConnection,
    pg: AnyConnection,
    refused: Refused,
    event: dict[str, Any],
    statement: str,
) -> None:
    """Members of ledger_owner may open it, but no guard may fall and no foreign code come in."""
    with pg.transaction():
        pg.execute("select ledger_guard.open_window('upgrade')")
        pg.execute(
            "create function ledger.forge() returns text immutable language plpgsql"
            " as 'begin return null; end'"
        )
        pg.execute("alter function ledger.forge() owner to ledger_owner")
    acting_owner.autocommit = False
    acting_owner.execute(PARTITION_WINDOW)
    refused(acting_owner, "LG001", statement.format(**event))


@pytest.mark.parametrize("cheat", ["select 1", "set constraints all immediate"])
def test_partition_window_cannot_leave_a_partition_detached(
    acting_owner: AnyConnection, refused: Refused, event: dict[str, Any], cheat: str
) -> None:
    acting_owner.autocommit = False
    acting_owner.execute(PARTITION_WINDOW)
    acting_owner.execute(cheat)
    detach = f"alter table ledger.agent_events detach partition {event['partition']}"
    if cheat == "select 1":
        acting_owner.execute(detach)
        refused(acting_owner, "LG001", "commit")
    else:
        refused(acting_owner, "LG001", detach)


@pytest.mark.parametrize(
    "cheat",
    [
        "alter table {partition} enable replica trigger ledger_guard_partition",
        (
            "alter table ledger.agent_events detach partition {partition};"
            " alter table {partition} disable trigger all"
        ),
        (
            "alter table ledger.agent_events detach partition {partition};"
            " alter table {partition} rename column actor_id to other"
        ),
        (
            "alter table ledger.agent_events detach partition {partition};"
            " alter table {partition} add check (ledger.setting('mine') is null)"
        ),
    ],
)
def test_partition_window_opens_no_guard(
    acting_owner: AnyConnection, refused: Refused, event: dict[str, Any], cheat: str
) -> None:
    """Not for a moment, nor of a partition just detached: rows could be changed meanwhile."""
    acting_owner.autocommit = False
    acting_owner.execute(PARTITION_WINDOW)
    refused(acting_owner, "LG001", cheat.format(**event))


def test_partition_window_moves_a_partition(
    acting_owner: AnyConnection, pg: AnyConnection, event: dict[str, Any]
) -> None:
    bounds = pg.execute(
        "select pg_get_expr(relpartbound, oid) from pg_class where oid = %s::regclass",
        [event["partition"]],
    ).fetchone()
    assert bounds is not None
    with acting_owner.transaction():
        acting_owner.execute(PARTITION_WINDOW)
        partition = event["partition"]
        acting_owner.execute(f"alter table ledger.agent_events detach partition {partition}")
        acting_owner.execute(
            f"alter table ledger.agent_events_archive attach partition {partition} {bounds[0]}"
        )
    rows = pg.execute("select id::text, tier from ledger.events where tenant_id = 'acme'")
    assert rows.fetchall() == [(event["id"], "archive")]
    assert pg.execute("select * from ledger_guard.broken_guards()").fetchall() == []


def test_forged_rows_cannot_be_attached(acting_owner: AnyConnection, refused: Refused) -> None:
    acting_owner.autocommit = False
    acting_owner.execute(PARTITION_WINDOW)
    acting_owner.execute("create table ledger.forged (like ledger.agent_events)")
    acting_owner.execute(
        "insert into ledger.forged select * from ledger.agent_events limit 1;"
        "update ledger.forged set created_at = '2001-01-15';"
    )
    acting_owner.execute("select ledger.protect_table('ledger.forged')")
    refused(
        acting_owner,
        "LG001",
        "alter table ledger.agent_events attach partition ledger.forged"
        " for values from ('2001-01-01') to ('2001-02-01')",
    )


def test_owner_cannot_upgrade_or_uninstall(acting_owner: AnyConnection, refused: Refused) -> None:
    for purpose in ["upgrade", "uninstall"]:
        refused(acting_owner, "LG001", f"select ledger_guard.open_window('{purpose}')")
    refused(acting_owner, "LG009", "select ledger_guard.open_window('mischief')")


def test_windows_cannot_be_forged(acting_owner: AnyConnection, refused: Refused) -> None:
    refused(
        acting_owner,
        "42501",
        "insert into ledger_guard.maintenance_windows values"
        " (pg_current_xact_id(), now(), 'uninstall', 'postgres', true, '{}', '{}')",
    )


def test_superuser_upgrades_in_a_window(pg: AnyConnection) -> None:
    with pg.transaction():
        pg.execute("select ledger_guard.open_window('upgrade')")
        pg.execute("create table ledger.news (id int); drop table ledger.news")
        pg.execute("alter table ledger.agent_runs add column note text")
        pg.execute("comment on column ledger.agent_runs.note is 'new'")
    window = pg.execute(
        "select purpose, opened_by, by_superuser from ledger_guard.maintenance_windows"
        " order by opened_at desc limit 1"
    ).fetchone()
    assert window == ("upgrade", pg.info.user, True)
    commands = pg.execute(
        "select command_tag, object from ledger_guard.maintenance_commands"
        " where executed_at > now() - interval '1 minute' order by ordinal"
    ).fetchall()
    assert ("ALTER TABLE", "ledger.agent_runs") in commands


def test_an_upgrade_cannot_leave_a_guard_open(pg: AnyConnection, refused: Refused) -> None:
    pg.autocommit = False
    pg.execute("select ledger_guard.open_window('upgrade')")
    pg.execute("alter table ledger.agent_events disable trigger ledger_guard_row")
    error = refused(pg, "LG001", "commit")
    assert "ledger_guard_row on ledger.agent_events would be disabled" in str(error)


def test_a_window_ends_with_its_transaction(pg: AnyConnection, refused: Refused) -> None:
    with pg.transaction():
        pg.execute("select ledger_guard.open_window('upgrade')")
    refused(pg, "LG001", "create table ledger.late (id int)")


def test_superuser_uninstalls(pg: AnyConnection) -> None:
    with pg.transaction():
        pg.execute("select ledger_guard.open_window('uninstall')")
        pg.execute("drop schema ledger, ledger_guard cascade")
    assert pg.execute("select 1 from pg_event_trigger").fetchall() == []
    pg.execute("create table now_free (id int)")


def test_partitions_are_made_on_demand(writer: AnyConnection, pg: AnyConnection) -> None:
    """The ledger's own functions open their window themselves, whoever emits."""
    pg.execute("select ledger.ensure_partition(now() + interval '5 years')")
    last = "select max(to_time) > now() + interval '5 years' from ledger.partitions"
    assert pg.execute(last).fetchone() == (True,)
    assert pg.execute("select * from ledger_guard.broken_guards()").fetchall() == []
    writer.execute("select ledger.emit_event('test.happened', tenant_id => 'acme')")


def test_other_ddl_is_not_disturbed(pg: AnyConnection) -> None:
    pg.execute(
        """
        create schema app;
        create table app.deals (id int primary key, note text) partition by range (id);
        create table app.deals_1 partition of app.deals for values from (1) to (10);
        create table app.outbox (id int);
        create function app.f() returns trigger language plpgsql as 'begin return new; end';
        create trigger t before insert on app.deals for each row execute function app.f();
        alter table app.deals disable trigger t;
        alter table app.deals add column amount int default 1;
        alter table app.outbox alter id type bigint;
        create temp table agent_events (id int);
        drop table agent_events;
        create index on app.deals (note);
        create view app.v as select * from ledger.events;
        drop view app.v;
        drop trigger t on app.deals;
        drop function app.f();
        """
    )
    pg.execute("alter table app.deals detach partition app.deals_1 concurrently")
    pg.execute("drop schema app cascade")


def test_temporary_tables_of_the_owner_are_allowed(acting_owner: AnyConnection) -> None:
    acting_owner.execute("create temp table scratch (id int); drop table scratch")


def test_event_triggers_are_always_enabled(pg: AnyConnection) -> None:
    rows = pg.execute("select evtname, evtenabled from pg_event_trigger order by 1").fetchall()
    assert rows == [
        ("ledger_guard_ddl", "A"),
        ("ledger_guard_detach", "A"),
        ("ledger_guard_drop", "A"),
        ("ledger_guard_rewrite", "A"),
    ]
