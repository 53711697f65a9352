"""What runs in a tracked table's triggers may do nothing but hand the rows on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

READ_ONLY = "25006"
ATTACKS = {
    "write an event": (
        READ_ONLY,
        "insert into ledger.agent_events select * from ledger.agent_events",
    ),
    "move a stream": (READ_ONLY, "update ledger.streams set sequence = 0"),
    "emit": (
        READ_ONLY,
        """perform ledger.capture_changes(
          '[0:7]={diary,diary,"{id}","{}","{}","","",f}', '{}', array[jsonb '{"id": 1}'])
        """,
    ),
    "change the trigger": (
        READ_ONLY,
        "alter function ledger.capture_insert() set search_path = shop, pg_catalog",
    ),
    "write again": ("25001", "set transaction_read_only = off"),
    "become another": ("42501", "set local role ledger_append"),
    "read": ("42501", "perform from ledger.agent_events"),
}
DIARY = """
create type mood as enum ('good', 'bad');
create function mood_to_json(m mood) returns json language plpgsql as
$$ begin {attack}; return to_json(current_user); end $$;
create table diary (id int primary key, m mood);
select ledger.track_table('diary')
"""
CAST = "create cast (mood as json) with function mood_to_json(mood)"


@pytest.mark.parametrize(("sqlstate", "attack"), ATTACKS.values(), ids=ATTACKS)
def test_a_cast_of_the_users_own(
    owner: AnyConnection, refused: Refused, sqlstate: str, attack: str
) -> None:
    """to_jsonb() calls it, in the trigger."""
    owner.execute(DIARY.replace("{attack}", attack))  # type: ignore[call-overload]
    owner.execute("insert into diary values (1, 'good')")
    owner.execute(CAST)
    for statement in (
        "insert into diary values (2, 'good')",
        "update diary set m = 'bad'",
        "delete from diary",
    ):
        refused(owner, sqlstate, statement)


def test_a_cast_that_the_snapshot_does_not_show(owner: AnyConnection, app: Connect) -> None:
    """to_jsonb() finds it all the same."""
    attack = "update ledger.streams set sequence = 0"
    owner.execute(DIARY.replace("{attack}", attack))  # type: ignore[call-overload]
    connection = app(autocommit=False)
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.execute("select")
    owner.execute(CAST)
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        connection.execute("insert into diary values (1, 'good')")


def test_a_cast_leaves_no_setting(owner: AnyConnection, pg: AnyConnection) -> None:
    attack = "perform set_config('ledger.tenant_id', 'globex', false)"
    owner.execute(DIARY.replace("{attack}", attack) + ";" + CAST)  # type: ignore[call-overload]
    owner.execute("insert into diary values (1, 'good')")
    assert owner.execute("show ledger.tenant_id").fetchone() == ("acme",)
    assert owner.execute("show transaction_read_only").fetchone() == ("off",)
    told = pg.execute("select tenant_id, payload #>> '{new,m}' from ledger.events").fetchall()
    assert told == [("acme", "ledger_capture")]


@pytest.mark.parametrize(
    ("table", "changed", "sqlstate"),
    [
        ("'mine'", '{"table_id": "public.theirs"}', "LG009"),
        ("null", '{"table_id": "public.theirs"}', "LG009"),
        ("'public.theirs'", '{"table_id": "public.theirs"}', "42501"),
        ("'mine'", '{"event_prefix": "theirs"}', "23505"),
    ],
)
def test_what_is_written_down_is_about_ones_own(
    owner: AnyConnection, pg: AnyConnection, refused: Refused,
    table: str, changed: str, sqlstate: str,
) -> None:  # fmt: skip
    pg.execute("create table theirs (id int primary key); select ledger.track_table('theirs')")
    owner.execute("create table mine (id int primary key); select ledger.track_table('mine')")
    written = "from ledger.tracked_tables as t where event_prefix = 'mine'"
    record = f"select ledger.record_tracking({table}, jsonb_populate_record(t, %s)) {written}"
    refused(owner, sqlstate, record, [changed])
    owner.execute(record.replace(table, "'mine'"), ['{"tracked_by": "somebody"}'])
    by = pg.execute(f"select tracked_by {written}").fetchone()
    assert by == (owner.info.user,)


@pytest.mark.parametrize(
    "call",
    [
        "ledger.capture_changes('{}', '{}', '{}')",
        "ledger.capture_change(null, 'x', '1', true, 'x.created', '{}', null)",
        "ledger.capture_rows(null, 'x', '{}', '{}', '{}', null, null)",
        "ledger.capture_end('x', '{}', '{}')",
        "ledger.queue_changes('{}', '{}', '{}')",
        "ledger.emit_queued(null)",
        "ledger.drain_captured('x')",
    ],
)
def test_parts_are_not_for_applications(
    app: Callable[..., AnyConnection], refused: Refused, call: str
) -> None:
    refused(app(), "42501", f"select {call}")


def test_a_begin_without_a_table_does_nothing(owner: AnyConnection, pg: AnyConnection) -> None:
    """Else a registrar's own trigger could keep changes of other tables from being captured."""
    owner.execute(
        "create table offer (id int primary key, n int);"
        "create trigger own before update on offer"
        " for each row execute function suppress_redundant_updates_trigger();"
        "select ledger.track_table('offer'); create temp table bait (n int);"
        "create trigger bait before insert on bait execute function ledger.capture_begin('offer')"
    )
    with owner.transaction():
        owner.execute("insert into bait values (1)")
        owner.execute("insert into offer values (1)")
    assert pg.execute("select count(*) from ledger.events").fetchone() == (1,)
