"""Emitting through the client: one, many, in whose transaction, and what is refused."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import ClientCursor
from psycopg.rows import dict_row
from psycopg.types.json import set_json_loads

from agent_events import EventInput, Ledger, errors

Connection = psycopg.Connection[Any]


def test_receipt_is_the_stored_events(ledger: Ledger, noted: str) -> None:
    receipt = ledger.emit_event(noted, {"text": "hello"}, aggregate_type="note", aggregate_id="n-1")
    event = ledger.get_event(receipt.id)
    assert event is not None
    assert (event.id, event.created_at, event.sequence, event.hash) == (
        receipt.id,
        receipt.created_at,
        1,
        receipt.hash,
    )
    assert len(receipt.hash) == 32
    assert receipt.created_at.tzinfo is not None
    assert not receipt.duplicate
    assert event.payload == {"text": "hello"}
    assert event.tier == "hot"


def test_emit_joins_the_callers_transaction(
    connection: Connection, ledger: Ledger, noted: str, pg: Connection
) -> None:
    elsewhere = Ledger(pg)
    rolled_back = ledger.emit_event(noted, {"text": "never was"})
    connection.rollback()
    assert elsewhere.get_event(rolled_back.id) is None

    receipt = ledger.emit_event(noted, {"text": "is"})
    assert elsewhere.get_event(receipt.id) is None
    connection.commit()
    assert elsewhere.get_event(receipt.id) is not None


def test_every_option_reaches_the_event(ledger: Ledger, noted: str) -> None:
    ids: dict[str, Any] = {
        name: uuid4() for name in ("trace_id", "causation_id", "deal_id", "action_id")
    }
    texts: dict[str, Any] = {
        "tenant_id": "acme",
        "aggregate_type": "note",
        "aggregate_id": "n-1",
        "actor_type": "agent",
        "actor_id": "scribe",
        "outcome": "partial",
    }
    rest: dict[str, Any] = {
        "proof": {"type": "url", "url": "https://example.org"},
        "metadata": {"attempt": 1},
        "occurred_at": datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
        "schema_version": 1,
    }
    run_id = ledger.start_run("scribe", tenant_id="acme")
    receipt = ledger.emit_event(
        noted,
        {"text": "all"},
        **ids,
        **texts,
        **rest,
        run_id=run_id,
        correlation_id=ids["deal_id"],
        expected_sequence=0,
        private={"name": "Ann"},
        subject_id="ann",
        idempotency_key="once",
        publish=False,
        headers={"traceparent": "00"},
    )
    event = ledger.get_event(receipt.id, tenant_id="acme")
    assert event is not None
    assert event.run_id == run_id
    assert event.private_hash is not None
    for name, value in {**ids, **texts, **rest}.items():
        assert getattr(event, name) == value, name


def test_ids_may_be_text(ledger: Ledger, noted: str) -> None:
    deal = uuid4()
    receipt = ledger.emit_event(noted, {"text": "x"}, deal_id=str(deal))
    event = ledger.get_event(str(receipt.id))
    assert event is not None
    assert event.deal_id == deal
    assert event.correlation_id == deal


def test_text_that_is_no_id_is_refused_by_the_database(ledger: Ledger, noted: str) -> None:
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        ledger.emit_event(noted, {"text": "x"}, deal_id="nonsense")


def test_none_is_left_to_the_context(ledger: Ledger, noted: str) -> None:
    trace = uuid4()
    ledger.set_context(tenant_id="acme", trace_id=trace, actor_type="user", actor_id="ann")
    receipt = ledger.emit_event(noted, {"text": "x"}, tenant_id=None, trace_id=None, actor_id="bob")
    event = ledger.get_event(receipt.id)
    assert event is not None
    assert (event.tenant_id, event.trace_id) == ("acme", trace)
    assert (event.actor_type, event.actor_id) == ("user", "bob")


def test_payload_may_hold_ids_and_times(ledger: Ledger, noted: str) -> None:
    by, at = uuid4(), datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
    payload = {"text": "é\u2028", "by": by, "at": at, "day": date(2026, 1, 2)}
    expected = {"text": "é\u2028", "by": str(by), "at": at.isoformat(), "day": "2026-01-02"}
    one = ledger.emit_event(noted, payload)
    [many] = ledger.emit_events([{"event_type": noted, "payload": payload}])
    for receipt in (one, many):
        event = ledger.get_event(receipt.id)
        assert event is not None
        assert event.payload == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_json_lacks_are_refused(ledger: Ledger, noted: str, value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        ledger.emit_event(noted, {"text": "x", "n": value})


def test_what_has_no_json_form_is_refused(ledger: Ledger, noted: str) -> None:
    with pytest.raises(TypeError, match="bytes has no JSON form"):
        ledger.emit_event(noted, {"text": b"x"})


@pytest.mark.parametrize("name", ["agregate_id", "payload => '{}') --"])
def test_unknown_keyword_is_refused(ledger: Ledger, noted: str, name: str) -> None:
    options: Any = {name: "x"}
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        ledger.emit_event(noted, {"text": "x"}, **options)


def test_batch_gives_receipts_in_input_order(ledger: Ledger, noted: str) -> None:
    cause, at = uuid4(), datetime(2021, 1, 1, tzinfo=UTC)
    batch: list[EventInput] = [
        EventInput(
            event_type=noted,
            payload={"text": f"{n}"},
            aggregate_type="note",
            aggregate_id=f"n-{n % 2}",
            causation_id=cause,
            occurred_at=at,
            outcome=None,
        )
        for n in range(6)
    ]
    receipts = ledger.emit_events(batch, tenant_id="acme")
    assert [receipt.sequence for receipt in receipts] == [1, 1, 2, 2, 3, 3]
    for n, receipt in enumerate(receipts):
        event = ledger.get_event(receipt.id, tenant_id="acme")
        assert event is not None
        assert event.payload == {"text": f"{n}"}
        assert (event.causation_id, event.occurred_at) == (cause, at)


def test_batch_is_all_or_nothing(connection: Connection, ledger: Ledger, noted: str) -> None:
    with pytest.raises(errors.InvalidPayload), connection.transaction():
        ledger.emit_events(
            [{"event_type": noted, "payload": {"text": "x"}}, {"event_type": noted, "payload": {}}]
        )
    assert ledger.find_events(event_types=[noted]) == []


def test_empty_batch_is_no_events(ledger: Ledger) -> None:
    assert ledger.emit_events([]) == []


def test_retry_gets_the_first_receipt(connection: Connection, ledger: Ledger, noted: str) -> None:
    first = ledger.emit_event(noted, {"text": "x"}, idempotency_key="k-1")
    connection.commit()
    again = ledger.emit_event(noted, {"text": "x"}, idempotency_key="k-1")
    assert again.duplicate
    assert (again.id, again.created_at, again.hash) == (first.id, first.created_at, first.hash)


def test_refusal_says_what_where_and_what_to_do(ledger: Ledger, noted: str) -> None:
    with pytest.raises(errors.InvalidPayload) as refused:
        ledger.emit_event(noted, {"text": 1})
    error = refused.value
    assert error.sqlstate == "LG003"
    assert noted in error.message
    assert error.detail is not None
    assert error.detail.startswith("/text: ")
    assert isinstance(error.__cause__, psycopg.Error)
    assert error.__cause__.diag.sqlstate == "LG003"


def test_wrong_expected_sequence(connection: Connection, ledger: Ledger, noted: str) -> None:
    with connection.transaction():
        ledger.emit_event(noted, {"text": "1"}, aggregate_type="note", aggregate_id="n")
    with pytest.raises(errors.WrongExpectedSequence), connection.transaction():
        ledger.emit_event(
            noted, {"text": "2"}, aggregate_type="note", aggregate_id="n", expected_sequence=0
        )
    receipt = ledger.emit_event(
        noted, {"text": "2"}, aggregate_type="note", aggregate_id="n", expected_sequence=1
    )
    assert receipt.sequence == 2


def test_unknown_type_and_unknown_run(connection: Connection, ledger: Ledger, noted: str) -> None:
    with pytest.raises(errors.UnknownEventType), connection.transaction():
        ledger.emit_event("test.unheard_of")
    with pytest.raises(errors.UnknownRun), connection.transaction():
        ledger.emit_event(noted, {"text": "x"}, run_id=UUID(int=1))


def test_other_errors_stay_psycopgs(connection: Connection, ledger: Ledger, noted: str) -> None:
    connection.close()
    with pytest.raises(psycopg.OperationalError):
        ledger.emit_event(noted, {"text": "x"})


@pytest.mark.parametrize("options", [{"row_factory": dict_row}, {"cursor_factory": ClientCursor}])
def test_any_row_and_cursor_factory_will_do(
    connect: Any, noted: str, options: dict[str, Any]
) -> None:
    ledger = Ledger(connect(**options))
    receipt = ledger.emit_event(
        noted, {"text": "it's %s"}, aggregate_type="note", aggregate_id="n", expected_sequence=0
    )
    [event] = ledger.find_events(event_types=(noted,))
    assert (event.id, event.payload) == (receipt.id, {"text": "it's %s"})


def test_same_kind_of_call_is_one_prepared_statement(connect: Any, noted: str) -> None:
    connection = connect()
    ledger = Ledger(connection)
    for n in range(10):
        texts: list[dict[str, Any]] = [
            {"actor_type": "user", "actor_id": "ann"},
            {"actor_id": "ann", "actor_type": "user"},
        ]
        ledger.emit_event(noted, {"text": f"{n}"}, **texts[n % 2])
    [(count,)] = connection.execute(
        "select count(*) from pg_prepared_statements where statement like '%ledger.emit_event(%'"
    ).fetchall()
    assert count == 1


def test_a_tenant_that_was_not_granted(connect: Any, login_role: Any, noted: str) -> None:
    ledger = Ledger(connect(user=login_role("app", {"acme": ["write"]})))
    assert ledger.emit_event(noted, {"text": "x"}, tenant_id="acme").sequence is None
    with pytest.raises(errors.TenantNotPermitted) as refused:
        ledger.emit_event(noted, {"text": "x"}, tenant_id="other")
    assert "grant_access" in (refused.value.hint or "")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ledger.find_events(tenant_id="acme")


def test_json_is_read_as_the_connection_reads_it(
    connection: Connection, ledger: Ledger, noted: str
) -> None:
    set_json_loads(partial(json.loads, parse_float=Decimal), connection)
    ledger.emit_event(noted, {"text": "x", "n": 1.25})
    [event] = ledger.find_events(event_types=[noted])
    assert event.payload["n"] == Decimal("1.25")
    assert isinstance(event.payload["n"], Decimal)
