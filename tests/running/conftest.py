"""Emitters of either kind, events as they are stored, and what `emitting` has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from emitting.conftest import journal, outage
from psycopg.rows import dict_row

from agent_events import AuditEmitter, Event, Ledger

__all__ = ["journal", "outage"]

Events = Callable[..., list[Event]]


@pytest.fixture
def emitter(dsn: str) -> Iterator[AuditEmitter]:
    with AuditEmitter(dsn) as emitter:
        yield emitter


@pytest.fixture
def events(pg: psycopg.Connection[Any]) -> Events:
    """`events("run.started")`: the stored events of these types, or of all, in time order."""

    def read(*event_types: str, tenant_id: str = "default") -> list[Event]:
        return list(
            Ledger(pg).iter_events(
                event_types=list(event_types) or None, newest_first=False, tenant_id=tenant_id
            )
        )

    return read


@pytest.fixture
def everything(pg: psycopg.Connection[Any]) -> Callable[[], str]:
    """All that is stored of events, as text."""

    def read() -> str:
        rows = []
        for table in ("events", "outbox", "event_private", "agent_runs", "streams"):
            with pg.cursor(row_factory=dict_row) as cursor:
                rows += cursor.execute(f"select * from ledger.{table}").fetchall()
        return json.dumps(rows, default=str)

    return read
