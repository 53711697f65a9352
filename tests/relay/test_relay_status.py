"""What is seen of relays: relay_status, outbox_status, doctor(); and what an operator does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from archive.history import emit_at
from relay.delivering import (
    HAPPENED,
    claim,
    confirm,
    deliver_all,
    emit,
    fail,
    make_due,
    positions,
    read,
)

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]
Refused = Callable[..., psycopg.Error]


def status(connection: AnyConnection, columns: str) -> list[tuple[Any, ...]]:
    query = f"""
        select {columns} from ledger.relay_status
        where tenant_id <> 'ledger' order by relay, tenant_id
    """
    return connection.execute(query).fetchall()  # type: ignore[arg-type]


def test_lag_parked_and_dead_are_seen(ledger: AnyConnection, worker: AnyConnection) -> None:
    emit(ledger, "a", "a", "b", "c")
    claimed = claim(worker)
    assert claimed is not None
    assert status(ledger, "relay, tenant_id, position, lag_messages, leased_until > now()") == [
        ("nats", "acme", -1, 4, True)
    ]
    ((behind,),) = status(ledger, "lag_seconds")
    assert 0 < behind < 300
    fail(worker, claimed, 0)
    fail(worker, claimed, 2, is_permanent=True)
    confirm(worker, claimed, 3, release=True)
    columns = "position, lag_messages, lag_seconds, parked, dead, leased_by, confirmed_at <= now()"
    assert status(ledger, columns) == [(3, 0, 0, 2, 1, None, True)]


def test_who_holds_the_lease_is_seen(ledger: AnyConnection, connect: Connect) -> None:
    worker = connect(application_name="relay-7")
    emit(ledger, "a")
    claim(worker)
    assert status(ledger, "leased_by") == [("relay-7",)]


def test_the_classic_columns(ledger: AnyConnection, worker: AnyConnection) -> None:
    ledger.execute("select ledger.set_relay('nats', max_attempts => 3)")
    emit(ledger, "a", "b", "a", "c")
    claimed = claim(worker)
    assert claimed is not None
    fail(worker, claimed, 0, "no")
    fail(worker, claimed, 3, "never", is_permanent=True)
    confirm(worker, claimed, 3, release=True)
    emit(ledger, "d")
    columns = """
        select position, published_at is not null, attempts, last_error,
          next_attempt_at is not null, is_dead
        from ledger.outbox_status where relay = 'nats' order by created_at
    """
    assert ledger.execute(columns).fetchall() == [
        (0, False, 1, "no", True, False),
        (1, True, 1, None, False, False),
        (2, False, 0, None, False, False),
        (3, False, 1, "never", False, True),
        (None, False, 0, None, False, False),
    ]
    make_due(ledger)
    deliver_all(worker)
    assert ledger.execute(columns).fetchall()[:3] == [
        (0, True, 2, "no", False, False),
        (1, True, 1, None, False, False),
        (2, True, 1, None, False, False),
    ]


def test_published_at_is_when_it_was_confirmed(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, "a", "b", "c")
    claimed = claim(worker)
    assert claimed is not None
    confirm(worker, claimed, 0)
    confirm(worker, claimed, 2)
    times = [
        row[0]
        for row in ledger.execute("select published_at from ledger.outbox_status order by position")
    ]
    assert times[0] < times[1] == times[2]


def test_new_tenants_of_a_relay_for_all_are_seen_before_it_comes(
    ledger: AnyConnection, worker: AnyConnection, connect: Connect, login_role: LoginRole
) -> None:
    only_acme = connect(user=login_role("acme_relay", {"acme": ["relay"]}))
    emit(ledger, "a")
    deliver_all(worker, "all")
    deliver_all(only_acme, "one")
    emit(ledger, "a", tenant_id="later")
    ledger.execute("select from ledger.seal_all()")
    assert status(ledger, "relay, tenant_id, lag_messages") == [
        ("all", "acme", 0),
        ("all", "later", 1),
        ("one", "acme", 0),
    ]


def test_tenants_see_their_own(
    ledger: AnyConnection, worker: AnyConnection, connect: Connect, login_role: LoginRole
) -> None:
    for tenant_id in ("acme", "other"):
        emit(ledger, "a", tenant_id=tenant_id)
    deliver_all(worker)
    for privilege in ("relay", "read", "operate"):
        reader = connect(user=login_role("one", {"acme": [privilege]}))
        assert status(reader, "tenant_id") == [("acme",)]
        seen = reader.execute("select distinct tenant_id from ledger.outbox_status").fetchall()
        assert seen == [("acme",)]
    assert status(worker, "tenant_id") == [("acme",), ("other",)]


@pytest.mark.parametrize(
    "table", ["relay_cursors", "relay_parked", "relay_confirmations", "relays"]
)
def test_only_the_functions_write(
    ledger: AnyConnection, worker: AnyConnection, refused: Refused, table: str
) -> None:
    emit(ledger, "a")
    deliver_all(worker)
    refused(worker, "42501", f"delete from ledger.{table}")


def test_doctor_tells_of_dead_messages_and_of_relays_that_stand_still(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, "a", "b")
    claimed = claim(worker)
    assert claimed is not None
    fail(worker, claimed, 0, is_permanent=True)
    confirm(worker, claimed, 1, release=True)
    assert relay_findings(ledger) == [("dead messages", "relay nats, tenant acme")]
    emit_at(ledger, datetime.now(UTC) - timedelta(hours=3), [{"event_type": HAPPENED}])
    ledger.execute("select from ledger.seal_all()")
    findings = relay_findings(ledger)
    assert ("relay behind", "relay nats, tenant acme") in findings


def relay_findings(ledger: AnyConnection) -> list[tuple[str, str]]:
    query = "select kind, object from ledger.check_relays() where object !~ 'tenant ledger'"
    return ledger.execute(query).fetchall()


def test_rewinding_delivers_again(
    ledger: AnyConnection, worker: AnyConnection, refused: Refused
) -> None:
    emit(ledger, "a", "b", "c")
    assert positions(deliver_all(worker)) == [0, 1, 2]
    rewind = "select ledger.rewind_relay('nats', %s, tenant_id => 'acme')"
    ledger.execute(rewind, [1])
    published = "select count(published_at) from ledger.outbox_status"
    assert ledger.execute(published).fetchone() == (1,)
    assert positions(deliver_all(worker)) == [1, 2]
    ledger.execute(rewind, [3])
    emit(ledger, "d")
    assert positions(deliver_all(worker)) == [3]
    for position in (-1, 99, None):
        refused(ledger, "LG009", rewind, [position])
    refused(ledger, "LG009", "select ledger.rewind_relay('unknown', 0, tenant_id => 'acme')")


def test_rewinding_ends_the_lease_and_what_was_parked(
    ledger: AnyConnection, worker: AnyConnection, refused: Refused
) -> None:
    emit(ledger, "a", "a", "b")
    claimed = claim(worker)
    assert claimed is not None
    fail(worker, claimed, 0)
    ledger.execute("select ledger.rewind_relay('nats', 0, tenant_id => 'acme')")
    refused(worker, "LG014", lambda _: confirm(worker, claimed, 2))
    assert positions(deliver_all(worker)) == [0, 1, 2]


def test_a_relay_that_was_dropped_begins_anew(
    ledger: AnyConnection, worker: AnyConnection, refused: Refused
) -> None:
    emit(ledger, "a")
    claimed = claim(worker)
    assert claimed is not None
    ledger.execute("select ledger.drop_relay('nats')")
    refused(worker, "LG014", lambda _: confirm(worker, claimed, 0))
    refused(worker, "LG014", lambda _: read(worker, claimed))
    assert status(ledger, "relay") == []
    assert positions(deliver_all(worker)) == [0]
    refused(ledger, "LG009", "select ledger.drop_relay('unknown')")


@pytest.mark.parametrize(
    "settings",
    [
        "event_types => '{}'",
        "max_attempts => 0",
        "max_attempts => null",
        "min_backoff => '0'",
        "min_backoff => '2 hours'",
        "max_backoff => null",
    ],
)
def test_settings_that_cannot_be(ledger: AnyConnection, refused: Refused, settings: str) -> None:
    refused(ledger, "LG009", f"select ledger.set_relay('nats', {settings})")


def test_operating_is_for_operators(worker: AnyConnection, refused: Refused) -> None:
    for call in (
        "select ledger.set_relay('nats')",
        "select ledger.drop_relay('nats')",
        "select ledger.rewind_relay('nats', 0, tenant_id => 'acme')",
        "select ledger.purge_outbox('outbox_p20260101')",
    ):
        refused(worker, "42501", call)
