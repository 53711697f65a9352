"""A partition goes into a file and comes back: everything is as it was, and stays provable."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from cold.partitions import (
    MAY,
    File,
    archive,
    checkpoints,
    complaints,
    digest,
    export,
    findings,
)

AnyConnection = psycopg.Connection[Any]

EVENTS = "select md5(string_agg(e::text, '' order by e.id)), count(*) from ({}) as e"
ALL = EVENTS.format(
    "select tenant_id, id, created_at, payload, hash, prev_hash, tier from ledger.events"
    " where event_type not like 'ledger.%'"
)


def test_drop_and_restore(ledger: AnyConnection, operator: AnyConnection, file: File) -> None:
    before = ledger.execute(ALL).fetchone()
    file.drop(operator, checkpoints(ledger))
    assert ledger.execute("select to_regclass('ledger.' || %s)", [MAY]).fetchone() == (None,)
    assert tier(ledger) == "cold"
    assert findings(ledger) == []
    assert complaints(ledger) == set()

    assert file.restore(operator) == file.row_count
    assert ledger.execute(ALL).fetchone() == before
    assert tier(ledger) == "archive"
    assert findings(ledger) == []
    assert complaints(ledger) == set()
    assert digest(operator, MAY) == file.tenants
    ledger.execute("select * from ledger.seal_all()")
    assert findings(ledger) == []


def tier(ledger: AnyConnection) -> str:
    row = ledger.execute(
        "select tier from ledger.partitions where partition_name = %s", [MAY]
    ).fetchone()
    assert row is not None
    return str(row[0])
