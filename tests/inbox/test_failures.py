"""What a consumer could not process: attempts, delays, dead letters, and who decides about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from inbox.consuming import AnyConnection, accept, claim, fail, inbox, make_due, status

Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

MESSAGE = json.dumps({"id": "1", "data": {"amount": 3}})


def test_delays_double_up_to_an_hour(consumer: Connect) -> None:
    connection = consumer()
    event = uuid4()
    for attempt in range(1, 20):
        row = fail(connection, event, f"attempt {attempt}", max_attempts=100)
        assert (row["attempts"], row["last_error"], row["is_dead"]) == (
            attempt,
            f"attempt {attempt}",
            False,
        )
        longest = min(2.0 ** (attempt - 1), 3600.0)
        delay = (row["next_attempt_at"] - row["failed_at"]).total_seconds()
        assert longest / 2 <= delay <= longest


def test_delays_differ(consumer: Connect) -> None:
    connection = consumer()
    rows = [fail(connection, uuid4()) for _ in range(20)]
    assert len({row["next_attempt_at"] - row["failed_at"] for row in rows}) > 15


def test_the_caller_may_ask_for_a_longer_delay(consumer: Connect) -> None:
    connection = consumer()
    row = fail(connection, uuid4(), retry_after=timedelta(minutes=10))
    assert row["next_attempt_at"] - row["failed_at"] == timedelta(minutes=10)
    row = fail(connection, uuid4(), retry_after=timedelta(0))
    assert row["next_attempt_at"] - row["failed_at"] >= timedelta(seconds=0.5)


def test_dead_after_max_attempts(consumer: Connect, pg: AnyConnection) -> None:
    connection = consumer()
    event = uuid4()
    for attempt in (1, 2):
        assert fail(connection, event, max_attempts=3)["attempts"] == attempt
    row = fail(connection, event, "the last", max_attempts=3)
    assert (row["attempts"], row["is_dead"], row["next_attempt_at"]) == (3, True, None)
    assert status(pg) == [(event, "dead", 3)]
    assert fail(connection, uuid4(), max_attempts=1)["is_dead"]


def test_a_message_is_kept(consumer: Connect) -> None:
    connection = consumer()
    event = uuid4()
    fail(connection, event, message=MESSAGE, event_type="deal.created")
    row = fail(connection, event)
    assert row["message"] == json.loads(MESSAGE)
    assert row["event_type"] == "deal.created"


def test_an_error_of_any_length(consumer: Connect) -> None:
    assert len(fail(consumer(), uuid4(), "x" * 100_000)["last_error"]) == 4000


@pytest.mark.parametrize(
    "options",
    [
        {"max_attempts": 0},
        {"max_attempts": None},
        {"retry_after": "-1 second"},
        {"retry_after": "2 years"},
        {"message": "[]"},
        {"consumer": ""},
        {"event_id": None},
    ],
)
def test_bad_arguments(pg: AnyConnection, refused: Refused, options: dict[str, Any]) -> None:
    refused(pg, "LG009", lambda connection: fail(connection, **({"event_id": uuid4()} | options)))


def test_claimed_once_until_the_lease_is_over(consumer: Connect, pg: AnyConnection) -> None:
    first, second = consumer(), consumer()
    events = [uuid4() for _ in range(5)]
    for event in events:
        fail(first, event, message=MESSAGE)
    fail(first, uuid4())  # has no message: only its broker can deliver it again
    assert claim(first) == []
    make_due(pg)
    assert claim(first, max_rows=3) == events[:3]
    assert claim(second) == events[3:]
    assert claim(first) == claim(second) == []
    make_due(pg)
    assert claim(second) == events


def test_who_claims_waits_for_nobody(consumer: Connect, pg: AnyConnection) -> None:
    first, second = consumer(), consumer()
    events = [uuid4() for _ in range(2)]
    for event in events:
        fail(first, event, message=MESSAGE)
    make_due(pg)
    with first.transaction():
        assert accept(first, events[0])
        assert claim(second) == [events[1]]


def test_of_every_tenant_or_one(
    consumer: Connect, connect: Connect, login_role: Callable[..., str], pg: AnyConnection
) -> None:
    acme, globex = uuid4(), uuid4()
    fail(pg, acme, message=MESSAGE)
    fail(pg, globex, message=MESSAGE, tenant_id="globex")
    make_due(pg)
    assert claim(consumer()) == [acme]
    make_due(pg)
    every = connect(user=login_role("every", {"*": ["consume"]}))
    assert set(claim(every)) == {acme, globex}
    make_due(pg)
    assert claim(every, tenant_id="globex") == [globex]


def test_claims_are_bounded(consumer: Connect, refused: Refused) -> None:
    connection = consumer()
    for options in ({"max_rows": 0}, {"max_rows": None}, {"lease": "0"}, {"lease": None}):
        refused(connection, "LG009", lambda c, given=options: claim(c, **given))
    refused(connection, "LG005", lambda c: claim(c, tenant_id="globex"))


def test_requeued_messages_begin_anew(
    consumer: Connect, operator: AnyConnection, pg: AnyConnection
) -> None:
    connection = consumer()
    dead, other, waiting = uuid4(), uuid4(), uuid4()
    for event in (dead, other):
        fail(connection, event, message=MESSAGE, max_attempts=1)
    fail(connection, waiting, message=MESSAGE)
    requeue = "select ledger.requeue_failures('billing', %s, tenant_id => 'acme')"
    assert operator.execute(requeue, [dead]).fetchone() == (1,)
    assert status(pg) == [(dead, "due", 0), (other, "dead", 1), (waiting, "waiting", 1)]
    assert operator.execute(requeue, [None]).fetchone() == (1,)
    assert operator.execute(requeue, [None]).fetchone() == (0,)
    assert operator.execute(requeue, [waiting]).fetchone() == (1,)
    assert set(claim(connection)) == {dead, other, waiting}


def test_a_discarded_message_counts_as_processed(
    consumer: Connect, operator: AnyConnection, pg: AnyConnection, refused: Refused
) -> None:
    connection = consumer()
    event = uuid4()
    fail(connection, event, message=MESSAGE)
    discard = "select ledger.discard_failure('billing', %s, %s, tenant_id => 'acme')"
    refused(operator, "LG009", discard, [event, " "])
    operator.execute(discard, [event, "ticket 7"])
    refused(operator, "LG009", discard, [event, "ticket 7"])
    requeue = "select ledger.requeue_failures('billing', %s, tenant_id => 'acme')"
    refused(operator, "LG009", requeue, [event])

    assert not accept(connection, event)
    fail(connection, event)
    assert claim(connection) == []
    assert status(pg) == [(event, "discarded", 1)]
    (kept,) = pg.execute(
        "select discarded_by = %s, discard_reason, discarded_at <= now() from ledger.inbox_status",
        [operator.info.user],
    ).fetchall()
    assert kept == (True, "ticket 7", True)
    assert inbox(pg) == {event}


def test_operators_decide_without_reading(
    consumer: Connect, operator: AnyConnection, refused: Refused
) -> None:
    connection = consumer()
    fail(connection, uuid4(), message=MESSAGE)
    assert [row[1] for row in status(operator)] == ["waiting"]
    refused(operator, "42501", "select message from ledger.inbox_failures")
    refused(connection, "42501", "select ledger.requeue_failures('billing')")
    refused(connection, "42501", "select ledger.discard_failure('billing', gen_random_uuid(), 'x')")


def test_everybody_sees_their_own_failures(
    consumer: Connect, connect: Connect, login_role: Callable[..., str], pg: AnyConnection
) -> None:
    acme, globex = uuid4(), uuid4()
    fail(pg, acme)
    fail(pg, globex, tenant_id="globex")
    assert [row[0] for row in status(consumer())] == [acme]
    auditor = connect(user=login_role("auditor", {"globex": ["audit"]}))
    assert [row[0] for row in status(auditor)] == [globex]
    assert len(status(pg)) == 2


def findings(connection: AnyConnection) -> list[tuple[str, str, str, str]]:
    query = """
        select severity, kind, object, detail from ledger.doctor() where object like 'consumer%'
    """
    return connection.execute(query).fetchall()


def test_doctor_reports_dead_messages(
    consumer: Connect, operator: AnyConnection, pg: AnyConnection
) -> None:
    connection = consumer()
    assert findings(pg) == []
    event = uuid4()
    fail(connection, event, "no such account", max_attempts=1)
    ((severity, kind, about, detail),) = findings(operator)
    assert (severity, kind, about) == (
        "warning",
        "dead in inbox",
        "consumer billing of tenant acme",
    )
    assert detail.endswith("no such account")
    operator.execute("select ledger.discard_failure('billing', %s, 'x', 'acme')", [event])
    assert findings(pg) == []


def test_doctor_reports_what_nobody_tries_again(consumer: Connect, pg: AnyConnection) -> None:
    fail(consumer(), uuid4(), message=MESSAGE)
    assert findings(pg) == []
    pg.execute("update ledger.inbox_failures set next_attempt_at = now() - interval '2 hours'")
    assert [row[:3] for row in findings(pg)] == [
        ("warning", "retries overdue", "consumer billing of tenant acme")
    ]


def test_times_are_the_servers(consumer: Connect) -> None:
    row = fail(consumer(), uuid4())
    assert abs(row["failed_at"] - datetime.now(UTC)) < timedelta(minutes=1)
