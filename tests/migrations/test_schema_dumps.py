"""psql, alembic and alembic's script in psql make the same database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg

from agent_events import migrate
from agent_events._resources import sql_dir

NewDatabase = Callable[..., str]
Psql = Callable[[str, Path], None]
Dump = Callable[[str], str]


def test_as_superuser(
    empty_database: NewDatabase, psql: Psql, schema_dump: Dump, tmp_path: Path
) -> None:
    dsns = [empty_database() for _ in range(3)]
    dumps = install_in_three_ways(dsns, psql, schema_dump, tmp_path)
    assert "CREATE EVENT TRIGGER" in dumps[0]
    assert dumps[1] == dumps[0]
    assert dumps[2] == dumps[0]


def test_without_superuser(
    managed_database: NewDatabase, psql: Psql, schema_dump: Dump, tmp_path: Path
) -> None:
    dsns = [managed_database("installer") for _ in range(3)]
    dumps = install_in_three_ways(dsns, psql, schema_dump, tmp_path)
    assert "ledger.emit_event" in dumps[0]
    assert dumps[1] == dumps[0]
    assert dumps[2] == dumps[0]


def test_the_same_rows_are_there(empty_database: NewDatabase, psql: Psql) -> None:
    """What a schema dump does not show: the registry and the partitions."""
    installed, upgraded = empty_database(), empty_database()
    psql(installed, sql_dir() / "install.sql")
    migrate.upgrade(upgraded)
    queries = [
        "select event_type, current_version, predicate::text from ledger.event_types order by 1",
        "select partition_name, from_time, to_time, tier from ledger.partitions order by 1",
    ]
    for query in queries:
        first, second = rows(installed, query), rows(upgraded, query)
        assert first
        assert first == second


def install_in_three_ways(
    dsns: list[str], psql: Psql, schema_dump: Dump, tmp_path: Path
) -> list[str]:
    script = tmp_path / "upgrade.sql"
    script.write_text(migrate.offline_sql())
    psql(dsns[0], sql_dir() / "install.sql")
    migrate.upgrade(dsns[1])
    psql(dsns[2], script)
    assert migrate.current(dsns[1]) == migrate.current(dsns[2]) == migrate.head()
    return [schema_dump(dsn).replace(name(dsn), "") for dsn in dsns]


def name(dsn: str) -> str:
    return str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()
