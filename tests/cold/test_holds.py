"""Under a legal hold nothing is dropped and nothing erased, wherever the events are."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from cold.partitions import MAY, File, checkpoints, complaints
from psycopg import sql
from verifying.tampering import unguarded

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

PLACE = "select ledger.place_hold('matter 88', tenant_id => 'acme'{})"
ERASE = "select event_count from ledger.erase_private({}, reason => 'r', tenant_id => 'acme')"
COVERING = [
    "",
    ", aggregate_type => 'deal', aggregate_id => '1'",
    ", from_time => '2021-05-15Z'",
    ", to_time => '2021-05-15Z'",
    ", aggregate_type => 'deal', aggregate_id => '2', to_time => '2021-05-15Z'",
]
NOT_COVERING = [
    ", aggregate_type => 'deal', aggregate_id => '99'",
    ", from_time => '2021-06-01Z'",
    ", to_time => '2021-05-01Z'",
    ", subject_id => 'ada'",
    ", correlation_id => '10000000-0000-4000-8000-000000000001'",
]


def is_there(ledger: AnyConnection) -> bool:
    row = ledger.execute("select to_regclass('ledger.' || %s) is not null", [MAY]).fetchone()
    return row == (True,)


def blocked(observer: AnyConnection, waiting: AnyConnection) -> bool:
    query = "select cardinality(pg_blocking_pids(%s))"
    return observer.execute(query, [waiting.info.backend_pid]).fetchone() != (0,)


@pytest.mark.parametrize("scope", COVERING)
def test_a_hold_stops_the_drop(
    ledger: AnyConnection, operator: AnyConnection, file: File, refused: Refused, scope: str
) -> None:
    row = operator.execute(PLACE.format(scope)).fetchone()
    assert row is not None
    error = refused(operator, "LG008", file.drop, checkpoints(ledger))
    assert "matter 88" in (error.diag.message_detail or "")
    assert is_there(ledger)
    operator.execute("select ledger.release_hold(%s, 'over', 'acme')", [row[0]])
    file.drop(operator, checkpoints(ledger))
    assert complaints(ledger) == set()


@pytest.mark.parametrize("scope", NOT_COVERING)
def test_a_hold_on_something_else_does_not(
    ledger: AnyConnection, operator: AnyConnection, file: File, scope: str
) -> None:
    operator.execute(PLACE.format(scope))
    file.drop(operator, checkpoints(ledger))
    assert not is_there(ledger)
    assert complaints(ledger) == set()


def test_a_hold_of_any_tenant_in_it(
    ledger: AnyConnection, operator: AnyConnection, file: File, refused: Refused
) -> None:
    operator.execute("select ledger.place_hold('matter 9', tenant_id => 'globex')")
    refused(operator, "LG008", file.drop, checkpoints(ledger))
    assert is_there(ledger)


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_drop_does_not_wait_for_a_hold(
    ledger: AnyConnection,
    operator: AnyConnection,
    file: File,
    connect: Connect,
    refused: Refused,
    end: str,
) -> None:
    """While one is being placed the client is told to try again."""
    placing = connect(autocommit=False)
    placing.execute(PLACE.format(""))
    refused(operator, "55P03", file.drop, checkpoints(ledger))
    getattr(placing, end)()
    if end == "commit":
        refused(operator, "LG008", file.drop, checkpoints(ledger))
        assert is_there(ledger)
    else:
        file.drop(operator, checkpoints(ledger))


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_a_hold_waits_for_a_drop(
    ledger: AnyConnection, file: File, connect: Connect, end: str
) -> None:
    """It is after the drop then, and doctor does not take it for one before."""
    dropping, placing = connect(autocommit=False), connect()
    file.drop(dropping, checkpoints(ledger))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(placing.execute, PLACE.format(""))  # type: ignore[arg-type]
        while not blocked(ledger, placing):
            assert not waiting.done(), "it did not wait"
        getattr(dropping, end)()
        assert waiting.result().fetchone() is not None
    assert is_there(ledger) == (end == "rollback")
    assert complaints(ledger) == set()


@pytest.mark.parametrize(
    "level", [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE]
)
def test_an_old_snapshot_is_refused(
    ledger: AnyConnection,
    file: File,
    connect: Connect,
    level: psycopg.IsolationLevel,
    refused: Refused,
) -> None:
    old = connect(autocommit=False)
    old.isolation_level = level
    old.execute("select 1")
    refused(old, "25000", file.drop, checkpoints(ledger))


@pytest.mark.parametrize("role", ["operator", "owner", "owner without event triggers"])
def test_nobody_but_a_superuser_gets_round_it(
    ledger: AnyConnection,
    operator: AnyConnection,
    owner: AnyConnection,
    file: File,
    refused: Refused,
    role: str,
) -> None:
    """By the ledger's functions; without event triggers an owner's DROP TABLE shows in doctor."""
    operator.execute(PLACE.format(""))
    if role == "owner without event triggers":
        names = ledger.execute("select evtname from pg_event_trigger where evtname like 'ledger%'")
        for (name,) in names.fetchall():
            ledger.execute(sql.SQL("drop event trigger {}").format(sql.Identifier(name)))
    connection = operator if role == "operator" else owner
    refused(connection, "LG008", file.drop, checkpoints(ledger))
    if role == "owner":
        owner.autocommit = False
        owner.execute("select ledger_guard.open_window('partition')")
        refused(owner, "LG001", f"drop table ledger.{MAY}")
    assert is_there(ledger)


@pytest.mark.parametrize(
    "scope", ["", ", from_time => '2021-05-15Z'", ", subject_id => 'ada', to_time => '2021-06-01Z'"]
)
def test_doctor_reports_a_drop_under_a_hold(
    ledger: AnyConnection, operator: AnyConnection, file: File, scope: str
) -> None:
    """A superuser puts the hold out of sight, drops, and puts it back."""
    with unguarded(ledger):
        ledger.execute(
            "insert into ledger.event_private (tenant_id, event_id, subject_id, salt, private)"
            " select tenant_id, id, 'ada', decode(repeat('00', 32), 'hex'), '{}'"
            " from ledger.agent_events_archive where tenant_id = 'acme' limit 1"
        )
    operator.execute(PLACE.format(scope))
    with unguarded(ledger):
        ledger.execute("update ledger.legal_holds set until_time = placed_at")
    file.drop(operator, checkpoints(ledger))
    with unguarded(ledger):
        ledger.execute("update ledger.legal_holds set until_time = null")
    assert ("dropped under a hold", MAY) in complaints(ledger)


@pytest.fixture
def private(ledger: AnyConnection, file: File) -> list[Any]:
    """The ids of events of May that private data about ada and bob belongs to."""
    ids = []
    for number, subject in enumerate(["ada", "bob"]):
        row = ledger.execute(
            "select id from ledger.events where tenant_id = 'acme' and aggregate_id = %s"
            " and created_at < '2021-06-01Z' order by created_at limit 1",
            [str(number)],
        ).fetchone()
        assert row is not None
        with unguarded(ledger):
            ledger.execute(
                "insert into ledger.event_private (tenant_id, event_id, subject_id, salt, private)"
                " values ('acme', %s, %s, decode(repeat('00', 32), 'hex'), '{}')",
                [row[0], subject],
            )
        ids.append(row[0])
    file.drop(ledger, checkpoints(ledger))
    return ids


@pytest.mark.parametrize(
    "scope",
    [
        "",
        ", subject_id => 'ada'",
        ", aggregate_type => 'deal', aggregate_id => '0'",
        ", correlation_id => '10000000-0000-4000-8000-000000000001'",
        ", to_time => '2021-05-15Z'",
    ],
)
def test_a_hold_stops_erasing_what_belongs_to_cold_events(
    ledger: AnyConnection, private: list[Any], refused: Refused, scope: str
) -> None:
    """Stream and correlation stand in the file only: such a hold counts as covering the event."""
    ledger.execute(PLACE.format(scope))
    refused(ledger, "LG008", ERASE.format("'ada'"))
    refused(ledger, "LG008", ERASE.format("event_id => %s"), [private[0]])


@pytest.mark.parametrize(
    "scope", [", subject_id => 'bob'", ", from_time => '2021-06-01Z'", ", to_time => '2021-05-01Z'"]
)
def test_private_data_of_cold_events_is_erased(
    ledger: AnyConnection, private: list[Any], scope: str
) -> None:
    ledger.execute(PLACE.format(scope))
    assert ledger.execute(ERASE.format("'ada'")).fetchone() == (1,)
    left = ledger.execute("select event_id from ledger.event_private").fetchall()
    assert left == [(private[1],)]


def test_what_is_held_about_a_person_includes_cold_events(
    ledger: AnyConnection, private: list[Any]
) -> None:
    """Private data stays in the database, and is reported, read and shown as erased."""
    report = (
        "select event_id, created_at, position, event_type, payload, private, erasure_id is null"
        " from ledger.subject_report('ada', tenant_id => 'acme')"
    )
    row = ledger.execute(
        "select event_id, created_at, position from ledger.log_entries where event_id = %s",
        [private[0]],
    ).fetchone()
    assert row is not None
    assert ledger.execute(report).fetchall() == [(*row, None, {}, {}, True)]
    ledger.execute(ERASE.format("'ada'"))
    assert ledger.execute(report).fetchall() == [(*row, None, None, None, False)]
    errors = {kind for kind, _ in complaints(ledger)}
    assert errors == set()
