"""An erasure and a hold at once: whichever commits first has won, and the other sees it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Emit = Callable[..., Any]

PLACE = "select ledger.place_hold('matter 88', subject_id => 'ada', tenant_id => 'acme')"
ERASE = """
    select event_count
    from ledger.erase_private('ada', reason => 'request 1', tenant_id => 'acme')
"""


@pytest.fixture
def first(connect: Connect) -> AnyConnection:
    return connect(autocommit=False)


@pytest.fixture
def second(connect: Connect) -> AnyConnection:
    return connect(autocommit=False)


def race(
    observer: AnyConnection,
    first: AnyConnection,
    second: AnyConnection,
    statements: tuple[str, str],
    outcome: str,
) -> Any:
    """The first has done its statement, the second waits for it; then the first ends."""
    first.execute(statements[0])  # type: ignore[arg-type]
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(second.execute, statements[1])  # type: ignore[arg-type]
        query = "select cardinality(pg_blocking_pids(%s))"
        while observer.execute(query, [second.info.backend_pid]).fetchone() == (0,):
            assert not waiting.done(), "it did not wait"
        getattr(first, outcome)()
        return waiting.result().fetchone()


def test_a_hold_that_commits_first_stops_the_erasure(
    ledger: AnyConnection,
    emit: Emit,
    first: AnyConnection,
    second: AnyConnection,
    private: Callable[[], int],
) -> None:
    emit()
    with pytest.raises(psycopg.Error) as refused:
        race(ledger, first, second, (PLACE, ERASE), "commit")
    assert refused.value.sqlstate == "LG008"
    second.rollback()
    assert private() == 1


def test_a_hold_that_is_rolled_back_stops_nothing(
    ledger: AnyConnection,
    emit: Emit,
    first: AnyConnection,
    second: AnyConnection,
    private: Callable[[], int],
) -> None:
    emit()
    assert race(ledger, first, second, (PLACE, ERASE), "rollback") == (1,)
    second.commit()
    assert private() == 0


def test_an_erasure_that_commits_first_is_before_the_hold(
    ledger: AnyConnection,
    emit: Emit,
    first: AnyConnection,
    second: AnyConnection,
    private: Callable[[], int],
) -> None:
    emit()
    assert race(ledger, first, second, (ERASE, PLACE), "commit") is not None
    second.commit()
    assert private() == 0
    times = ledger.execute(
        "select erased_at < placed_at from ledger.erasures cross join ledger.legal_holds"
    ).fetchall()
    assert times == [(True,)]
    report = ledger.execute("select kind from ledger.doctor(true) where severity = 'error'")
    assert report.fetchall() == []


def test_an_erasure_that_is_rolled_back_leaves_all_to_the_hold(
    ledger: AnyConnection,
    emit: Emit,
    first: AnyConnection,
    second: AnyConnection,
    private: Callable[[], int],
) -> None:
    emit()
    assert race(ledger, first, second, (ERASE, PLACE), "rollback") is not None
    second.commit()
    assert private() == 1
    with pytest.raises(psycopg.Error) as refused:
        ledger.execute(ERASE)
    assert refused.value.sqlstate == "LG008"


def test_two_erasures_erase_once(
    ledger: AnyConnection, emit: Emit, first: AnyConnection, second: AnyConnection
) -> None:
    emit()
    assert race(ledger, first, second, (ERASE, ERASE), "commit") == (0,)
    second.commit()
    assert ledger.execute("select count(*) from ledger.erasures").fetchone() == (1,)


@pytest.mark.parametrize("statement", [ERASE, PLACE], ids=["erase", "place"])
@pytest.mark.parametrize(
    "level", [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE]
)
def test_an_old_snapshot_is_refused(
    ledger: AnyConnection,
    emit: Emit,
    first: AnyConnection,
    statement: str,
    level: psycopg.IsolationLevel,
) -> None:
    """It would not show the hold that was placed meanwhile."""
    emit()
    first.isolation_level = level
    first.execute("select 1")
    ledger.execute(PLACE)
    with pytest.raises(psycopg.errors.InvalidTransactionState, match="READ COMMITTED"):
        first.execute(statement)  # type: ignore[arg-type]


def test_emitting_does_not_wait(
    ledger: AnyConnection, emit: Emit, first: AnyConnection, private: Callable[[], int]
) -> None:
    """What is emitted while an erasure runs is not part of it."""
    emit()
    assert first.execute(ERASE).fetchone() == (1,)
    ledger.execute("set lock_timeout = '5s'")
    emit()
    first.commit()
    assert private() == 1
