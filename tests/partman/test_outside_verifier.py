"""What the verifier outside the database says of a ledger that pg_partman has adopted."""

from __future__ import annotations

from typing import Any

import psycopg

from agent_events.verifying import verify

AnyConnection = psycopg.Connection[Any]

RUN = "create or replace function ledger.run_partman() returns int language sql return 1"


def test_functions_of_pg_partman_are_known(partman: AnyConnection, dsn: str) -> None:
    partman.execute("update ledger.partition_settings set premake = 8")
    partman.execute("select ledger.run_partman()")
    partman.execute("select ledger.emit_event('run.paused')")
    partman.execute("select ledger.seal_all()")
    assert verify(dsn).findings == []


def test_altered_one_is_reported(partman: AnyConnection, dsn: str) -> None:
    with partman.transaction():
        partman.execute("select ledger_guard.open_window('upgrade')")
        partman.execute("drop function ledger.run_partman")
        partman.execute(RUN)
    (finding,) = verify(dsn).findings
    assert finding.kind == "altered function"
    assert finding.detail.startswith("ledger.run_partman(): it is not as this version ships it")
