"""read_private() and subject_report(): what they return, and that every look is on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Emit = Callable[..., Any]
Refused = Callable[..., psycopg.Error]
Events = Callable[[str], list[dict[str, Any]]]

PAYLOAD = '{"name": "Ada", "people": [{"mail": "a@b.c", "age": 3}, {"age": 4}]}'
MERGED = {"name": "Ada", "people": [{"mail": "a@b.c", "age": 3}, {"age": 4}]}
READ_EVENT = "select * from ledger.read_private(event_id => %s, purpose => 'ticket 1')"
READ_ADA = "select * from ledger.read_private(subject_id => 'ada', purpose => 'ticket 1')"
REPORT = "select * from ledger.subject_report('ada')"


def subject_hash(connection: AnyConnection) -> str:
    row = connection.execute(
        "select encode(ledger.subject_hash('ada', 'acme'), 'hex') as hash"
    ).fetchone()
    assert row is not None
    return str(row["hash"])


def test_private_fields_are_back_in_the_payload(officer: AnyConnection, emit: Emit) -> None:
    event = emit(PAYLOAD)
    (row,) = officer.execute(READ_EVENT, [event]).fetchall()
    assert (row["event_id"], row["event_type"], row["subject_id"]) == (event, "person.seen", "ada")
    assert (row["payload"], row["private"]) == (MERGED, {"note": "shy"})


def test_private_data_alone_and_private_fields_alone(officer: AnyConnection, emit: Emit) -> None:
    fields = emit(PAYLOAD, private=None)
    beside = emit('{"stage": 1}')
    rows = officer.execute(READ_ADA).fetchall()
    assert [(row["event_id"], row["payload"], row["private"]) for row in rows] == [
        (fields, MERGED, {}),
        (beside, {"stage": 1}, {"note": "shy"}),
    ]


def test_every_read_is_an_event(officer: AnyConnection, emit: Emit, events: Events) -> None:
    ids = [emit(), emit()]
    emit(subject_id="bob")
    officer.execute(READ_ADA)
    officer.execute(READ_EVENT, [ids[0]])
    officer.execute(REPORT)
    officer.execute(READ_EVENT, ["0197c2a4-91f3-7abc-8def-0123456789ab"])
    reader, both = officer.info.user, [str(event) for event in ids]
    ada = {"reader": reader, "subject_hash": subject_hash(officer), "event_ids": both}
    assert events("ledger.private_read") == [
        ada | {"purpose": "ticket 1", "event_count": 2},
        {"reader": reader, "purpose": "ticket 1", "event_ids": both[:1], "event_count": 1},
        ada | {"purpose": "subject report", "event_count": 2},
        {"reader": reader, "purpose": "ticket 1", "event_ids": [], "event_count": 0},
    ]


def test_events_of_the_ledger_are_not_published(
    ledger: AnyConnection, officer: AnyConnection, emit: Emit
) -> None:
    emit()
    officer.execute(READ_ADA)
    hold = officer.execute("select ledger.place_hold('matter 88', 'deal', '1') as id").fetchone()
    assert hold is not None
    officer.execute("select ledger.release_hold(%s, 'settled')", [hold["id"]])
    officer.execute("select ledger.erase_private('ada', reason => 'request 1')")
    rows = ledger.execute("select event_type from ledger.outbox").fetchall()
    assert rows == [("person.seen",)]


def test_a_read_that_is_rolled_back_stands_in_the_servers_log(
    officer: AnyConnection, emit: Emit, events: Events
) -> None:
    emit()
    lines: list[str] = []
    officer.add_notice_handler(lambda notice: lines.append(notice.message_primary or ""))
    officer.execute("set client_min_messages = log")  # what the log gets comes here, too
    with officer.transaction(force_rollback=True):
        assert len(officer.execute(READ_ADA).fetchall()) == 1
    assert events("ledger.private_read") == []
    wanted = f"role {officer.info.user} reads private data of 1 events of tenant acme: ticket 1"
    assert wanted in lines


def test_another_tenants_data_is_not_found(officer: AnyConnection, emit: Emit) -> None:
    foreign = emit(tenant_id="globex")
    assert officer.execute(READ_EVENT, [foreign]).fetchall() == []
    assert officer.execute(READ_ADA).fetchall() == []


@pytest.mark.parametrize(
    "arguments",
    [
        "purpose => 'x'",
        "gen_random_uuid(), 'ada', 'x'",
        "subject_id => 'ada'",
        "subject_id => 'ada', purpose => ''",
    ],
)
def test_nonsense_is_refused(officer: AnyConnection, refused: Refused, arguments: str) -> None:
    refused(officer, "LG009", f"select ledger.read_private({arguments})")
    refused(officer, "LG009", "select ledger.subject_report(null)")


def test_a_subject_report_has_data_positions_and_erasures(
    ledger: AnyConnection, officer: AnyConnection, emit: Emit
) -> None:
    erased = emit(PAYLOAD, aggregate_type="deal", aggregate_id="1")
    ledger.execute("select ledger.seal()")
    certificate = officer.execute(
        "select * from ledger.erase_private(event_id => %s, reason => 'request 1')", [erased]
    ).fetchone()
    assert certificate is not None
    kept = emit(PAYLOAD)
    emit(subject_id="bob")
    gone, there = officer.execute(REPORT).fetchall()
    assert (gone["event_id"], gone["position"], gone["aggregate_id"]) == (erased, 0, "1")
    assert gone["payload"] == {"people": [{"age": 3}, {"age": 4}]}
    assert gone["private"] is None
    assert gone["erasure_id"] == certificate["erasure_id"]
    assert gone["erased_at"] == certificate["erased_at"]
    assert (there["event_id"], there["position"]) == (kept, None)
    assert (there["payload"], there["private"]) == (MERGED, {"note": "shy"})
    assert there["erasure_id"] is None


def test_after_an_erasure_a_read_finds_nothing(officer: AnyConnection, emit: Emit) -> None:
    emit()
    officer.execute("select ledger.erase_private('ada', reason => 'request 1')")
    assert officer.execute(READ_ADA).fetchall() == []
