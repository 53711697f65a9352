"""A dump restored elsewhere: nothing is sealed until each log was carried over; then it goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from log.consistency import Row, check_log, rows
from log.emitting import emit, emit_many, seal, seal_all, sealed_ids
from log.rfc6962 import is_consistent
from psycopg import sql
from psycopg.conninfo import make_conninfo

from agent_events import embedded
from agent_events.verifying import verify

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]
Refused = Callable[..., psycopg.Error]

TABLES = ["events", "log_entries", "log_tiles", "log_edges", "log_blocks", "log_heads", "log_sweep"]
SEALED = 300  # of acme, when the dump is made
LEFT = {"acme": 3, "other": 2, "never": 4}  # emitted since


def run(program: str, *arguments: str, script: str | None = None) -> str:
    command = [str(embedded.client_program(program)), *arguments]
    done = subprocess.run(command, input=script, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def copy_database(source: str, target: str) -> None:
    """What `pg_dump | psql` does; but its release is 18, and older servers lack this setting."""
    script = run("pg_dump", f"--dbname={source}")
    script = script.replace("\nSET transaction_timeout = 0;\n", "\n", 1)
    run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", target, script=script)


def create_roles(source: str, target: str) -> None:
    """The roles of the ledger and what they are members of; those of other tests stay behind."""
    with psycopg.connect(source) as connection:
        names = connection.execute("select rolname from pg_roles where rolname ~ '^ledger_'")
        statements = [f'create role "{name}" nologin' for (name,) in names.fetchall()]
    run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", target, script=";\n".join(statements))


def state(connection: AnyConnection) -> dict[str, list[Row]]:
    query = "select t.* from ledger.{} as t order by t::text"
    return {name: rows(connection, query.format(name)) for name in TABLES}


def burn(connection: AnyConnection, count: int) -> None:
    """Use so many transaction ids."""
    loop = (
        "do $$ begin for i in 1 .. {} loop perform pg_current_xact_id(); commit; end loop; end $$"
    )
    connection.execute(loop.format(count))


def next_xact_id(connection: AnyConnection) -> int:
    row = connection.execute("select pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    assert row is not None
    return int(row[0])


@pytest.fixture
def source(ledger: AnyConnection) -> AnyConnection:
    """Three logs with events that are not sealed: of two that go on, of one not begun."""
    ledger.execute("select ledger.set_tenant_policy('never', 'open')")
    emit_many(ledger, SEALED - 1)
    seal(ledger)
    emit(ledger, stream="1")
    emit(ledger, "other", stream="1")
    seal_all(ledger)
    for tenant_id, count in LEFT.items():
        for number in range(count):
            emit(ledger, tenant_id, stream=str(number % 2 + 1))
    return ledger


@pytest.fixture
def cluster(dsn: str, other_server: Callable[[], str]) -> str:
    """Another cluster, with the ledger's roles."""
    server = other_server()
    create_roles(dsn, server)
    return server


@pytest.fixture
def restored(source: AnyConnection, dsn: str, cluster: str) -> Iterator[AnyConnection]:  # noqa: ARG001
    """The ledger, restored into the other cluster."""
    yield from connection_to_copy(dsn, cluster)


def connection_to_copy(dsn: str, server: str) -> Iterator[AnyConnection]:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute("create database restored template template0")
    target = make_conninfo(server, dbname="restored")
    copy_database(dsn, target)
    with psycopg.connect(target, autocommit=True) as connection:
        yield connection


def rebase(connection: AnyConnection, tenant_id: str) -> Row:
    (receipt,) = rows(connection, "select * from ledger.rebase_log(%s)", tenant_id)
    return receipt


def carry_over(connection: AnyConnection, tenant_id: str) -> int:
    """Rebase, and seal the event that says so; how many others the rebase sealed."""
    receipt = rebase(connection, tenant_id)
    assert seal(connection, tenant_id)["sealed"] == 1
    query = """
        select event_type from ledger.log where tenant_id = %s order by position desc limit 1
    """
    assert rows(connection, query, tenant_id) == [{"event_type": "ledger.log_rebased"}]
    check_log(connection, tenant_id)
    return int(receipt["sealed"])


