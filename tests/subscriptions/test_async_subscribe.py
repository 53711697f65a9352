"""The asynchronous subscription: what the synchronous tests do not cover is that it awaits."""

from __future__ import annotations

import asyncio
import gc
from typing import Any
from uuid import UUID

import psycopg
import pytest
from log.emitting import emit, emit_many, sealed_ids

from agent_events import AsyncLedger

AnyConnection = psycopg.Connection[Any]


def others(connection: AnyConnection) -> int:
    """Connections to this database but the observer's."""
    row = connection.execute(
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_catches_up_and_goes_on(ledger: AnyConnection, dsn: str) -> None:
    async def scenario() -> list[UUID]:
        seen: list[UUID] = []
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            client = AsyncLedger(connection)
            async with client.subscribe("index", tenant_id="acme", page_size=4) as subscription:
                async for entry in subscription:
                    seen.append(entry.event.id)
                    async with connection.transaction():
                        assert await subscription.save(connection)
                    if len(seen) < 15 and entry.position >= 9:
                        emit(ledger)
                    elif len(seen) == 15:
                        subscription.stop()
            assert await client.subscription_position("index", tenant_id="acme") == 14
            await client.save_position("index", 11, reset=True, tenant_id="acme")
            async with client.subscribe("index", tenant_id="acme") as subscription:
                assert (await anext(subscription)).position == 12
            assert await client.drop_subscription("index", tenant_id="acme")
        return seen

    emit_many(ledger, 10)
    assert asyncio.run(scenario()) == sealed_ids(ledger)


def test_waiting_leaves_the_loop_free(ledger: AnyConnection, dsn: str) -> None:
    """A task that waits for an event lets others run, and may be cancelled and go on."""

    async def scenario() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            client = AsyncLedger(connection)
            async with client.subscribe(tenant_id="acme") as subscription:
                for _ in range(3):
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(anext(subscription), 0.1)
                waiting = asyncio.create_task(anext(subscription))
                emitted = await asyncio.to_thread(emit, ledger)
                assert (await waiting).event.id == emitted
                ending = asyncio.create_task(anext(subscription, None))
                await asyncio.sleep(0)
                subscription.stop()
                assert await ending is None

    asyncio.run(scenario())


def test_one_that_is_dropped_closes_its_connection(ledger: AnyConnection, dsn: str) -> None:
    async def scenario() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            async for _ in AsyncLedger(connection).subscribe(tenant_id="acme"):
                break
            gc.collect()
            async with asyncio.timeout(10):
                while others(ledger) > 1:
                    await asyncio.sleep(0)

    emit_many(ledger, 3)
    asyncio.run(scenario())
