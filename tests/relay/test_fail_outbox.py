"""fail_outbox(): a message that is not taken parks its aggregate, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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
    make_due,
    positions,
    read,
)

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]


def claimed_all(worker: AnyConnection, **arguments: Any) -> Claim:
    claimed = claim(worker, **arguments)
    assert claimed is not None
    return claimed


def test_only_its_aggregate_is_parked(ledger: AnyConnection, worker: AnyConnection) -> None:
    emit(ledger, "a", "b", "a", None, "a", "b")
    claimed = claimed_all(worker)
    assert len(read(worker, claimed)) == 6
    failed = fail(worker, claimed, 0, "too large")
    assert (failed.attempts, failed.last_error, failed.is_dead) == (1, "too large", False)
    assert positions(read(worker, claimed)) == [1, 3, 5], "what waits is handed out no longer"
    confirm(worker, claimed, 5, release=True)

    emit(ledger, "a", "b")
    assert positions(deliver_all(worker)) == [7]
    assert parked(ledger) == [(0, 1, True), (2, 0, False), (4, 0, False), (6, 0, False)]


def parked(ledger: AnyConnection) -> list[tuple[int, int, bool]]:
    """Position, attempts and whether it has its time, of what is still to be delivered."""
    return ledger.execute(
        """
        select position, attempts, next_attempt_at is not null from ledger.relay_parked
        where published_at is null and not is_dead order by position
        """
    ).fetchall()


def test_the_aggregate_comes_back_in_order(ledger: AnyConnection, worker: AnyConnection) -> None:
    emit(ledger, "a", "b", "a", "a")
    claimed = claimed_all(worker)
    fail(worker, claimed, 0)
    confirm(worker, claimed, 3, release=True)
    assert claim(worker) is None, "it is not due yet"
    make_due(ledger)
    emit(ledger, "a", "c")

    again = claimed_all(worker)
    assert again.retries == [0, 2, 3, 4]
    messages = read(worker, again)
    assert [(m.position, m.is_retry, m.attempts) for m in messages] == [
        (0, True, 1),
        (2, True, 0),
        (3, True, 0),
        (4, True, 0),
        (5, False, 0),
    ]
    assert claim(worker, tenant_id="acme", token=again.token) is None, "nothing is given twice"
    confirm(worker, again, 5, [0, 2])
    assert parked(ledger) == [(3, 0, True), (4, 0, False)]
    confirm(worker, again, retried=[3, 4], release=True)
    assert parked(ledger) == []
    emit(ledger, "a")
    assert [m.is_retry for m in deliver_all(worker)] == [False]


def test_retries_that_nobody_confirmed_come_again(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, "a", "a")
    claimed = claimed_all(worker)
    fail(worker, claimed, 0)
    confirm(worker, claimed, 1, release=True)
    make_due(ledger)
    assert claimed_all(worker).retries == [0, 1]
    end_leases(ledger)
    assert claimed_all(worker).retries == [0, 1]


def test_a_retry_that_fails_again_takes_the_others_back(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, "a", "a", "a")
    claimed = claimed_all(worker)
    fail(worker, claimed, 0)
    confirm(worker, claimed, 2, release=True)
    make_due(ledger)
    again = claimed_all(worker)
    confirm(worker, again, retried=[0])
    failed = fail(worker, again, 1)
    assert failed.attempts == 1
    assert parked(ledger) == [(1, 1, True), (2, 0, False)]
    assert claim(worker, tenant_id="acme", token=again.token) is None
    make_due(ledger)
    more = claim(worker, tenant_id="acme", token=again.token)
    assert more is not None
    assert more.retries == [1, 2]


def test_what_was_handed_out_before_it_failed_waits_behind_it(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, "a", "b", "a", "b")
    first = claimed_all(worker, batch_size=2)
    second = claimed_all(worker, batch_size=2, tenant_id="acme", token=first.token)
    fail(worker, first, 0)
    assert positions(read(worker, second)) == [3]


def test_dead_after_max_attempts_and_its_aggregate_flows_on(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    ledger.execute("select ledger.set_relay('nats', max_attempts => 2)")
    emit(ledger, "a", "a", "b")
    claimed = claimed_all(worker)
    assert not fail(worker, claimed, 0).is_dead
    confirm(worker, claimed, 2, release=True)
    make_due(ledger)
    again = claimed_all(worker)
    assert fail(worker, again, 0, "still no").is_dead
    confirm(worker, again, retried=[1], release=True)
    emit(ledger, "a")
    assert [(m.position, m.is_retry) for m in deliver_all(worker)] == [(3, False)]
    assert dead(ledger) == [(0, 2, "still no")]


def dead(ledger: AnyConnection) -> list[tuple[int, int, str]]:
    return ledger.execute(
        "select position, attempts, last_error from ledger.outbox_status where is_dead"
    ).fetchall()


def test_what_waited_behind_a_dead_message_is_due_when_its_worker_dies(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, "a", "a")
    claimed = claimed_all(worker)
    fail(worker, claimed, 0)
    confirm(worker, claimed, 1, release=True)
    make_due(ledger)
    again = claimed_all(worker)
    assert fail(worker, again, 0, is_permanent=True).is_dead
    end_leases(ledger)
    assert claimed_all(worker).retries == [1]


def test_permanent_is_dead_at_once(ledger: AnyConnection, worker: AnyConnection) -> None:
    emit(ledger, "a", "a", None)
    claimed = claimed_all(worker)
    assert fail(worker, claimed, 0, "gone", is_permanent=True).is_dead
    assert positions(read(worker, claimed)) == [1, 2], "its aggregate flows on"
    confirm(worker, claimed, 2, release=True)
    assert deliver_all(worker) == []


def test_a_message_without_aggregate_holds_nobody_up(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, None, None)
    claimed = claimed_all(worker)
    fail(worker, claimed, 0)
    assert positions(read(worker, claimed)) == [1]
    confirm(worker, claimed, 1, release=True)
    emit(ledger, None)
    assert positions(deliver_all(worker)) == [2]
    make_due(ledger)
    assert positions(deliver_all(worker)) == [0]


def test_what_failed_is_not_handed_out_as_new_after_a_crash(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, "a", "b", "a")
    claimed = claimed_all(worker)
    fail(worker, claimed, 0)
    end_leases(ledger)  # nothing was confirmed
    again = claimed_all(worker)
    assert again.after_position == -1
    assert positions(read(worker, again)) == [1]


def test_the_pause_doubles_up_to_the_most(ledger: AnyConnection, worker: AnyConnection) -> None:
    ledger.execute(
        "select ledger.set_relay('nats', min_backoff => '10 seconds', max_backoff => '1 minute')"
    )
    emit(ledger, None)
    for wanted in (10, 20, 40, 60, 60):
        claimed = claimed_all(worker)
        failed = fail(worker, claimed, 0)
        pause = (failed.next_attempt_at - failed.failed_at).total_seconds()
        assert wanted / 2 <= pause <= wanted + 0.1
        confirm(worker, claimed, 0, release=True)
        make_due(ledger)


def test_a_destination_may_ask_for_a_longer_pause(
    ledger: AnyConnection, worker: AnyConnection
) -> None:
    emit(ledger, None, None)
    claimed = claimed_all(worker)
    asked = fail(worker, claimed, 0, retry_after=timedelta(hours=2))
    assert asked.next_attempt_at - asked.failed_at == pytest.approx(
        timedelta(hours=2), abs=timedelta(seconds=1)
    )
    asked = fail(worker, claimed, 1, retry_after=timedelta(days=400))
    assert asked.next_attempt_at < datetime.now(UTC) + timedelta(days=1, minutes=1)


def test_a_message_cannot_fail_twice_or_when_it_is_none(
    ledger: AnyConnection, worker: AnyConnection, refused: Refused
) -> None:
    emit(ledger, "a", "b")
    emit(ledger, "c", publish=False)
    claimed = claimed_all(worker)
    fail(worker, claimed, 0, is_permanent=True)
    refused(worker, "LG009", lambda _: fail(worker, claimed, 0))
    refused(worker, "LG009", lambda _: fail(worker, claimed, 2))
    refused(worker, "LG009", lambda _: fail(worker, claimed, 99))


def test_dead_messages_are_requeued(
    ledger: AnyConnection, worker: AnyConnection, refused: Refused
) -> None:
    emit(ledger, "a", "a", "b")
    claimed = claimed_all(worker)
    for position in (0, 2):
        fail(worker, claimed, position, is_permanent=True)
    confirm(worker, claimed, 2, release=True)
    requeue = "select ledger.requeue_dead('nats', %s, tenant_id => 'acme')"
    assert ledger.execute(requeue, [0]).fetchone() == (1,)
    emit(ledger, "a")
    assert [(m.position, m.attempts) for m in deliver_all(worker)] == [(0, 0), (3, 0)]
    assert ledger.execute(requeue, [None]).fetchone() == (1,)
    assert ledger.execute(requeue, [None]).fetchone() == (0,)
    refused(ledger, "LG009", requeue, [0])
    assert positions(deliver_all(worker)) == [2]
    assert dead(ledger) == []


def test_dead_messages_are_discarded_with_a_reason(
    ledger: AnyConnection, worker: AnyConnection, refused: Refused
) -> None:
    emit(ledger, "a")
    claimed = claimed_all(worker)
    fail(worker, claimed, 0, "gone", is_permanent=True)
    discard = "select ledger.discard_dead('nats', 0, %s, tenant_id => 'acme')"
    refused(ledger, "LG009", discard, [" "])
    assert ledger.execute(discard, ["OPS-7"]).fetchone() == (1,)
    row = ledger.execute("select last_error, is_dead, discarded_at from ledger.outbox_status")
    last_error, is_dead, discarded_at = row.fetchone() or ("", None, None)
    assert last_error.startswith("gone [discarded by postgres: OPS-7]")
    assert is_dead
    assert discarded_at is not None
    refused(ledger, "LG009", discard, ["again"])