def test_both_verifiers_are_content_before_and_after(
    source: AnyConnection, restored: AnyConnection
) -> None:
    """Of the source, of the copy as restored, and once it was carried over and went on."""

    def findings(connection: AnyConnection) -> list[object]:
        found = [
            row
            for tenant_id in LEFT
            for row in rows(connection, "select * from ledger.verify(%s)", tenant_id)
        ]
        return [*found, *verify(connection.info.dsn).findings]

    assert findings(source) == []
    assert findings(restored) == []
    for tenant_id in LEFT:
        carry_over(restored, tenant_id)
        emit(restored, tenant_id)
    seal_all(restored)
    assert findings(restored) == []


def test_a_restored_log_goes_on_after_rebase(
    source: AnyConnection, restored: AnyConnection, refused: Refused
) -> None:
    before = state(source)
    assert state(restored) == before
    check_log(restored, "acme", unsealed=LEFT["acme"])
    for tenant_id in LEFT:
        refused_seal(restored, refused, f"select ledger.seal('{tenant_id}')")
    refused_seal(restored, refused, "select * from ledger.seal_all()")
    assert state(restored) == before

    old = {head["tenant_id"]: head for head in before["log_heads"]}
    for number, (tenant_id, left) in enumerate(LEFT.items(), 1):
        receipt = rebase(restored, tenant_id)
        size = old[tenant_id]["tree_size"] if tenant_id in old else 0
        assert (receipt["sealed"], receipt["tree_size"]) == (left, size + left)
        check_log(restored, tenant_id, unsealed=1)
        head = heads(restored)[tenant_id]
        assert head["epoch"] == 1
        assert head["system_identifier"] != before["log_sweep"][0]["system_identifier"]
        assert head["root"] == receipt["root"]
        if number < len(LEFT):
            refused_seal(restored, refused, "select * from ledger.seal_all()")
    for tenant_id, head in old.items():
        check_continues(restored, tenant_id, head["tree_size"], head["root"])
    assert sealed_ids(restored)[:SEALED] == sealed_ids(source)

    assert seal_all(restored) == dict.fromkeys(LEFT, 1)  # the events that say so
    assert seal_all(restored) == {}
    for tenant_id in LEFT:
        assert seal(restored, tenant_id)["sealed"] == 0
        emit(restored, tenant_id, stream="1")
        assert seal(restored, tenant_id)["sealed"] == 1
        emit(restored, tenant_id, stream="1")
    assert seal_all(restored) == dict.fromkeys(LEFT, 1)
    for tenant_id in LEFT:
        check_log(restored, tenant_id)
        blocks = rows(
            restored, "select epoch from ledger.log_blocks where tenant_id = %s", tenant_id
        )
        assert {block["epoch"] for block in blocks} == ({0, 1} if tenant_id in old else {1})


def refused_seal(connection: AnyConnection, refused: Refused, statement: str) -> None:
    error = refused(connection, "LG012", statement)
    assert "ledger.rebase_log" in str(error.diag.message_hint)


def heads(connection: AnyConnection) -> dict[str, Row]:
    found = rows(connection, "select * from ledger.log_heads")
    return {head["tenant_id"]: head for head in found}


def check_continues(connection: AnyConnection, tenant_id: str, size: int, root: bytes) -> None:
    """The tree is the one that had this root at that size, and has grown."""
    query = """
        select
          ledger.log_root(%s, %s) as old_root, ledger.log_root(%s) as root,
          ledger.consistency_proof(%s, null, %s) as proof, h.tree_size
        from ledger.log_heads as h
        where h.tenant_id = %s
    """
    (found,) = rows(connection, query, tenant_id, size, tenant_id, size, tenant_id, tenant_id)
    assert found["old_root"] == root
    assert is_consistent(size, found["tree_size"], found["proof"], root, found["root"])


def test_the_hint_carries_every_log_over(restored: AnyConnection, refused: Refused) -> None:
    error = refused(restored, "LG012", "select ledger.seal('acme')")
    _, _, statement = str(error.diag.message_hint).partition(": ")
    restored.execute(statement)
    assert seal_all(restored) == dict.fromkeys(LEFT, 1)
    for tenant_id in LEFT:
        check_log(restored, tenant_id)


