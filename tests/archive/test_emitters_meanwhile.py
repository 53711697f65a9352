"""While a partition is archived and comes back, emitters go on beside a reader that never stops.

How long an emit takes on a busy machine says little; how long it waited for locks the server says.
What a process that only naps is late by in the same time is the machine's part in it.
The whole of it is measured by `scripts/bench archive`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from archive.history import (
    HAPPENED,
    check_manifest,
    fill,
    findings,
    partition_of,
    set_interval,
    start_of_day,
    tiers,
)
from archive.load import loaded, note_lock_waits
from log.emitting import seal_all
from problems import problems

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]

ROWS = 100_000
READ_SECONDS = 0.5
PATIENCE = 0.1  # how long an attempt waits for its locks while others wait behind it
MOST = 0.15  # what it may cost an emit


@pytest.fixture
def preparation() -> tuple[Any, ...]:
    """Nothing is there yet."""
    return ()


@pytest.fixture
def ledger(pg: AnyConnection) -> AnyConnection:
    """A superuser's connection; one daily partition, 40 days ago, with many events."""
    pg.execute("select ledger.register_event_type(%s, '{}')", [HAPPENED])
    set_interval(pg, "day")
    fill(pg, start_of_day(40), ROWS)
    set_interval(pg, "month")
    pg.execute("select count(*) from ledger.seal_all()")
    pg.execute("analyze")
    note_lock_waits(pg)
    return pg


def test_no_emit_fails_or_waits_for_longer_than_150_ms(
    ledger: AnyConnection, connect: Connect, login_role: LoginRole
) -> None:
    name = partition_of(ledger, start_of_day(40))
    role = login_role("app", {"acme": ["write", "read"]})
    mover = connect(user=login_role("operator", {"*": ["operate"]}))
    for command in ("archive", "restore", "archive"):
        with loaded(lambda: connect(user=role), READ_SECONDS) as load:
            mover.execute(f"call ledger.{command}_partition(%s)", [name])
        assert load.errors == []
        assert load.reads > 0
        assert len(load.took) > 100
        assert max(load.waited) <= MOST + load.lateness
        if command == "restore":
            assert max(load.waited) < PATIENCE + load.lateness, (
                "agent_events is locked against nobody"
            )
        check_manifest(ledger)

    steps = "select sum(attempts), count(*) from ledger.maintenance_steps where error is null"
    attempts, count = ledger.execute(steps).fetchone() or (0, 0)
    assert attempts > count == 11, "the reader was in the way"
    assert tiers(ledger)[name] == "archive"
    assert problems(ledger, deep=False) == []
    seal_all(ledger)
    assert findings(ledger, "acme", "ledger") == []
