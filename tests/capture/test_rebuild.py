"""Under concurrent load, the captured events rebuild every table exactly."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from capture.folding import captured, fold, stored
from capture.shopping import KEYS, shop

AnyConnection = psycopg.Connection[Any]
Track = Callable[..., None]
CONNECTIONS = 6
TRANSACTIONS = 60


@pytest.fixture
def chinook(owner: AnyConnection, app: Callable[..., AnyConnection], track: Track) -> AnyConnection:
    app()
    owner.execute((Path(__file__).parent / "chinook.sql").read_text())
    for table in KEYS:
        track(table)
    return owner


def test_every_table_is_rebuilt(
    chinook: AnyConnection, app: Callable[..., AnyConnection], pg: AnyConnection
) -> None:
    connections = [app() for _ in range(CONNECTIONS)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(shop, connections, range(CONNECTIONS), [TRANSACTIONS] * CONNECTIONS))

    kinds = set()
    for table, key in KEYS.items():
        events = captured(pg, table)
        kinds |= {(table, event["kind"]) for event in events}
        assert fold(events) == stored(chinook, table, key), table
    assert len(kinds) == 3 * len(KEYS)
    findings = pg.execute("select * from ledger.verify('acme')").fetchall()
    assert findings == []
    broken = "select * from ledger.doctor(deep => true) where severity = 'error'"
    assert pg.execute(broken).fetchall() == []
