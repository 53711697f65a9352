"""Legal holds: what each scope covers, when it binds, and what is on record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from privacy.conftest import DEAL

AnyConnection = psycopg.Connection[Any]
Emit = Callable[..., Any]
Refused = Callable[..., psycopg.Error]
Events = Callable[[str], list[dict[str, Any]]]

ERASE = "select * from ledger.erase_private(event_id => %s, reason => 'request 1')"
SCOPES = {
    "aggregate": "aggregate_type => 'deal', aggregate_id => '1'",
    "correlation": f"correlation_id => '{DEAL}'",
    "subject": "subject_id => 'ada'",
    "since": "from_time => (select created_at from ledger.events where id = {held})",
    "between": (
        "from_time => (select created_at from ledger.events where id = {held}), "
        "to_time => now() + interval '1 day'"
    ),
    "all of it": (
        f"aggregate_type => 'deal', aggregate_id => '1', correlation_id => '{DEAL}', "
        "subject_id => 'ada', to_time => now() + interval '1 day'"
    ),
}
NOT_COVERED = {
    "other aggregate": "aggregate_type => 'deal', aggregate_id => '2'",
    "other aggregate type": "aggregate_type => 'post', aggregate_id => '1'",
    "other correlation": "correlation_id => gen_random_uuid()",
    "other subject": "subject_id => 'bob'",
    "later": "from_time => now() + interval '1 hour'",
    "earlier": "to_time => now() - interval '1 hour'",
    "half of it": "aggregate_type => 'deal', aggregate_id => '1', subject_id => 'bob'",
}


@pytest.fixture
def free(emit: Emit) -> Any:
    """An event that none of SCOPES covers."""
    return emit(subject_id="bob")


@pytest.fixture
def held(emit: Emit, free: Any) -> Any:  # noqa: ARG001
    """An event that all of SCOPES cover."""
    return emit(aggregate_type="deal", aggregate_id="1", correlation_id=DEAL)


def place(connection: AnyConnection, scope: str = "", reason: str = "matter 88") -> Any:
    comma = ", " if scope else ""
    cursor = connection.execute(f"select ledger.place_hold(%s{comma}{scope}) as id", [reason])
    row = cursor.fetchone()
    assert row is not None
    return row["id"] if isinstance(row, dict) else row[0]


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_each_scope_covers_its_events_only(
    ledger: AnyConnection, refused: Refused, held: Any, free: Any, scope: str
) -> None:
    hold = place(ledger, scope.format(held=f"'{held}'"))
    error = refused(ledger, "LG008", ERASE, [held])
    assert str(hold) in str(error.diag.message_detail)
    row = ledger.execute(ERASE, [free]).fetchone()
    assert row is not None
    assert row[1] == 1


@pytest.mark.parametrize("scope", NOT_COVERED.values(), ids=NOT_COVERED)
def test_what_a_scope_does_not_cover_is_free(ledger: AnyConnection, held: Any, scope: str) -> None:
    place(ledger, scope)
    row = ledger.execute(ERASE, [held]).fetchone()
    assert row is not None
    assert row[1] == 1


def test_no_scope_covers_the_whole_tenant(
    ledger: AnyConnection, refused: Refused, held: Any, free: Any
) -> None:
    place(ledger)
    for event in (held, free):
        refused(ledger, "LG008", ERASE, [event])


def test_another_tenants_hold_does_not_bind(ledger: AnyConnection, held: Any) -> None:
    place(ledger, "tenant_id => 'globex'")
    assert ledger.execute(ERASE, [held]).rowcount == 1


def test_the_refusal_names_hold_reason_and_end(
    ledger: AnyConnection, refused: Refused, held: Any
) -> None:
    hold = place(ledger, "until_time => '2999-01-01Z'", "matter 99")
    error = refused(ledger, "LG008", ERASE, [held])
    detail = str(error.diag.message_detail)
    assert f"Hold {hold}" in detail
    assert "matter 99" in detail
    assert "2999-01-01" in detail or "2998-12-31" in detail
    assert f"release_hold('{hold}'" in str(error.diag.message_hint)


def test_an_erasure_under_a_hold_erases_nothing(
    ledger: AnyConnection, refused: Refused, emit: Emit, private: Callable[[], int], events: Events
) -> None:
    emit()
    emit(aggregate_type="deal", aggregate_id="1")
    place(ledger, SCOPES["aggregate"])
    refused(
        ledger, "LG008", "select ledger.erase_private(subject_id => 'ada', reason => 'request 1')"
    )
    assert private() == 2
    assert events("ledger.private_erased") == []
    assert ledger.execute("select from ledger.erasures").fetchall() == []


def test_a_released_hold_binds_no_more(
    ledger: AnyConnection, refused: Refused, officer: AnyConnection, held: Any, events: Events
) -> None:
    hold = place(officer, SCOPES["subject"])
    refused(officer, "LG008", ERASE, [held])
    officer.execute("select ledger.release_hold(%s, 'settled')", [hold])
    assert officer.execute("select * from ledger.active_holds").fetchall() == []
    (row,) = officer.execute("select * from ledger.legal_holds").fetchall()
    assert (row["released_by"], row["release_reason"]) == (officer.info.user, "settled")
    assert row["released_at"] >= row["placed_at"]
    (released,) = events("ledger.hold_released")
    assert released["hold_id"] == str(hold)
    assert (released["reason"], released["released_by"]) == ("settled", officer.info.user)
    assert ledger.execute(ERASE, [held]).rowcount == 1


def test_a_hold_is_released_once(ledger: AnyConnection, refused: Refused) -> None:
    hold = place(ledger)
    release = "select ledger.release_hold(%s, 'settled')"
    ledger.execute(release, [hold])
    refused(ledger, "LG009", release, [hold])
    refused(ledger, "LG009", "select ledger.release_hold(gen_random_uuid(), 'settled')")


def test_an_expired_hold_binds_no_more(ledger: AnyConnection, held: Any) -> None:
    place(ledger, "until_time => clock_timestamp() + interval '30 milliseconds'")
    while ledger.execute("select from ledger.active_holds").fetchall():
        pass
    assert ledger.execute("select from ledger.legal_holds").rowcount == 1
    assert ledger.execute("select * from ledger.held_by(array[%s::uuid])", [held]).rowcount == 0
    row = ledger.execute(ERASE, [held]).fetchone()
    assert row is not None
    assert row[1] == 1


def test_the_event_tells_the_scope_but_no_person(
    ledger: AnyConnection, officer: AnyConnection, events: Events
) -> None:
    hold = place(
        officer,
        "aggregate_type => 'deal', aggregate_id => '1', subject_id => 'ada',"
        " until_time => '2999-01-01Z'",
    )
    row = ledger.execute("select encode(ledger.subject_hash('ada', 'acme'), 'hex')").fetchone()
    assert row is not None
    assert events("ledger.hold_placed") == [
        {
            "hold_id": str(hold),
            "scope": {"aggregate_type": "deal", "aggregate_id": "1", "subject_hash": row[0]},
            "reason": "matter 88",
            "placed_by": officer.info.user,
            "expires_at": "2999-01-01T00:00:00.000000Z",
        }
    ]
    stream = ledger.execute(
        "select event_type from ledger.read_stream('legal_hold', %s)", [str(hold)]
    ).fetchall()
    assert stream == [("ledger.hold_placed",)]


@pytest.mark.parametrize(
    "arguments",
    [
        "''",
        "null",
        "repeat('x', 1001)",
        "'x', aggregate_type => 'deal'",
        "'x', aggregate_id => '1'",
        "'x', subject_id => ''",
        "'x', from_time => '2026-01-02Z', to_time => '2026-01-01Z'",
        "'x', from_time => '-infinity'",
        "'x', until_time => now() - interval '1 second'",
        "'x', until_time => 'infinity'",
        "'x', until_time => '10001-01-01Z'",
        "'x', tenant_id => 'no tenant!'",
    ],
)
def test_nonsense_is_refused(ledger: AnyConnection, refused: Refused, arguments: str) -> None:
    refused(ledger, "LG009", f"select ledger.place_hold({arguments})")
    assert ledger.execute("select from ledger.legal_holds").fetchall() == []


def test_held_by_a_time_tells_what_may_be_dropped(
    ledger: AnyConnection, refused: Refused, held: Any
) -> None:
    """As the cold drop of a partition asks: any event of that time that a hold covers."""
    hold = place(ledger, SCOPES["subject"])
    around = "(from_time => now() - interval '1 day', to_time => now() + interval '1 day')"
    before = "(from_time => now() - interval '2 days', to_time => now() - interval '1 day')"
    assert ledger.execute(f"select id from ledger.held_by{around}").fetchall() == [(hold,)]
    assert ledger.execute(f"select id from ledger.held_by{before}").fetchall() == []
    assert ledger.execute("select id from ledger.held_by()").fetchall() == [(hold,)]
    refused(ledger, "LG008", f"select ledger.require_no_hold{around}")
    ledger.execute(f"select ledger.require_no_hold{before}")
    ledger.execute("select ledger.release_hold(%s, 'settled')", [hold])
    ledger.execute("select ledger.require_no_hold(array[%s::uuid])", [held])


def test_archived_events_are_covered(ledger: AnyConnection, held: Any) -> None:
    hold = place(ledger, SCOPES["aggregate"])
    with ledger.transaction():
        ledger.execute("select ledger_guard.open_window('partition')")
        ((name, bounds),) = ledger.execute(
            "select inhrelid::regclass::text, pg_get_expr(c.relpartbound, c.oid)"
            " from pg_inherits join pg_class as c on c.oid = inhrelid"
            " where inhparent = 'ledger.agent_events'::regclass and inhrelid ="
            " (select tableoid from ledger.agent_events where id = %s)",
            [held],
        ).fetchall()
        ledger.execute(f"alter table ledger.agent_events detach partition {name}")
        ledger.execute(f"select ledger.protect_table('{name}')")
        ledger.execute(f"alter table ledger.agent_events_archive attach partition {name} {bounds}")
    rows = ledger.execute("select id from ledger.held_by(array[%s::uuid])", [held]).fetchall()
    assert rows == [(hold,)]


def test_rows_of_holds_stay(ledger: AnyConnection, refused: Refused) -> None:
    place(ledger)
    for statement in (
        "delete from ledger.legal_holds",
        "update ledger.legal_holds set until_time = now()",
        "truncate ledger.legal_holds",
        "insert into ledger.legal_holds select * from ledger.legal_holds",
        "truncate ledger.erasures",
        "delete from ledger.erasures",
        "insert into ledger.erasures select * from ledger.erasures",
    ):
        refused(ledger, "LG001", statement)
