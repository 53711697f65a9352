"""erase_private(): the data is gone for good, the event and its hash stay, and it is on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Emit = Callable[..., Any]
Refused = Callable[..., psycopg.Error]
Events = Callable[[str], list[dict[str, Any]]]

ERASE_ADA = "select * from ledger.erase_private(subject_id => 'ada', reason => 'request 1')"
ERASE_EVENT = "select * from ledger.erase_private(event_id => %s, reason => 'request 1')"
NOTHING = {
    "erasure_id": None,
    "event_count": 0,
    "event_ids": [],
    "private_hashes": [],
    "erased_at": None,
}


def one(connection: AnyConnection, statement: str, *args: Any) -> Any:
    row = connection.execute(statement, *args).fetchone()
    assert row is not None
    return row


def test_a_persons_data_is_erased(
    ledger: AnyConnection, officer: AnyConnection, emit: Emit, events: Events
) -> None:
    ids = [emit(), emit(aggregate_type="deal", aggregate_id="1")]
    other = emit(subject_id="bob")
    certificate = one(officer, ERASE_ADA)
    assert (certificate["event_count"], certificate["event_ids"]) == (2, ids)
    rows = ledger.execute("select event_id from ledger.event_private").fetchall()
    assert rows == [(other,)]
    kept = ledger.execute(
        "select private_hash from ledger.events where id = any(%s) order by id", [ids]
    ).fetchall()
    assert [(value,) for value in certificate["private_hashes"]] == kept
    (erased,) = events("ledger.private_erased")
    assert erased == {
        "subject_hash": one(ledger, "select encode(ledger.subject_hash('ada', 'acme'), 'hex')")[0],
        "event_ids": [str(event) for event in ids],
        "event_count": 2,
        "reason": "request 1",
        "erased_by": officer.info.user,
    }
    event = one(
        ledger,
        "select created_at, event_type from ledger.events where id = %s",
        [certificate["erasure_id"]],
    )
    assert event == (certificate["erased_at"], "ledger.private_erased")


def test_an_events_data_is_erased(
    officer: AnyConnection, emit: Emit, private: Callable[[], int], events: Events
) -> None:
    first = emit()
    emit()
    assert one(officer, ERASE_EVENT, [first])["event_ids"] == [first]
    assert private() == 1
    assert "subject_hash" not in events("ledger.private_erased")[0]


def test_the_record_names_the_person_by_a_hash(
    ledger: AnyConnection, officer: AnyConnection, emit: Emit
) -> None:
    event = emit()
    certificate = one(officer, ERASE_EVENT, [event])
    (row,) = officer.execute("select * from ledger.erasures").fetchall()
    assert row == {
        "tenant_id": "acme",
        "event_id": event,
        "erasure_id": certificate["erasure_id"],
        "private_hash": certificate["private_hashes"][0],
        "subject_hash": one(ledger, "select ledger.subject_hash('ada', 'acme')")[0],
        "erased_at": certificate["erased_at"],
    }


def test_nothing_in_the_database_holds_the_data_after(
    ledger: AnyConnection, officer: AnyConnection, emit: Emit
) -> None:
    """Every table, and the planner's statistics, searched for what was given."""
    for number in range(3):
        emit(
            '{"name": "Ada Lovelace", "people": [{"mail": "ada@example.com"}]}',
            private='{"note": "likes engines"}',
            subject_id="person-0815",
            idempotency_key=f"key {number}",
        )
    ledger.execute("analyze")
    assert copies(ledger, "Ada Lovelace") == {"ledger.event_private"}
    officer.execute("select ledger.erase_private('person-0815', reason => 'request 1')")
    officer.execute("select * from ledger.subject_report('person-0815')")
    for text in ("Ada Lovelace", "ada@example.com", "likes engines", "person-0815"):
        assert copies(ledger, text) == set()


def copies(connection: AnyConnection, text: str) -> set[str]:
    """The tables of the database with a row that contains the text."""
    tables = connection.execute(
        "select c.oid::regclass::text from pg_class as c"
        " where c.relkind = 'r' and (relnamespace = 'ledger'::regnamespace"
        " or relnamespace = 'ledger_guard'::regnamespace or c.relname = 'pg_statistic')"
    ).fetchall()
    return {
        table
        for (table,) in tables
        if connection.execute(
            f"select from {table} as t where strpos(t::text, %s) > 0 limit 1",  # type: ignore[arg-type]
            [text],
        ).fetchall()
    }


