"""Who may run pg_partman for the ledger, and what that gives them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]
RunScript = Callable[..., Any]


@pytest.fixture
def no_event_triggers(partman: AnyConnection) -> None:
    """As where no superuser installed the ledger."""
    partman.execute(
        """
        drop event trigger ledger_guard_ddl; drop event trigger ledger_guard_drop;
        drop event trigger ledger_guard_rewrite; drop event trigger ledger_guard_detach
        """
    )


def findings(pg: AnyConnection) -> list[tuple[str, str]]:
    """What doctor() says, but that there are no event triggers."""
    return pg.execute(
        "select kind, object from ledger.doctor() where severity <> 'info'"
    ).fetchall()


def assert_makes_partitions(pg: AnyConnection, operator: AnyConnection) -> None:
    pg.execute("update ledger.partition_settings set premake = 8")
    operator.execute("set timezone = 'Pacific/Kiritimati'")
    row = operator.execute("select ledger.run_partman()").fetchone()
    assert row is not None
    assert row[0] > 0
    assert findings(pg) == []
    assert operator.execute("select ledger.run_partman()").fetchone() == (0,)


def test_operator_makes_partitions(partman: AnyConnection, operator: AnyConnection) -> None:
    assert_makes_partitions(partman, operator)


@pytest.mark.usefixtures("no_event_triggers")
def test_operator_makes_partitions_without_event_triggers(
    partman: AnyConnection, operator: AnyConnection
) -> None:
    assert_makes_partitions(partman, operator)


def test_pg_partman_alone_is_refused(partman: AnyConnection) -> None:
    """Also to a superuser, where there are event triggers."""
    partman.execute("update partman.part_config set premake = 8")
    with pytest.raises(psycopg.Error, match="is refused: it belongs to the ledger"):
        partman.execute("select partman.run_maintenance('ledger.agent_events')")
    assert findings(partman) == []


@pytest.mark.usefixtures("no_event_triggers")
def test_what_pg_partman_made_alone_is_adopted(
    partman: AnyConnection, operator: AnyConnection
) -> None:
    partman.execute("update partman.part_config set premake = 8")
    partman.execute(
        """
        set role ledger_owner;
        set timezone = 'UTC';
        select partman.run_maintenance('ledger.agent_events');
        select partman.run_maintenance('ledger.outbox');
        reset role
        """
    )
    made = {name for kind, name in findings(partman) if kind == "partition not in manifest"}
    assert made
    assert "guard missing" in {kind for kind, _ in findings(partman)}
    taken = operator.execute("select 'ledger.' || p from ledger.adopt_partitions() as p").fetchall()
    assert {name for (name,) in taken} == made
    assert findings(partman) == []


def test_only_operators_of_every_tenant(
    partman: AnyConnection,  # noqa: ARG001
    connect: Connect,
    login_role: LoginRole,
) -> None:
    for grants, sqlstate in (
        ({"acme": ["operate"]}, "LG005"),
        ({"*": ["write", "read", "audit"]}, "42501"),
    ):
        stranger = connect(user=login_role("stranger", grants))
        with pytest.raises(psycopg.Error) as caught:
            stranger.execute("select ledger.run_partman()")
        assert caught.value.sqlstate == sqlstate


@pytest.mark.usefixtures("no_event_triggers")
def test_types_of_the_callers_own_are_not_used(
    partman: AnyConnection, operator: AnyConnection
) -> None:
    """pg_partman looks for types in pg_temp before pg_catalog where the path names pg_catalog."""
    partman.execute("update ledger.partition_settings set premake = 8")
    partman.execute("create table public.loot (who name); grant all on public.loot to public")
    operator.execute(
        """
        create function pg_temp.steal(text) returns boolean language plpgsql as
        $$ begin insert into public.loot values (current_user); return true; end $$;
        create domain pg_temp.timestamptz as text check (pg_temp.steal(value));
        create domain pg_temp.text as pg_catalog.text check (pg_temp.steal(value));
        create domain pg_temp.oid as pg_catalog.oid check (pg_temp.steal(value::pg_catalog.text));
        set search_path = pg_temp, pg_catalog
        """
    )
    operator.execute("select ledger.run_partman()")
    assert partman.execute("select * from public.loot where who <> session_user").fetchall() == []


@pytest.mark.parametrize(
    "grant",
    ["usage on schema partman to public", "create on schema partman to ledger_reader"],
)
def test_open_schema_is_refused(partman: AnyConnection, grant: str) -> None:
    partman.execute(f"grant {grant}")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="open to other roles"):
        partman.execute("select ledger.run_partman()")


def test_without_the_extension_the_script_changes_nothing(
    pg: AnyConnection, run_script: RunScript
) -> None:
    done = run_script("adopt.sql", check=False)
    assert done.returncode == 3
    assert "the extension pg_partman is not installed in this database" in done.stderr
    assert pg.execute("select to_regproc('ledger.run_partman')").fetchone() == (None,)


def test_adopting_again_and_releasing(
    partman: AnyConnection, extension: str, run_script: RunScript
) -> None:
    run_script("adopt.sql")
    rows = partman.execute(
        "select parent_table, partition_type, partition_interval, premake"
        " from partman.part_config order by 1"
    ).fetchall()
    kind = "native" if extension.startswith("4.") else "range"
    assert rows == [
        ("ledger.agent_events", kind, "1 month", 3),
        ("ledger.outbox", kind, "1 month", 3),
    ]
    assert partman.execute("select * from ledger.doctor()").fetchall() == []

    run_script("release.sql")
    assert partman.execute("select count(*) from partman.part_config").fetchone() == (0,)
    left = partman.execute(
        "select oid::regprocedure from pg_proc"
        " where pronamespace = 'ledger'::regnamespace and proname like '%partman%'"
    ).fetchall()
    assert left == []
    partman.execute("drop extension pg_partman; drop schema partman")
    partman.execute("select ledger.ensure_partitions()")
    assert partman.execute("select * from ledger.doctor()").fetchall() == []
