"""Objects that an attacker puts in the way of a SECURITY DEFINER function are not used."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]

EMIT = (
    "select ledger.emit_event('test.happened', '{\"amount\": 2}', tenant_id => 'acme',"
    " aggregate_type => 'deal', aggregate_id => '1', idempotency_key => 'second')"
)


@pytest.fixture
def attacker(writer: AnyConnection, pg: AnyConnection) -> AnyConnection:
    """A writer who may also create objects in a schema, which stands first in its search_path."""
    pg.execute(f"create schema attack authorization {writer.info.user}")
    pg.execute("create table attack.loot (who name); grant all on attack.loot to public")
    writer.execute("set search_path = attack, pg_catalog, public")
    return writer


def nothing_ran(pg: AnyConnection) -> bool:
    return pg.execute("select 1 from attack.loot where who <> session_user").fetchone() is None


def test_own_operators_do_not_run_as_definer(attacker: AnyConnection, pg: AnyConnection) -> None:
    attacker.execute(
        """
        create function attack.steal(text, text) returns boolean language plpgsql as
        $$ begin insert into attack.loot values (current_user); return true; end $$;
        create operator attack.= (leftarg = text, rightarg = text, function = attack.steal);
        create operator attack.~ (leftarg = text, rightarg = text, function = attack.steal);
        create operator attack.<> (leftarg = text, rightarg = text, function = attack.steal);
        """
    )
    attacker.execute(EMIT)
    assert nothing_ran(pg)


def test_own_functions_do_not_run_as_definer(attacker: AnyConnection, pg: AnyConnection) -> None:
    for name in ["gen_random_uuid() returns uuid", "clock_timestamp() returns timestamptz"]:
        attacker.execute(
            f"create function attack.{name} language plpgsql as"
            " $$ begin insert into attack.loot values (current_user); return null; end $$"
        )
    attacker.execute(EMIT)
    assert nothing_ran(pg)


def test_temporary_tables_do_not_stand_in(attacker: AnyConnection, pg: AnyConnection) -> None:
    for table in ["agent_events", "outbox", "tenant_grants", "agent_runs", "streams"]:
        attacker.execute(f"create temp table {table} (tenant_id text, role_name name)")
    attacker.execute("set search_path = pg_temp, pg_catalog")
    attacker.execute(EMIT)
    row = pg.execute("select count(*) from ledger.agent_events where tenant_id = 'acme'").fetchone()
    assert row == (2,)


def test_every_definer_function_fixes_its_search_path(pg: AnyConnection) -> None:
    rows = pg.execute(
        """
        select p.oid::regprocedure::text from pg_proc as p
        where p.pronamespace in ('ledger'::regnamespace, 'ledger_guard'::regnamespace)
          and p.prosecdef
          and not coalesce('search_path=pg_catalog, pg_temp' = any(p.proconfig), false)
        """
    ).fetchall()
    assert rows == []
