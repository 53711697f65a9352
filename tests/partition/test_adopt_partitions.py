"""adopt_partitions takes what another tool attached, and leaves what nobody should trust."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]

REFUSED = "partition ledger.agent_events_p20310801 is not adopted: "
BOUNDS = "for values from ('2031-08-01Z') to ('2031-09-01Z')"


@pytest.fixture
def operator(connect: Connect, login_role: LoginRole) -> AnyConnection:
    """A login that may operate the ledger, in a time zone of its own."""
    connection = connect(user=login_role("operator", {"*": ["operate"]}))
    connection.execute("set timezone = 'Pacific/Kiritimati'; set datestyle = 'SQL, DMY'")
    return connection


def attach(
    pg: AnyConnection,
    parent: str = "agent_events",
    *,
    name: str | None = None,
    bounds: str = BOUNDS,
    create: str = "create table",
    owner: str = "ledger_owner",
    then: str = "select",
) -> str:
    """Attach a table behind the ledger's back, without guards; its name."""
    table = f"ledger.{parent}_p20310801" if name is None else name
    pg.execute(
        f"""
        begin;
        select ledger_guard.open_window('uninstall');
        {create} {table} (like ledger.{parent} including defaults including storage);
        alter table {table} owner to {owner};
        alter table ledger.{parent} attach partition {table} {bounds};
        {then};
        commit
        """
    )
    return table


def emit_backdated(pg: AnyConnection, time: str) -> None:
    event = """[{"event_type": "run.paused", "payload": {}}]"""
    pg.execute("select ledger.emit_event('run.paused')")
    pg.execute("select ledger.emit_plain_events('default', %s, %s)", [event, time])


def adopted(connection: AnyConnection) -> list[str]:
    rows = connection.execute("select * from ledger.adopt_partitions()").fetchall()
    return [name for (name,) in rows]


def findings(pg: AnyConnection) -> list[tuple[str, str]]:
    return pg.execute("select kind, object from ledger.doctor()").fetchall()


def warnings_of(connection: AnyConnection) -> list[str]:
    messages: list[str] = []
    connection.add_notice_handler(lambda d: messages.append(d.message_primary or ""))
    assert adopted(connection) == []
    return messages


def test_nothing_to_adopt(pg: AnyConnection, operator: AnyConnection) -> None:
    assert adopted(operator) == []
    assert findings(pg) == []


def test_empty_partitions_are_guarded_and_entered(
    pg: AnyConnection, operator: AnyConnection
) -> None:
    attach(pg)
    attach(pg, "outbox")
    assert ("partition not in manifest", "ledger.agent_events_p20310801") in findings(pg)

    assert adopted(operator) == ["agent_events_p20310801", "outbox_p20310801"]
    assert findings(pg) == []
    rows = pg.execute(
        """
        select parent_name, tier from ledger.partitions
        where from_time = '2031-08-01Z' and to_time = '2031-09-01Z' order by parent_name
        """
    ).fetchall()
    assert rows == [("agent_events", "hot"), ("outbox", "hot")]
    for table in ("agent_events_p20310801", "outbox_p20310801"):
        for statement in (
            "update ledger.{} set id = id",
            "delete from ledger.{}",
            "truncate ledger.{}",
        ):
            with pytest.raises(psycopg.Error) as caught:
                pg.execute(statement.format(table))
            assert caught.value.sqlstate == "LG001"
    assert adopted(operator) == []


def test_what_was_adopted_counts_as_covered(pg: AnyConnection, operator: AnyConnection) -> None:
    row = pg.execute(
        """
        select c::date::text, (c + interval '1 month')::date::text, to_char(c, '"p"YYYYMMDD')
        from ledger.partition_settings, timezone('UTC', covered_until) as c
        """
    ).fetchone()
    assert row is not None
    bounds = f"for values from ('{row[0]} UTC') to ('{row[1]} UTC')"
    for parent in ("agent_events", "outbox"):
        attach(pg, parent, name=f"ledger.{parent}_{row[2]}", bounds=bounds)
    assert len(adopted(operator)) == 2
    covered = pg.execute(
        "select upper(ledger.covered_period()) = (%s || ' UTC')::timestamptz", [row[1]]
    ).fetchone()
    assert covered == (True,)


