"""emit_event: what a caller relies on, through SQL."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

Connect = Callable[..., psycopg.Connection[Any]]


@pytest.fixture
def ledger(pg: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
    pg.execute("select ledger.register_event_type('test.anything', '{}')")
    return pg


def emit(connection: psycopg.Connection[Any], **arguments: Any) -> Any:
    arguments = {"event_type": "test.anything"} | arguments
    given = ", ".join(f"{name} => %({name})s" for name in arguments)
    query = f"select * from ledger.emit_event({given})"
    return connection.execute(query, arguments).fetchone()  # type: ignore[arg-type]


def test_event_and_outbox_row_share_the_transaction(ledger: psycopg.Connection[Any]) -> None:
    with ledger.transaction(force_rollback=True):
        emit(ledger)
    assert ledger.execute("select count(*) from ledger.agent_events").fetchone() == (0,)
    assert ledger.execute("select count(*) from ledger.outbox").fetchone() == (0,)
    receipt = emit(ledger, payload='{"a": 1}', headers='{"traceparent": "00-1"}')
    row = ledger.execute("select id, payload, headers, created_at from ledger.outbox").fetchone()
    assert row == (receipt[0], {"a": 1}, {"traceparent": "00-1"}, receipt[1])


def test_the_receipt_is_what_is_stored(ledger: psycopg.Connection[Any]) -> None:
    receipt = emit(ledger, aggregate_type="deal", aggregate_id="42")
    query = "select id, created_at, sequence, hash, false from ledger.agent_events"
    assert receipt == ledger.execute(query).fetchone()
    assert receipt[2] == 1


@pytest.mark.parametrize(
    ("by_type", "by_call", "rows"),
    [
        (True, None, 1),
        (True, False, 0),
        (False, None, 0),
        (False, True, 1),
    ],
)
def test_publish_is_decided_by_type_and_overridden_by_call(
    pg: psycopg.Connection[Any], by_type: bool, by_call: bool | None, rows: int
) -> None:
    pg.execute("select ledger.register_event_type('test.anything', '{}', publish => %s)", [by_type])
    emit(pg, publish=by_call)
    assert pg.execute("select count(*) from ledger.outbox").fetchone() == (rows,)


def test_correlation_is_the_deal_else_given_else_the_causes_else_the_runs_else_the_trace(
    ledger: psycopg.Connection[Any],
) -> None:
    def correlation(**arguments: Any) -> Any:
        event_id = emit(ledger, **arguments)[0]
        query = "select correlation_id, trace_id from ledger.agent_events where id = %s"
        return ledger.execute(query, [event_id]).fetchone()

    deal, given, trace, run_correlation = (uuid.uuid4() for _ in range(4))
    run_id = uuid.uuid4()
    with ledger.transaction():
        ledger.execute(
            "select ledger.start_run('tester', run_id => %s, trace_id => %s, correlation_id => %s)",
            [run_id, trace, run_correlation],
        )
    cause = emit(ledger, correlation_id=given)[0]
    assert correlation(deal_id=deal, correlation_id=given)[0] == deal
    assert correlation(correlation_id=given, causation_id=cause)[0] == given
    assert correlation(causation_id=cause, run_id=run_id)[0] == given
    assert correlation(run_id=run_id) == (run_correlation, trace)
    assert correlation(trace_id=trace) == (trace, trace)
    unrelated = correlation()
    assert unrelated[0] == unrelated[1]


def test_context_fills_in_what_the_call_leaves_out(ledger: psycopg.Connection[Any]) -> None:
    trace, correlation, cause = (uuid.uuid4() for _ in range(3))
    with ledger.transaction():
        ledger.execute(
            "select ledger.set_context('acme', null, %s, %s, %s, 'agent', 'closer')",
            [trace, correlation, cause],
        )
        emit(ledger)
        emit(ledger, tenant_id="other", actor_type="user", actor_id="ada")
    emit(ledger)
    columns = "tenant_id, trace_id, correlation_id, causation_id, actor_type, actor_id"
    rows = ledger.execute(f"select {columns} from ledger.agent_events order by created_at")
    context = (trace, correlation, cause)
    first, second, third = rows.fetchall()
    assert first == ("acme", *context, "agent", "closer")
    assert second == ("other", *context, "user", "ada")
    assert third[0] == "default"
    assert third[3:] == (None, None, None)


def test_stream_times_never_repeat_nor_go_back(ledger: psycopg.Connection[Any]) -> None:
    with ledger.transaction():
        for _ in range(50):
            emit(ledger, aggregate_type="deal", aggregate_id="42")
    rows = ledger.execute("select created_at from ledger.agent_events order by sequence")
    times = [row[0] for row in rows.fetchall()]
    assert times == sorted(set(times))


class TestExpectedSequence:
    def test_zero_means_the_stream_must_be_new(self, ledger: psycopg.Connection[Any]) -> None:
        stream = {"aggregate_type": "deal", "aggregate_id": "42", "expected_sequence": 0}
        assert emit(ledger, **stream)[2] == 1
        with pytest.raises(psycopg.Error, match="is at sequence 1, not at 0") as refused:
            emit(ledger, **stream)
        assert refused.value.sqlstate == "LG004"

    def test_beyond_the_head_is_refused(self, ledger: psycopg.Connection[Any]) -> None:
        with pytest.raises(psycopg.Error, match="is at sequence 0, not at 3") as refused:
            emit(ledger, aggregate_type="deal", aggregate_id="42", expected_sequence=3)
        assert refused.value.sqlstate == "LG004"

    @pytest.mark.parametrize("expected", [0, 1])
    def test_exactly_one_of_many_racers_wins(
        self, ledger: psycopg.Connection[Any], connect: Connect, expected: int
    ) -> None:
        stream = {"aggregate_type": "deal", "aggregate_id": "42"}
        for _ in range(expected):
            emit(ledger, **stream)
        start = threading.Barrier(16)
        outcomes: list[str] = []

        def race(connection: psycopg.Connection[Any]) -> None:
            start.wait()
            try:
                emit(connection, **stream, expected_sequence=expected)
                outcomes.append("won")
            except psycopg.Error as error:
                outcomes.append(error.sqlstate or "?")

        threads = [threading.Thread(target=race, args=[connect()]) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["LG004"] * 15 + ["won"]


class TestIdempotencyKey:
    def test_a_retry_gets_the_first_receipt(self, ledger: psycopg.Connection[Any]) -> None:
        stream = {"aggregate_type": "deal", "aggregate_id": "42", "idempotency_key": "k"}
        first = emit(ledger, **stream)
        again = emit(ledger, **stream)
        assert again[:4] == first[:4]
        assert (first[4], again[4]) == (False, True)
        assert ledger.execute("select count(*) from ledger.agent_events").fetchone() == (1,)

    def test_keys_are_the_tenants_own(self, ledger: psycopg.Connection[Any]) -> None:
        emit(ledger, idempotency_key="k")
        assert emit(ledger, idempotency_key="k", tenant_id="acme")[4] is False

    def test_a_key_of_another_event_type_is_refused(self, ledger: psycopg.Connection[Any]) -> None:
        ledger.execute("select ledger.register_event_type('test.other', '{}')")
        emit(ledger, idempotency_key="k")
        with pytest.raises(psycopg.Error) as refused:
            emit(ledger, event_type="test.other", idempotency_key="k")
        assert refused.value.sqlstate == "LG009"

    def test_of_many_racers_one_writes_and_all_get_its_receipt(
        self, ledger: psycopg.Connection[Any], connect: Connect
    ) -> None:
        receipts: list[Any] = []
        start = threading.Barrier(8)

        def race(connection: psycopg.Connection[Any]) -> None:
            start.wait()
            receipts.append(emit(connection, idempotency_key="k"))

        threads = [threading.Thread(target=race, args=[connect()]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({receipt[0] for receipt in receipts}) == 1
        assert sorted(receipt[4] for receipt in receipts) == [False] + [True] * 7

    def test_below_an_older_snapshot_the_caller_is_told_to_retry(
        self, ledger: psycopg.Connection[Any], connect: Connect
    ) -> None:
        other = connect(autocommit=False)
        other.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        other.execute("select 1")
        emit(ledger, idempotency_key="k")
        with pytest.raises(psycopg.errors.SerializationFailure):
            emit(other, idempotency_key="k")


def test_private_data_stands_apart(ledger: psycopg.Connection[Any]) -> None:
    receipt = emit(ledger, private='{"name": "Ada"}', subject_id="person-1")
    row = ledger.execute(
        "select event_id, subject_id, private from ledger.event_private"
    ).fetchone()
    assert row == (receipt[0], "person-1", {"name": "Ada"})
    assert ledger.execute("select payload from ledger.agent_events").fetchone() == ({},)


def test_private_fields_of_the_schema_leave_payload_and_outbox(pg: psycopg.Connection[Any]) -> None:
    schema = '{"properties": {"prompt": {"type": "string", "x-private": true}}}'
    pg.execute("select ledger.register_event_type('test.call', %s::jsonb)", [schema])
    emit(pg, event_type="test.call", payload='{"prompt": "who am I?", "tokens": 3}')
    assert pg.execute("select payload from ledger.agent_events").fetchone() == ({"tokens": 3},)
    assert pg.execute("select payload from ledger.outbox").fetchone() == ({"tokens": 3},)
    private = pg.execute("select private from ledger.event_private").fetchone()
    assert private == ({"payload": {"/prompt": "who am I?"}},)


def test_secrets_are_masked_before_anything_is_stored(ledger: psycopg.Connection[Any]) -> None:
    emit(
        ledger,
        payload='{"login": {"Password": "hunter2"}}',
        metadata='{"Authorization": "Bearer x"}',
        proof='{"type": "api_response", "data": {"api_key": "sk-1"}}',
    )
    stored = ledger.execute(
        "select payload::text || metadata::text || proof::text from ledger.agent_events"
    ).fetchone()
    assert stored is not None
    assert not any(secret in stored[0] for secret in ("hunter2", "Bearer x", "sk-1"))
    assert stored[0].count("***") == 3


def test_a_tenant_whose_policy_is_open_takes_unknown_types(pg: psycopg.Connection[Any]) -> None:
    pg.execute("select ledger.set_tenant_policy('acme', 'open')")
    emit(pg, event_type="brand.new", tenant_id="acme")
    with pytest.raises(psycopg.Error) as refused:
        emit(pg, event_type="brand.new")
    assert refused.value.sqlstate == "LG002"


def test_an_older_schema_version_can_be_named(pg: psycopg.Connection[Any]) -> None:
    pg.execute("select ledger.register_event_type('test.v', '{\"required\": [\"a\"]}')")
    pg.execute("select ledger.register_event_type('test.v', '{}')")
    emit(pg, event_type="test.v", payload="{}")
    emit(pg, event_type="test.v", payload='{"a": 1}', schema_version=1)
    with pytest.raises(psycopg.Error) as refused:
        emit(pg, event_type="test.v", payload="{}", schema_version=1)
    assert refused.value.sqlstate == "LG003"
    versions = pg.execute("select schema_version from ledger.agent_events order by created_at")
    assert versions.fetchall() == [(2,), (1,)]
