"""The views add up to the events, and show to each what is theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from log.consistency import rows
from stats.counting import count_events, emit_days, emit_many

AnyConnection = psycopg.Connection[Any]

VIEWS = {
    "events_per_hour": "date_trunc('hour', created_at, 'UTC')",
    "events_per_day": "(created_at at time zone 'UTC')::date",
    "events_per_type": "event_type",
    "events_per_outcome": "outcome",
    "events_per_actor": "actor_type || ':' || actor_id",
}
KEYS = {
    "events_per_hour": "hour",
    "events_per_day": "day",
    "events_per_type": "event_type",
    "events_per_outcome": "outcome",
    "events_per_actor": "actor_type || ':' || actor_id",
}
ALL = [*VIEWS, "events_per_tenant", "event_counts", "count_cursors", "counts"]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("batch", [1, 50, 1000])
def test_views_equal_the_events(ledger: AnyConnection, view: str, batch: int) -> None:
    emit_days(ledger)
    emit_days(ledger, "other")
    count_events(ledger, max_events=batch)
    shown = f"select tenant_id, {KEYS[view]}, events from ledger.{view} order by 1, 2"
    right = f"select tenant_id, {VIEWS[view]}, count(*) from ledger.log group by 1, 2 order by 1, 2"
    assert ledger.execute(shown).fetchall() == ledger.execute(right).fetchall()


def test_failures_and_shares(ledger: AnyConnection) -> None:
    emit_days(ledger)
    failures = "select count(*) from ledger.log where outcome = 'failure'"
    for view in ("events_per_day", "events_per_hour"):
        shown = f"select sum(failures)::bigint from ledger.{view}"
        assert ledger.execute(shown).fetchall() == ledger.execute(failures).fetchall()
    for view in ("events_per_type", "events_per_outcome", "events_per_actor"):
        query = f"select round(sum(share), 9) from ledger.{view} group by tenant_id"
        assert {share for (share,) in ledger.execute(query).fetchall()} == {1}


def test_tenants(ledger: AnyConnection) -> None:
    emit_many(ledger, 30)
    count_events(ledger, max_events=25)
    emit_many(ledger, 10, "other")
    acme, other = rows(ledger, "select * from ledger.events_per_tenant order by tenant_id")
    assert (acme["events"], acme["share"], acme["uncounted"]) == (30, 0.75, 5)
    assert (other["events"], other["counted_through"], other["counted_at"]) == (10, -1, None)


@pytest.mark.parametrize("privilege", ["read", "audit", "operate"])
@pytest.mark.parametrize("view", ALL)
def test_each_sees_their_own(
    ledger: AnyConnection, login: Callable[..., AnyConnection], view: str, privilege: str
) -> None:
    for tenant_id in ("acme", "other"):
        emit_many(ledger, 3, tenant_id, actor_type="user", actor_id="u")
    count_events(ledger)
    for tenant_id in ("acme", "other"):
        emit_many(ledger, 2, tenant_id, actor_type="user", actor_id="u")
    seen = f"select distinct tenant_id from ledger.{view} order by 1"
    assert login(acme=[privilege]).execute(seen).fetchall() == [("acme",)]
    assert login(every=[privilege]).execute(seen).fetchall() == [("acme",), ("other",)]
    if view.startswith("events_per"):
        total = f"select sum(events)::int from ledger.{view} where tenant_id = 'acme'"
        assert login(acme=[privilege]).execute(total).fetchall() == [(5,)]


def test_nobody_writes_counts(
    ledger: AnyConnection, login: Callable[..., AnyConnection], refused: Callable[..., Any]
) -> None:
    emit_many(ledger, 1)
    count_events(ledger)
    operator = login(every=["operate", "read", "audit"])
    for table in ("event_counts", "count_cursors"):
        refused(operator, "42501", f"delete from ledger.{table}")
    ledger.execute("set role ledger_owner")
    assert ledger.execute("delete from ledger.event_counts").rowcount == 0
