"""ensure_partitions keeps partitions ahead of the clock and the covered time up to date."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]


def count(pg: AnyConnection) -> int:
    row = pg.execute("select ledger.ensure_partitions()").fetchone()
    assert row is not None
    return int(row[0])


def covered(pg: AnyConnection) -> tuple[datetime, datetime]:
    row = pg.execute("select covered_from, covered_until from ledger.partition_settings").fetchone()
    assert row is not None
    return (row[0], row[1])


def test_installed_with_partitions_ahead(pg: AnyConnection) -> None:
    row = pg.execute(
        """
        select s.covered_from = date_trunc('month', now(), 'UTC'),
          s.covered_until = max(p.to_time), count(*)
        from ledger.partition_settings as s, ledger.partitions as p
        group by s.covered_from, s.covered_until
        """
    ).fetchone()
    assert row == (True, True, 8)
    assert count(pg) == 0


def test_premake_is_heeded(pg: AnyConnection) -> None:
    pg.execute("update ledger.partition_settings set premake = premake + 2")
    before = covered(pg)
    assert count(pg) == 4
    assert covered(pg)[0] == before[0]
    assert covered(pg)[1] > before[1]
    assert count(pg) == 0


def test_far_partition_is_not_covered_until_the_gap_closes(pg: AnyConnection) -> None:
    before = covered(pg)
    pg.execute("select ledger.ensure_partition(%s + interval '1 month')", [before[1]])
    assert covered(pg) == before
    pg.execute("select ledger.ensure_partition(%s)", [before[1]])
    row = pg.execute(
        "select covered_until = max(to_time) from ledger.partition_settings, ledger.partitions"
        " group by covered_until"
    ).fetchone()
    assert row == (True,)


def test_archived_partition_is_not_covered(pg: AnyConnection) -> None:
    before = covered(pg)
    pg.execute("select ledger.ensure_partition(now() - interval '32 days')")
    assert covered(pg)[0] < before[0]
    pg.execute("update ledger.partitions set tier = 'archive' where from_time < %s", [before[0]])
    assert count(pg) == 0
    assert covered(pg) == before


def test_sessions_that_race_make_each_partition_once(
    pg: AnyConnection, connect: Callable[..., AnyConnection]
) -> None:
    pg.execute("update ledger.partition_settings set premake = 8")
    connections = [connect() for _ in range(4)]
    with ThreadPoolExecutor(len(connections)) as pool:
        made = sum(pool.map(count, connections))
    assert made == 10


def test_operator_may_and_writer_may_not(
    pg: AnyConnection, connect: Callable[..., AnyConnection], login_role: Callable[..., str]
) -> None:
    pg.execute("update ledger.partition_settings set premake = 4")
    operator = connect(user=login_role("operator", {"default": ["operate"]}))
    writer = connect(user=login_role("writer", {"default": ["write"]}))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        writer.execute("select ledger.ensure_partitions()")
    assert count(operator) == 2
