"""The retention policy says where archived partitions are stored; they get there as they are."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from archive.history import check_manifest, findings, since_noon, tiers
from log.consistency import rows
from log.emitting import emit
from problems import problems

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

PLACES = """
    select distinct ledger.tablespace_of(c.oid)::text
    from pg_class as c
    where c.oid = to_regclass('ledger.' || %(name)s) or c.oid in (
        select indexrelid from pg_index where indrelid = to_regclass('ledger.' || %(name)s)
      )
      or c.oid = (select reltoastrelid from pg_class where oid = to_regclass('ledger.' || %(name)s))
"""


@pytest.fixture
def tablespace(pg: AnyConnection) -> Iterator[str]:
    """Another tablespace, inside the data directory."""
    name = f"archive_{secrets.token_hex(4)}"
    pg.execute("set allow_in_place_tablespaces = on")
    pg.execute(f"create tablespace {name} location ''")  # type: ignore[arg-type]
    pg.execute(f"grant create on tablespace {name} to ledger_owner")  # type: ignore[arg-type]
    yield name
    for moved in ("all in tablespace {} set tablespace pg_default",):
        with pg.transaction():
            pg.execute("select ledger_guard.open_window('upgrade')")
            for kind in ("table", "index"):
                pg.execute(f"alter {kind} {moved.format(name)}")  # type: ignore[arg-type]
    pg.execute(f"drop tablespace {name}")  # type: ignore[arg-type]


@pytest.fixture
def heap2(pg: AnyConnection) -> str:
    pg.execute("create access method heap2 type table handler heap_tableam_handler")
    return "heap2"


def places(connection: AnyConnection, name: str) -> set[str]:
    return {row[0] for row in connection.execute(PLACES, {"name": name}).fetchall()}


def access_method(connection: AnyConnection, name: str) -> str:
    query = "select ledger.access_method_of(to_regclass('ledger.' || %s))::text"
    (found,) = connection.execute(query, [name]).fetchone() or ("",)
    return str(found)


def content(connection: AnyConnection, name: str) -> list[Any]:
    return rows(connection, f"select *, ctid from ledger.{name} order by tenant_id, created_at, id")


def test_to_another_tablespace(ledger: AnyConnection, name: str, tablespace: str) -> None:
    before = content(ledger, name)
    ledger.execute(
        "select ledger.set_retention(hot_for => %s, archive_tablespace => %s)",
        [since_noon(39), tablespace],
    )
    ledger.execute("call ledger.maintain()")
    assert tiers(ledger)[name] == "archive"
    assert places(ledger, name) == {"pg_default"}, "the plan was made before it was archived"
    ledger.execute("call ledger.maintain()")
    assert places(ledger, name) == {tablespace}
    others = [other for other, tier in tiers(ledger).items() if tier == "hot"]
    assert all(places(ledger, other) == {"pg_default"} for other in others)
    assert content(ledger, name) == before
    assert ledger.execute("select step from ledger.maintenance_plan()").fetchall() == [
        ("make partitions",),
        ("seal",),
        ("count events",),
    ]
    check_manifest(ledger)
    assert findings(ledger, "acme", "other") == []
    assert problems(ledger) == []


def test_to_another_access_method(ledger: AnyConnection, name: str, heap2: str) -> None:
    before = content(ledger, name)
    ledger.execute(
        "select ledger.set_retention(hot_for => %s, archive_access_method => %s)",
        [since_noon(39), heap2],
    )
    for _ in range(2):
        ledger.execute("call ledger.maintain()")
    assert access_method(ledger, name) == heap2
    assert content(ledger, name) == before
    check_manifest(ledger)
    assert findings(ledger, "acme", "other") == []
    assert problems(ledger) == []


def test_to_both_as_an_operator_and_back(
    ledger: AnyConnection,
    connect: Connect,
    login_role: Callable[..., str],
    name: str,
    heap2: str,
    tablespace: str,
) -> None:
    before = content(ledger, name)
    operator = connect(user=login_role("operator", {"*": ["operate"]}))
    operator.execute("call ledger.archive_partition(%s)", [name])
    retention = "select ledger.set_retention(archive_tablespace => %s, archive_access_method => %s)"
    for place, method in ((tablespace, heap2), ("pg_default", "heap")):
        operator.execute(retention, [place, method])
        due = "select partition_name::text from ledger.partition_status where due = 'relocate'"
        assert operator.execute(due).fetchall() == [(name,)]
        operator.execute("call ledger.maintain()")
        assert operator.execute(due).fetchall() == []
        assert places(ledger, name) == {place}
        assert access_method(ledger, name) == method
        assert content(ledger, name) == before
        assert problems(ledger) == []
        check_manifest(ledger)


def test_restored_it_stays_where_it_was_put(
    ledger: AnyConnection, name: str, tablespace: str
) -> None:
    ledger.execute("call ledger.archive_partition(%s)", [name])
    ledger.execute("select ledger.set_retention(archive_tablespace => %s)", [tablespace])
    ledger.execute("call ledger.maintain()")
    ledger.execute("call ledger.restore_partition(%s)", [name])
    assert places(ledger, name) == {tablespace}
    check_manifest(ledger)
    assert problems(ledger) == []


def test_a_hot_partition_is_not_relocated(
    ledger: AnyConnection, name: str, tablespace: str
) -> None:
    ledger.execute("select ledger.set_retention(archive_tablespace => %s)", [tablespace])
    ledger.execute("select ledger.relocate_partition(%s)", [name])
    assert places(ledger, name) == {"pg_default"}


def test_emitters_do_not_wait_and_a_reader_is_not_waited_for(
    ledger: AnyConnection, connect: Connect, name: str, heap2: str, refused: Refused
) -> None:
    ledger.execute("call ledger.archive_partition(%s)", [name])
    ledger.execute("select ledger.set_retention(archive_access_method => %s)", [heap2])
    reader = connect(autocommit=False)
    reader.execute("select count(*) from ledger.events")
    refused(ledger, "55P03", "select ledger.relocate_partition(%s)", [name])
    reader.rollback()

    mover = connect(autocommit=False)
    mover.execute("select ledger.relocate_partition(%s)", [name])
    emitter = connect()
    emitter.execute("set lock_timeout = '1s'")
    emit(emitter)
    mover.commit()
    assert access_method(ledger, name) == heap2


@pytest.mark.parametrize("argument", ["archive_tablespace", "archive_access_method"])
def test_a_place_that_is_not_there_is_refused(
    ledger: AnyConnection, refused: Refused, argument: str
) -> None:
    refused(ledger, "LG009", f"select ledger.set_retention({argument} => 'nowhere')")
