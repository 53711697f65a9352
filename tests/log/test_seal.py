"""seal and seal_all: every committed event gets one position, whatever its transaction does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest
from log.consistency import check_log, rows
from log.emitting import await_lock, emit, emit_many, insert_many, seal, seal_all, sealed_ids
from psycopg import sql

from agent_events.proofs import EMPTY_ROOT

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]
Refused = Callable[..., psycopg.Error]

TABLES = ["log_entries", "log_tiles", "log_blocks", "log_heads", "log_edges", "log_sweep"]
PRIVILEGES = ["write", "read", "relay", "consume", "operate", "privacy", "audit", "register"]
RAISED = [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE]


def test_positions_are_gapless_from_0_in_order_of_time(ledger: AnyConnection) -> None:
    first = emit_many(ledger, 5)
    assert seal(ledger)["sealed"] == 5
    second = emit_many(ledger, 3)
    assert seal(ledger)["sealed"] == 3
    assert sealed_ids(ledger) == first + second
    check_log(ledger, "acme")


def test_events_that_share_a_microsecond_are_in_order_of_id(ledger: AnyConnection) -> None:
    insert_many(ledger, 600)
    assert seal(ledger)["sealed"] == 600
    ids = sealed_ids(ledger)
    assert ids == sorted(ids)
    check_log(ledger, "acme")


def test_the_receipt_says_what_the_log_is_then(ledger: AnyConnection) -> None:
    emit_many(ledger, 300)
    receipt = seal(ledger)
    block = rows(ledger, "select * from ledger.log_blocks")[0]
    assert receipt == {
        "tenant_id": "acme",
        "sealed": 300,
        "tree_size": 300,
        "root": block["root"],
        "block_no": 1,
    }
    assert (block["first_position"], block["tree_size"], block["epoch"]) == (0, 300, 0)
    emit(ledger)
    receipt = seal(ledger)
    assert (receipt["sealed"], receipt["tree_size"], receipt["block_no"]) == (1, 301, 2)
    assert receipt["root"] != block["root"]


def test_nothing_new_makes_no_block(ledger: AnyConnection) -> None:
    nothing = seal(ledger)
    assert (nothing["sealed"], nothing["tree_size"], nothing["block_no"]) == (0, 0, 0)
    emit(ledger)
    sealed = seal(ledger)
    assert seal(ledger) == sealed | {"sealed": 0}
    assert seal_all(ledger) == {}
    assert seal(ledger) == sealed | {"sealed": 0}
    assert rows(ledger, "select count(*) as n from ledger.log_blocks") == [{"n": 1}]


def test_nothing_new_for_long_moves_the_snapshots_on(ledger: AnyConnection) -> None:
    """Or every seal of a quiet tenant would look at all that busy tenants emitted since."""
    emit(ledger)
    seal(ledger)
    emit(ledger, "other")
    seal_all(ledger)
    snapshots = """
        select snapshot from ledger.log_heads where tenant_id = 'acme'
        union all select snapshot from ledger.log_sweep
    """
    before = ledger.execute(snapshots).fetchall()
    for _ in range(1100):
        ledger.execute("select pg_current_xact_id()")
    assert seal(ledger)["sealed"] == 0
    assert seal_all(ledger) == {}
    after = ledger.execute(snapshots).fetchall()
    assert before[0] != after[0]
    assert before[1] != after[1]
    emit(ledger)
    assert seal(ledger)["sealed"] == 1
    check_log(ledger, "acme")


def test_tenants_do_not_touch_each_other(ledger: AnyConnection) -> None:
    mine = [emit(ledger), emit(ledger)]
    theirs = [emit(ledger, "other")]
    assert seal(ledger)["tree_size"] == 2
    assert sealed_ids(ledger, "other") == []
    assert seal(ledger, "other")["tree_size"] == 1
    theirs.append(emit(ledger, "other"))
    assert seal(ledger)["sealed"] == 0
    assert seal(ledger, "other")["sealed"] == 1
    assert (sealed_ids(ledger), sealed_ids(ledger, "other")) == (mine, theirs)
    for tenant_id in ("acme", "other"):
        check_log(ledger, tenant_id)


def test_the_tenant_of_the_context_is_sealed(ledger: AnyConnection) -> None:
    event = emit(ledger)
    with ledger.transaction():
        ledger.execute("set local ledger.tenant_id = 'acme'")
        assert rows(ledger, "select * from ledger.seal()")[0]["sealed"] == 1
    assert sealed_ids(ledger) == [event]


@pytest.mark.parametrize("level", [None, *RAISED], ids=["READ_COMMITTED", *map(str, RAISED)])
def test_own_events_wait_for_the_commit_and_are_never_lost(
    ledger: AnyConnection, connect: Connect, level: psycopg.IsolationLevel | None
) -> None:
    """Emitted before as well as after a seal in one transaction; others go on meanwhile."""
    writer = connect(autocommit=False)
    writer.isolation_level = level
    theirs = [emit(ledger)]
    mine = [emit(writer)]
    assert seal(writer)["sealed"] == 1
    mine.append(emit(writer))
    assert seal(writer)["sealed"] == 0
    assert sealed_ids(writer) == theirs
    mine.append(emit(writer))
    writer.commit()
    assert seal(ledger)["sealed"] == 3
    assert sealed_ids(ledger) == theirs + mine
    check_log(ledger, "acme")


def test_own_events_wait_for_the_commit_in_seal_all(
    ledger: AnyConnection, connect: Connect
) -> None:
    writer = connect(autocommit=False)
    theirs = [emit(ledger, "other")]
    mine = [emit(writer), emit(writer)]
    assert seal_all(writer) == {"other": 1}
    mine.append(emit(writer))
    theirs.append(emit(writer, "other"))
    assert seal_all(writer) == {}
    writer.commit()
    assert seal_all(ledger) == {"acme": 3, "other": 1}
    assert seal_all(ledger) == {}
    assert (sealed_ids(ledger), sealed_ids(ledger, "other")) == (mine, theirs)


def test_a_seal_before_the_first_event_of_its_transaction(ledger: AnyConnection) -> None:
    with ledger.transaction():
        assert seal(ledger)["sealed"] == 0
        event = emit(ledger)
        assert seal(ledger)["sealed"] == 0
    assert seal(ledger)["sealed"] == 1
    assert sealed_ids(ledger) == [event]


def test_a_seal_that_is_rolled_back_leaves_nothing(ledger: AnyConnection) -> None:
    events = emit_many(ledger, 300)
    for kind in (seal, seal_all):
        with ledger.transaction(force_rollback=True):
            kind(ledger)
            assert sealed_ids(ledger) == events
        for table in ("log_entries", "log_tiles", "log_blocks", "log_heads", "log_edges"):
            assert rows(ledger, f"select * from ledger.{table}") == []
    assert seal(ledger)["sealed"] == 300
    check_log(ledger, "acme")


def test_what_is_rolled_back_leaves_no_gap(ledger: AnyConnection, connect: Connect) -> None:
    writer = connect(autocommit=False)
    kept = [emit(ledger)]
    emit(writer)
    kept.append(emit(ledger))
    assert seal(ledger)["sealed"] == 2
    writer.rollback()
    kept.append(emit(ledger))
    assert seal(ledger)["sealed"] == 1
    assert sealed_ids(ledger) == kept
    check_log(ledger, "acme")


def test_savepoints(ledger: AnyConnection, connect: Connect) -> None:
    """An event of a subtransaction is its transaction's; one that is rolled back is nobody's."""
    writer = connect(autocommit=False)
    kept = [emit(writer)]
    with writer.transaction():
        kept.append(emit(writer))
        with writer.transaction(force_rollback=True):
            emit(writer)
            seal(writer)
        seal(writer)
        kept.append(emit(writer))
    assert seal(ledger, "other")["sealed"] == 0
    writer.commit()
    assert seal(ledger)["sealed"] == 3
    assert sealed_ids(ledger) == kept
    check_log(ledger, "acme")


def test_a_seal_in_a_savepoint_that_is_rolled_back(ledger: AnyConnection) -> None:
    events = [emit(ledger)]
    with ledger.transaction():
        events.append(emit(ledger))
        with ledger.transaction(force_rollback=True):
            assert seal(ledger)["sealed"] == 1
        assert sealed_ids(ledger) == []
        events.append(emit(ledger))
        assert seal(ledger)["sealed"] == 1
    assert seal(ledger)["sealed"] == 2
    assert sealed_ids(ledger) == events
    check_log(ledger, "acme")


@pytest.mark.parametrize("level", RAISED, ids=str)
def test_an_old_snapshot_seals_what_it_sees(
    ledger: AnyConnection, connect: Connect, level: psycopg.IsolationLevel
) -> None:
    events = [emit(ledger)]
    late = connect(autocommit=False)
    late.isolation_level = level
    late.execute("select count(*) from ledger.tenants")  # takes the snapshot
    events.append(emit(ledger))
    assert seal(late)["sealed"] == 1
    events.append(emit(ledger))
    late.commit()
    assert seal(ledger)["sealed"] == 2
    assert sealed_ids(ledger) == events
    check_log(ledger, "acme")


@pytest.mark.parametrize("level", RAISED, ids=str)
@pytest.mark.parametrize("kind", [seal, seal_all])
@pytest.mark.parametrize("is_new", [True, False], ids=["first seal", "later seal"])
def test_an_old_snapshot_of_a_log_that_moved_on_is_a_serialization_failure(
    ledger: AnyConnection,
    connect: Connect,
    level: psycopg.IsolationLevel,
    kind: Callable[[AnyConnection], Any],
    is_new: bool,
) -> None:
    if not is_new:
        emit(ledger)
        seal_all(ledger)
    emit(ledger)
    late = connect(autocommit=False)
    late.isolation_level = level
    late.execute("select count(*) from ledger.tenants")
    emit(ledger)
    kind(ledger)
    with pytest.raises(psycopg.errors.SerializationFailure):
        kind(late)
    late.rollback()
    kind(late)
    late.commit()
    check_log(ledger, "acme")


def test_seal_all_seals_what_seal_did_not_and_nothing_twice(ledger: AnyConnection) -> None:
    tenants = ["a", "b", "c"]
    for tenant_id in tenants:
        ledger.execute("select ledger.set_tenant_policy(%s, 'open')", [tenant_id])
    emitted: dict[str, list[UUID]] = {tenant_id: [] for tenant_id in tenants}

    def emit_in(*chosen: str) -> None:
        for tenant_id in chosen:
            emitted[tenant_id] += [emit(ledger, tenant_id), emit(ledger, tenant_id)]

    emit_in("a", "b")
    assert seal(ledger, "a")["sealed"] == 2
    emit_in("a", "c")
    assert seal_all(ledger) == {"a": 2, "b": 2, "c": 2}
    emit_in("b")
    assert seal(ledger, "b")["sealed"] == 2
    assert seal_all(ledger) == {}
    emit_in("a", "b")
    assert seal(ledger, "b")["sealed"] == 2
    assert seal(ledger, "c")["sealed"] == 0
    assert seal_all(ledger) == {"a": 2}
    emit_in("c")
    assert seal(ledger, "c")["sealed"] == 2
    for tenant_id in tenants:
        assert seal(ledger, tenant_id)["sealed"] == 0
        assert sealed_ids(ledger, tenant_id) == emitted[tenant_id]
        check_log(ledger, tenant_id)


def test_a_tenant_that_comes_after_the_sweep(ledger: AnyConnection, connect: Connect) -> None:
    """Its log begins with what the last sweep saw; what was open then is not lost."""
    open_one = connect(autocommit=False)
    early = emit(open_one, "other")
    emit(ledger)
    assert seal_all(ledger) == {"acme": 1}
    open_one.commit()
    late = emit(ledger, "other")
    assert seal(ledger, "other")["sealed"] == 2
    assert sealed_ids(ledger, "other") == [early, late]
    assert seal_all(ledger) == {}
    check_log(ledger, "other")


def test_an_old_open_transaction_stops_nobody_and_loses_nothing(
    ledger: AnyConnection, connect: Connect
) -> None:
    """Its events come late and get the positions that are next then; streams stay in order."""
    old = connect(autocommit=False)
    first = [emit(old, stream="1"), emit(old)]
    meanwhile = [emit(ledger, stream="2"), emit(ledger)]
    assert seal(ledger)["sealed"] == 2
    for kind in (seal, seal_all):
        meanwhile.append(emit(ledger, stream="2"))
        kind(ledger)
        for _ in range(3):
            emit(ledger, "other")
            seal(ledger, "other")
    first.append(emit(old, stream="1"))
    old.commit()
    after = emit(ledger, stream="1")
    assert seal(ledger)["sealed"] == 4
    assert sealed_ids(ledger) == meanwhile + first + [after]
    for tenant_id in ("acme", "other"):
        check_log(ledger, tenant_id)


@pytest.mark.parametrize("kind", [seal, seal_all])
def test_sealers_wait_for_each_other(
    ledger: AnyConnection, connect: Connect, kind: Callable[[AnyConnection], Any]
) -> None:
    emit(ledger)
    holder, waiting = connect(autocommit=False), connect()
    seal(holder)
    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(kind, waiting)
        await_lock(ledger, waiting)
        emit(ledger)  # no writer waits
        holder.commit()
        result.result(timeout=20)
    assert len(sealed_ids(ledger)) == 2
    assert seal_all(ledger) == {}
    check_log(ledger, "acme")


def test_first_seals_of_a_tenant_at_once(ledger: AnyConnection, connect: Connect) -> None:
    for turn in range(10):
        tenant_id = f"t{turn}"
        ledger.execute("select ledger.set_tenant_policy(%s, 'open')", [tenant_id])
        emit(ledger, tenant_id)
        start = threading.Barrier(4)

        def run(number: int, tenant_id: str = tenant_id, start: threading.Barrier = start) -> int:
            connection = connect()
            start.wait()
            if number % 2:
                return seal_all(connection).get(tenant_id, 0)
            return int(seal(connection, tenant_id)["sealed"])

        with ThreadPoolExecutor(4) as threads:
            assert sum(threads.map(run, range(4))) == 1
        check_log(ledger, tenant_id)


def test_seal_all_that_waited_for_one_log_takes_the_next_that_moved_on_meanwhile(
    ledger: AnyConnection, connect: Connect
) -> None:
    for tenant_id in ("acme", "other"):
        emit(ledger, tenant_id)
    holder, waiting = connect(autocommit=False), connect()
    seal(holder)
    with ThreadPoolExecutor(1) as thread:
        result = thread.submit(seal_all, waiting)
        await_lock(ledger, waiting)
        emit(ledger, "other")
        seal(ledger, "other")
        holder.commit()
        assert result.result(timeout=20) == {}
    for tenant_id in ("acme", "other"):
        check_log(ledger, tenant_id)


@pytest.mark.parametrize("privilege", ["write", "read", "relay", "consume", "operate", "audit"])
def test_who_acts_for_the_tenant_may_seal(
    ledger: AnyConnection, connect: Connect, login_role: LoginRole, privilege: str
) -> None:
    emit(ledger)
    emit(ledger, "other")
    connection = connect(user=login_role("app", {"acme": [privilege]}))
    assert seal(connection)["sealed"] == 1
    with pytest.raises(psycopg.Error) as caught:
        seal(connection, "other")
    assert caught.value.sqlstate == "LG005"
    assert sealed_ids(ledger, "other") == []


@pytest.mark.parametrize(
    ("grants", "sqlstate"),
    [
        ({}, "42501"),
        ({"acme": ["privacy"]}, "42501"),
        ({"acme": ["register"]}, "42501"),
        ({"other": ["write"]}, "LG005"),
        ({"acme": ["privacy"], "other": ["read"]}, "LG005"),
    ],
)
def test_who_does_not_may_not(
    ledger: AnyConnection,
    connect: Connect,
    login_role: LoginRole,
    refused: Refused,
    grants: dict[str, list[str]],
    sqlstate: str,
) -> None:
    emit(ledger)
    connection = connect(user=login_role("app", grants))
    refused(connection, sqlstate, "select ledger.seal('acme')")
    assert sealed_ids(ledger) == []


@pytest.mark.parametrize(
    ("grants", "sqlstate"),
    [
        ({}, "42501"),
        ({"*": ["write", "read", "relay", "audit"]}, "42501"),
        ({"acme": ["operate"], "other": ["operate"]}, "LG005"),
        ({"acme": ["operate"], "*": ["write"]}, "LG005"),
    ],
)
def test_seal_all_is_for_operators_of_every_tenant(
    ledger: AnyConnection,
    connect: Connect,
    login_role: LoginRole,
    refused: Refused,
    grants: dict[str, list[str]],
    sqlstate: str,
) -> None:
    emit(ledger)
    refused(connect(user=login_role("app", grants)), sqlstate, "select * from ledger.seal_all()")
    operator = connect(user=login_role("operator", {"*": ["operate"]}))
    assert seal_all(operator) == {"acme": 1}


@pytest.mark.parametrize("grants", [{}, {"acme": ["write"]}, {"other": ["operate"]}])
def test_rebase_log_is_for_operators(
    ledger: AnyConnection,
    connect: Connect,
    login_role: LoginRole,
    refused: Refused,
    grants: dict[str, list[str]],
) -> None:
    emit(ledger)
    sqlstate = "LG005" if "other" in grants else "42501"
    connection = connect(user=login_role("app", grants))
    refused(connection, sqlstate, "select ledger.rebase_log('acme')")


def statements(table: str) -> list[str]:
    column = "is_only" if table == "log_sweep" else "tenant_id"
    return [
        f"insert into ledger.{table} select * from ledger.{table}",
        f"update ledger.{table} set {column} = {column}",
        f"delete from ledger.{table}",
        f"truncate ledger.{table}",
    ]


@pytest.mark.parametrize("table", TABLES)
def test_no_superuser_writes_to_the_log(
    ledger: AnyConnection, refused: Refused, table: str
) -> None:
    emit_many(ledger, 300)
    seal_all(ledger)
    for statement in statements(table):
        refused(ledger, "LG001", statement)
    check_log(ledger, "acme")


def outcome_of(connection: AnyConnection, statement: str) -> str | int | None:
    """Its SQLSTATE, or how many rows it wrote."""
    try:
        return connection.execute(statement).rowcount
    except psycopg.Error as error:
        return error.sqlstate


def test_no_role_writes_to_the_log(
    ledger: AnyConnection, connect: Connect, login_role: LoginRole
) -> None:
    """The owner's policies let it see rows but touch none; the guards stop what is left."""
    emit_many(ledger, 300)
    seal_all(ledger)
    app = connect(user=login_role("app", {"*": PRIVILEGES}))
    role = login_role("owner")
    ledger.execute(sql.SQL("grant ledger_owner to {}").format(sql.Identifier(role)))
    owner = connect(user=role)
    for statement in [statement for table in TABLES for statement in statements(table)]:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute(statement)
        outcome = outcome_of(owner, statement)
        assert outcome in ("LG001", "42501") or (outcome == 0 and statement.startswith("update"))
    check_log(ledger, "acme")


def test_the_parts_of_a_seal_are_nobodys(ledger: AnyConnection, login_role: LoginRole) -> None:
    query = """
        select p.oid::regprocedure::text
        from pg_proc as p
        where p.pronamespace = 'ledger'::regnamespace
          and (p.prosecdef or p.provolatile = 'v')
          and obj_description(p.oid, 'pg_proc') ~ '^Part of (seal|seal_all)\\(\\)'
          and not has_function_privilege(%s, p.oid, 'execute')
    """
    role = login_role("app", {"*": PRIVILEGES})
    hidden = {row[0] for row in ledger.execute(query, [role]).fetchall()}
    names = {name.split("(")[0].removeprefix("ledger.") for name in hidden}
    assert names >= {"lock_log_head", "seal_events", "unsealed_events", "grow_tree", "close_block"}


def test_what_is_no_tenant_has_an_empty_log(ledger: AnyConnection) -> None:
    """Nothing is made for it: its log begins with its first event."""
    for function in ("seal", "rebase_log"):
        row = ledger.execute(f"select * from ledger.{function}('nobody')").fetchone()
        assert row == ("nobody", 0, 0, EMPTY_ROOT, 0)
    assert ledger.execute("select from ledger.log_heads").fetchall() == []
