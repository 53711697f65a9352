"""The durable cursor: forward only, in the caller's transaction, within the log."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from log.emitting import await_lock, emit_many, seal

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

SAVE = "select ledger.save_position('index', %s, tenant_id => 'acme')"


@pytest.fixture(autouse=True)
def log(ledger: AnyConnection) -> None:
    """Ten positions."""
    emit_many(ledger, 10)
    seal(ledger)


def save(connection: AnyConnection, position: int) -> bool:
    row = connection.execute(SAVE, [position]).fetchone()
    assert row is not None
    return bool(row[0])


def position(connection: AnyConnection) -> int | None:
    query = "select ledger.subscription_position('index', tenant_id => 'acme')"
    row = connection.execute(query).fetchone()
    assert row is not None
    found: int | None = row[0]
    return found


def test_forward_only(reader: AnyConnection) -> None:
    assert position(reader) is None
    assert save(reader, 3)
    assert not save(reader, 3)
    assert not save(reader, 2)
    assert position(reader) == 3
    assert save(reader, 9)
    reset = "select ledger.save_position('index', %s, reset => true, tenant_id => 'acme')"
    assert reader.execute(reset, [-1]).fetchone() == (True,)
    assert position(reader) == -1


def test_it_is_part_of_the_transaction(reader: AnyConnection) -> None:
    with reader.transaction(force_rollback=True):
        assert save(reader, 3)
        assert position(reader) == 3
    assert position(reader) is None


@pytest.mark.parametrize("first_commits", [True, False])
def test_of_two_that_save_the_same_one_moves_it(
    ledger: AnyConnection, connect: Connect, first_commits: bool
) -> None:
    first, second = connect(), connect()
    save(ledger, 3)
    with ThreadPoolExecutor(1) as thread:
        with first.transaction(force_rollback=not first_commits):
            assert save(first, 4)
            waiting = thread.submit(save, second, 4)
            await_lock(ledger, second)
        assert waiting.result(10) is not first_commits
    assert position(ledger) == 4


@pytest.mark.parametrize("beyond", [-2, 10, 2**40, None])
def test_only_positions_of_the_log(reader: AnyConnection, refused: Refused, beyond: int) -> None:
    """A cursor ahead of the log would pass over what comes."""
    refused(reader, "LG009", SAVE, [beyond])


def test_bad_names(reader: AnyConnection, refused: Refused) -> None:
    for name in (None, "", "x" * 256):
        save_as = "select ledger.save_position(%s, 1, tenant_id => 'acme')"
        refused(reader, "LG009", save_as, [name])


def test_tenants_apart(reader: AnyConnection, ledger: AnyConnection, refused: Refused) -> None:
    for call in (
        "subscription_position('index', 'other')",
        "save_position('index', 0, tenant_id => 'other')",
        "drop_subscription('index', 'other')",
    ):
        refused(reader, "LG005", f"select ledger.{call}")
    emit_many(ledger, 1, "other")
    seal(ledger, "other")
    ledger.execute("select ledger.save_position('index', 0, tenant_id => 'other')")
    save(reader, 5)
    query = "select tenant_id, position from ledger.subscription_cursors"
    assert reader.execute(query).fetchall() == [("acme", 5)]


def test_a_dropped_subscription_begins_anew(reader: AnyConnection) -> None:
    save(reader, 5)
    drop = "select ledger.drop_subscription('index', 'acme')"
    assert reader.execute(drop).fetchone() == (True,)
    assert reader.execute(drop).fetchone() == (False,)
    assert position(reader) is None