def test_a_tenant_that_comes_after_all_logs_were_carried_over(restored: AnyConnection) -> None:
    for tenant_id in LEFT:
        carry_over(restored, tenant_id)
    restored.execute("select ledger.set_tenant_policy('fresh', 'open')")
    emit(restored, "fresh")
    assert seal(restored, "fresh")["sealed"] == 1
    emit(restored, "fresh")
    assert seal_all(restored) == {"fresh": 1}
    check_log(restored, "fresh")


def test_new_events_before_the_rebase_are_sealed_too(restored: AnyConnection) -> None:
    """Emitting works at once; what is open during the rebase is not lost."""
    with psycopg.connect(restored.info.dsn) as writer:
        emit(restored)
        late = emit(writer)
        assert rebase(restored, "acme")["sealed"] == LEFT["acme"] + 1
        emit(writer)
        writer.commit()
    assert seal(restored)["sealed"] == 2 + 1
    assert late in sealed_ids(restored)
    check_log(restored, "acme")


def test_restored_transaction_ids_that_are_still_to_come(
    source: AnyConnection, dsn: str, cluster: str
) -> None:
    """The new cluster runs through the ids that the restored events carry; none is sealed twice."""
    with psycopg.connect(cluster, autocommit=True) as admin:
        behind = next_xact_id(admin)
        burn(source, max(0, behind + 3000 - next_xact_id(source)))
    for tenant_id in LEFT:
        emit(source, tenant_id)
    seal(source)
    emit(source)
    for restored in connection_to_copy(dsn, cluster):
        query = "select min(xact_id::text::int), max(xact_id::text::int) from ledger.agent_events"
        smallest, largest = restored.execute(query).fetchone() or (0, 0)
        assert next_xact_id(restored) < largest
        for tenant_id in LEFT:
            carry_over(restored, tenant_id)
        expected = {tenant_id: sealed_ids(restored, tenant_id) for tenant_id in LEFT}
        while next_xact_id(restored) <= largest + 10:
            burn(restored, 200)
            for tenant_id in LEFT:
                expected[tenant_id].append(emit(restored, tenant_id, stream="1"))
                if next_xact_id(restored) % 2:
                    assert seal(restored, tenant_id)["sealed"] >= 1
            seal_all(restored)
        assert next_xact_id(restored) > largest > smallest
        for tenant_id in LEFT:
            assert seal(restored, tenant_id)["sealed"] == 0
            assert sealed_ids(restored, tenant_id) == expected[tenant_id]
            check_log(restored, tenant_id)


def test_restored_transaction_ids_that_are_long_over(
    source: AnyConnection, dsn: str, cluster: str
) -> None:
    """To the new cluster's snapshots the unsealed events look as if they were sealed."""
    with psycopg.connect(cluster, autocommit=True) as admin:
        burn(admin, max(0, next_xact_id(source) + 1000 - next_xact_id(admin)))
    for restored in connection_to_copy(dsn, cluster):
        query = "select max(xact_id::text::int) from ledger.agent_events"
        (largest,) = restored.execute(query).fetchone() or (0,)
        assert next_xact_id(restored) > largest
        for tenant_id, left in LEFT.items():
            assert carry_over(restored, tenant_id) == left
        for _ in range(3):
            for tenant_id in LEFT:
                emit(restored, tenant_id, stream="2")
            assert seal_all(restored) == dict.fromkeys(LEFT, 1)
        for tenant_id in LEFT:
            check_log(restored, tenant_id)


def test_a_copy_in_the_same_cluster_goes_on_without_rebase(source: AnyConnection, dsn: str) -> None:
    name = f"{source.info.dbname}_copy"
    source.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
    try:
        copy_database(dsn, make_conninfo(dsn, dbname=name))
        with psycopg.connect(make_conninfo(dsn, dbname=name), autocommit=True) as copy:
            assert state(copy) == state(source)
            assert seal(copy)["sealed"] == LEFT["acme"]
            emit(copy, "never")
            assert seal_all(copy) == {"other": LEFT["other"], "never": LEFT["never"] + 1}
            for tenant_id in LEFT:
                check_log(copy, tenant_id)
            assert {head["epoch"] for head in heads(copy).values()} == {0}
        assert seal_all(source) == LEFT
    finally:
        source.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_a_dump_misses_what_is_not_committed_and_the_source_does_not(
    source: AnyConnection, dsn: str, cluster: str, connect: Connect
) -> None:
    """A transaction open during the dump is in neither copy of the log, then in the source's."""
    writer = connect(autocommit=False)
    late = emit(writer)
    for restored in connection_to_copy(dsn, cluster):
        writer.commit()
        carry_over(restored, "acme")
        assert late not in sealed_ids(restored)
        check_log(restored, "acme")
    assert seal(source)["sealed"] == LEFT["acme"] + 1
    assert late in sealed_ids(source)


