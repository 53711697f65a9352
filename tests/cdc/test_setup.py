"""Who may set CDC up and read, and that the ledger's guards let it, and only it, pass."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from cdc import page
from cdc.outbox import NAME, PUBLICATION, ROLE, SLOT, Outbox, emit, ids
from psycopg import sql

SETUP = "The publication, the role, the slot"
Refused = Callable[..., psycopg.Error]


def test_event_triggers_are_in_force(outbox: Outbox) -> None:
    """Those of a superuser's ledger, and doctor() finds nothing new."""
    query = "select evtenabled from pg_event_trigger where evtname ~ '^ledger_guard_'"
    assert outbox.admin.execute(query).fetchall() == [("A",)] * 4
    report = "select kind, object from ledger.doctor() where severity <> 'info'"
    assert outbox.admin.execute(report).fetchall() == []


def test_publication_can_go_but_not_its_table(outbox: Outbox, refused: Refused) -> None:
    error = refused(outbox.admin, "LG001", f"alter publication {NAME} drop table ledger.outbox")
    assert "publication relation" in str(error)
    outbox.admin.execute(f"drop publication {NAME}")


@pytest.mark.parametrize("name", ["ledger", "ledger_guard"])
def test_a_publication_may_have_the_schemas_name(new_outbox: Outbox, name: str) -> None:
    new_outbox.admin.execute(f"create publication {name} for table ledger.outbox")
    new_outbox.admin.execute(f"drop publication {name}")


def test_the_owner_may_publish_and_others_may_not(new_outbox: Outbox, refused: Refused) -> None:
    database = sql.Identifier(new_outbox.admin.info.dbname)
    grant = sql.SQL("grant create on database {} to ledger_owner, ledger_cdc")
    new_outbox.admin.execute(grant.format(database))
    refused(new_outbox.reader, "42501", PUBLICATION)
    new_outbox.admin.execute("set role ledger_owner")
    new_outbox.admin.execute(PUBLICATION)


def test_reading_needs_replication_and_nothing_else(outbox: Outbox, refused: Refused) -> None:
    """No privilege, no tenant: row-level security does not reach the WAL."""
    for table in ("outbox", "agent_events"):
        refused(outbox.reader, "42501", f"select * from ledger.{table}")
    expected = emit(outbox.admin, "a") + emit(outbox.admin, "b", tenant_id="globex")
    assert ids(outbox.take()) == expected

    outbox.admin.execute(f"alter role {ROLE} noreplication")
    try:
        refused(outbox.reader, "42501", SLOT.replace(NAME, "other"))
        refused(outbox.reader, "42501", lambda _: outbox.take())
    finally:
        outbox.admin.execute(f"alter role {ROLE} replication")


def test_select_as_the_page_grants_it(outbox: Outbox) -> None:
    """For a snapshot or a gap: every tenant's messages."""
    emit(outbox.admin, "a")
    emit(outbox.admin, "b", tenant_id="globex")
    (grant,) = page.sql("Who reads the WAL reads everything")
    outbox.admin.execute(grant)
    query = "select distinct tenant_id from ledger.outbox order by 1"
    assert outbox.reader.execute(query).fetchall() == [("acme",), ("globex",)]
    report = "select kind, object from ledger.doctor() where severity <> 'info'"
    assert outbox.admin.execute(report).fetchall() == []


def test_slot_older_than_the_publication(
    new_outbox: Outbox, refused: Refused, server_version: int
) -> None:
    new_outbox.reader.execute(SLOT)
    emit(new_outbox.admin, "a")
    new_outbox.admin.execute(PUBLICATION)
    if server_version < 18:
        refused(new_outbox.reader, "42704", lambda _: new_outbox.take())
    else:
        later = emit(new_outbox.admin, "b")
        assert ids(new_outbox.take()) == later


def test_queries_of_the_page(outbox: Outbox) -> None:
    emit(outbox.admin, "a")
    (watch,) = page.sql("Watch the slot")
    ((name, active, status, _, behind),) = outbox.admin.execute(watch).fetchall()
    assert (name, active, status) == (NAME, False, "reserved")
    assert behind.endswith(("bytes", "kB"))


def test_debezium_names_what_there_is(outbox: Outbox) -> None:
    """Debezium itself cannot run here: its file names our columns, publication and slot."""
    config = json.loads((page.FOLDER / "cdc" / "debezium.json").read_text())["config"]
    columns = set(outbox.table()[0]) if emit(outbox.admin, "a") else set()
    router = "transforms.outbox."
    named = {
        config[router + option]
        for option in (
            "table.field.event.id",
            "table.field.event.key",
            "table.field.event.payload",
            "route.by.field",
        )
    }
    placed = config[router + "table.fields.additional.placement"].split(",")
    for column, placement, *_ in (word.split(":") for word in placed):
        assert placement == "header"
        named.add(column)
    assert named == columns
    assert config["table.include.list"] == "ledger.outbox"
    assert (config["publication.name"], config["slot.name"]) == (NAME, NAME)
    assert config["database.user"] == ROLE


def test_heartbeat_of_debezium(outbox: Outbox) -> None:
    """The role may send it, and it reaches the slot."""
    config = json.loads((page.FOLDER / "cdc" / "debezium.json").read_text())["config"]
    outbox.reader.execute(config["heartbeat.action.query"])
    emit(outbox.admin, "a")  # which writes the WAL so far to disk
    changes: list[tuple[Any, ...]] = outbox.reader.execute(
        "select data from pg_logical_slot_peek_binary_changes(%s, null, null,"
        " 'proto_version', '1', 'publication_names', %s, 'messages', 'true')",
        [NAME, NAME],
    ).fetchall()
    assert [data[:1] for (data,) in changes if b"heartbeat" in data] == [b"M"]
