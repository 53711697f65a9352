"""add_run: the row of a run whose event its client emits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]

RUN, PARENT = UUID(int=10), UUID(int=11)
ADD = "select ledger.add_run(%s, %s, 'acme', %s, %s, %s)"
ROWS = """
    select agent_name, parent_run_id, trace_id, correlation_id from ledger.agent_runs
    where tenant_id = 'acme' and id = %s
"""


def test_row_without_an_event(pg: AnyConnection) -> None:
    trace_id, correlation_id = uuid4(), uuid4()
    added = pg.execute(ADD, ["scorer", RUN, None, trace_id, correlation_id]).fetchone()
    assert added == (True,)
    assert pg.execute(ROWS, [RUN]).fetchall() == [("scorer", None, trace_id, correlation_id)]
    assert pg.execute("select count(*) from ledger.events").fetchone() == (0,)


def test_again_changes_nothing(pg: AnyConnection) -> None:
    trace_id = uuid4()
    pg.execute(ADD, ["scorer", RUN, None, trace_id, trace_id])
    assert pg.execute(ADD, ["other", RUN, None, uuid4(), uuid4()]).fetchone() == (False,)
    assert pg.execute(ROWS, [RUN]).fetchall() == [("scorer", None, trace_id, trace_id)]


def test_parent_gives_trace_and_correlation(pg: AnyConnection) -> None:
    trace_id, correlation_id = uuid4(), uuid4()
    pg.execute(ADD, ["parent", PARENT, None, trace_id, correlation_id])
    pg.execute(ADD, ["child", RUN, PARENT, None, None])
    assert pg.execute(ROWS, [RUN]).fetchall() == [("child", PARENT, trace_id, correlation_id)]


@pytest.mark.parametrize(
    ("arguments", "sqlstate"),
    [
        (["scorer", None, None, PARENT, PARENT], "LG009"),
        (["scorer", RUN, None, None, PARENT], "LG009"),
        (["scorer", RUN, None, PARENT, None], "LG009"),
        (["", RUN, None, PARENT, PARENT], "LG009"),
        (["x" * 201, RUN, None, PARENT, PARENT], "LG009"),
        (["scorer", RUN, PARENT, PARENT, PARENT], "LG006"),
    ],
)
def test_what_makes_no_run_is_refused(
    pg: AnyConnection, refused: Refused, arguments: list[Any], sqlstate: str
) -> None:
    refused(pg, sqlstate, ADD, arguments)
    assert pg.execute(ROWS, [RUN]).fetchall() == []


def test_writer_adds_runs_of_its_tenants(
    connect: Callable[..., AnyConnection], login_role: Callable[..., str], refused: Refused
) -> None:
    writer = connect(user=login_role("writer", {"acme": ["write"]}))
    writer.execute(ADD, ["scorer", RUN, None, PARENT, PARENT])
    other = "select ledger.add_run('spy', %s, 'other', null, %s, %s)"
    refused(writer, "LG005", other, [RUN, RUN, RUN])
