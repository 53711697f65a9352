"""What a managed service gives: CREATEROLE, and CREATE on the database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from problems import problems
from psycopg import sql
from psycopg.conninfo import make_conninfo

from agent_events import migrate

NewDatabase = Callable[..., str]

DEPLOY = [sys.executable, "-c", "from agent_events.cli import main; main()", "migrate"]


def test_installs_and_upgrades(managed_database: NewDatabase) -> None:
    dsn = managed_database("installer")
    with psycopg.connect(dsn) as connection:
        assert rows(connection, "show is_superuser") == [("off",)]
    assert migrate.upgrade(dsn) == [migrate.head()]
    assert migrate.upgrade(dsn) == []
    with psycopg.connect(dsn) as connection:
        assert problems(connection, severities=["error"]) == []


def test_two_ledgers_in_one_cluster(managed_database: NewDatabase) -> None:
    first, second = managed_database("installer"), managed_database("installer")
    migrate.upgrade(first)
    migrate.upgrade(second)
    with psycopg.connect(first) as connection:
        connection.execute("select ledger.set_tenant_policy('default', 'open')")
        connection.execute("select ledger.emit_event('thing.happened')")
    assert migrate.downgrade(second, "base") == [migrate.head()]
    with psycopg.connect(first) as connection:
        assert rows(connection, "select count(*) > 0 from ledger.events") == [(True,)]
        connection.execute("select ledger.emit_event('thing.happened')")
        assert problems(connection, severities=["error"]) == []
    assert migrate.upgrade(second) == [migrate.head()]
    with psycopg.connect(second) as connection:
        assert rows(connection, "select count(*) from ledger.events") == [(0,)]


def test_two_databases_are_installed_at_once(managed_database: NewDatabase) -> None:
    deploys = [
        subprocess.Popen([*DEPLOY, "--dsn", managed_database("installer")], stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    errors = [deploy.communicate()[1].decode() for deploy in deploys]
    assert [deploy.returncode for deploy in deploys] == [0, 0, 0], errors


def test_who_tracks_a_table_changes_no_trigger_of_others(managed_database: NewDatabase) -> None:
    """There are no event triggers here that would refuse it."""
    dsn = managed_database("installer")
    migrate.upgrade(dsn)
    with psycopg.connect(make_conninfo(dsn, user="postgres"), autocommit=True) as admin:
        admin.execute(
            "create role tracker login; create schema app authorization tracker;"
            "select ledger.grant_access('tracker', 'acme', '{register,write}')"
        )
        owned = "select proacl, proconfig from pg_proc where proname = 'capture_insert'"
        before = rows(admin, owned)
        tracker = make_conninfo(
            dsn, user="tracker", options="-c search_path=app -c ledger.tenant_id=acme"
        )
        with psycopg.connect(tracker, autocommit=True) as connection:
            connection.execute(
                "create type mood as enum ('good');"
                "create function mood_to_json(m mood) returns json language plpgsql as $$ begin"
                " alter function ledger.capture_insert() set search_path = app, pg_catalog;"
                " return '1'; end $$;"
                "create cast (mood as json) with function mood_to_json(mood);"
                "create table diary (id int primary key, m mood);"
                "select ledger.track_table('diary')"
            )
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("insert into diary values (1, 'good')")
        assert rows(admin, owned) == before
        admin.execute("drop owned by tracker cascade; drop role tracker")


def test_another_installer_needs_the_roles(managed_database: NewDatabase) -> None:
    migrate.upgrade(managed_database("installer"))
    dsn = managed_database("other_installer")
    with psycopg.connect(make_conninfo(dsn, user="postgres"), autocommit=True) as admin:
        owning = "ledger_owner, ledger_append, ledger_guard, ledger_sandbox, ledger_capture"
        if admin.info.server_version >= 160000:
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
                migrate.upgrade(dsn)
            diag = refused.value.diag
            assert "other_installer may not use the ledger's roles" in (diag.message_primary or "")
            grant = (diag.message_hint or "").partition(": ")[2]
            assert grant.startswith("grant ledger_owner")
            admin.execute(sql.SQL(grant))
        assert migrate.upgrade(dsn) == [migrate.head()]
        admin.execute(sql.SQL(f"revoke {owning} from other_installer cascade"))


def test_create_on_the_database_is_needed(managed_database: NewDatabase) -> None:
    dsn = managed_database("installer")
    with psycopg.connect(make_conninfo(dsn, user="postgres"), autocommit=True) as admin:
        database = sql.Identifier(admin.info.dbname)
        admin.execute(sql.SQL("revoke create on database {} from installer").format(database))
    refusal = psycopg.errors.InsufficientPrivilege
    with pytest.raises(refusal, match="permission denied for database"):
        migrate.upgrade(dsn)


def rows(connection: psycopg.Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()
