"""A partition is dropped only when its file is whole, in the log, signed for, and under no hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Thread
from typing import Any

import psycopg
import pytest
from cold.partitions import complaints, findings
from cold_files.ledgers import JUNE, MAY, NAME, TENANTS, Ledger, kinds
from psycopg.conninfo import make_conninfo

from agent_events.anchors import open_store
from agent_events.cold.drop import drop_partition
from agent_events.cold.errors import ColdError
from agent_events.proofs import Checkpoint, SigningKey
from agent_events.verifying import load, verify

Connect = Callable[..., psycopg.Connection[Any]]


def test_dropped(exported: Ledger) -> None:
    checked = exported.drop()
    assert (checked.findings, checked.row_count) == ((), 76)
    assert exported.tier() == "cold"
    assert exported.count() == 0
    row = exported.pg.execute(
        "select partition_name, encode(file_sha256, 'hex') from ledger.cold_drops"
    ).fetchone()
    assert row == (MAY, exported.manifest.file_sha256)
    assert findings(exported.pg) == []
    assert complaints(exported.pg) == set()
    assert verify(exported.operator, anchored=exported.anchored()).findings == []


def test_the_file_of_a_dropped_partition_still_verifies(cold: Ledger) -> None:
    assert cold.check().findings == ()
    assert cold.check_signed().findings == ()


def test_twice_is_refused(cold: Ledger) -> None:
    with pytest.raises(ColdError, match="is cold; only archived partitions are dropped"):
        cold.drop()


def test_a_hot_partition_is_refused(exported: Ledger) -> None:
    with pytest.raises(ColdError, match="is hot"):
        exported.drop(JUNE)


def refused(ledger: Ledger, kind: str, detail: str) -> None:
    checked = ledger.drop()
    assert kinds(checked) == {kind}
    assert detail in checked.findings[0].detail
    assert ledger.tier() == "archive"
    assert ledger.count() == 76


def test_nothing_is_signed(ledger: Ledger) -> None:
    ledger.export()
    refused(ledger, "no checkpoint", f"signed for {NAME}/acme is none")


def test_one_tenant_is_not_signed_for(ledger: Ledger) -> None:
    ledger.export()
    ledger.sign(["acme"])
    refused(ledger, "no checkpoint", f"signed for {NAME}/globex is none")


def test_a_checkpoint_that_is_too_old(ledger: Ledger) -> None:
    ledger.export()
    ledger.sign(["globex"])
    row = ledger.pg.execute("select ledger.log_root('acme', 93)").fetchone()
    assert row is not None
    ledger.anchor_note("acme", 93, row[0])
    refused(ledger, "no checkpoint", "the events reach position 93; signed for")


def test_a_checkpoint_that_just_covers_it(ledger: Ledger) -> None:
    ledger.export()
    ledger.sign(["globex"])
    row = ledger.pg.execute("select ledger.log_root('acme', 94)").fetchone()
    assert row is not None
    ledger.anchor_note("acme", 94, row[0])
    assert ledger.drop().findings == ()


def test_another_root_was_signed(ledger: Ledger) -> None:
    ledger.export()
    ledger.sign(["globex"])
    ledger.anchor_note("acme", 94, bytes(32))
    refused(ledger, "fork", f"but {'00' * 32} was signed")


def test_more_was_signed_than_there_is(exported: Ledger) -> None:
    exported.anchor_note("acme", 1000, bytes(32))
    refused(exported, "truncated", "but 1,000 were signed")


def test_two_roots_were_signed(exported: Ledger) -> None:
    exported.anchor_note("acme", 94, bytes(32))
    exported.anchor_note("acme", 94, bytes([1] * 32))
    refused(exported, "split view", "signed two trees of 94 events")


def test_another_key(exported: Ledger) -> None:
    anchored = load(
        [open_store(exported.anchor)],
        [SigningKey.generate(f"{NAME}/{tenant_id}").vkey() for tenant_id in TENANTS],
    )
    checked = drop_partition(exported.operator, MAY, exported.folder, anchored)
    assert kinds(checked) == {"bad checkpoint", "no checkpoint"}
    assert exported.tier() == "archive"


def test_the_checkpoints_of_another_ledger(ledger: Ledger) -> None:
    ledger.export()
    keys = {tenant_id: SigningKey.generate(f"other.example/{tenant_id}") for tenant_id in TENANTS}
    for tenant_id, key in keys.items():
        row = ledger.pg.execute(
            "select tree_size, root from ledger.log_heads where tenant_id = %s", [tenant_id]
        ).fetchone()
        assert row is not None
        open_store(ledger.anchor).append(key.sign(Checkpoint(key.name, *row)))
    anchored = load([open_store(ledger.anchor)], [key.vkey() for key in keys.values()])
    checked = drop_partition(ledger.operator, MAY, ledger.folder, anchored)
    assert kinds(checked) == {"no checkpoint"}


def test_a_hold_forbids_it(exported: Ledger) -> None:
    exported.pg.execute("select ledger.place_hold('lawsuit', tenant_id => 'globex')")
    with pytest.raises(psycopg.Error) as caught:
        exported.drop()
    assert caught.value.sqlstate == "LG008"
    assert exported.tier() == "archive"


def test_a_role_that_may_only_read(exported: Ledger, login_role: Callable[..., str]) -> None:
    dsn = make_conninfo(exported.dsn, user=login_role("reader", {"*": ["read"]}))
    with pytest.raises(psycopg.Error) as caught:
        drop_partition(dsn, MAY, exported.folder, exported.anchored())
    assert caught.value.sqlstate == "LG005"


def test_it_waits_for_a_reader_without_blocking_others(exported: Ledger, connect: Connect) -> None:
    reader, writer = connect(autocommit=False), connect()
    reader.execute("select count(*) from ledger.events")
    dropping = Thread(target=exported.drop)
    dropping.start()
    try:
        started = asks_for_the_lock(exported.pg)
        writer.execute("select ledger.emit_event('run.paused', tenant_id => 'acme')")
        row = writer.execute("select clock_timestamp()").fetchone()
        assert row is not None
        assert (row[0] - started).total_seconds() < 5
        assert exported.tier() == "archive"
    finally:
        reader.rollback()
        dropping.join()
    assert exported.tier() == "cold"


def asks_for_the_lock(pg: psycopg.Connection[Any]) -> datetime:
    """Look until the table's lock is asked for, and not had."""
    while True:
        row = pg.execute(
            "select clock_timestamp() from pg_locks where not granted"
            " and mode = 'AccessExclusiveLock'"
        ).fetchone()
        if row is not None:
            return row[0]  # type: ignore[no-any-return]


def test_patience_ends(exported: Ledger, connect: Connect) -> None:
    reader = connect(autocommit=False)
    reader.execute("select count(*) from ledger.events")
    with pytest.raises(psycopg.errors.LockNotAvailable):
        exported.drop(patience=0.5)
    assert exported.tier() == "archive"
    reader.rollback()
    assert exported.drop().findings == ()
