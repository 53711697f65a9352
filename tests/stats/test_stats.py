"""A tenant at a glance: the numbers are right, whatever is counted already, and for any time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from log.consistency import Row, rows
from stats.counting import count_events, emit_days, emit_many

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]

DAYS = datetime(2021, 5, 10, tzinfo=UTC)


def stats(connection: AnyConnection, *arguments: Any) -> Row:
    placeholders = ", ".join(["%s"] * len(arguments))
    (row,) = rows(connection, f"select * from ledger.stats({placeholders})", *arguments)
    return row


def by(found: list[dict[str, Any]]) -> dict[str, int]:
    return {entry["value"]: entry["events"] for entry in found}


def counted(connection: AnyConnection, column: str, *between: datetime | None) -> dict[str, int]:
    """Events of acme by a column, from the events themselves."""
    query = f"""
        select {column}, count(*) from ledger.log
        where tenant_id = 'acme'
          and created_at >= coalesce(%s::timestamptz, '-infinity')
          and created_at < coalesce(%s::timestamptz, 'infinity')
        group by 1
    """
    return dict(connection.execute(query, between).fetchall())


ACTOR = "case when actor_id is null then '' else actor_type || ':' || actor_id end"


def test_an_empty_tenant(ledger: AnyConnection) -> None:
    found = stats(ledger, "acme")
    numbers = ("events", "sealed", "unsealed", "counted", "uncounted", "runs", "snapshots", "dead")
    assert {found[name] for name in numbers} == {0}
    assert (found["counted_through"], found["by_type"]) == (-1, [])
    assert (found["first_event_at"], found["replay_ms"]) == (None, None)


def test_totals(ledger: AnyConnection) -> None:
    emit_days(ledger)
    count_events(ledger, tenant_id="acme", max_events=30)
    ledger.execute("select ledger.emit_event('test.happened', tenant_id => 'acme')")
    found = stats(ledger, "acme")
    assert (found["events"], found["sealed"], found["unsealed"]) == (47, 46, 1)
    assert 0 < found["seal_lag_seconds"] < 60
    assert timedelta() < found["first_event_at"] - DAYS < timedelta(seconds=1)
    assert found["last_event_at"] > DAYS + timedelta(days=2)
    assert (found["counted"], found["uncounted"], found["counted_through"]) == (46, 0, 45)
    assert found["runs"] == counted(ledger, "event_type", None, None)["run.started"]
    assert found["events_today"] == 0
    ledger.execute("select ledger.seal('acme')")
    with ledger.transaction():  # one now(): midnight may have passed
        found = stats(ledger, "acme")
        (midnight,) = ledger.execute("select date_trunc('day', now(), 'UTC')").fetchone() or (None,)
    assert (found["unsealed"], found["seal_lag_seconds"]) == (0, 0)
    assert found["events_today"] == counted(ledger, "tenant_id", midnight, None).get("acme", 0)


@pytest.mark.parametrize("counted_first", [0, 20, 1000])
def test_rankings(ledger: AnyConnection, counted_first: int) -> None:
    emit_days(ledger)
    emit_days(ledger, "other")
    if counted_first:
        count_events(ledger, tenant_id="acme", max_events=counted_first)
    found = stats(ledger, "acme")
    assert by(found["by_type"]) == counted(ledger, "event_type", None, None)
    assert by(found["by_outcome"]) == counted(ledger, "coalesce(outcome, '')", None, None)
    assert by(found["by_actor"]) == counted(ledger, ACTOR, None, None)
    for ranking in ("by_type", "by_outcome", "by_actor"):
        assert sum(entry["share"] for entry in found[ranking]) == pytest.approx(1, abs=0.001)
        events = [entry["events"] for entry in found[ranking]]
        assert events == sorted(events, reverse=True)


def test_the_20_most_frequent_of_many(ledger: AnyConnection) -> None:
    """Also where the newest, uncounted events turn the order round."""
    order, total = random.Random(1), Counter[str]()
    for is_counted in (True, False):
        for actor in order.sample(range(60), 40):
            count = order.randrange(1, 40)
            emit_many(ledger, count, actor_type="user", actor_id=str(actor))
            total[f"user:{actor}"] += count
        if is_counted:
            count_events(ledger)
    found = by(stats(ledger, "acme")["by_actor"])
    assert list(found.values()) == [events for _, events in total.most_common(20)]
    assert found.items() <= total.items()


def test_any_time(ledger: AnyConnection) -> None:
    """Hours before and after whole days; open ends; a time within a day, and within an hour."""
    emit_days(ledger)
    count_events(ledger, max_events=33)
    order = random.Random(2)
    hours = [DAYS + timedelta(hours=order.randrange(-30, 80)) for _ in range(60)]
    times: list[tuple[datetime | None, datetime | None]] = [
        *zip(hours[::2], hours[1::2], strict=True),
        (None, hours[0]),
        (hours[1], None),
        (DAYS + timedelta(hours=1), DAYS + timedelta(hours=2)),
        (DAYS, DAYS + timedelta(days=2)),
    ]
    for start, end in times:
        found = stats(ledger, "acme", start, end)
        assert by(found["by_type"]) == counted(ledger, "event_type", start, end), (start, end)
        assert found["counted"] == sum(by(found["by_outcome"]).values())


def test_times_are_rounded_to_the_hour_and_for_actors_to_the_day(ledger: AnyConnection) -> None:
    emit_days(ledger)
    start, end = DAYS + timedelta(minutes=30), DAYS + timedelta(hours=23, minutes=1)
    found = stats(ledger, "acme", start, end, True)
    day = (DAYS, DAYS + timedelta(days=1))
    assert by(found["by_type"]) == counted(ledger, "event_type", *day)
    assert by(found["by_actor"]) == counted(ledger, ACTOR, *day)
    assert (found["from_time"], found["to_time"]) == (start, end)
    assert stats(ledger, "acme", start, end)["by_actor"] is None


def test_a_long_tail_is_reported_and_not_counted(ledger: AnyConnection) -> None:
    emit_many(ledger, 10)
    count_events(ledger)
    emit_many(ledger, 2_001)
    found = stats(ledger, "acme")
    assert (found["events"], found["counted"], found["uncounted"]) == (2_011, 10, 2_001)
    count_events(ledger)
    found = stats(ledger, "acme")
    assert (found["counted"], found["uncounted"]) == (2_011, 0)


def test_outbox(ledger: AnyConnection) -> None:
    for _ in range(3):
        ledger.execute("select ledger.emit_event('test.happened', tenant_id => 'acme')")
    claim = "select token from ledger.claim_outbox('nowhere', tenant_id => 'acme')"
    (token,) = ledger.execute(claim).fetchone() or (None,)
    fail = """
        select ledger.fail_outbox(
          'nowhere', %s, 1, 'no', is_permanent => true, tenant_id => 'acme'
        )
    """
    ledger.execute(fail, [token])
    found = stats(ledger, "acme")
    assert (found["outbox_lag_messages"], found["dead"], found["parked"]) == (3, 1, 0)
    assert found["outbox_lag_seconds"] > 0


def test_the_current_tenant_is_the_default(ledger: AnyConnection) -> None:
    assert stats(ledger)["tenant_id"] == "default"
    ledger.execute("set ledger.tenant_id = 'acme'")
    assert stats(ledger)["tenant_id"] == "acme"


def test_who_may_look(
    ledger: AnyConnection, login: Callable[..., AnyConnection], refused: Refused
) -> None:
    emit_many(ledger, 3)
    emit_many(ledger, 5, "other")
    for privilege in ("read", "audit", "operate"):
        one = login(acme=[privilege])
        assert stats(one, "acme")["counted"] == 3
        assert stats(one, "acme")["storage"] is None
        refused(one, "LG005", "select ledger.stats('other')")
    everything = stats(login(every=["operate"]), "other")
    assert everything["counted"] == 5
    assert everything["storage"]["hot"]["partitions"] > 0
    refused(login(every=["write", "relay", "consume"]), "42501", "select ledger.stats('acme')")
