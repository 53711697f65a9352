from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

Row = tuple[Any, ...]
AuditFile = Callable[..., Path]
COLUMNS = "audit_id, action_id, timestamp, event, actor, details"


@pytest.fixture
def audit_file(tmp_path: Path) -> AuditFile:
    """Write rows (audit_id, action_id, timestamp, event, actor, details) to a SQLite file."""

    def write(rows: Iterable[Row] = (), name: str = "trail.sqlite") -> Path:
        path = tmp_path / name
        connection = sqlite3.connect(path)
        connection.execute(f"create table action_audit_events ({COLUMNS})")
        connection.executemany("insert into action_audit_events values (?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
        connection.close()
        return path

    return write
