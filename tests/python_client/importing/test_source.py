from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_events.importing import AuditSource, SourceError


def ids(path: Path) -> list[object]:
    with AuditSource(path) as source:
        return [row.audit_id for row in source]


def test_rows_come_by_time_whatever_its_form(audit_file: Callable[..., Path]) -> None:
    path = audit_file(
        [
            (1, "a", "2026-03-04 05:06:07", "x", None, None),
            (2, "a", 1767225600000, "x", None, None),  # 2026-01-01, milliseconds
            (3, "a", "Sun, 01 Feb 2026 00:00:00 +0000", "x", None, None),
            (4, "a", "broken", "x", None, None),
            (6, "a", 1780000000, "x", None, None),
            (5, "a", 1780000000, "x", None, None),
        ]
    )
    assert ids(path) == [4, 2, 3, 1, 5, 6]


def test_a_repeated_audit_id_is_counted(audit_file: Callable[..., Path]) -> None:
    path = audit_file(
        [
            (7, "b", "2026-01-02", "x", None, None),
            ("7", "a", "2026-01-01", "x", None, None),
            (7, "c", "broken", "x", None, None),
        ]
    )
    with AuditSource(path) as source:
        copies = {row.action_id: row.copy for row in source}
    assert copies == {"a": 1, "b": 2, "c": 3}


def test_text_that_is_not_utf8_comes_as_bytes(audit_file: Callable[..., Path]) -> None:
    path = audit_file([(1, "a", "2026-01-01", "x", "bob", None)])
    connection = sqlite3.connect(path)
    connection.execute("update action_audit_events set actor = cast(x'ff41' as text)")
    connection.commit()
    connection.close()
    with AuditSource(path) as source:
        assert [row.actor for row in source] == [b"\xffA"]


def test_huge_details_stay_in_the_file(audit_file: Callable[..., Path]) -> None:
    size = 9 * 1024 * 1024
    path = audit_file([(1, "a", "2026-01-01", "x", None, "d" * size)])
    with AuditSource(path) as source:
        (row,) = source
    assert row.details is None
    assert row.details_length == size


def test_columns_may_stand_in_any_order_among_others(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    connection = sqlite3.connect(path)
    connection.execute(
        "create table action_audit_events "
        "(details, note, actor, event, timestamp, action_id, audit_id primary key) without rowid"
    )
    connection.execute(
        "insert into action_audit_events values ('{}', '', 'bob', 'x', '2026-01-01', 'a', 1)"
    )
    connection.commit()
    connection.close()
    assert ids(path) == [1]


def test_the_file_is_not_changed(audit_file: Callable[..., Path]) -> None:
    path = audit_file([(1, "a", "2026-01-01", "x", None, None)])
    before = path.read_bytes()
    path.chmod(0o400)
    assert ids(path) == [1]
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        AuditSource(tmp_path / "absent.sqlite")


def test_a_file_that_is_not_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "text.sqlite"
    path.write_text("audit_id,action_id\n" * 100)
    with pytest.raises(SourceError, match="not a database"):
        AuditSource(path)


def test_an_empty_file_has_no_table(tmp_path: Path) -> None:
    path = tmp_path / "empty.sqlite"
    path.touch()
    with pytest.raises(SourceError, match="no table action_audit_events"):
        AuditSource(path)


def test_missing_columns_are_named(tmp_path: Path) -> None:
    path = tmp_path / "narrow.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("create table action_audit_events (audit_id, action_id, event, details)")
    connection.close()
    with pytest.raises(SourceError, match="no column timestamp, actor"):
        AuditSource(path)


def test_a_damaged_file_says_so(audit_file: Callable[..., Path]) -> None:
    path = audit_file((i, "a", "2026-01-01", "x", None, "d" * 500) for i in range(2000))
    content = bytearray(path.read_bytes())
    content[8192:500_000] = b"\xff" * (500_000 - 8192)
    path.write_bytes(content)
    with pytest.raises(SourceError, match="malformed"):
        ids(path)
