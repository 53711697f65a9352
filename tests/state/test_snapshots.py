"""Snapshots: when they are made, and that one that is not what was recorded counts for nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from cold.partitions import emit_at
from log.emitting import await_lock
from psycopg.types.json import Jsonb
from state.streams import (
    AnyConnection,
    Payload,
    emit,
    fold,
    maintain,
    payloads,
    snapshots,
    state_of,
)
from verifying.tampering import forge

Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

CREATE = "select ledger.create_snapshot('deal', '42')"


@pytest.fixture
def states(ledger: AnyConnection) -> list[Payload]:
    """The states of an aggregate of 2,500 events, with two snapshots."""
    patches = payloads(2500)
    emit(ledger, patches)
    maintain(ledger)
    assert snapshots(ledger) == [1000, 2000]
    return fold(patches)


def findings(connection: AnyConnection, *, deep: bool = False) -> list[tuple[str, int]]:
    rows = connection.execute(
        "select kind, sequence from ledger.verify_snapshots(%s) order by sequence", [deep]
    )
    return rows.fetchall()


def read_from(connection: AnyConnection) -> int:
    """At which sequence the snapshot is that the state of now is read from; 0 for none."""
    row: Any = connection.execute(
        "select sequence - replayed from ledger.state_of('deal', '42')"
    ).fetchone()
    return int(row[0])


def kinds(connection: AnyConnection) -> list[str]:
    rows = connection.execute("select kind from ledger.doctor() where kind ~ '^(snapshot|reducer)'")
    return [kind for (kind,) in rows.fetchall()]


def test_one_on_demand_is_an_event(ledger: AnyConnection) -> None:
    receipts = emit(ledger, [{"a": 1}, {"b": 2}])
    row: Any = ledger.execute(CREATE).fetchone()
    snapshot: Any = ledger.execute(
        "select id, sequence, event_id, state, bytes, replayed, encode(digest, 'hex'),"
        " encode(event_hash, 'hex'), created_by from ledger.snapshots"
    ).fetchone()
    assert snapshot[:6] == (row[0], 2, receipts[1][0], {"a": 1, "b": 2}, 16, 2)
    event: Any = ledger.execute(
        "select event_type, aggregate_id, payload from ledger.get_event(%s)", [row[0]]
    ).fetchone()
    assert event[:2] == ("ledger.snapshot_created", None)
    assert event[2] | {"reducer_fingerprint": ""} == {
        "aggregate_type": "deal",
        "aggregate_id": "42",
        "sequence": 2,
        "digest": snapshot[6],
        "event_hash": snapshot[7],
        "reducer_fingerprint": "",
    }
    assert snapshot[8] == ledger.info.user
    assert read_from(ledger) == 2


def test_again_is_the_same(ledger: AnyConnection) -> None:
    emit(ledger, [{"a": 1}])
    first = ledger.execute(CREATE).fetchone()
    assert ledger.execute(CREATE).fetchone() == first
    emit(ledger, [{"b": 1}])
    assert ledger.execute(CREATE).fetchone() != first
    assert snapshots(ledger) == [1, 2]


def test_two_at_once_make_one(ledger: AnyConnection, connect: Connect) -> None:
    emit(ledger, payloads(10))
    other = connect()
    other.execute("set ledger.tenant_id = 'acme'")
    made: list[Any] = []
    with ledger.transaction():
        made.append(ledger.execute(CREATE).fetchone())
        thread = threading.Thread(target=lambda: made.append(other.execute(CREATE).fetchone()))
        thread.start()
        await_lock(ledger, other)
    thread.join()
    assert made[0] == made[1]
    query = "select count(*) from ledger.events where event_type = 'ledger.snapshot_created'"
    assert ledger.execute(query).fetchone() == (1,)


def test_nothing_to_make_one_of(ledger: AnyConnection, refused: Refused) -> None:
    refused(ledger, "LG009", CREATE)


def test_every_thousand_in_one_go_and_later(ledger: AnyConnection) -> None:
    patches = payloads(25_300)
    emit(ledger, patches[:21_500])
    maintain(ledger)
    assert snapshots(ledger) == list(range(1000, 21_001, 1000))
    emit(ledger, patches[21_500:])
    maintain(ledger)
    assert snapshots(ledger) == list(range(1000, 25_001, 1000))
    assert state_of(ledger) == fold(patches)[-1]
    assert findings(ledger, deep=True) == []
    maintain(ledger)
    maintain(ledger)
    plan = ledger.execute("select step from ledger.maintenance_plan()").fetchall()
    assert ("snapshot",) not in plan


def test_only_aggregates_that_are_due_are_locked(ledger: AnyConnection) -> None:
    """A batch has thousands of others, and the server has no room for so many locks."""
    for number in range(30):
        emit(ledger, payloads(1), f"small-{number}")
    emit(ledger, payloads(1001), "due")
    ledger.execute("select ledger.seal_all()")
    with ledger.transaction():
        ledger.execute("select ledger.make_snapshots()")
        locks = "select count(*) from pg_locks where locktype = 'advisory' and pid = %s"
        (held,) = ledger.execute(locks, [ledger.info.backend_pid]).fetchone() or (None,)
    assert snapshots(ledger, "due") == [1000]
    assert held < 10


def test_in_small_batches(ledger: AnyConnection) -> None:
    """Several aggregates of two tenants, a transaction each time the budget is used up."""
    for tenant_id in ("acme", "globex"):
        for aggregate_id in ("1", "2", "3"):
            emit(ledger, payloads(2100), aggregate_id, tenant_id=tenant_id)
    ledger.execute("select ledger.seal_all()")
    batches = 0
    while ledger.execute("select ledger.make_snapshots(1500)").fetchone() == (True,):
        batches += 1
    assert batches > 6
    made = ledger.execute(
        "select tenant_id, aggregate_id, array_agg(sequence order by sequence)"
        " from ledger.snapshots group by 1, 2 order by 1, 2"
    ).fetchall()
    assert made == [
        (tenant_id, aggregate_id, [1000, 2000])
        for tenant_id in ("acme", "globex")
        for aggregate_id in ("1", "2", "3")
    ]
    query = "select count(*) from ledger.events where event_type = 'ledger.snapshot_created'"
    assert ledger.execute(query).fetchone() == (12,)


def test_by_the_length_of_the_payloads(ledger: AnyConnection) -> None:
    ledger.execute("select ledger.set_snapshot_policy('deal', every_bytes => 4000)")
    emit(ledger, [{"text": "x" * 988}] * 10)
    maintain(ledger)
    assert snapshots(ledger) == [4, 8]


def test_by_time(ledger: AnyConnection) -> None:
    """Daily: the first event that is a day after the last snapshot's, or after the first event."""
    ledger.execute("select ledger.set_snapshot_policy('deal', every => '1 day')")
    stream = {"event_type": "deal.changed", "aggregate_type": "deal", "aggregate_id": "42"}
    for time in ("01T12", "01T18", "02T11", "02T13", "02T20", "03T12", "03T14", "09T00"):
        emit_at(ledger, f"2021-05-{time}:00Z", [stream | {"payload": {"at": time}}], "acme")
    maintain(ledger)
    assert snapshots(ledger) == [4, 7, 8]
    assert state_of(ledger, at_time="2021-05-02T23:00Z") == {"at": "02T20"}


