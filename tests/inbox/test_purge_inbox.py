"""What was processed long ago is forgotten, in batches, while consumers go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import psycopg
import pytest
from inbox.consuming import AnyConnection, accept, fail, inbox, processed_ago, status
from maintain.steps import plan, set_retention, steps

Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

PURGE = "select ledger.purge_inbox(%s::interval, %s)"


def purge(connection: AnyConnection, older_than: str | None, max_rows: int = 10_000) -> int:
    row = connection.execute(PURGE, [older_than, max_rows]).fetchone()
    assert row is not None
    return int(row[0])


def test_the_oldest_first_in_batches(pg: AnyConnection, operator: AnyConnection) -> None:
    new = processed_ago(pg, "1 day", 5)
    oldest = processed_ago(pg, "40 days", 10)
    old = processed_ago(pg, "31 days", 10)
    assert purge(operator, "30 days", 10) == 10
    assert inbox(pg) == {*new, *old}
    assert not inbox(pg) & set(oldest)
    assert purge(operator, "30 days", 100) == 10
    assert purge(operator, "30 days", 100) == 0
    assert inbox(pg) == set(new)


def test_a_late_duplicate_is_processed_again(
    pg: AnyConnection, operator: AnyConnection, consumer: Connect
) -> None:
    """As it says: keep the inbox for longer than anything is delivered again."""
    (event,) = processed_ago(pg, "31 days")
    connection = consumer()
    assert not accept(connection, event)
    purge(operator, "30 days")
    assert accept(connection, event)


def test_failures_stay_until_they_are_decided(
    pg: AnyConnection, operator: AnyConnection, consumer: Connect
) -> None:
    connection = consumer()
    dead, discarded = uuid4(), uuid4()
    fail(connection, dead, max_attempts=1)
    fail(connection, discarded)
    operator.execute("select ledger.discard_failure('billing', %s, 'x', 'acme')", [discarded])
    pg.execute("update ledger.inbox set processed_at = now() - interval '31 days'")
    pg.execute("update ledger.inbox_failures set failed_at = now() - interval '31 days'")
    pg.execute(
        "update ledger.inbox_failures set discarded_at = now() - interval '31 days'"
        " where discarded_at is not null"
    )
    purge(operator, "30 days")
    assert status(pg) == [(dead, "dead", 1)]


def test_without_a_policy_nothing_is_purged(pg: AnyConnection, operator: AnyConnection) -> None:
    events = processed_ago(pg, "10 years", 3)
    assert purge(operator, None) == 0
    assert ("purge inbox", None) not in plan(pg)
    assert inbox(pg) == set(events)


def test_maintain_purges_by_the_policy(pg: AnyConnection, operator: AnyConnection) -> None:
    new = processed_ago(pg, "1 day", 3)
    processed_ago(pg, "31 days", 50_001)
    set_retention(pg, inbox_for="30 days")
    assert plan(pg)[-1] == ("purge inbox", None)
    operator.execute("call ledger.maintain()")
    assert inbox(pg) == set(new)
    (step,) = [step for step in steps(pg) if step["step"] == "purge inbox"]
    assert (step["error"], step["attempts"]) == (None, 1)
    assert ("purge inbox", None) not in plan(pg)


def test_a_row_that_somebody_holds_is_passed_over(pg: AnyConnection, connect: Connect) -> None:
    events = processed_ago(pg, "31 days", 10)
    set_retention(pg, inbox_for="30 days")
    holder = connect(autocommit=False)
    holder.execute("select from ledger.inbox where event_id = %s for update", [events[3]])
    pg.execute("call ledger.maintain()")
    assert inbox(pg) == {events[3]}


def test_a_step_is_a_batch(pg: AnyConnection, operator: AnyConnection) -> None:
    """It says whether more is left; maintain() takes each in a transaction of its own."""
    processed_ago(pg, "31 days", 45_000)
    set_retention(pg, inbox_for="30 days")
    step = "select ledger.maintenance_step('purge inbox')"
    left = []
    while operator.execute(step).fetchone() == (True,):
        left.append(len(inbox(pg)))
    assert left == [25_000, 5_000]
    assert inbox(pg) == set()


@pytest.mark.parametrize("inbox_for", ["59 minutes", "-1 day"])
def test_too_short_a_memory_is_refused(pg: AnyConnection, refused: Refused, inbox_for: str) -> None:
    refused(pg, "LG009", "select ledger.set_retention(inbox_for => %s::interval)", [inbox_for])
    refused(pg, "LG009", PURGE, [inbox_for, 10])


def test_who_may_purge(consumer: Connect, refused: Refused, pg: AnyConnection) -> None:
    refused(consumer(), "42501", PURGE, ["30 days", 10])
    for max_rows in (0, 100_001, None):
        refused(pg, "LG009", PURGE, ["30 days", max_rows])


def test_purging_while_consuming(pg: AnyConnection, consumer: Connect, connect: Connect) -> None:
    """Four consumers, two purges at once: every new event once, every old one gone."""
    processed_ago(pg, "31 days", 20_000)
    over = threading.Event()

    def consume() -> list[UUID]:
        connection = consumer()
        accepted: list[UUID] = []
        while not over.is_set() or len(accepted) < 50:
            event = uuid4()
            assert accept(connection, event)
            assert not accept(connection, event)
            accepted.append(event)
        return accepted

    def keep_purging() -> int:
        connection = connect()
        total = 0
        while count := purge(connection, "30 days", 500):
            total += count
        return total

    with ThreadPoolExecutor(6) as threads:
        consuming = [threads.submit(consume) for _ in range(4)]
        try:
            purged = [threads.submit(keep_purging) for _ in range(2)]
            assert sum(work.result() for work in purged) == 20_000
        finally:
            over.set()
        accepted = {event for work in consuming for event in work.result()}
    assert inbox(pg) == accepted


def test_purging_reads_the_index(pg: AnyConnection) -> None:
    """It looks at what it deletes, not at what stays."""
    processed_ago(pg, "1 day", 5_000)
    processed_ago(pg, "31 days", 10)
    pg.execute("analyze ledger.inbox")
    with pg.transaction(force_rollback=True):
        pg.execute("set local enable_seqscan = off")
        plan_rows = pg.execute(
            "explain select ctid from ledger.inbox where processed_at < now() - interval '30 days'"
            " order by processed_at limit 100"
        ).fetchall()
    assert "inbox_processed_at" in "".join(row[0] for row in plan_rows)
