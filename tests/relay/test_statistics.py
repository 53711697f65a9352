"""A page costs the same wherever it is, whatever the planner believes about the tables."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from relay.delivering import HAPPENED, claim, confirm, emit, read

AnyConnection = psycopg.Connection[Any]

MESSAGES = 20_000
PAGE = 500
READ_ROWS = """
    select sum(idx_tup_fetch + seq_tup_read) from pg_stat_xact_user_tables
    where relname like 'outbox%' or relname = 'log_entries'
"""


@pytest.mark.parametrize(
    "analyzed", ["never", "when empty", "when small", "the log only", "when full"]
)
def test_a_page_reads_its_own_rows(ledger: AnyConnection, analyzed: str) -> None:
    for number in range(MESSAGES // 10_000):
        if number == 0 and analyzed == "when empty":
            ledger.execute("analyze")
        if number == 0 and analyzed == "when small":
            emit(ledger, *"abc")
            ledger.execute("select from ledger.seal_all()")
            ledger.execute("analyze")
        batch = [
            {"event_type": HAPPENED, "aggregate_type": "deal", "aggregate_id": str(n % 100)}
            for n in range(10_000)
        ]
        ledger.execute("select count(*) from ledger.emit_events(%s, 'acme')", [json.dumps(batch)])
    ledger.execute("select from ledger.seal_all()")
    if analyzed == "the log only":
        ledger.execute("analyze ledger.log_entries")
    if analyzed == "when full":
        ledger.execute("analyze")
    first = claim(ledger, batch_size=10_000)
    assert first is not None
    confirm(ledger, first, first.through_position, release=True)
    with ledger.transaction():
        claimed = claim(ledger, batch_size=PAGE)
        assert claimed is not None
        (before,) = ledger.execute(READ_ROWS).fetchone() or (0,)
        assert len(read(ledger, claimed)) == PAGE
        (after,) = ledger.execute(READ_ROWS).fetchone() or (0,)
    assert PAGE <= after - before <= 3 * PAGE
