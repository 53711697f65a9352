"""pg_dump and pg_restore keep every guard; what a data-only restore demotes is found and mended."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from problems import problems
from psycopg import sql
from psycopg.conninfo import make_conninfo

from agent_events import embedded

AnyConnection = psycopg.Connection[Any]

GUARDS = """
    select t.tgrelid::regclass::text, pg_get_triggerdef(t.oid), t.tgenabled
    from pg_trigger as t
    where t.tgname like 'ledger\\_guard%' or t.tgname = 'close_window'
    order by 1, 2
"""


def run(program: str, *arguments: str, script: str | None = None) -> str:
    command = [str(embedded.client_program(program)), *arguments]
    done = subprocess.run(command, input=script, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def restore(dump: str, dsn: str, *options: str) -> None:
    """What pg_restore --dbname does; but its release is 18, and older servers lack this setting."""
    script = run("pg_restore", "--file=-", *options, dump)
    script = script.replace("\nSET transaction_timeout = 0;\n", "\n", 1)
    run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", dsn, script=script)


@pytest.fixture
def dump(dsn: str, event: dict[str, Any], tmp_path: Path) -> str:  # noqa: ARG001
    file = str(tmp_path / "ledger.dump")
    run("pg_dump", "--format=custom", f"--file={file}", f"--dbname={dsn}")
    return file


@pytest.fixture
def copy(pg: AnyConnection, dsn: str) -> Iterator[str]:
    """The connection string of another, empty database."""
    name = f"{pg.info.dbname}_copy"
    pg.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
    yield make_conninfo(dsn, dbname=name)
    pg.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_restore_keeps_every_guard(
    pg: AnyConnection, dump: str, copy: str, event: dict[str, Any]
) -> None:
    restore(dump, copy)
    with psycopg.connect(copy, autocommit=True) as restored:
        assert restored.execute(GUARDS).fetchall() == pg.execute(GUARDS).fetchall()
        assert problems(restored) == []
        events = "select id::text from ledger.events where tenant_id = 'acme'"
        assert restored.execute(events).fetchall() == [(event["id"],)]
        enabled = restored.execute("select evtenabled from pg_event_trigger").fetchall()
        assert enabled == [("A",)] * 4
        for statement in [
            "update ledger.agent_events set payload = '{}'",
            f"truncate {event['partition']}",
            "drop table ledger.outbox cascade",
        ]:
            with pytest.raises(psycopg.Error) as caught:
                restored.execute(statement)
            assert caught.value.sqlstate == "LG001"
        restored.execute("select ledger.ensure_partition(now() + interval '5 years')")
        restored.execute("select ledger.emit_event('test.happened', tenant_id => 'acme')")
        assert problems(restored) == []


def test_restore_in_sections_keeps_every_guard(pg: AnyConnection, dump: str, copy: str) -> None:
    for section in ["pre-data", "data", "post-data"]:
        restore(dump, copy, f"--section={section}")
    with psycopg.connect(copy, autocommit=True) as restored:
        assert restored.execute(GUARDS).fetchall() == pg.execute(GUARDS).fetchall()
        assert problems(restored) == []


def test_data_only_restore_demotes_guards_and_repair_mends_them(
    pg: AnyConnection, dump: str, copy: str
) -> None:
    """--disable-triggers leaves ORIGIN where ALWAYS was; event triggers would refuse it."""
    restore(dump, copy, "--schema-only")
    with psycopg.connect(copy, autocommit=True) as restored:
        for name in ["ddl", "detach", "drop", "rewrite"]:
            restored.execute(f"alter event trigger ledger_guard_{name} disable")
        restore(dump, copy, "--data-only", "--disable-triggers")
        kinds = {kind for kind, _, _ in problems(restored)}
        assert {"guard demoted", "event trigger"} <= kinds
        mended = restored.execute("select ledger.repair_guards()").fetchone()
        assert mended is not None
        assert mended[0] >= 30
        assert problems(restored) == []
        assert restored.execute(GUARDS).fetchall() == pg.execute(GUARDS).fetchall()
        assert restored.execute("select ledger.repair_guards()").fetchone() == (0,)


def test_an_old_window_is_not_open_in_the_copy(dump: str, copy: str) -> None:
    """Transaction ids begin anew in a new cluster; a restored window must not match one of them."""
    restore(dump, copy)
    with psycopg.connect(copy) as restored:
        restored.execute("set session_replication_role = replica")
        restored.execute(
            "insert into ledger_guard.maintenance_windows"
            " select pg_current_xact_id(), now() - interval '1 day', 'uninstall', 'x', true,"
            " '{}', '{}'"
        )
        assert restored.execute("select * from ledger_guard.current_window()").fetchall() == []
        with pytest.raises(psycopg.Error) as caught:
            restored.execute("drop table ledger.outbox cascade")
        assert caught.value.sqlstate == "LG001"
        restored.rollback()