def test_snapshots_that_go_backwards_are_refused_until_rebase(
    source: AnyConnection, refused: Refused
) -> None:
    """As after pg_resetwal: the log has seen transactions that are still to come."""
    before = rows(source, "select * from ledger.log_heads")
    future = next_xact_id(source) + 10**6
    source.execute("set session_replication_role = replica")
    for name in ("ddl", "detach", "drop", "rewrite"):
        source.execute(f"alter event trigger ledger_guard_{name} disable")
    for table in ("log_heads", "log_sweep"):
        source.execute(f"alter table ledger.{table} disable trigger all")
        source.execute(
            f"update ledger.{table} set snapshot = format('%%s:%%s:', %s::bigint, %s::bigint)"
            "::pg_snapshot",
            [future, future],
        )
    source.execute("reset session_replication_role")
    for statement in ("select ledger.seal('acme')", "select * from ledger.seal_all()"):
        refused_seal(source, refused, statement)
    for tenant_id, left in LEFT.items():
        assert carry_over(source, tenant_id) == left
        emit(source, tenant_id)
        assert seal(source, tenant_id)["sealed"] == 1
        emit(source, tenant_id)
    assert seal_all(source) == dict.fromkeys(LEFT, 1)
    for tenant_id in LEFT:
        check_log(source, tenant_id)
    for head in before:
        check_continues(source, head["tenant_id"], head["tree_size"], head["root"])


def test_rebase_is_part_of_its_transaction(restored: AnyConnection, refused: Refused) -> None:
    """Rolled back, it was not; committed, what the transaction emitted before is sealed as well."""
    before = state(restored)
    with restored.transaction(force_rollback=True):
        assert rebase(restored, "acme")["sealed"] == LEFT["acme"]
    assert state(restored) == before
    refused_seal(restored, refused, "select ledger.seal('acme')")
    with restored.transaction():
        emit(restored)
        assert rebase(restored, "acme")["sealed"] == LEFT["acme"] + 1
        emit(restored)
    assert seal(restored)["sealed"] == 2, "the event, and ledger.log_rebased"
    check_log(restored, "acme")


def test_rebase_is_for_operators_of_the_tenant(restored: AnyConnection, refused: Refused) -> None:
    for role, privilege in (("app", "write"), ("operator", "operate")):
        restored.execute(f"create role {role} login")
        restored.execute("select ledger.grant_access(%s, 'acme', %s)", [role, [privilege]])
    target = make_conninfo(restored.info.dsn)
    with psycopg.connect(target, user="app", autocommit=True) as app:
        refused(app, "42501", "select ledger.rebase_log('acme')")
        refused(app, "LG012", "select ledger.seal('acme')")
    with psycopg.connect(target, user="operator", autocommit=True) as operator:
        refused(operator, "LG005", "select ledger.rebase_log('other')")
        assert rebase(operator, "acme")["sealed"] == LEFT["acme"]


def test_rebase_where_nothing_happened_only_begins_an_epoch(ledger: AnyConnection) -> None:
    emit_many(ledger, 3)
    sealed = seal(ledger)
    with ledger.transaction(force_rollback=True):
        assert rebase(ledger, "acme") == sealed | {"sealed": 0}
    assert carry_over(ledger, "acme") == 0
    assert heads(ledger)["acme"]["epoch"] == 1
    emit(ledger)
    emit(ledger, "other")
    assert carry_over(ledger, "acme") == 1
    assert seal_all(ledger) == {"other": 1}
    emit(ledger)
    assert seal(ledger)["sealed"] == 1
    assert heads(ledger)["acme"]["epoch"] == 2
    check_log(ledger, "acme")
