from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

Connection = psycopg.Connection[Any]
COVERAGE = """
select is_registered, is_seen, event_count, first_seen_at = last_seen_at
from ledger.event_type_coverage
where event_type = %s
"""


def test_registered_type_is_a_gap_until_it_is_seen(pg: Connection) -> None:
    pg.execute("select ledger.register_event_type('test.made', '{}')")
    assert pg.execute(COVERAGE, ["test.made"]).fetchone() == (True, False, 0, None)
    pg.execute("select ledger.emit_event('test.made')")
    assert pg.execute(COVERAGE, ["test.made"]).fetchone() == (True, True, 1, True)
    pg.execute("select ledger.emit_event('test.made')")
    assert pg.execute(COVERAGE, ["test.made"]).fetchone() == (True, True, 2, False)


def test_unregistered_type_appears_when_seen(pg: Connection) -> None:
    pg.execute("select ledger.set_tenant_policy('default', 'open')")
    pg.execute("select ledger.emit_event('test.unknown')")
    assert pg.execute(COVERAGE, ["test.unknown"]).fetchone() == (False, True, 1, True)


def test_reader_counts_what_it_may_see(
    pg: Connection, connect: Callable[..., Connection], login_role: Callable[..., str]
) -> None:
    pg.execute("select ledger.register_event_type('test.made', '{}')")
    for tenant_id in ("acme", "acme", "other"):
        pg.execute("select ledger.emit_event('test.made', tenant_id => %s)", [tenant_id])
    reader = connect(user=login_role("reader", {"acme": ["read"]}))
    assert reader.execute(COVERAGE, ["test.made"]).fetchone() == (True, True, 2, False)
