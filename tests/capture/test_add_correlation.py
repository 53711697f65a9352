"""Columns that tie a business row to its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import psycopg

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]


def test_new_rows_get_the_context(
    owner: AnyConnection, connect: Callable[..., AnyConnection], login_role: Callable[..., str]
) -> None:
    """Also of a login that has nothing to do with the ledger; rows from before stay as they are."""
    owner.execute("create table deals (id int primary key); insert into deals values (1)")
    for _ in range(2):
        owner.execute("select ledger.add_correlation('deals')")
    trace, correlation, cause = uuid4(), uuid4(), uuid4()
    with owner.transaction():
        owner.execute("select ledger.set_context(trace_id => %s, correlation_id => %s,"
            " causation_id => %s)", [trace, correlation, cause])  # fmt: skip
        owner.execute("insert into deals values (2)")
    stranger = connect(user=login_role("stranger"))
    owner.execute(
        f"grant usage on schema shop to {stranger.info.user};"  # type: ignore[arg-type]
        f"grant all on deals to {stranger.info.user}"
    )
    stranger.execute("insert into shop.deals values (3)")
    rows = owner.execute(
        "select id, trace_id, correlation_id, causation_id from deals order by id"
    ).fetchall()
    assert rows == [(1, None, None, None), (2, trace, correlation, cause), (3, None, None, None)]


def test_nothing_is_rewritten(owner: AnyConnection) -> None:
    owner.execute("create table deals (id int) partition by range (id)")
    owner.execute("create table rest partition of deals default")
    owner.execute("insert into deals select generate_series(1, 1000)")
    file = "select pg_relation_filenode('rest')"
    before = owner.execute(file).fetchone()
    owner.execute("select ledger.add_correlation('deals')")
    assert owner.execute(file).fetchone() == before


def test_what_is_refused(owner: AnyConnection, pg: AnyConnection, refused: Refused) -> None:
    pg.execute("create table public.foreign_deals (id int)")
    owner.execute("create table deals (id int, trace_id text); create view v as select 1 as id")
    error = refused(owner, "LG009", "select ledger.add_correlation('deals')")
    assert "trace_id already, of type text" in str(error)
    refused(owner, "LG009", "select ledger.add_correlation('v')")
    refused(owner, "LG009", "select ledger.add_correlation('ledger.streams')")
    refused(owner, "42501", "select ledger.add_correlation('public.foreign_deals')")
