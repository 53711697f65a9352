"""trace: what led to what, depth first."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]


def emit(pg: AnyConnection, correlation_id: UUID, cause: UUID | None = None) -> UUID:
    row = pg.execute(
        "select id from ledger.emit_event('run.paused', correlation_id => %s, causation_id => %s)",
        [correlation_id, cause],
    ).fetchone()
    assert row is not None
    return UUID(str(row[0]))


def trace(pg: AnyConnection, correlation_id: UUID) -> list[tuple[int, UUID]]:
    return pg.execute("select depth, id from ledger.trace(%s)", [correlation_id]).fetchall()


def depth_first(children: dict[UUID | None, list[UUID]], roots: list[UUID]) -> list[Any]:
    expected: list[Any] = []
    stack = [(0, root) for root in reversed(roots)]
    while stack:
        depth, event = stack.pop()
        expected.append((depth, event))
        stack += [(depth + 1, child) for child in reversed(children.get(event, []))]
    return expected


def test_random_trees(pg: AnyConnection) -> None:
    for _ in range(10):
        correlation_id = uuid4()
        events: list[UUID] = []
        children: dict[UUID | None, list[UUID]] = {}
        for _ in range(random.choice([1, 2, 40])):
            cause = random.choice([None, *events[-5:]])
            event = emit(pg, correlation_id, cause)
            events.append(event)
            children.setdefault(cause, []).append(event)
        assert trace(pg, correlation_id) == depth_first(children, children[None])


def test_cause_in_another_correlation_makes_a_root(pg: AnyConnection) -> None:
    outside = emit(pg, uuid4())
    correlation_id = uuid4()
    unrelated = emit(pg, correlation_id)
    effect = emit(pg, correlation_id, outside)
    last = emit(pg, correlation_id, effect)
    assert trace(pg, correlation_id) == [(0, unrelated), (0, effect), (1, last)]


def test_nothing_there(pg: AnyConnection) -> None:
    assert trace(pg, uuid4()) == []


def test_columns_are_those_of_the_view(pg: AnyConnection) -> None:
    view = pg.execute("select * from ledger.events limit 0").description or []
    function = pg.execute("select * from ledger.trace(gen_random_uuid())").description or []
    assert [c.name for c in function] == ["depth"] + [c.name for c in view]
    assert [c.type_code for c in function][1:] == [c.type_code for c in view]


@pytest.fixture
def insert(pg: AnyConnection) -> Callable[..., UUID]:
    """Many events of one correlation at once; an expression over n says which is the cause."""

    def insert_events(count: int, cause: str) -> UUID:
        correlation_id = uuid4()
        pg.execute("set role ledger_append")
        pg.execute(
            f"""
            insert into ledger.agent_events (
              tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
              schema_version, payload, hash
            )
            select
              'default', e.ids[n], now() + n * interval '1 us', e.nil, e.nil, %(correlation_id)s,
              e.ids[{cause}], 'run.paused', 1, '{{}}', ''
            from (
              select '00000000-0000-0000-0000-000000000000'::uuid as nil, array_agg(
                ledger.event_id(now() + n * interval '1 us', gen_random_uuid()) order by n
              ) as ids
              from generate_series(1, %(count)s) as n
            ) as e, generate_series(1, %(count)s) as n
            """,
            {"correlation_id": correlation_id, "count": count},
        )
        pg.execute("reset role")
        return correlation_id

    return insert_events


def test_chain_of_twenty_thousand(pg: AnyConnection, insert: Callable[..., UUID]) -> None:
    found = trace(pg, insert(20_000, "n - 1"))
    assert [depth for depth, _ in found] == list(range(20_000))


def test_star_of_twenty_thousand(pg: AnyConnection, insert: Callable[..., UUID]) -> None:
    found = trace(pg, insert(20_000, "case when n > 1 then 1 end"))
    assert [depth for depth, _ in found] == [0] + [1] * 19_999
    assert [event for _, event in found] == sorted(event for _, event in found)


def test_forged_circle_is_shown_all_the_same(
    pg: AnyConnection, insert: Callable[..., UUID]
) -> None:
    circle = insert(4, "case when n < 3 then 3 - n when n = 4 then 3 end")
    found = trace(pg, circle)
    assert sorted(depth for depth, _ in found) == [0, 0, 0, 1]
    only_circle = insert(3, "1 + n %% 3")
    assert len({event for _, event in trace(pg, only_circle)}) == 3


def test_tenant_not_permitted(
    connect: Callable[..., AnyConnection], login_role: Callable[..., str]
) -> None:
    reader = connect(user=login_role("reader", {"acme": ["read"]}))
    assert reader.execute("select from ledger.trace(%s, 'acme')", [uuid4()]).fetchall() == []
    with pytest.raises(psycopg.Error) as caught:
        reader.execute("select from ledger.trace(%s, 'other')", [uuid4()])
    assert caught.value.sqlstate == "LG005"
