"""Going back: only where nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from problems import problems

from agent_events import migrate
from agent_events.errors import AppendOnlyViolation

NewDatabase = Callable[..., str]
Dump = Callable[[str], str]


@pytest.fixture(params=["superuser", "no superuser"])
def installed(
    request: pytest.FixtureRequest, empty_database: NewDatabase, managed_database: NewDatabase
) -> Iterator[str]:
    """A database with an empty ledger."""
    is_superuser = request.param == "superuser"
    dsn = empty_database() if is_superuser else managed_database("installer")
    migrate.upgrade(dsn)
    return dsn


def test_upgrade_downgrade_upgrade(installed: str, schema_dump: Dump) -> None:
    first = schema_dump(installed)
    assert migrate.downgrade(installed, "base") == [migrate.head()]
    assert migrate.current(installed) is None
    assert schemas(installed) == []
    assert migrate.upgrade(installed) == [migrate.head()]
    assert schema_dump(installed) == first
    with psycopg.connect(installed) as connection:
        assert problems(connection, severities=["error"]) == []
        assert connection.execute("select from ledger.event_types").rowcount > 50


def test_upgrade_again_does_nothing(installed: str) -> None:
    assert migrate.upgrade(installed) == []
    assert migrate.current(installed) == migrate.head()


def test_downgrade_that_would_lose_events_is_refused(installed: str) -> None:
    with psycopg.connect(installed) as connection:
        connection.execute("select ledger.set_tenant_policy('default', 'open')")
        for _ in range(3):
            connection.execute("select ledger.emit_event('thing.happened')")
        stored = connection.execute("select count(*) from ledger.agent_events").fetchone()
    with pytest.raises(AppendOnlyViolation, match=r"it holds \d+ event") as refused:
        migrate.downgrade(installed, "base")
    assert stored is not None
    assert f"it holds {stored[0]} event" in refused.value.message
    assert migrate.current(installed) == migrate.head()
    with psycopg.connect(installed) as connection:
        assert connection.execute("select count(*) from ledger.events").fetchone() == stored
        assert problems(connection, severities=["error"]) == []


def test_downgrade_that_would_drop_a_view_of_the_user_is_refused(installed: str) -> None:
    administrator = psycopg.conninfo.make_conninfo(installed, user="postgres")
    with psycopg.connect(administrator) as connection:
        connection.execute("create view public.my_deals as select * from ledger.events")
    with pytest.raises(psycopg.errors.DependentObjectsStillExist) as refused:
        migrate.downgrade(installed, "base")
    assert "my_deals" in (refused.value.diag.message_detail or "")
    assert migrate.current(installed) == migrate.head()


def test_roles_stay_and_the_installer_keeps_no_writing_role(installed: str) -> None:
    migrate.downgrade(installed, "base")
    with psycopg.connect(installed) as connection:
        assert connection.execute("select from pg_roles where rolname ~ '^ledger_'").rowcount >= 13
        inherits = connection.execute(
            "select r.rolname from pg_roles as r"
            " where r.rolname in"
            " ('ledger_append', 'ledger_guard', 'ledger_sandbox', 'ledger_capture')"
            " and pg_has_role(r.oid, 'usage')"
            " and not (select rolsuper from pg_roles where rolname = current_user)"
        )
        assert inherits.fetchall() == []


def schemas(dsn: str) -> list[tuple[str]]:
    with psycopg.connect(dsn) as connection:
        query = "select nspname from pg_namespace where nspname like 'ledger%'"
        return connection.execute(query).fetchall()
