"""wal2json as docs/cdc.md has it gives the outbox's messages, and what the page warns of is so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Any
from uuid import UUID

import psycopg
import pytest
from archive.history import emit_at
from cdc import page
from cdc.outbox import HAPPENED, Outbox, emit
from operating.standby import wait_until

from agent_events import embedded

CREATE, START = (
    line.removeprefix("$ ") for line in page.blocks("wal2json", "console")[0].splitlines()
)
PERMIT, QUERY = page.sql("wal2json")
PUBLISHED = {"event_type": HAPPENED, "payload": {}, "publish": True}


@contextmanager
def shell(command: str, outbox: Outbox) -> Iterator[subprocess.Popen[str]]:
    """The line as it stands on the page, with this server's programs, ended afterwards."""
    line = command.replace("dbname=app user=ledger_cdc", f"{outbox.dsn} user=ledger_cdc")
    path = f"{embedded.bindir(15)}:{os.environ['PATH']}"
    process = subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", line],
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate()


def permit_plugin(admin: psycopg.Connection[Any]) -> None:
    """As the page says; an older server knows no such setting, and permits all."""
    value = "select current_setting('output_plugin_libraries', true) ~ 'wal2json' is not false"
    if admin.execute(value).fetchone() == (False,):
        admin.execute(PERMIT)
        admin.execute("select pg_reload_conf()")
        wait_until(admin, value)


@pytest.fixture
def outbox(new_outbox: Outbox) -> Outbox:
    """With the slot that the page's first command makes."""
    permit_plugin(new_outbox.admin)
    with shell(CREATE, new_outbox) as process:
        assert process.wait() == 0
    return new_outbox


def id_of(line: str) -> UUID:
    change = json.loads(line)
    assert (change["action"], change["schema"]) == ("I", "ledger")
    values: dict[str, Any] = {column["name"]: column["value"] for column in change["columns"]}
    assert isinstance(json.loads(values["payload"]), dict)
    return UUID(values["id"])


def lines(stream: IO[str] | None, count: int) -> list[UUID]:
    assert stream is not None
    return [id_of(stream.readline()) for _ in range(count)]


def test_stream(outbox: Outbox) -> None:
    expected = emit(outbox.admin, "a", "b")
    with outbox.connect(autocommit=False) as connection:
        emit(connection, "c")
        connection.rollback()
    with shell(START, outbox) as process:
        assert lines(process.stdout, 2) == expected
        more = emit_at(outbox.admin, datetime(2031, 8, 17, tzinfo=UTC), [PUBLISHED])
        more += emit(outbox.admin, "c")
        assert lines(process.stdout, 2) == more


def test_query(outbox: Outbox) -> None:
    expected = emit(outbox.admin, "a", "b")
    outbox.admin.execute("select ledger.emit_event(%s, publish => false)", [HAPPENED])
    expected += emit_at(outbox.admin, datetime(2031, 8, 17, tzinfo=UTC), [PUBLISHED])
    found = outbox.reader.execute(QUERY).fetchall()  # type: ignore[arg-type]
    assert [id_of(data) for _, data in found] == expected


def test_list_of_partitions_misses_the_next(outbox: Outbox) -> None:
    emit(outbox.admin, "a")
    emit_at(outbox.admin, datetime(2031, 8, 17, tzinfo=UTC), [PUBLISHED])
    now = f"ledger.outbox_p{datetime.now(UTC):%Y%m}01"
    listed = QUERY.replace("ledger.*", now)
    assert len(outbox.reader.execute(listed).fetchall()) == 1  # type: ignore[arg-type]
    assert len(outbox.reader.execute(QUERY).fetchall()) == 2  # type: ignore[arg-type]


def test_the_role_reads_private_data(outbox: Outbox) -> None:
    """Which no SELECT would show it: REPLICATION is a superuser's privilege to read."""
    outbox.admin.execute(
        """select ledger.emit_event(%s, private => '{"iban": "DE00"}')""", [HAPPENED]
    )
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        outbox.reader.execute("select * from ledger.event_private")
    everything = "select data from pg_logical_slot_peek_changes('ledger_json', null, null)"
    found = outbox.reader.execute(everything).fetchall()
    assert any("event_private" in data and "DE00" in data for (data,) in found)
