"""Reading a state costs the same wherever it is, whatever the planner believes about the tables."""

from __future__ import annotations

from typing import Any

import pytest
from state.streams import AnyConnection, emit, maintain, payloads, state_of

EVENTS = 20_000
READ_ROWS = """
    select sum(idx_tup_fetch + seq_tup_read) from pg_stat_xact_user_tables
    where relname ~ '^(agent_events|snapshots|log_entries)'
"""


@pytest.mark.parametrize("analyzed", ["never", "when empty", "when small", "when full"])
def test_a_state_reads_its_own_rows(ledger: AnyConnection, analyzed: str) -> None:
    """Its snapshot and the events since; the plans were made when there was nothing yet."""
    if analyzed == "when empty":
        ledger.execute("analyze")
    patches = payloads(EVENTS)
    emit(ledger, patches[:3])
    if analyzed == "when small":
        ledger.execute("analyze")
    assert state_of(ledger, at_sequence=2) is not None
    emit(ledger, patches[3:])
    emit(ledger, patches[:3000], "another")
    maintain(ledger)
    if analyzed == "when full":
        ledger.execute("analyze")
    for moment in (2600, 19_600):
        time: Any = ledger.execute(
            "select created_at from ledger.events where aggregate_id = '42' and sequence = %s",
            [moment],
        ).fetchone()
        for at in ({"at_sequence": moment}, {"at_time": time[0]}):
            with ledger.transaction():
                (before,) = ledger.execute(READ_ROWS).fetchone() or (0,)
                assert state_of(ledger, **at)["number"] == moment - 1
                (after,) = ledger.execute(READ_ROWS).fetchone() or (0,)
            assert 600 <= after - before <= 1100


@pytest.mark.parametrize("analyzed", ["never", "when empty", "when full"])
def test_maintenance_reads_what_was_sealed_since(ledger: AnyConnection, analyzed: str) -> None:
    if analyzed == "when empty":
        ledger.execute("analyze")
    emit(ledger, payloads(EVENTS))
    maintain(ledger)
    if analyzed == "when full":
        ledger.execute("analyze")
    emit(ledger, payloads(100))
    ledger.execute("select ledger.seal_all()")
    with ledger.transaction():
        (before,) = ledger.execute(READ_ROWS).fetchone() or (0,)
        ledger.execute("select ledger.make_snapshots()")
        (after,) = ledger.execute(READ_ROWS).fetchone() or (0,)
    assert after - before <= 1000