def test_the_policy_of_a_type(ledger: AnyConnection, refused: Refused) -> None:
    ledger.execute("select ledger.set_snapshot_policy('post', every_events => 10)")
    ledger.execute("select ledger.set_snapshot_policy('*')")
    emit(ledger, payloads(1500))
    emit(ledger, payloads(25), "7", aggregate_type="post")
    maintain(ledger)
    assert snapshots(ledger) == []
    assert snapshots(ledger, "7") == [10, 20]
    ledger.execute("select ledger.set_snapshot_policy('post')")
    rows = ledger.execute("select aggregate_type from ledger.snapshot_policy").fetchall()
    assert rows == [("*",)]
    refused(ledger, "LG009", "select ledger.set_snapshot_policy('post', every_events => 0)")
    refused(ledger, "LG009", "select ledger.set_snapshot_policy(null, every_events => 1)")


@pytest.mark.parametrize(
    "change",
    [
        "update ledger.snapshots set state = state || '{\"forged\": true}' where sequence = 2000",
        "update ledger.snapshots set digest = sha256('x') where sequence = 2000",
        "update ledger.snapshots set event_hash = sha256('x') where sequence = 2000",
        "update ledger.snapshots set id = gen_random_uuid() where sequence = 2000",
        "update ledger.snapshots set event_id = gen_random_uuid() where sequence = 2000",
        "update ledger.snapshots set sequence = 2001 where sequence = 2000",
        """
        update ledger.snapshots as s
        set
          state = '{}',
          digest = ledger.snapshot_digest(
            s.tenant_id, s.aggregate_type, s.aggregate_id, s.sequence, s.event_hash,
            s.reducer_fingerprint, '{}'
          )
        where s.sequence = 2000
        """,
    ],
)
def test_a_forged_one_is_ignored_and_reported(
    ledger: AnyConnection, states: list[Payload], change: str
) -> None:
    said: list[str] = []
    ledger.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
    forge(ledger, change)
    assert state_of(ledger) == states[-1]
    assert read_from(ledger) == 1000
    assert any("is forged, and ignored" in message for message in said)
    assert [kind for kind, _ in findings(ledger)] == ["snapshot forged"]
    assert kinds(ledger) == ["snapshot forged"]
    assert state_of(ledger, at_sequence=2100) == states[2099]


def test_an_inserted_one_is_ignored(ledger: AnyConnection, states: list[Payload]) -> None:
    """It stands on a real event, its digest is right, and no event of its own records it."""
    forge(
        ledger,
        """
        insert into ledger.snapshots
        select
          s.tenant_id, s.aggregate_type, s.aggregate_id, s.reducer_fingerprint, e.sequence, s.id,
          e.id, e.created_at, e.hash, '{"forged": true}',
          ledger.snapshot_digest(
            s.tenant_id, s.aggregate_type, s.aggregate_id, e.sequence, e.hash,
            s.reducer_fingerprint, '{"forged": true}'
          ),
          16, 1, 1, now(), 'postgres', s.entry
        from ledger.snapshots as s
        join ledger.events as e on e.aggregate_id = s.aggregate_id and e.sequence = 2400
        where s.sequence = 2000
        """,
    )
    assert state_of(ledger) == states[-1]
    assert read_from(ledger) == 2000
    assert findings(ledger) == [("snapshot forged", 2400)]


