"""With archived partitions a ledger seals, is dumped and restored, and carries its log over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from archive.history import (
    HAPPENED,
    check_manifest,
    emit_at,
    findings,
    start_of_day,
    tiers,
)
from log.consistency import check_log, rows
from log.emitting import emit, emit_many, seal, seal_all
from log.test_log_restore import copy_database, create_roles
from problems import problems
from psycopg.conninfo import make_conninfo

from agent_events.verifying import verify

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]


@pytest.fixture
def archived(ledger: AnyConnection) -> list[str]:
    """The two oldest of the three partitions."""
    names = list(tiers(ledger))[:2]
    for name in names:
        ledger.execute("call ledger.archive_partition(%s)", [name])
    return names


def test_sealing_goes_on(ledger: AnyConnection, archived: list[str]) -> None:  # noqa: ARG001
    assert seal_all(ledger) == {"ledger": 1}, "the event of the second move"
    emit_many(ledger, 5)
    emit(ledger, "other", stream="1", event_type=HAPPENED)
    assert seal(ledger)["sealed"] == 5
    assert seal_all(ledger) == {"other": 1}
    for tenant_id in ("acme", "other", "ledger"):
        check_log(ledger, tenant_id)
    assert findings(ledger, "acme", "other", "ledger") == []


def test_rebase_looks_into_the_archive(ledger: AnyConnection, archived: list[str]) -> None:
    seal_all(ledger)
    emit_many(ledger, 3)
    with ledger.transaction():
        (receipt,) = rows(ledger, "select * from ledger.rebase_log('acme')")
    assert receipt["sealed"] == 3
    seal_all(ledger)
    check_log(ledger, "acme")
    assert findings(ledger, "acme", "other", "ledger") == []
    assert [tiers(ledger)[name] for name in archived] == ["archive", "archive"]


def test_dump_and_restore(
    ledger: AnyConnection, dsn: str, archived: list[str], other_server: Callable[[], str]
) -> None:
    seal_all(ledger)
    emit_many(ledger, 3)
    events = "select tier, tenant_id, id, hash from ledger.events order by id"
    before = ledger.execute(events).fetchall()
    server = other_server()
    create_roles(dsn, server)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("create database restored template template0")
    target = make_conninfo(server, dbname="restored")
    copy_database(dsn, target)

    with psycopg.connect(target, autocommit=True) as restored:
        assert restored.execute(events).fetchall() == before
        assert [tiers(restored)[name] for name in archived] == ["archive", "archive"]
        check_manifest(restored)
        for tenant_id, left in (("acme", 3), ("other", 0), ("ledger", 0)):
            with restored.transaction():
                (receipt,) = rows(restored, "select * from ledger.rebase_log(%s)", tenant_id)
            assert receipt["sealed"] == left
        seal_all(restored)
        assert findings(restored, "acme", "other", "ledger") == []
        assert problems(restored) == []
        assert verify(target).findings == []

        restored.execute("call ledger.restore_partition(%s)", [archived[0]])
        restored.execute("select ledger.set_retention(hot_for => '1 day')")
        restored.execute("call ledger.maintain()")
        assert set(tiers(restored).values()) == {"archive"}
        check_manifest(restored)
        seal_all(restored)
        assert findings(restored, "acme", "other", "ledger") == []
        assert problems(restored) == []


def test_a_dump_of_a_prepared_partition_is_prepared_anew(
    ledger: AnyConnection, dsn: str, name: str, other_server: Callable[[], str]
) -> None:
    """What was noted of transactions means nothing in another cluster, nor do their ids."""
    spend = (
        "do $$ begin for i in 1..20000 loop perform pg_current_xact_id(); commit; end loop; end $$"
    )
    ledger.execute(spend)  # type: ignore[arg-type]
    emit_at(ledger, start_of_day(40).replace(hour=19), [{"event_type": HAPPENED}])
    for step in ("seal", "add bounds", "validate bounds", "prepare archive"):
        ledger.execute("select ledger.maintenance_step(%s, %s)", [step, name])
    server = other_server()
    create_roles(dsn, server)
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("create database restored template template0")
    target = make_conninfo(server, dbname="restored")
    copy_database(dsn, target)
    with psycopg.connect(target, autocommit=True) as restored:
        tenants = restored.execute("select tenant_id from ledger.log_heads").fetchall()
        for (tenant_id,) in tenants:
            restored.execute("select ledger.rebase_log(%s)", [tenant_id])
        emit_at(restored, start_of_day(40).replace(hour=20), [{"event_type": HAPPENED}])
        restored.execute("call ledger.archive_partition(%s)", [name])
        check_manifest(restored)
        seal_all(restored)
        check_log(restored, "acme")
