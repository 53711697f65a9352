"""A log record per emit: which event, and never what is in it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from agent_events import AsyncLedger, EventInput, Ledger, errors

Connection = psycopg.Connection[Any]
MakeEmitter = Callable[..., Any]
FIELDS = (
    "event_type",
    "event_id",
    "tenant_id",
    "aggregate_type",
    "aggregate_id",
    "sequence",
    "outcome",
    "duplicate",
)
SECRET = "do-not-tell"
SECRETS: dict[str, Any] = {
    "payload": {"text": SECRET},
    "private": {"name": SECRET},
    "proof": {"type": "url", "url": SECRET},
    "metadata": {"note": SECRET},
    "headers": {"note": SECRET},
    "idempotency_key": "key",
}


def fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in FIELDS}


class Keeper(logging.Handler):
    """Keeps the records."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Iterator[list[logging.LogRecord]]:
    keeper, logger = Keeper(), logging.getLogger("agent_events")
    logger.addHandler(keeper)
    with caplog.at_level(logging.INFO, "agent_events"):
        yield keeper.records
    logger.removeHandler(keeper)


def told(record: logging.LogRecord) -> str:
    """Everything that any formatter could write."""
    return json.dumps(vars(record), default=str) + record.getMessage()


def test_stored_event_is_a_record(
    make_emitter: MakeEmitter, noted: str, records: list[logging.LogRecord]
) -> None:
    words = {"tenant_id": "acme", "aggregate_type": "note", "aggregate_id": "1"}
    receipt = make_emitter().emit(noted, **SECRETS, **words, outcome="success")
    [record] = records
    assert (record.name, record.levelname) == ("agent_events", "INFO")
    assert record.getMessage() == f"event stored: test.noted {receipt.id}"
    assert fields(record) == {
        **words,
        "event_type": noted,
        "event_id": str(receipt.id),
        "sequence": 1,
        "outcome": "success",
        "duplicate": False,
    }
    assert SECRET not in told(record)


def test_buffered_events_are_records_when_they_are_stored(
    make_emitter: MakeEmitter, noted: str, records: list[logging.LogRecord]
) -> None:
    emitter = make_emitter(buffer_size=10, flush_interval=3600)
    for _ in range(2):
        emitter.buffer(noted, **SECRETS)
    assert records == []
    emitter.flush()
    assert [fields(record)["duplicate"] for record in records] == [False, True]
    assert SECRET not in "".join(told(record) for record in records)


def test_refused_event_is_told_without_its_values(
    make_emitter: MakeEmitter, noted: str, records: list[logging.LogRecord]
) -> None:
    emitter = make_emitter(buffer_size=10, flush_interval=3600)
    emitter.buffer(noted, **{**SECRETS, "payload": {"text": [SECRET]}})
    emitter.buffer(noted, **{**SECRETS, "trace_id": SECRET})
    emitter.buffer(noted, **{**SECRETS, "outcome": "no outcome"})
    with pytest.raises(errors.EventsNotStored) as caught:
        emitter.flush()
    assert [record.levelname for record in records] == ["ERROR"] * 3
    assert SECRET not in "".join(told(record) for record in records)
    assert SECRET not in str(caught.value)


def test_spooled_event_is_a_record(
    make_emitter: MakeEmitter,
    noted: str,
    records: list[logging.LogRecord],
    outage: Any,
    journal: Any,
) -> None:
    emitter = make_emitter(on_unavailable="spool", journal=journal)
    with outage():
        emitter.emit(noted, **SECRETS)
        spooled = [record for record in records if "spooled: test.noted" in record.getMessage()]
        assert [record.idempotency_key for record in spooled] == ["key"]  # type: ignore[attr-defined]
    emitter.flush()
    assert sum("event stored" in record.getMessage() for record in records) == 1
    assert SECRET not in "".join(told(record) for record in records)


def test_logger_of_ones_own(make_emitter: MakeEmitter, noted: str) -> None:
    keeper, logger = Keeper(), logging.Logger("mine", logging.INFO)
    logger.addHandler(keeper)
    receipt = make_emitter(logger=logger).emit(noted, {"text": "x"})
    messages = [record.getMessage() for record in keeper.records]
    assert messages == [f"event stored: test.noted {receipt.id}"]


def test_emits_in_a_transaction_are_records(
    dsn: str, noted: str, records: list[logging.LogRecord]
) -> None:
    batch: list[EventInput] = [{"event_type": noted, "payload": {"text": SECRET}}] * 2
    with psycopg.connect(dsn) as connection:
        ledger = Ledger(connection)
        first = ledger.emit_event(noted, {"text": SECRET}, tenant_id="acme")
        ledger.emit_events(batch, tenant_id="acme")
    assert records[0].getMessage() == f"event emitted: test.noted {first.id}"
    assert [fields(record)["tenant_id"] for record in records] == ["acme"] * 3
    assert SECRET not in "".join(told(record) for record in records)


def test_asynchronous_emits_in_a_transaction_are_records(
    dsn: str, noted: str, records: list[logging.LogRecord], loop: Any
) -> None:
    async def scenario() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            await AsyncLedger(connection).emit_event(noted, {"text": SECRET})

    asyncio.run_coroutine_threadsafe(scenario(), loop).result()
    assert [record.getMessage()[:26] for record in records] == ["event emitted: test.noted "]
