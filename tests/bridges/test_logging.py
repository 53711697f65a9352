"""Log records as events: in the context of who logs, masked, and never in the program's way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import psycopg
import pytest

from agent_events import AsyncAuditEmitter, AuditEmitter, Event, Ledger, errors
from agent_events.bridges.logging import LedgerHandler

Connection = psycopg.Connection[Any]


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger of the test's own, without handlers afterwards."""
    logger = logging.getLogger("shop.payments")
    logger.setLevel("DEBUG")
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def recorded(pg: Connection, **filters: Any) -> list[Event]:
    return list(Ledger(pg).iter_events(event_types=["log.recorded"], newest_first=False, **filters))


def test_record_is_an_event(dsn: str, pg: Connection, logger: logging.Logger) -> None:
    with AuditEmitter(dsn) as emitter:
        logger.addHandler(LedgerHandler(emitter, tenant_id="acme"))
        logger.info("not at this level")
        logger.warning("order %d is late", 7)
    [event] = recorded(pg, tenant_id="acme")
    line = event.payload.pop("line")
    assert event.payload == {
        "logger": "shop.payments",
        "level": "WARNING",
        "message": "order 7 is late",
        "module": "test_logging",
        "function": "test_record_is_an_event",
    }
    assert line > 0
    assert event.occurred_at is not None
    assert datetime.now(UTC) - event.occurred_at < timedelta(minutes=5)
    assert pg.execute("select count(*) from ledger.outbox").fetchone() == (0,)


def test_record_belongs_to_the_run(dsn: str, pg: Connection, logger: logging.Logger) -> None:
    with AuditEmitter(dsn) as emitter:
        logger.addHandler(LedgerHandler(emitter, "INFO"))
        with emitter.run("scorer") as run, run.tool_call("search") as call:
            logger.info("searching")
    [event] = recorded(pg)
    [called] = Ledger(pg).find_events(event_types=["run.tool_called"])
    assert called.payload["call_id"] == call.call_id
    assert (event.run_id, event.causation_id, event.actor_id) == (run.id, called.id, "scorer")


def test_exception_and_secrets_are_masked(
    dsn: str, pg: Connection, logger: logging.Logger, journal: Any
) -> None:
    journal.is_empty = lambda: False
    with AuditEmitter(dsn, on_unavailable="spool", journal=journal) as emitter:
        logger.addHandler(LedgerHandler(emitter))
        try:
            raise ConnectionError("no answer of https://ann:hunter2@pay.example")
        except ConnectionError:
            logger.exception("charging failed, api_key=%s", "hunter2", extra={"pin": "hunter2"})
        emitter.flush()
    [event] = recorded(pg)
    assert event.payload["message"] == "charging failed, api_key=***"
    assert event.payload["exception_type"] == "ConnectionError"
    assert event.payload["exception_message"] == "no answer of https://***@pay.example"
    assert "hunter2" not in str(pg.execute("select events::text from ledger.events").fetchall())
    assert "hunter2" not in repr(journal.history)


def test_what_stores_is_left_out(dsn: str, pg: Connection, logger: logging.Logger) -> None:
    """An observer that logs would else log for ever."""
    root = logging.getLogger()
    with AuditEmitter(dsn, buffer_size=1, logger=logging.getLogger("mine")) as emitter:
        handler = LedgerHandler(emitter, "DEBUG")
        root.addHandler(handler)
        emitter.observers.append(lambda *_: logger.warning("an event was stored"))
        for name in ("agent_events", "agent_events.relay", "psycopg.pool", "mine"):
            logging.getLogger(name).error("about storing")
        logging.getLogger("agent_events_of_mine").error("about something else")
        emitter.flush()
        root.removeHandler(handler)
    assert [e.payload["message"] for e in recorded(pg)] == ["about something else"]


def test_full_buffer_does_not_hold_the_program_up(
    dsn: str, pg: Connection, logger: logging.Logger, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where `buffer` would wait for room, because storing waits for the database."""
    with AuditEmitter(dsn, max_buffered=2, buffer_size=1) as emitter:
        handler = LedgerHandler(emitter)
        logger.addHandler(handler)
        with pg.transaction():
            pg.execute("lock table ledger.agent_events in access exclusive mode")
            logging_thread = Thread(target=lambda: [logger.warning("%d", n) for n in range(12)])
            logging_thread.start()
            logging_thread.join(60)
            assert not logging_thread.is_alive()
    assert handler.lost == 10
    assert [e.payload["message"] for e in recorded(pg)] == ["0", "1"]
    said = [record.getMessage() for record in caplog.records if record.name == "agent_events"]
    assert [text for text in said if "lost" in text] == [
        "log records are lost: 1 so far",
        "log records are lost: 10 so far",
    ]


def test_failures_stay_for_who_flushes(dsn: str, login_role: Any, logger: logging.Logger) -> None:
    role = login_role("writer", {"acme": ["write"]})
    failed: list[errors.FailedEvent] = []
    emitter = AuditEmitter(psycopg.conninfo.make_conninfo(dsn, user=role), on_error=failed.append)
    logger.addHandler(handler := LedgerHandler(emitter))
    logger.error("not allowed")
    handler.flush()
    with pytest.raises(errors.EventsNotStored):
        emitter.flush()
    assert len(failed) == 1
    emitter.close()
    logger.error("too late")
    assert handler.lost == 1


def test_record_that_cannot_be_formatted_is_counted(
    dsn: str,
    pg: Connection,
    logger: logging.Logger,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger.propagate = False
    with AuditEmitter(dsn) as emitter:
        logger.addHandler(handler := LedgerHandler(emitter))
        logger.error("%d", "x")
        monkeypatch.setattr(logging, "raiseExceptions", False)
        logger.error("%d", "x")
    logger.propagate = True
    assert handler.lost == 2
    assert capsys.readouterr().err.count("--- Logging error ---") == 1
    assert recorded(pg) == []


def test_in_asyncio(dsn: str, pg: Connection, logger: logging.Logger) -> None:
    async def main() -> None:
        async with AsyncAuditEmitter(dsn) as own:
            with pytest.raises(errors.InvalidArgument, match="cannot take log records"):
                LedgerHandler(own)  # type: ignore[arg-type]
            with AuditEmitter(dsn) as emitter:
                logger.addHandler(LedgerHandler(emitter))
                async with own.run("scorer"):
                    logger.warning("late")

    asyncio.run(main())
    assert recorded(pg)[0].actor_id == "scorer"
