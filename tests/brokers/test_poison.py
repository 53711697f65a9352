"""A message that its destination never takes, from the outbox on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
from brokers.destinations import Destination
from brokers.test_delivery import by_aggregate
from click.testing import CliRunner

from agent_events.cli import main

LoginRole = Callable[..., str]
EMIT = """
    select from ledger.emit_event(
      'test.happened', jsonb_build_object('text', repeat('x', %s)), tenant_id => 'acme',
      aggregate_type => 'deal', aggregate_id => %s
    )
"""


def test_poison_is_dead_and_the_rest_flows(
    pg: psycopg.Connection[Any], dsn: str, login_role: LoginRole, destination: Destination
) -> None:
    pg.execute("select ledger.register_event_type('test.happened', '{}')")
    asyncio.run(destination.prepare())
    for n in range(60):
        pg.execute(EMIT, [destination.largest if n == 22 else 10, str(n % 5)])
    options = [f"--option={key}={value}" for key, value in destination.options.items()]
    arguments = [
        *("relay", "run", "--relay=poison", f"--to={destination.url}", "--once"),
        *(f"--topic={destination.topic}", *options),
        f"--dsn={psycopg.conninfo.make_conninfo(dsn, user=login_role('relay', {'*': ['relay']}))}",
    ]
    for _ in range(3):  # with --once it ends when a broker hangs up over a message
        done = CliRunner().invoke(main, arguments)
        if done.exit_code != 3:
            break
    assert done.exit_code in (0, 1), done.output
    lanes = by_aggregate(asyncio.run(destination.received()))
    assert lanes == {f"deal/{n}": [p for p in range(n, 60, 5) if p != 22] for n in range(5)}
    status = pg.execute(
        """
        select position, attempts, is_dead from ledger.outbox_status
        where is_dead or last_error is not null
        """
    ).fetchall()
    assert status == [(22, 1, True)]
    row = pg.execute("select lag_messages, parked, dead from ledger.relay_status").fetchone()
    assert row == (0, 0, 1)