def test_rows_that_are_there_already_are_for_a_superuser(
    pg: AnyConnection, operator: AnyConnection
) -> None:
    attach(pg)
    emit_backdated(pg, "2031-08-14T12:00Z")
    assert warnings_of(operator) == [
        REFUSED + "it is not empty, and only a superuser can judge that"
    ]
    assert ("partition not in manifest", "ledger.agent_events_p20310801") in findings(pg)

    assert adopted(pg) == ["agent_events_p20310801"]
    assert not {"partition not in manifest", "guard missing"} & {kind for kind, _ in findings(pg)}


@pytest.mark.parametrize(
    ("attached", "reason"),
    [
        ({"name": "ledger.stray"}, "its name is not ledger.agent_events_p20310801"),
        (
            {"name": "public.agent_events_p20310801"},
            "its name is not ledger.agent_events_p20310801",
        ),
        (
            {"bounds": "for values from ('2031-08-01 00:00+02') to ('2031-09-01 00:00+02')"},
            "its bounds are not two midnights UTC",
        ),
        (
            {"bounds": "for values from ('2031-08-01Z') to (maxvalue)"},
            "its bounds are not two midnights UTC",
        ),
        ({"bounds": "default"}, "its bounds are not two midnights UTC"),
        ({"create": "create unlogged table"}, "it is not a plain, permanent table"),
        ({"owner": "postgres"}, "it does not belong to ledger_owner"),
        (
            {"then": "grant select on ledger.agent_events_p20310801 to public"},
            "other roles have privileges on it",
        ),
        (
            {"then": "grant select (payload) on ledger.agent_events_p20310801 to public"},
            "other roles have privileges on it",
        ),
        (
            {
                "then": "create trigger foreign_one before insert on ledger.agent_events_p20310801"
                " for each row execute function suppress_redundant_updates_trigger()"
            },
            "it has triggers, rules or code that are not the ledger's",
        ),
    ],
)
def test_what_the_ledger_would_not_have_made_stays_a_finding(
    pg: AnyConnection, operator: AnyConnection, attached: dict[str, str], reason: str
) -> None:
    table = attach(pg, **attached)
    assert warnings_of(operator) == [f"partition {table} is not adopted: {reason}"]
    with pg.transaction():
        pg.execute("set local client_min_messages = error")
        assert adopted(pg) == []
    assert ("partition not in manifest", table) in findings(pg)


def test_time_that_the_manifest_knows_is_not_adopted(
    pg: AnyConnection, operator: AnyConnection
) -> None:
    """A partition of that time left the database: what takes part of its place is no new one."""
    attach(
        pg,
        then="""
            insert into ledger.partitions (partition_name, parent_name, from_time, to_time, tier)
            values ('agent_events_p20310729', 'agent_events', '2031-07-29Z', '2031-08-05Z', 'cold')
        """,
    )
    assert warnings_of(operator) == [REFUSED + "the manifest has another partition for that time"]


def test_one_that_is_refused_does_not_stop_the_others(
    pg: AnyConnection, operator: AnyConnection
) -> None:
    attach(pg, create="create unlogged table")
    attach(pg, "outbox")
    assert adopted(operator) == ["outbox_p20310801"]


def test_only_operators_of_every_tenant_adopt(
    pg: AnyConnection, connect: Connect, login_role: LoginRole
) -> None:
    attach(pg)
    for grants, sqlstate in (
        ({"acme": ["operate"]}, "LG005"),
        ({"*": ["write", "read", "audit"]}, "42501"),
    ):
        stranger = connect(user=login_role("stranger", grants))
        with pytest.raises(psycopg.Error) as caught:
            stranger.execute("select * from ledger.adopt_partitions()")
        assert caught.value.sqlstate == sqlstate
    assert ("partition not in manifest", "ledger.agent_events_p20310801") in findings(pg)


def test_adopting_waits_for_who_makes_partitions(pg: AnyConnection, connect: Connect) -> None:
    maker = connect(autocommit=False)
    maker.execute("select ledger.ensure_partition('2031-08-14Z')")
    pg.execute("set lock_timeout = '100ms'")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        pg.execute("select * from ledger.adopt_partitions()")
    maker.commit()
    assert adopted(pg) == []


def test_sql_is_composed_safely(pg: AnyConnection, operator: AnyConnection) -> None:
    """A name that is SQL is a name."""
    table = 'ledger."x""; drop table ledger.agent_events; --"'
    attach(pg, name=table)
    assert warnings_of(operator) == [
        f"partition {table} is not adopted: its name is not ledger.agent_events_p20310801"
    ]
