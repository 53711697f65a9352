"""Writers, sealers and followers at once, transactions stay open: nothing lost or twice."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any
from uuid import UUID

import psycopg
from event.consistency import check_ledger
from log.emitting import emit, seal_all
from log.load import TENANTS, Writer, check_positions, follow, keep_sealing

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]

WRITERS = 16
SEALERS = 3
DURATION = 12.0  # seconds of load
OPEN_FOR = 10.0  # seconds that one transaction of events stays open meanwhile


def test_every_committed_event_gets_exactly_one_position(
    pg: AnyConnection, connect: Connect, login_role: LoginRole
) -> None:
    pg.execute("select ledger.set_tenant_policy(t, 'open') from unnest(%s::text[]) as t", [TENANTS])
    writer = login_role("writer", {"*": ["write"]})
    operator = login_role("operator", {"*": ["operate"]})
    reader = login_role("reader", {"*": ["read"]})
    writers = [Writer(lambda: connect(user=writer), seed) for seed in range(WRITERS)]
    stop_writing, stop_sealing, is_last = (threading.Event() for _ in range(3))

    with ThreadPoolExecutor(WRITERS + SEALERS + len(TENANTS)) as threads:
        following = [
            threads.submit(follow, lambda: connect(user=reader), tenant_id, is_last)
            for tenant_id in TENANTS
        ]
        sealing = [
            threads.submit(keep_sealing, lambda: connect(user=operator), number, stop_sealing)
            for number in range(SEALERS)
        ]
        writing = [threads.submit(writer.run, stop_writing) for writer in writers]
        try:
            held = hold_transactions_open(connect)
            stop_writing.set()
            wait(writing, timeout=60)
            seal_all(pg)
        finally:
            for event in (stop_writing, stop_sealing, is_last):
                event.set()
        for written in writing:
            written.result()
        for sealed in sealing:
            sealed.result()
        followed = {t: work.result() for t, work in zip(TENANTS, following, strict=True)}

    committed = {event for writer in writers for event in writer.committed} | held
    rolled_back = {event for writer in writers for event in writer.rolled_back}
    logs = check_positions(pg, committed, rolled_back)
    assert sum(map(len, logs.values())) == len(committed)
    for tenant_id, ids in logs.items():
        assert followed[tenant_id] == list(enumerate(ids))
        assert len(ids) > 500
    check_ledger(pg)
    assert seal_all(pg) == {}


def hold_transactions_open(connect: Connect) -> set[tuple[str, UUID]]:
    """The load goes on for so long: an old transaction stays open, short ones overlap.

    Returns what they emitted.
    """
    old, younger = connect(autocommit=False), connect(autocommit=False)
    held = {(tenant_id, emit(old, tenant_id)) for tenant_id in TENANTS}
    start = time.monotonic()
    while (passed := time.monotonic() - start) < DURATION:
        held.add((TENANTS[0], emit(younger, TENANTS[0], stream="held")))
        younger.execute("select pg_sleep(0.2)")
        younger.commit()
        if not old.closed and passed > OPEN_FOR:
            held |= {(tenant_id, emit(old, tenant_id, stream="old")) for tenant_id in TENANTS}
            old.commit()
            old.close()
    assert old.closed
    return held
