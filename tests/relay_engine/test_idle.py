"""A relay that has nothing to do costs next to nothing."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psycopg
from relay_engine.conftest import Emit, Start
from relay_engine.delivered import wait_for

SECONDS, WINDOWS = 5.0, 8
TRANSACTIONS = "select xact_commit + xact_rollback from pg_stat_database where datname = %s"


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_idle_cost(
    pg: psycopg.Connection[Any], emit: Emit, start: Start, tmp_path: Path, dsn: str
) -> None:
    emit(10)
    relay = start(f"file:{tmp_path}/out")
    wait_for(tmp_path / "out", 10)
    sleep(2)  # until it looks as seldom as it will
    database = pg.info.dbname
    with psycopg.connect(dsn, dbname="postgres", autocommit=True) as elsewhere:

        def transactions() -> int:
            (count,) = elsewhere.execute(TRANSACTIONS, [database]).fetchone() or (0,)
            return int(count)

        for _ in range(WINDOWS):  # autovacuum's transactions count, too, while it is at it
            began, before, cpu = monotonic(), transactions(), cpu_seconds(relay.process.pid)
            sleep(SECONDS)  # it is time that is measured
            seconds = monotonic() - began
            rate = (transactions() - before) / seconds
            share = (cpu_seconds(relay.process.pid) - cpu) / seconds
            print(f"{rate:.1f} transactions/s, {share:.2%} of a core")
            if rate < 5:
                break
    assert rate < 5
    assert share < 0.01
