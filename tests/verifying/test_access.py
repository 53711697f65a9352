"""Who verifies: an auditor's login, and what is hidden from it."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from verifying.tampering import Killer, emit, seal, unguarded

from agent_events.cli._common import is_unreachable
from agent_events.verifying import NothingVisible, verify

AnyConnection = psycopg.Connection[Any]


@pytest.fixture
def log(ledger: AnyConnection) -> AnyConnection:
    for tenant_id in ("acme", "other"):
        emit(ledger, 300, tenant_id, streams=2)
        seal(ledger, tenant_id)
    return ledger


def test_auditor(log: AnyConnection, check: Any, dsn: str, login_role: Any) -> None:  # noqa: ARG001
    role = login_role("auditor", {"acme": ["audit"]})
    report = check(dsn=make_conninfo(dsn, user=role))
    assert report.findings == []
    assert [tenant.tenant_id for tenant in report.tenants] == ["acme"]
    with pytest.raises(NothingVisible):
        check(dsn=make_conninfo(dsn, user=role), tenant_id="other")


def test_no_tenant(log: AnyConnection, check: Any, dsn: str, login_role: Any) -> None:
    role = login_role("auditor")
    log.execute(sql.SQL("grant ledger_auditor to {}").format(sql.Identifier(role)))
    with pytest.raises(NothingVisible):
        check(dsn=make_conninfo(dsn, user=role))


@pytest.mark.parametrize(
    ("table", "condition", "kinds"),
    [
        ("agent_events", "aggregate_id <> '1'", {"missing event"}),
        ("log_entries", "position < 290", {"missing entry", "unlogged event"}),
        ("log_tiles", "false", {"changed tile"}),
        ("log_heads", "false", {"wrong head"}),
        ("log_blocks", "false", {"wrong head"}),
    ],
)
def test_hidden_rows(
    log: AnyConnection,
    check: Any,
    dsn: str,
    login_role: Any,
    table: str,
    condition: str,
    kinds: set[str],
) -> None:
    role = login_role("auditor", {"acme": ["audit"]})
    with unguarded(log, tables=False):
        statement = "create policy hiding on ledger.{} as restrictive using (" + condition
        log.execute(sql.SQL(statement + ")").format(sql.Identifier(table)))
    found = {finding.kind for finding in check(dsn=make_conninfo(dsn, user=role)).findings}
    assert found - {"broken stream"} == kinds | {"guard foreign policy"}


def test_hostile_search_path(log: AnyConnection, check: Any) -> None:
    """Functions and operators of the same names in other schemas are not used."""
    log.execute(
        """
        create schema hostile;
        create function hostile.octet_length(bytea) returns int language sql
          as 'select 1/0';
        create function hostile.lies(bigint, bigint) returns boolean language sql
          as 'select 1/0 = 1';
        create operator hostile.>= (function = hostile.lies, leftarg = bigint, rightarg = bigint);
        create view hostile.pg_class as select 1 as oid;
        """
    )
    name = sql.Identifier(log.info.dbname)
    log.execute(sql.SQL("alter database {} set search_path = hostile, pg_catalog").format(name))
    assert check().findings == []


def test_archived_partition(log: AnyConnection, check: Any) -> None:
    row = log.execute(
        """
        select e.tableoid::regclass::text, pg_get_expr(c.relpartbound, c.oid)
        from ledger.agent_events as e join pg_class as c on c.oid = e.tableoid
        limit 1
        """
    ).fetchone()
    assert row
    partition, bounds = row
    with unguarded(log):
        log.execute(f"alter table ledger.agent_events detach partition {partition}")  # type: ignore[arg-type]
        attach = f"alter table ledger.agent_events_archive attach partition {partition} {bounds}"
        log.execute(attach)  # type: ignore[arg-type]
    emptied = log.execute("select count(*) from ledger.agent_events_archive").fetchone()
    assert emptied == (600,)
    report = check()
    assert report.findings == []
    assert [tenant.events for tenant in report.tenants] == [300, 300]


def test_killed_connection(log: AnyConnection, dsn: str) -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        verify(dsn, listener=Killer(log))
    assert is_unreachable(caught.value)
