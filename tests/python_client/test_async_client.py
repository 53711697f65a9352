"""The asynchronous client: what the synchronous tests do not cover is that it awaits."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from agent_events import AsyncLedger, errors, open_async_pool

ROOT = Path(__file__).parents[2]


def test_a_run_from_start_to_trace(dsn: str, noted: str) -> None:
    async def scenario() -> None:
        async with await psycopg.AsyncConnection.connect(dsn, row_factory=dict_row) as connection:
            ledger = AsyncLedger(connection)
            deal = uuid4()
            await ledger.set_context(correlation_id=deal)
            run_id = await ledger.start_run("scorer")
            root = await ledger.emit_event(
                noted, {"text": "1"}, aggregate_type="note", aggregate_id="n"
            )
            await ledger.emit_events(
                [
                    {
                        "event_type": noted,
                        "payload": {"text": "2"},
                        "aggregate_type": "note",
                        "aggregate_id": "n",
                        "causation_id": root.id,
                    }
                ]
            )
            await ledger.finish_run()
            await connection.commit()

            found = [event async for event in ledger.iter_events(run_id=run_id, page_size=2)]
            assert len(found) == 4
            stream = [event async for event in ledger.iter_stream("note", "n", page_size=1)]
            assert [event.sequence for event in stream] == [1, 2]
            assert stream == await ledger.read_stream("note", "n")
            assert await ledger.get_event(root.id) == stream[0]
            depths = {n.event.id: n.depth for n in await ledger.trace(found[0].correlation_id)}
            assert depths[stream[1].id] == 1
            assert await ledger.find_events(run_id=run_id, newest_first=True) == found
            assert await ledger.register_event_type("test.again", {"type": "object"}) == 1
            await ledger.doctor()

    asyncio.run(scenario())


def test_refusals_are_translated(dsn: str, noted: str) -> None:
    async def scenario() -> None:
        async with (
            await open_async_pool(dsn, max_size=2) as pool,
            pool.connection() as connection,
        ):
            ledger = AsyncLedger(connection)
            with pytest.raises(errors.InvalidPayload):
                async with connection.transaction():
                    await ledger.emit_event(noted, {})
            await ledger.emit_event(noted, {"text": "the transaction goes on"})

    asyncio.run(scenario())


def test_sync_client_is_generated_from_this_one() -> None:
    subprocess.run([sys.executable, ROOT / "scripts" / "unasync", "--check"], check=True)
