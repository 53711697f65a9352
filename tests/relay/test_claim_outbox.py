"""claim_outbox() and read_outbox(): what is handed out, to whom, in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from relay.delivering import (
    Claim,
    claim,
    confirm,
    deliver_all,
    emit,
    end_leases,
    fail,
    positions,
    read,
)

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]


def test_nothing_to_do(ledger: AnyConnection, worker: AnyConnection) -> None:
    assert claim(worker) is None
    emit(ledger, "1")
    assert len(deliver_all(worker)) == 1
    assert claim(worker) is None


def test_to_look_costs_no_transaction_id(ledger: AnyConnection, worker: AnyConnection) -> None:
    emit(ledger, "1")
    deliver_all(worker)
    with worker.transaction():
        assert claim(worker) is None
        taken = "select pg_current_xact_id_if_assigned()"
        assert worker.execute(taken).fetchone() == (None,)


def test_what_was_committed_is_sealed_and_handed_out_in_order(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, "1", "2", None, "1")
    claimed = claim(worker)
    assert claimed is not None
    assert claimed[:2] == ("nats", "acme")
    assert claimed[3:] == (-1, 3, [])
    messages = read(worker, claimed)
    assert positions(messages) == [0, 1, 2, 3]
    assert [m.aggregate_id for m in messages] == ["1", "2", None, "1"]
    events = ledger.execute(
        """
        select l.position, e.id, e.event_type, e.schema_version, e.payload, e.trace_id,
          e.correlation_id, e.created_at
        from ledger.log as l join ledger.events as e using (tenant_id, created_at, id)
        where tenant_id = 'acme' order by l.position
        """
    ).fetchall()
    assert events == [
        (
            m.position,
            m.id,
            m.event_type,
            m.schema_version,
            m.payload,
            m.trace_id,
            m.correlation_id,
            m.created_at,
        )
        for m in messages
    ]
    assert {(m.attempts, m.is_retry, m.headers) for m in messages} == {(0, False, None)}


def test_headers_travel(ledger: AnyConnection, worker: AnyConnection) -> None:
    ledger.execute(
        """
        select from ledger.emit_event(
          'test.happened', tenant_id => 'acme', headers => '{"a": "b"}'
        )
        """
    )
    (message,) = deliver_all(worker)
    assert message.headers == {"a": "b"}


def test_a_batch_is_no_longer_than_asked_for_and_the_lease_goes_on(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, *"12345")
    first = claim(worker, batch_size=2)
    assert first is not None
    second = claim(worker, batch_size=2, tenant_id="acme", token=first.token)
    assert second is not None
    assert (first[3:], second[3:]) == ((-1, 1, []), (1, 3, []))
    assert second.token == first.token
    confirm(worker, first, 3)
    third = claim(worker, batch_size=9, tenant_id="acme", token=first.token)
    assert third is not None
    assert positions(read(worker, third)) == [4]
    assert claim(worker, batch_size=2, tenant_id="acme", token=first.token) is None


def test_nobody_else_gets_what_is_leased_until_the_lease_is_over(
    ledger: AnyConnection, worker: AnyConnection, connect: Callable[..., AnyConnection]
) -> None:
    other = connect(user=worker.info.user)
    emit(ledger, "1", "2")
    first = claim(worker)
    assert claim(other) is None
    end_leases(ledger)
    second = claim(other)
    assert first is not None
    assert second is not None
    assert second.token > first.token
    assert second[3:] == first[3:]


def test_a_claim_that_is_not_committed_is_passed_over(
    ledger: AnyConnection, worker: AnyConnection, connect: Callable[..., AnyConnection]
) -> None:
    other = connect(user=worker.info.user)
    for tenant_id in ("acme", "other"):
        emit(ledger, "1", tenant_id=tenant_id)
    deliver_all(worker)
    for tenant_id in ("acme", "other"):
        emit(ledger, "1", tenant_id=tenant_id)
    ledger.execute("select from ledger.seal_all()")
    with worker.transaction():
        first = claim(worker)
        second = claim(other)
        assert first is not None
        assert second is not None
        assert {first.tenant_id, second.tenant_id} == {"acme", "other"}
        assert claim(other) is None


def test_a_worker_that_was_rolled_back_leaves_nothing_behind(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, "1")
    with worker.transaction(force_rollback=True):
        first = claim(worker)
    second = claim(worker)
    assert first is not None
    assert second is not None
    assert second.token != first.token, "a token is never given twice"
    assert positions(read(worker, second)) == [0]


def test_tenants_take_turns(ledger: AnyConnection, worker: AnyConnection) -> None:
    for tenant_id in ("a", "b", "c"):
        emit(ledger, *"1234", tenant_id=tenant_id)
    seen = []
    while claimed := claim(worker, batch_size=2):
        seen.append(claimed.tenant_id)
        confirm(worker, claimed, claimed.through_position, release=True)
    assert seen == ["a", "b", "c"] * 2


def test_one_statement_claims_and_reads(ledger: AnyConnection, worker: AnyConnection) -> None:
    emit(ledger, "1", "2")
    query = "select m.* from ledger.claim_outbox('x') as c, ledger.read_outbox(c) as m"
    assert len(worker.execute(query).fetchall()) == 2


def test_events_that_are_not_published_are_passed_over(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, "1", publish=False)
    emit(ledger, "2")
    emit(ledger, "3", publish=False)
    assert positions(deliver_all(worker)) == [1]
    assert claim(worker) is None


def test_a_relay_delivers_the_types_that_it_is_for(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    ledger.execute("select ledger.set_relay('nats', event_types => '{test.other}')")
    emit(ledger, "1", "2")
    emit(ledger, "1", event_type="test.other")
    assert positions(deliver_all(worker)) == [2]
    assert positions(deliver_all(worker, "all")) == [0, 1, 2]


def test_every_relay_gets_everything(ledger: AnyConnection, worker: AnyConnection) -> None:
    emit(ledger, "1", "2")
    assert positions(deliver_all(worker, "a")) == [0, 1]
    assert positions(deliver_all(worker, "b")) == [0, 1]


def test_messages_of_archived_events_are_delivered(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    ledger.execute("select ledger.ensure_partition(now() - interval '400 days')")
    emit(ledger, "1")
    assert len(deliver_all(worker)) == 1


def test_a_zombie_is_refused_everywhere(
    ledger: AnyConnection,
    worker: AnyConnection,
    connect: Callable[..., AnyConnection],
    refused: Refused,
) -> None:
    zombie = connect(user=worker.info.user)
    emit(ledger, "1", "2")
    lost = claim(zombie)
    assert lost is not None
    end_leases(ledger)
    held = claim(worker)
    assert held is not None
    for attempt in (
        lambda _: confirm(zombie, lost, 1),
        lambda _: fail(zombie, lost, 0),
        lambda _: read(zombie, lost),
        lambda _: claim(zombie, tenant_id="acme", token=lost.token),
    ):
        assert "is lost" in str(refused(zombie, "LG014", attempt))
    assert ledger.execute("select position from ledger.relay_cursors").fetchone() == (-1,)
    confirm(worker, held, 1)


def test_a_lease_that_is_over_still_holds_while_nobody_took_it(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, "1")
    claimed = claim(worker)
    assert claimed is not None
    end_leases(ledger)
    confirm(worker, claimed, 0)
    (is_leased,) = ledger.execute(
        "select leased_until > clock_timestamp() from ledger.relay_cursors"
    ).fetchone() or (None,)
    assert is_leased


def test_what_was_given_back_is_not_held(
    ledger: AnyConnection, worker: AnyConnection, refused: Refused
) -> None:
    emit(ledger, "1")
    claimed = claim(worker)
    assert claimed is not None
    confirm(worker, claimed, release=True)
    refused(worker, "LG014", lambda _: confirm(worker, claimed, 0))
    assert claim(worker) is not None


@pytest.mark.parametrize(
    "arguments",
    [
        {"relay": ""},
        {"relay": "a b"},
        {"relay": None},
        {"relay": "x" * 64},
        {"batch_size": 0},
        {"batch_size": 10_001},
        {"batch_size": None},
        {"lease": "0 seconds"},
        {"lease": "2 hours"},
        {"lease": None},
        {"token": 1},
    ],
)
def test_bad_arguments(worker: AnyConnection, refused: Refused, arguments: dict[str, Any]) -> None:
    given = {"relay": "nats", **arguments}
    assert refused(worker, "LG009", lambda _: claim(worker, **given)).diag.message_hint


def test_a_position_that_was_not_handed_out_cannot_be_confirmed(
    ledger: AnyConnection, worker: AnyConnection, refused: Refused
) -> None:
    emit(ledger, "1", "2")
    claimed = claim(worker, batch_size=1)
    assert claimed is not None
    refused(worker, "LG009", lambda _: confirm(worker, claimed, 1))
    refused(worker, "LG009", lambda _: fail(worker, claimed, 1))
    confirm(worker, claimed, 0)
    confirm(worker, claimed, -1)
    assert ledger.execute("select position from ledger.relay_cursors").fetchone() == (0,)


def test_only_under_read_committed(worker: AnyConnection, refused: Refused) -> None:
    worker.autocommit = False
    worker.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    refused(worker, "25000", lambda _: claim(worker))


def test_tenants_are_apart(
    ledger: AnyConnection,
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
    refused: Refused,
) -> None:
    worker = connect(user=login_role("acme_relay", {"acme": ["relay"]}))
    reader = connect(user=login_role("reader", {"acme": ["read", "write"]}))
    nobody = connect(user=login_role("nobody"))
    emit(ledger, "1", tenant_id="other")
    assert claim(worker) is None
    refused(worker, "LG005", lambda _: claim(worker, tenant_id="other"))
    foreign = Claim("nats", "other", 1, -1, 0, [])
    refused(worker, "LG005", lambda _: read(worker, foreign))
    refused(worker, "LG005", lambda _: confirm(worker, foreign, 0))
    refused(worker, "LG005", lambda _: fail(worker, foreign, 0))
    for stranger in (reader, nobody):
        refused(stranger, "42501", lambda _: claim(stranger))  # noqa: B023
    emit(ledger, "1")
    assert [m.tenant_id for m in deliver_all(worker)] == ["acme"]
