"""What becomes of a slot: nobody reads, it is lost, the server is killed, another takes over."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from cdc import page
from cdc.outbox import CREATE_ROLE, HAPPENED, PUBLICATION, Outbox, consumer, emit, ids
from crashing import kill_server
from operating.standby import copy_of, wait_until
from psycopg.conninfo import make_conninfo

from agent_events import embedded, migrate

Refused = Callable[..., psycopg.Error]
StartServer = Callable[..., Outbox]
LOST = "A slot that was lost"


@pytest.fixture
def start(server_folder: Path, server_version: int) -> StartServer:
    """A server of the test's own, or the same again: `start("primary", max_wal_size="1GB")`."""

    def run(name: str, **settings: str) -> Outbox:
        data = server_folder / name
        is_new = not data.exists()
        wanted = page.settings("The server") | {"max_locks_per_transaction": "256"} | settings
        dsn = make_conninfo(**embedded.ensure_server(data, server_version, settings=wanted))
        if is_new:
            migrate.upgrade(dsn)
            with psycopg.connect(dsn, autocommit=True) as admin:
                admin.execute(CREATE_ROLE)
                admin.execute("select ledger.register_event_type(%s, '{}')", [HAPPENED])
        return Outbox(dsn)

    return run


def test_consumer_script(outbox: Outbox) -> None:
    """The file of the page prints what there is and what comes."""
    expected = emit(outbox.admin, "a", "b")
    command = [sys.executable, page.CONSUMER, f"{outbox.dsn} user=ledger_cdc"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        expected += emit(outbox.admin, "c")
        lines.append(json.loads(process.stdout.readline()))
        process.terminate()
    assert ids(lines) == expected
    assert [json.loads(line["payload"])["name"] for line in lines] == ["a", "b", "c"]


def test_failed_delivery_comes_again(outbox: Outbox) -> None:
    expected = emit(outbox.admin, "a", "b")

    def fail(_: object) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        consumer.take(outbox.reader, fail)
    assert ids(outbox.take()) == expected


def test_quiet_outbox_holds_no_wal(outbox: Outbox) -> None:
    """While others write: the slot follows without a message."""
    outbox.take()
    before = outbox.slot("confirmed_flush_lsn")
    outbox.admin.execute("select ledger.emit_event(%s, publish => false)", [HAPPENED])
    written = "select pg_current_wal_flush_lsn() > %s"
    assert outbox.admin.execute(written, [before]).fetchone() == (True,)
    (until,) = outbox.admin.execute("select pg_current_wal_flush_lsn()").fetchone() or (None,)
    assert outbox.take() == []
    moved = "select %s::pg_lsn >= %s::pg_lsn"
    after = outbox.slot("confirmed_flush_lsn")
    assert outbox.admin.execute(moved, [after, until]).fetchone() == (True,)


def test_lost_slot(start: StartServer, refused: Refused) -> None:
    """The server drops what it holds beyond the limit; the page's way back misses nothing."""
    outbox = start(
        "primary", max_slot_wal_keep_size="1MB", max_wal_size="32MB", min_wal_size="32MB"
    )
    outbox.set_up()
    delivered = set(ids(outbox.take()))
    expected = emit(outbox.admin, "a", "b")
    for _ in range(4):
        outbox.admin.execute("select pg_switch_wal()")
        outbox.admin.execute("select pg_logical_emit_message(false, 'fill', '')")
    outbox.admin.execute("checkpoint")
    assert outbox.slot("wal_status") == "lost"
    refused(outbox.reader, "55000", lambda _: outbox.take())

    outbox.admin.execute(page.sql("Who reads the WAL reads everything")[0])
    drop, create, gap = page.sql(LOST)
    outbox.reader.execute(drop)
    outbox.reader.execute(create)
    rows = outbox.reader.execute(gap).fetchall()
    delivered |= {row[1] for row in rows}
    expected += emit(outbox.admin, "a")
    delivered |= set(ids(outbox.take()))
    assert set(expected) == delivered
    outbox.close()


def test_killed_server(start: StartServer, server_folder: Path) -> None:
    """Nothing is missing, and what comes again is the end of what came."""
    outbox = start("primary")
    outbox.set_up()
    expected, taken = [], []
    for name in ("a", "b", "c"):
        expected += emit(outbox.admin, name)
        taken += ids(outbox.take())
    expected += emit(outbox.admin, "d")
    kill_server(server_folder / "primary")
    outbox.close()

    again = start("primary")
    more = ids(again.take())
    assert taken == expected[:3]
    assert more == expected[-len(more) :]
    assert taken[: len(expected) - len(more)] + more == expected
    again.close()


def test_failover(
    start: StartServer, refused: Refused, server_folder: Path, server_version: int
) -> None:
    """From 17 on a failover slot goes on where it was; the page's settings, on both servers."""
    physical, failover, ready = page.sql("Failover")
    if server_version < 17:
        primary = start("primary")
        refused(primary.reader, "42883", failover)
        primary.close()
        return
    primary = start("primary", **page.settings("Failover", 0))
    primary.admin.execute(PUBLICATION)
    primary.admin.execute(physical)
    primary.reader.execute(failover)
    copy_of(server_folder / "primary", primary.dsn)
    followed = {"primary_conninfo": primary.dsn}
    standby = start("standby", **page.settings("Failover", 1) | followed)
    first: list[UUID] = []

    def go_on() -> None:
        first.extend(emit(primary.admin, "a"))
        assert ids(primary.take()) == first[-1:]

    wait_until(standby.admin, ready, meanwhile=go_on)
    second = emit(primary.admin, "b")
    promote(standby, primary, server_folder, server_version)
    third = emit(standby.admin, "c")
    found = ids(standby.take())
    assert found[-2:] == second + third
    assert set(found[:-2]) <= set(first)
    standby.close()


def test_failover_of_any_other_slot(
    start: StartServer, refused: Refused, server_folder: Path, server_version: int
) -> None:
    """The new primary has none, and the table has what the consumer lacks."""
    primary = start("primary")
    primary.set_up()
    copy_of(server_folder / "primary", primary.dsn)
    # Said again: what pg_basebackup of 18 wrote there is too new for 15.
    standby = start("standby", primary_conninfo=primary.dsn)
    delivered = set(ids(primary.take()))
    expected = emit(primary.admin, "a")
    promote(standby, primary, server_folder, server_version)
    refused(standby.reader, "42704", lambda _: standby.take())

    standby.admin.execute(page.sql("Who reads the WAL reads everything")[0])
    _, create, gap = page.sql(LOST)
    standby.reader.execute(create)
    delivered |= {row[1] for row in standby.reader.execute(gap)}
    expected += emit(standby.admin, "b")
    assert delivered | set(ids(standby.take())) == set(expected)
    standby.close()


def promote(standby: Outbox, primary: Outbox, folder: Path, version: int) -> None:
    """Once it has all of the primary, which is gone then."""
    arrived = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
    written = primary.admin.execute(consumer.WRITTEN).fetchone()
    assert written is not None
    wait_until(standby.admin, arrived, *written)
    primary.close()
    embedded.stop_server(folder / "primary", version)
    standby.admin.execute("select pg_promote()")
