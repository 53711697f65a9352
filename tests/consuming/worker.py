"""A consumer process to be killed: `worker.py DSN sync|async SEED`.

Delivers every message of the table `queue` to itself, in an order of its own, again and again, and
does what is due again in between.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from typing import Any

import psycopg

from agent_events import InboxEvent, consumer, open_async_pool, open_pool

# Two statements with a while in between: most kills find the transaction half done.
FIRST = "insert into handled (event_id, worker) values (%s, 'first')"
SECOND = "insert into handled (event_id, worker) select %s, 'second' from pg_sleep(0.003)"


def deliveries(dsn: str, seed: int) -> list[tuple[dict[str, str], str]]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("select event_id from queue").fetchall()
    random.Random(seed).shuffle(rows)
    return [
        (
            {
                "ce-id": str(row[0]),
                "ce-source": "/app/acme",
                "ce-type": "t",
                "ce-specversion": "1.0",
            },
            json.dumps({"fails": row[0].int % 5 == 0}),
        )
        for row in rows
    ]


def consume(dsn: str, seed: int) -> None:
    chance = random.Random(seed)
    with open_pool(dsn, max_size=1) as pool:

        @consumer("billing", pool)
        def bill(connection: psycopg.Connection[Any], event: InboxEvent) -> None:
            connection.execute(FIRST, [event.id])
            if event.data["fails"] and chance.random() < 0.5:
                raise ValueError("now and then")
            connection.execute(SECOND, [event.id])

        while True:
            for headers, body in deliveries(dsn, seed):
                bill.process(headers, body)
                bill.retry_due(max_events=2)


async def consume_async(dsn: str, seed: int) -> None:
    chance = random.Random(seed)
    async with await open_async_pool(dsn, max_size=3) as pool:

        @consumer("billing", pool)
        async def bill(connection: psycopg.AsyncConnection[Any], event: InboxEvent) -> None:
            await connection.execute(FIRST, [event.id])
            if event.data["fails"] and chance.random() < 0.5:
                raise ValueError("now and then")
            await connection.execute(SECOND, [event.id])

        while True:
            messages = deliveries(dsn, seed)
            for start in range(0, len(messages), 6):
                page = messages[start : start + 6]
                await asyncio.gather(*(bill.process(*message) for message in page))
                await bill.retry_due(max_events=2)


if __name__ == "__main__":
    _, own_dsn, kind, own_seed = sys.argv
    if kind == "sync":
        consume(own_dsn, int(own_seed))
    else:
        asyncio.run(consume_async(own_dsn, int(own_seed)))
