"""Emitting without a connection of one's own."""

import logging
from datetime import datetime
from pathlib import Path
from typing import assert_type
from uuid import UUID

from psycopg_pool import AsyncConnectionPool, ConnectionPool

from agent_events import (
    AsyncAuditEmitter,
    AuditEmitter,
    EventArguments,
    Receipt,
    Spooled,
    configure,
    context,
    emit_audit_event,
    errors,
    get_emitter,
)
from agent_events.emitting import Journal
from agent_events.models import EventOptions
from agent_events.spooling import DiskJournal


def emit(emitter: AuditEmitter) -> UUID:
    receipt = emitter.emit("deal.created", {"name": "Acme"}, actor_type="user", actor_id="ann")
    assert_type(receipt, Receipt)
    assert_type(receipt.created_at, datetime)
    return receipt.id


def emit_with_a_spool(journal: Journal) -> Receipt | Spooled:
    with AuditEmitter("dbname=app", on_unavailable="spool", journal=journal) as emitter:
        assert_type(emitter, AuditEmitter[Receipt | Spooled])
        outcome = emitter.emit("deal.created", {"name": "Acme"})
        if isinstance(outcome, Spooled):
            assert_type(outcome.occurred_at, datetime)
        return outcome


def emit_with_a_spool_on_disk(folder: Path) -> Receipt | Spooled:
    with AuditEmitter(
        on_unavailable="spool", spool_dir=folder, max_spool_bytes=1_000_000
    ) as emitter:
        try:
            return emitter.emit("deal.created", {"name": "Acme"})
        except errors.SpoolFull as error:
            assert_type(error.hint, str)
            raise


def give_a_journal(folder: Path) -> Receipt | Spooled:
    return emit_with_a_spool(DiskJournal(folder, max_bytes=1_000_000))


def buffer(pool: ConnectionPool) -> None:
    failed: list[errors.FailedEvent] = []
    with AuditEmitter(
        pool,
        logger=logging.getLogger("app"),
        buffer_size=50,
        flush_interval=0.5,
        max_buffered=1000,
        when_full="raise",
        on_error=failed.append,
    ) as emitter:
        assert_type(emitter, AuditEmitter[Receipt])
        emitter.observers.append(observe)
        try:
            emitter.buffer("deal.created", {"name": "Acme"}, tenant_id="acme")
            emitter.flush()
        except errors.EventsNotStored as error:
            for each in error.failed:
                assert_type(each.event, EventArguments)
                assert_type(each.error, Exception)
        except errors.BufferFull:
            pass


def observe(event: EventArguments, receipt: Receipt) -> None:
    print(event["event_type"], event.get("tenant_id"), receipt.sequence)


async def emit_asynchronously(pool: AsyncConnectionPool, journal: Journal) -> None:
    async with AsyncAuditEmitter(pool) as emitter:
        assert_type(await emitter.emit("deal.created", {"name": "Acme"}), Receipt)
        await emitter.buffer("deal.created", {"name": "Acme"})
        await emitter.flush()
    async with AsyncAuditEmitter(on_unavailable="spool", journal=journal) as spooling:
        assert_type(await spooling.emit("deal.created"), Receipt | Spooled)


def emit_by_the_processs_emitter() -> None:
    assert_type(configure("dbname=app", max_connections=2), AuditEmitter[Receipt | Spooled])
    assert_type(get_emitter(), AuditEmitter[Receipt | Spooled])
    assert_type(emit_audit_event("deal.created", {"name": "Acme"}), Receipt | Spooled)


def trace() -> EventOptions:
    return {"headers": {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}


def set_the_context(emitter: AuditEmitter) -> None:
    context.providers.append(trace)
    with context.use(tenant_id="acme", actor_type="agent", actor_id="publisher") as current:
        assert_type(current, context.Context)
        emit(emitter)
    assert_type(context.current().tenant_id, str | None)


def misuse(emitter: AuditEmitter) -> None:
    emitter.emit("deal.created", colour="red")  # type: ignore[call-arg]
    emitter.emit("deal.created", actor_type="robot")  # type: ignore[arg-type]
    AuditEmitter(on_unavailable="ignore")  # type: ignore[call-overload]
    AuditEmitter(when_full="drop")  # type: ignore[call-overload]
    context.use(tenant="acme")  # type: ignore[call-arg]
