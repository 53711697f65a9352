"""A process to be killed that follows acme's log: `follower.py DSN once|again RUN`.

once   saves each position in the transaction that writes what it saw
again  leaves it to the subscription: what was not saved comes again
"""

from __future__ import annotations

import sys

import psycopg

from agent_events import Ledger

INSERT = "insert into seen (run, position, event_id) values (%s, %s, %s)"


def follow(dsn: str, kind: str, run: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        ledger = Ledger(connection)
        pace = {"save_every": None, "save_interval": None} if kind == "once" else {"save_every": 20}
        with ledger.subscribe(kind, tenant_id="acme", page_size=50, **pace) as subscription:  # type: ignore[arg-type]
            for entry in subscription:
                with connection.transaction():
                    connection.execute(INSERT, [run, entry.position, entry.event.id])
                    if kind == "once" and not subscription.save(connection):
                        raise psycopg.Rollback


if __name__ == "__main__":
    follow(*sys.argv[1:])
