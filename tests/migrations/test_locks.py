"""Two deploys at once, and a database that is in use."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from psycopg.conninfo import make_conninfo

from agent_events import migrate
from agent_events._resources import migrations_dir

NewDatabase = Callable[..., str]

DEPLOY = [sys.executable, "-c", "from agent_events.cli import main; main()", "migrate", "--json"]


def test_two_deploys_at_once(empty_database: NewDatabase) -> None:
    dsn = empty_database()
    with psycopg.connect(dsn, autocommit=True) as gate:
        lock = "(hashtextextended('agent_events.migrate', 0))"
        gate.execute(f"select pg_advisory_lock{lock}")
        deploys = [
            subprocess.Popen([*DEPLOY, "--dsn", dsn], stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        wait_until(gate, "select count(*) = 2 from pg_locks where not granted")
        gate.execute(f"select pg_advisory_unlock{lock}")
    results = [json.loads(deploy.communicate()[0]) for deploy in deploys]
    assert sorted((result["steps"] for result in results), key=len) == [[], [migrate.head()]]
    assert {result["current"] for result in results} == {migrate.head()}


def test_install_waits_for_nothing_outside_the_ledger(empty_database: NewDatabase) -> None:
    dsn = empty_database()
    with psycopg.connect(dsn) as application, psycopg.connect(dsn) as reader:
        application.execute("create schema app create table orders (id int primary key)")
        application.commit()
        reader.execute("select * from app.orders")
        reader.commit()
        application.execute("lock table app.orders in access exclusive mode")
        application.execute("insert into app.orders values (1)")
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select 1")
        impatient = make_conninfo(dsn, options="-c lock_timeout=200ms")
        assert migrate.upgrade(impatient) == [migrate.head()]


def test_install_locks_nothing_outside_the_ledger(empty_database: NewDatabase) -> None:
    dsn = empty_database()
    with psycopg.connect(dsn) as application:
        application.execute("create schema app create table orders (id int primary key)")
    config = Config()
    config.set_main_option("script_location", str(migrations_dir()))
    with migrate.engine(dsn).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        held = connection.exec_driver_sql(
            "select c.oid::regclass::text, l.mode from pg_locks as l"
            " join pg_class as c on c.oid = l.relation"
            " join pg_namespace as n on n.oid = c.relnamespace"
            " where l.pid = pg_backend_pid() and n.nspname not in ('ledger', 'ledger_guard')"
            # Toast tables are the ledger's own; reading and writing catalogs disturbs nobody.
            " and n.nspname <> 'pg_toast' and not ("
            "   n.nspname = 'pg_catalog' and l.mode in ('AccessShareLock', 'RowExclusiveLock'))"
        )
        assert held.all() == []


def test_downgrade_gives_up_on_a_lock_that_is_held(empty_database: NewDatabase) -> None:
    dsn = empty_database()
    migrate.upgrade(dsn)
    with psycopg.connect(dsn) as reader:
        reader.execute("select count(*) from ledger.agent_events")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            migrate.downgrade(dsn, "base", lock_timeout="20ms")
    assert migrate.current(dsn) == migrate.head()


def wait_until(connection: psycopg.Connection, condition: str) -> None:
    deadline = time.monotonic() + 60
    while connection.execute(condition).fetchone() != (True,):
        assert time.monotonic() < deadline, condition
        time.sleep(0.02)