def test_one_forged_with_its_event_is_found_by_replaying(
    ledger: AnyConnection, states: list[Payload]
) -> None:
    """Whoever owns the database can emit the event, too; then only replaying tells."""
    assert states
    forge(
        ledger,
        """
        select ledger.keep_snapshot(
          'acme',
          row(
            'deal', '42', e.sequence, e.created_at, e.id, e.hash, '{"forged": true}', null, 1
          )::ledger.aggregate_state,
          (ledger.find_reducer('deal')).fingerprint, 1
        )
        from ledger.events as e
        where e.aggregate_id = '42' and e.sequence = 2400
        """,
    )
    assert findings(ledger) == []
    assert findings(ledger, deep=True) == [("wrong state", 2400)]


def test_a_forged_one_is_made_anew(ledger: AnyConnection, states: list[Payload]) -> None:
    ledger.execute(CREATE)
    forge(ledger, "update ledger.snapshots set state = '{}' where sequence = 2500")
    ledger.execute(CREATE)
    assert findings(ledger) == []
    assert read_from(ledger) == 2500
    assert state_of(ledger) == states[-1]


def test_a_stale_one_is_ignored_reported_and_made_anew(
    ledger: AnyConnection, states: list[Payload]
) -> None:
    ledger.execute(
        "select ledger.register_reducer('deal', 'ledger.merge_event', %s)", [Jsonb({"since": 2026})]
    )
    assert state_of(ledger) == {"since": 2026} | states[-1]
    assert read_from(ledger) == 0
    assert findings(ledger) == [("snapshot stale", 1000), ("snapshot stale", 2000)]
    assert kinds(ledger) == ["snapshot stale"]
    maintain(ledger)
    assert kinds(ledger) == []
    assert findings(ledger, deep=True) == []
    assert read_from(ledger) == 2000
    assert state_of(ledger) == {"since": 2026} | states[-1]


def test_a_changed_event_is_no_ground_to_stand_on(
    ledger: AnyConnection, states: list[Payload]
) -> None:
    assert states
    forge(ledger, "update ledger.agent_events set hash = sha256('x') where sequence = 2000")
    assert read_from(ledger) == 1000
    assert findings(ledger) == [("snapshot forged", 2000)]


def test_guards(ledger: AnyConnection, states: list[Payload], refused: Refused) -> None:
    assert states
    refused(ledger, "LG001", "update ledger.snapshots set state = '{}'")
    refused(ledger, "LG001", "delete from ledger.snapshots")
    refused(ledger, "LG001", "truncate ledger.snapshots")
    refused(ledger, "LG001", "insert into ledger.snapshots select * from ledger.snapshots")


def test_who_may_make_them(
    ledger: AnyConnection, connect: Connect, login_role: Callable[..., str], refused: Refused
) -> None:
    emit(ledger, payloads(1100))
    reader = connect(user=login_role("reader", {"acme": ["read", "write"]}))
    refused(reader, "42501", CREATE)
    operator = connect(user=login_role("operator", {"acme": ["operate"]}))
    refused(operator, "LG005", "select ledger.create_snapshot('deal', '42', 'globex')")
    refused(operator, "LG005", "select ledger.make_snapshots()")
    refused(operator, "LG005", "select ledger.set_snapshot_policy('deal', 10)")
    operator.execute("select ledger.create_snapshot('deal', '42', 'acme')")
    keeper = connect(user=login_role("keeper", {"*": ["operate"]}))
    maintain(keeper)
    assert snapshots(ledger) == [1000, 1100]


def test_upcast_states_have_snapshots_of_their_own(
    ledger: AnyConnection, states: list[Payload]
) -> None:
    """Those that the type's reducer made of payloads as they were emitted are not theirs."""
    query = """
        select state, snapshot_id is null, replayed
        from ledger.state_of('deal', '42', upcast => true)
    """
    assert ledger.execute(query).fetchone() == (states[-1], True, 2500)
    ledger.execute("select ledger.register_reducer('deal', 'ledger.merge_event', upcast => true)")
    maintain(ledger)
    assert ledger.execute(query).fetchone() == (states[-1], False, 500)


def test_private_data_is_in_no_state(ledger: AnyConnection) -> None:
    ledger.execute(
        "select ledger.register_event_type('deal.signed', %s)",
        [Jsonb({"properties": {"name": {"type": "string", "x-private": True}}})],
    )
    ledger.execute(
        "select ledger.emit_event('deal.signed', %s,"
        " aggregate_type => 'deal', aggregate_id => '42')",
        [Jsonb({"name": "Ada", "n": 1})],
    )
    ledger.execute(CREATE)
    assert state_of(ledger) == {"n": 1}
