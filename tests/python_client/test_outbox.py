"""A relay of one's own, by the client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from agent_events import AsyncLedger, Ledger, errors

AnyConnection = psycopg.Connection[Any]
MOVED = "deal.moved"


@pytest.fixture
def ledger(pg: AnyConnection) -> Ledger:
    """With five events of two deals."""
    ledger = Ledger(pg)
    ledger.register_event_type(MOVED, {})
    for n in range(5):
        deal = str(n % 2)
        ledger.emit_event(MOVED, {"n": n}, aggregate_type="deal", aggregate_id=deal)
    return ledger


def test_ten_lines_are_a_relay(ledger: Ledger) -> None:
    delivered = []
    while claim := ledger.claim_outbox("search", batch_size=2):
        for message in ledger.read_outbox(claim):
            delivered.append(message.payload["n"])
        ledger.confirm_outbox(
            "search",
            claim.token,
            through_position=claim.through_position,
            retried=claim.retries,
            release=True,
            tenant_id=claim.tenant_id,
        )
    assert delivered == [0, 1, 2, 3, 4]
    (status,) = ledger.relays("search")
    assert (status.position, status.lag_messages, status.leased_by) == (4, 0, None)


def test_a_lease_that_is_held_goes_on(ledger: Ledger) -> None:
    first = ledger.claim_outbox("search", batch_size=2, tenant_id="default")
    assert first is not None
    assert ledger.claim_outbox("search") is None, "somebody holds it"
    second = ledger.claim_outbox("search", tenant_id="default", token=first.token, batch_size=2)
    assert second is not None
    assert (second.after_position, second.through_position) == (1, 3)
    assert [m.position for m in ledger.read_outbox(second)] == [2, 3]


def test_what_is_not_taken_is_parked_then_dead_then_tried_again(ledger: Ledger) -> None:
    made = ledger.set_relay("search", max_attempts=2, min_backoff="1 ms", max_backoff="1 ms")
    assert (made.event_types, made.max_attempts) == (None, 2)
    claim = ledger.claim_outbox("search")
    assert claim is not None
    parked = ledger.fail_outbox("search", claim.token, 0, "no")
    assert (parked.attempts, parked.is_dead, parked.last_error) == (1, False, "no")
    assert parked.next_attempt_at is not None
    ledger.confirm_outbox("search", claim.token, through_position=4, release=True)

    while (again := ledger.claim_outbox("search")) is None:
        pass
    messages = ledger.read_outbox(again)
    assert [(m.position, m.is_retry, m.attempts) for m in messages] == [
        (0, True, 1),
        (2, True, 0),
        (4, True, 0),
    ]
    dead = ledger.fail_outbox("search", again.token, 0, "never", is_permanent=True)
    assert (dead.is_dead, dead.next_attempt_at) == (True, None)
    ledger.confirm_outbox("search", again.token, retried=[2, 4], release=True)
    (message,) = ledger.dead_messages("search")
    assert (message.position, message.last_error) == (0, "never")
    assert ledger.requeue_dead("search", position=0) == 1
    last = ledger.claim_outbox("search")
    assert last is not None
    assert last.retries == (0,)


def test_a_lost_lease_is_an_error_of_its_own(ledger: Ledger) -> None:
    claim = ledger.claim_outbox("search")
    assert claim is not None
    ledger.rewind_relay("search", 0)
    with pytest.raises(errors.LeaseLost):
        ledger.confirm_outbox("search", claim.token, through_position=4)
    with pytest.raises(errors.LeaseLost):
        ledger.read_outbox(claim)
    ledger.drop_relay("search")
    assert ledger.relays() == []


def test_types_are_chosen(ledger: Ledger) -> None:
    assert ledger.set_relay("search", event_types=[MOVED]).event_types == (MOVED,)


@pytest.mark.parametrize("relay", ["", "a b", "x" * 100])
def test_a_bad_name_is_refused(ledger: Ledger, relay: str) -> None:
    with pytest.raises(errors.InvalidArgument):
        ledger.claim_outbox(relay)


def test_the_worker_needs_no_more_than_relay(
    ledger: Ledger,  # noqa: ARG001
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
) -> None:
    worker = Ledger(connect(user=login_role("relay", {"*": ["relay"]})))
    claim = worker.claim_outbox("search")
    assert claim is not None
    assert len(worker.read_outbox(claim)) == 5
    with pytest.raises((errors.TenantNotPermitted, psycopg.errors.InsufficientPrivilege)):
        worker.rewind_relay("search", 0)


def test_asynchronously(ledger: Ledger, dsn: str) -> None:  # noqa: ARG001
    async def deliver() -> int:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            other = AsyncLedger(connection)
            claim = await other.claim_outbox("search")
            assert claim is not None
            return len(await other.read_outbox(claim))

    assert asyncio.run(deliver()) == 5
