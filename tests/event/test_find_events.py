"""find_events: any combination of filters, in order, page by page."""

from __future__ import annotations

import random
from collections.abc import Callable
from hashlib import md5
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

AnyConnection = psycopg.Connection[Any]
Row = dict[str, Any]


def uuid_of(text: str) -> UUID:
    return UUID(md5(text.encode(), usedforsecurity=False).hexdigest())


def find(pg: AnyConnection, **filters: Any) -> list[Row]:
    named = ", ".join(f"{name} => %({name})s" for name in filters)
    with pg.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(f"select * from ledger.find_events({named})", filters).fetchall()


def every_event(pg: AnyConnection) -> list[Row]:
    """What is there, newest first."""
    with pg.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "select * from ledger.events order by created_at desc, id desc"
        ).fetchall()


FILTERS: dict[str, tuple[list[Any], Callable[[Row, Any], bool]]] = {
    "aggregate_type": (["deal", "none"], lambda e, v: e["aggregate_type"] == v),
    "aggregate_id": (["0", "1"], lambda e, v: e["aggregate_id"] == v),
    "event_types": (
        [["deal.created"], ["deal.created", "run.paused"], []],
        lambda e, v: e["event_type"] in v,
    ),
    "action_prefix": (
        ["deal", "deal.", "deal.c", "a_b", "a%", "x", ""],
        lambda e, v: e["event_type"].startswith(v),
    ),
    "actor_type": (["user", "agent"], lambda e, v: e["actor_type"] == v),
    "actor_id": (["ada", "bob"], lambda e, v: e["actor_id"] == v),
    "outcome": (["success", "failure"], lambda e, v: e["outcome"] == v),
    "correlation_id": (
        [uuid_of("deal1"), uuid_of("deal2"), UUID(int=7)],
        lambda e, v: e["correlation_id"] == v,
    ),
    "run_id": ([uuid_of("run1"), UUID(int=0)], lambda e, v: e["run_id"] == v),
    "trace_id": ([uuid_of("trace5"), UUID(int=7)], lambda e, v: e["trace_id"] == v),
    "deal_id": ([uuid_of("deal1"), uuid_of("deal2")], lambda e, v: e["deal_id"] == v),
}


def test_each_filter_alone(history: AnyConnection) -> None:
    everything = [e for e in every_event(history) if e["tenant_id"] == "acme"]
    for name, (values, holds) in FILTERS.items():
        for value in values:
            found = find(history, tenant_id="acme", page_size=10_000, **{name: value})
            assert found == [e for e in everything if holds(e, value)], (name, value)


def test_combinations_times_orders_and_pages(history: AnyConnection) -> None:
    """Random combinations of everything, against a filter in Python."""
    everything = every_event(history)
    times = sorted({e["created_at"] for e in everything})
    for _ in range(150):
        tenant_id = random.choice(["acme", "other"])
        names = random.sample(sorted(FILTERS), random.choice([0, 1, 1, 2, 2, 3]))
        filters: Row = {name: random.choice(FILTERS[name][0]) for name in names}
        expected = [
            e
            for e in everything
            if e["tenant_id"] == tenant_id
            and all(FILTERS[name][1](e, value) for name, value in filters.items())
        ]
        if random.random() < 0.5:
            filters["from_time"], filters["to_time"] = sorted(random.sample(times, 2))
            expected = [
                e for e in expected if filters["from_time"] <= e["created_at"] < filters["to_time"]
            ]
        filters |= {"tenant_id": tenant_id, "page_size": random.choice([7, 100])}
        if not (newest_first := random.random() < 0.5):
            expected.reverse()
            filters["newest_first"] = newest_first
        assert read_pages(history, filters) == [e["id"] for e in expected], filters


def read_pages(pg: AnyConnection, filters: Row) -> list[UUID]:
    ids: list[UUID] = []
    while True:
        page = find(pg, **filters, **({"after_id": ids[-1]} if ids else {}))
        assert len(page) <= filters["page_size"]
        ids += [e["id"] for e in page]
        if len(page) < filters["page_size"]:
            return ids


def test_spans_hot_and_archive(history: AnyConnection) -> None:
    tiers = {e["tier"] for e in find(history, tenant_id="acme", page_size=10_000)}
    assert tiers == {"hot", "archive"}


def test_default_is_the_newest_hundred_of_the_context_tenant(history: AnyConnection) -> None:
    history.execute("select set_config('ledger.tenant_id', 'acme', false)")
    found = find(history)
    assert len(found) == 100
    assert found == [e for e in every_event(history) if e["tenant_id"] == "acme"][:100]


def test_after_an_id_that_is_not_in_the_stream(history: AnyConnection) -> None:
    """A page may begin anywhere: the id stands for its time."""
    everything = [e for e in every_event(history) if e["tenant_id"] == "acme"]
    after = next(e for e in everything[50:] if e["aggregate_id"] is None)
    found = find(
        history,
        tenant_id="acme",
        aggregate_type="deal",
        aggregate_id="1",
        after_id=after["id"],
        page_size=10_000,
    )
    rest = everything[everything.index(after) + 1 :]
    assert found == [e for e in rest if e["aggregate_id"] == "1"]


@pytest.mark.parametrize("page_size", [0, -1, 10_001, None])
def test_page_size_has_limits(pg: AnyConnection, page_size: int | None) -> None:
    with pytest.raises(psycopg.Error, match="page_size") as caught:
        find(pg, page_size=page_size)
    assert caught.value.sqlstate == "LG009"


def test_after_id_must_be_an_event_id(pg: AnyConnection) -> None:
    with pytest.raises(psycopg.Error, match="is no event id") as caught:
        find(pg, after_id=uuid4())
    assert caught.value.sqlstate == "LG009"


def test_text_is_never_sql(history: AnyConnection) -> None:
    for text in ("'; drop table ledger.tenants; --", "$1", "%", "\\", "é", "~"):
        for name in ("aggregate_type", "aggregate_id", "action_prefix", "actor_type", "actor_id"):
            assert find(history, tenant_id="acme", **{name: text}) == []
        assert find(history, tenant_id="acme", event_types=[text, text]) == []


@pytest.mark.usefixtures("history")
def test_reader_reads_its_tenants_only(
    connect: Callable[..., AnyConnection], login_role: Callable[..., str]
) -> None:
    reader = connect(user=login_role("reader", {"acme": ["read"]}))
    assert len(find(reader, tenant_id="acme", page_size=10_000)) == 480
    with pytest.raises(psycopg.Error) as caught:
        find(reader, tenant_id="other")
    assert caught.value.sqlstate == "LG005"


def test_times_prune_partitions(history: AnyConnection, scanned: Callable[..., list[str]]) -> None:
    """What the times rule out is not looked into."""
    found = scanned(
        """
        select ledger.find_events(
          'acme', from_time => now() - interval '1 minute', to_time => now() + interval '1 minute'
        )
        """
    )
    current = history.execute(
        """
        select partition_name::text from ledger.partitions
        where parent_name = 'agent_events' and from_time <= now() and now() < to_time
        """
    ).fetchall()
    assert [(name,) for name in found] == current


def test_pages_prune_partitions(history: AnyConnection, scanned: Callable[..., list[str]]) -> None:
    oldest = every_event(history)[-2]
    found = scanned("select ledger.find_events('acme', after_id => %s)", [oldest["id"]])
    assert max(found) == f"agent_events_p{oldest['created_at']:%Y%m}01"
