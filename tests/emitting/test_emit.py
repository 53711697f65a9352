"""Emitting over connections of the emitter's own: committed, observed, refused, filled in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Thread
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from agent_events import AsyncAuditEmitter, AuditEmitter, Ledger, context, errors

Connection = psycopg.Connection[Any]
MakeEmitter = Callable[..., Any]


def test_emit_is_committed_when_it_returns(
    make_emitter: MakeEmitter, noted: str, pg: Connection
) -> None:
    receipt = make_emitter().emit(noted, {"text": "x"}, actor_type="user", actor_id="ann")
    event = Ledger(pg).get_event(receipt.id)
    assert event is not None
    assert (event.hash, event.actor_id) == (receipt.hash, "ann")


def test_emit_of_another_tenant(make_emitter: MakeEmitter, noted: str, pg: Connection) -> None:
    receipt = make_emitter().emit(noted, {"text": "x"}, tenant_id="acme")
    assert Ledger(pg).get_event(receipt.id, tenant_id="acme") is not None


def test_what_the_ledger_refuses_is_raised_and_the_emitter_goes_on(
    make_emitter: MakeEmitter, noted: str
) -> None:
    emitter = make_emitter()
    with pytest.raises(errors.InvalidPayload):
        emitter.emit(noted, {"text": 1})
    assert emitter.emit(noted, {"text": "x"}).id


def test_unknown_option_is_refused(make_emitter: MakeEmitter, noted: str) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument: colour"):
        make_emitter().emit(noted, {"text": "x"}, colour="red")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("on_unavailable", "wait"),
        ("max_connections", 0),
        ("when_full", "drop"),
        ("buffer_size", 0),
    ],
)
def test_setting_that_makes_no_sense_is_refused(
    make_emitter: MakeEmitter, setting: str, value: object
) -> None:
    with pytest.raises(errors.InvalidArgument, match=f"{setting} is {value!r}"):
        make_emitter(**{setting: value})


def test_observers_are_told_what_is_committed(
    make_emitter: MakeEmitter, noted: str, pg: Connection
) -> None:
    seen = []
    emitter = make_emitter()
    emitter.observers.append(
        lambda event, receipt: seen.append((event["payload"], Ledger(pg).get_event(receipt.id)))
    )
    emitter.emit(noted, {"text": "x"})
    with pytest.raises(errors.InvalidPayload):
        emitter.emit(noted, {})
    [(payload, stored)] = seen
    assert payload == {"text": "x"}
    assert stored is not None


def test_observer_that_fails_is_logged(
    make_emitter: MakeEmitter, noted: str, caplog: pytest.LogCaptureFixture
) -> None:
    emitter = make_emitter()
    emitter.observers.append(lambda *_: 1 / 0)
    receipt = emitter.emit(noted, {"text": "x"})
    assert f"an observer failed; event {receipt.id} is stored" in caplog.text


def test_emit_gets_what_the_context_says(
    make_emitter: MakeEmitter, noted: str, pg: Connection
) -> None:
    correlation = uuid4()
    with context.use(tenant_id="acme", correlation_id=correlation, actor_id="publisher"):
        receipt = make_emitter().emit(noted, {"text": "x"}, actor_id="ann")
    event = Ledger(pg).get_event(receipt.id, tenant_id="acme")
    assert event is not None
    assert (event.correlation_id, event.actor_id) == (correlation, "ann")


def test_emit_after_the_server_ended_its_connections(
    make_emitter: MakeEmitter, noted: str, outage: Any
) -> None:
    emitter = make_emitter()
    emitter.emit(noted, {"text": "before"})
    with outage():
        pass
    assert emitter.emit(noted, {"text": "after"}).id


def test_unavailable_database_is_raised(make_emitter: MakeEmitter, noted: str, outage: Any) -> None:
    emitter = make_emitter()
    with outage(), pytest.raises(psycopg.OperationalError):
        emitter.emit(noted, {"text": "x"})


def test_pool_of_the_callers(dsn: str, noted: str, pg: Connection) -> None:
    """Whatever shape its rows have."""
    with (
        ConnectionPool(dsn, min_size=1, kwargs={"row_factory": dict_row}, open=True) as pool,
        AuditEmitter(pool) as emitter,
    ):
        receipt = emitter.emit(noted, {"text": "x"})
        assert Ledger(pg).get_event(receipt.id) is not None
        emitter.buffer(noted, {"text": "y"})
        emitter.flush()
    assert len(Ledger(pg).find_events(event_types=[noted])) == 2


def test_asynchronous_pool_of_the_callers(dsn: str, noted: str, pg: Connection, loop: Any) -> None:
    async def scenario() -> None:
        async with (
            AsyncConnectionPool(dsn, min_size=1, open=False) as pool,
            AsyncAuditEmitter(pool) as emitter,
        ):
            await emitter.emit(noted, {"text": "x"})
            await emitter.buffer(noted, {"text": "y"})

    asyncio.run_coroutine_threadsafe(scenario(), loop).result()
    assert len(Ledger(pg).find_events(event_types=[noted])) == 2


def test_dsn_is_resolved(dsn: str, noted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_EVENTS_DSN", dsn)
    with AuditEmitter() as emitter:
        assert emitter.emit(noted, {"text": "x"}).id


def test_threads_share_a_few_connections(
    dsn: str, noted: str, pg: Connection, texts: Callable[[], list[str]]
) -> None:
    with AuditEmitter(dsn, max_connections=2) as emitter:
        threads = [
            Thread(target=lambda n: emitter.emit(noted, {"text": str(n)}), args=[number])
            for number in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        used = pg.execute(
            "select count(*) from pg_stat_activity "
            "where datname = current_database() and application_name = 'agent-events'"
        ).fetchone()
    assert used is not None
    assert used[0] <= 2
    assert sorted(texts(), key=int) == [str(number) for number in range(20)]
