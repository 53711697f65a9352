"""The locks that docs/operating.md says maintenance takes are those it takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import psycopg

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"
ROW = re.compile(r"^\| `([a-z ]+)` \| (.+?) \|", re.MULTILINE)
HARMLESS = ["AccessShareLock", "RowShareLock", "RowExclusiveLock"]
STEPS = (
    "make partitions",
    "seal",
    "add bounds",
    "validate bounds",
    "prepare archive",
    "archive",
    "relocate",
    "restore",
)
LOCKS = """
    select c.relname, l.mode
    from pg_locks as l
    join pg_class as c on c.oid = l.relation
    where l.pid = pg_backend_pid()
      and c.relnamespace = 'ledger'::regnamespace
      and c.relkind in ('r', 'p')
      and l.mode <> all(%s)
      and c.relname = any(%s)
"""


def test_locks_of_each_step(pg: psycopg.Connection[Any]) -> None:
    """But those that nobody notices, on tables that were there before."""
    pg.execute("select ledger.ensure_partition(now() - interval '1 year')")
    pg.execute("select ledger.emit_event('run.paused')")
    pg.execute("update ledger.partition_settings set premake = premake + 1")
    tables = [name for (name,) in pg.execute("select relname from pg_class").fetchall()]
    query = "select partition_name from ledger.partitions order by from_time, parent_name limit 1"
    (partition,) = pg.execute(query).fetchone() or ("",)
    documented = dict(ROW.findall(PAGE.read_text()))
    assert set(documented) >= set(STEPS)
    for step in STEPS:
        about = None if step in ("make partitions", "seal") else partition
        with pg.transaction():
            pg.execute("select ledger.maintenance_step(%s, %s)", [step, about])
            taken = {
                ("the partition" if table == partition else f"`{table}`", words(mode))
                for table, mode in pg.execute(LOCKS, [HARMLESS, tables]).fetchall()
            }
        told = set(re.findall(r"(`\w+`|the partition) ([A-Z ]+[A-Z])", documented[step]))
        assert strongest(taken) == told, step


def words(mode: str) -> str:
    """ShareUpdateExclusiveLock is SHARE UPDATE EXCLUSIVE in the manual."""
    return " ".join(re.findall(r"[A-Z][a-z]+", mode.removesuffix("Lock"))).upper()


def strongest(locks: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """One lock per table: ACCESS EXCLUSIVE where there are several."""
    names = {name for name, _ in locks}
    modes = {name: {mode for other, mode in locks if other == name} for name in names}
    return {
        (name, "ACCESS EXCLUSIVE" if "ACCESS EXCLUSIVE" in found else min(found))
        for name, found in modes.items()
    }