def test_log_and_hashes_hold_after(
    ledger: AnyConnection, officer: AnyConnection, emit: Emit
) -> None:
    emit()
    emit(aggregate_type="deal", aggregate_id="1")
    ledger.execute("select ledger.seal()")
    before = ledger.execute("select id, hash, private_hash from ledger.log").fetchall()
    officer.execute(ERASE_ADA)
    ledger.execute("select ledger.seal()")
    after = ledger.execute("select id, hash, private_hash from ledger.log").fetchall()
    assert after[: len(before)] == before
    assert ledger.execute("select * from ledger.verify()").fetchall() == []
    report = ledger.execute("select kind from ledger.doctor(true) where severity = 'error'")
    assert report.fetchall() == []


def test_a_second_time_there_is_nothing_to_erase(
    officer: AnyConnection, emit: Emit, events: Events
) -> None:
    emit()
    one(officer, ERASE_ADA)
    assert one(officer, ERASE_ADA) == NOTHING
    assert len(events("ledger.private_erased")) == 1


def test_nothing_to_erase_looks_the_same_whatever_the_reason(
    ledger: AnyConnection, officer: AnyConnection, emit: Emit, events: Events
) -> None:
    """Erased before, without private data, another tenant's, no event, under a hold."""
    erased = emit()
    one(officer, ERASE_EVENT, [erased])
    plain = emit("{}", private=None, subject_id=None)
    foreign = emit(tenant_id="globex", subject_id="carol")
    ledger.execute("select ledger.place_hold('matter 88')")
    for event in (erased, plain, foreign, "0197c2a4-91f3-7abc-8def-0123456789ab"):
        assert one(officer, ERASE_EVENT, [event]) == NOTHING
    for subject in ("ada", "carol", "nobody", ""):
        statement = "select * from ledger.erase_private(%s, reason => 'request 1')"
        assert one(officer, statement, [subject]) == NOTHING
    assert len(events("ledger.private_erased")) == 1


def test_what_comes_later_can_be_erased_too(
    officer: AnyConnection, emit: Emit, private: Callable[[], int]
) -> None:
    emit()
    first = one(officer, ERASE_ADA)
    emit()
    second = one(officer, ERASE_ADA)
    assert second["event_count"] == 1
    assert first["erasure_id"] != second["erasure_id"]
    assert private() == 0


def test_a_rolled_back_erasure_leaves_everything(
    connect: Callable[..., AnyConnection],
    emit: Emit,
    private: Callable[[], int],
    events: Events,
) -> None:
    emit()
    other = connect(autocommit=False)
    other.execute("set local ledger.tenant_id = 'acme'")
    one(other, ERASE_ADA)
    other.rollback()
    assert private() == 1
    assert events("ledger.private_erased") == []


def test_many_events_are_recorded_without_listing_them(
    ledger: AnyConnection, officer: AnyConnection, events: Events
) -> None:
    ledger.execute(
        """
        select count(*) from ledger.emit_events((
          select jsonb_agg(jsonb_build_object(
            'event_type', 'person.seen', 'private', '{}'::jsonb, 'subject_id', 'ada'
          )) from generate_series(1, 5001)
        )) union all
        select count(*) from ledger.emit_events((
          select jsonb_agg(jsonb_build_object(
            'event_type', 'person.seen', 'private', '{}'::jsonb, 'subject_id', 'ada'
          )) from generate_series(1, 5000)
        ))
        """
    )
    certificate = one(officer, ERASE_ADA)
    assert certificate["event_count"] == len(certificate["event_ids"]) == 10001
    (erased,) = events("ledger.private_erased")
    assert erased["event_count"] == 10001
    assert "event_ids" not in erased
    assert one(ledger, "select count(*) from ledger.erasures") == (10001,)


@pytest.mark.parametrize(
    "arguments",
    [
        "reason => 'x'",
        "'ada', gen_random_uuid(), reason => 'x'",
        "'ada'",
        "'ada', reason => ' '",
    ],
)
def test_nonsense_is_refused(officer: AnyConnection, refused: Refused, arguments: str) -> None:
    refused(officer, "LG009", f"select ledger.erase_private({arguments})")


def test_the_key_payload_is_the_ledgers_own(ledger: AnyConnection, refused: Refused) -> None:
    """Else it could not be told from the payload's private fields when they are merged back."""
    refused(
        ledger,
        "LG009",
        """select ledger.emit_event('person.seen', private => '{"payload": {"x": 1}}')""",
    )
    refused(
        ledger,
        "LG009",
        "select ledger.emit_events("
        """'[{"event_type": "person.seen", "private": {"payload": 1}}]')""",
    )
