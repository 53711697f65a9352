"""state_of, and the cache of past states: never old, never somebody else's, bounded."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from agent_events import AggregateState, AsyncLedger, Ledger, Receipt, StateCache, errors

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
DEAL = ("deal", "42")


@pytest.fixture
def cache() -> StateCache:
    return StateCache()


@pytest.fixture
def deal(pg: AnyConnection) -> list[Receipt]:
    """Three events of deal/42 of the tenant default."""
    pg.execute("select ledger.set_tenant_policy('default', 'open')")
    pg.execute("select ledger.set_tenant_policy('acme', 'open')")
    return [emit(pg, n) for n in (1, 2, 3)]


@pytest.fixture
def ledger(deal: list[Receipt], pg: AnyConnection, cache: StateCache) -> Ledger:  # noqa: ARG001
    return Ledger(pg, state_cache=cache)


def emit(connection: AnyConnection, n: int, tenant_id: str = "default") -> Receipt:
    return Ledger(connection).emit_event(
        "test.counted",
        {"n": n, f"had_{n}": True},
        aggregate_type=DEAL[0],
        aggregate_id=DEAL[1],
        tenant_id=tenant_id,
    )


def n_of(state: AggregateState | None) -> int | None:
    return None if state is None else int(state.state["n"])


def test_state_now_and_at_a_moment(pg: AnyConnection, deal: list[Receipt]) -> None:
    ledger = Ledger(pg)
    now = ledger.state_of(*DEAL)
    assert now is not None
    assert now.state == {"n": 3, "had_1": True, "had_2": True, "had_3": True}
    assert (now.sequence, now.event_id, now.hash) == (3, deal[2].id, deal[2].hash)
    assert n_of(ledger.state_of(*DEAL, at_sequence=2)) == 2
    assert n_of(ledger.state_of(*DEAL, at_time=deal[0].created_at)) == 1
    before = deal[0].created_at - timedelta(microseconds=1)
    assert ledger.state_of(*DEAL, at_time=before) is None
    assert ledger.state_of("deal", "none") is None


def test_past_moments_are_computed_once(
    ledger: Ledger, cache: StateCache, deal: list[Receipt]
) -> None:
    moments: list[dict[str, Any]] = [
        {"at_sequence": 1},
        {"at_time": deal[1].created_at},
        {"at_time": deal[2].created_at - timedelta(microseconds=1)},
    ]
    for moment in moments:
        assert ledger.state_of(*DEAL, **moment) == ledger.state_of(*DEAL, **moment)
    assert (cache.hits, cache.misses, cache.hit_rate) == (3, 3, 0.5)
    cache.clear()
    ledger.state_of(*DEAL, at_sequence=1)
    assert (cache.hits, cache.misses, len(cache)) == (3, 4, 1)


def test_now_is_always_computed(ledger: Ledger, cache: StateCache, pg: AnyConnection) -> None:
    for n in (4, 5):
        emit(pg, n)
        assert n_of(ledger.state_of(*DEAL)) == n
    assert (cache.hits, cache.misses, len(cache)) == (0, 0, 0)


def test_time_that_has_not_come_is_not_old(
    ledger: Ledger, cache: StateCache, pg: AnyConnection
) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    for n in (4, 5):
        emit(pg, n)
        assert [n_of(ledger.state_of(*DEAL, at_time=tomorrow)) for _ in range(2)] == [n, n]
        assert n_of(ledger.state_of(*DEAL, at_sequence=n + 1)) == n
    assert cache.hits == 2


def test_event_that_commits_late_is_not_missed(ledger: Ledger, connect: Connect) -> None:
    """It was emitted before the moment, and committed after the moment was asked for."""
    late = connect(autocommit=False)
    at_time = emit(late, 4).created_at + timedelta(microseconds=1)
    assert n_of(ledger.state_of(*DEAL, at_time=at_time)) == 3
    late.commit()
    assert n_of(ledger.state_of(*DEAL, at_time=at_time)) == 4


def test_what_may_roll_back_is_not_kept(
    deal: list[Receipt], cache: StateCache, connect: Connect
) -> None:
    own = connect(autocommit=False)
    ledger = Ledger(own, state_cache=cache)
    for n in (40, 41):
        at_time = emit(own, n).created_at
        assert n_of(ledger.state_of(*DEAL, at_sequence=4)) == n
        assert n_of(ledger.state_of(*DEAL, at_time=at_time)) == n
        own.rollback()
    assert len(cache) == 0
    assert n_of(ledger.state_of(*DEAL, at_time=deal[2].created_at)) == 3


def test_roles_and_tenants_do_not_share(
    ledger: Ledger,
    cache: StateCache,
    pg: AnyConnection,
    connect: Connect,
    login_role: Callable[..., str],
) -> None:
    emit(pg, 70, tenant_id="acme")
    role = login_role("reader", {"acme": ["read"]})
    reader = Ledger(connect(user=role), state_cache=cache)
    assert n_of(ledger.state_of(*DEAL, at_sequence=1)) == 1
    assert n_of(ledger.state_of(*DEAL, at_sequence=1, tenant_id="acme")) == 70
    assert n_of(reader.state_of(*DEAL, at_sequence=1, tenant_id="acme")) == 70
    with pytest.raises(errors.TenantNotPermitted):
        reader.state_of(*DEAL, at_sequence=1)
    assert (cache.hits, cache.misses) == (0, 3)

    pg.execute("select ledger.revoke_access(%s, 'acme')", [role])
    with pytest.raises(errors.TenantNotPermitted):
        reader.state_of(*DEAL, at_sequence=1, tenant_id="acme")

    pg.execute("set ledger.tenant_id = 'acme'")
    assert n_of(ledger.state_of(*DEAL, at_sequence=1)) == 70
    assert cache.hits == 1


def test_least_recently_used_goes_first(deal: list[Receipt], pg: AnyConnection) -> None:
    del deal
    cache = StateCache(max_entries=2)
    ledger = Ledger(pg, state_cache=cache)
    for at_sequence in (1, 2, 1, 3, 1, 2):  # 3 puts 2 out
        ledger.state_of(*DEAL, at_sequence=at_sequence)
    assert (cache.hits, cache.misses, len(cache)) == (2, 4, 2)


def test_states_grow_old(deal: list[Receipt], pg: AnyConnection) -> None:
    del deal
    now = 0.0
    cache = StateCache(max_age=timedelta(seconds=10), clock=lambda: now)
    ledger = Ledger(pg, state_cache=cache)
    for now in (0.0, 10.0, 11.0, 12.0):  # noqa: B007
        ledger.state_of(*DEAL, at_sequence=1)
    assert (cache.hits, cache.misses) == (2, 2)


def test_changing_a_state_changes_no_other(ledger: Ledger, cache: StateCache) -> None:
    for _ in range(3):
        state = ledger.state_of(*DEAL, at_sequence=2)
        assert state is not None
        assert state.state.pop("n") == 2
    assert cache.hits == 2


def test_threads_share_a_cache(deal: list[Receipt], connect: Connect, cache: StateCache) -> None:
    del deal
    wrong: list[object] = []

    def ask(connection: AnyConnection) -> None:
        ledger = Ledger(connection, state_cache=cache)
        for n in range(60):
            state = ledger.state_of(*DEAL, at_sequence=1 + n % 3)
            if n_of(state) != 1 + n % 3:
                wrong.append(state)

    threads = [threading.Thread(target=ask, args=[connect()]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert (cache.hits + cache.misses, len(cache)) == (240, 3)
    assert cache.hit_rate >= 1 - 12 / 240


def test_async(deal: list[Receipt], dsn: str, cache: StateCache) -> None:
    del deal

    async def scenario() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            ledger = AsyncLedger(connection, state_cache=cache)
            states = [await ledger.state_of(*DEAL, at_sequence=2) for _ in range(3)]
            assert states[0] == states[1] == states[2]
            assert n_of(states[0]) == 2

    asyncio.run(scenario())
    assert (cache.hits, cache.misses) == (2, 1)
