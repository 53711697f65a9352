"""Read action_audit_events from a SQLite file: by time, one row at a time, never changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from types import TracebackType
from typing import Self

from .timestamps import BadTimestamp, microseconds, parse_timestamp

TABLE = "action_audit_events"
COLUMNS = ("audit_id", "action_id", "timestamp", "event", "actor", "details")
MAX_DETAILS = 8 * 1024 * 1024

# SQLite sorts on disk when it must, so memory stays constant. `occurred` turns every time format
# into one number; broken times come first. Of rows with the same audit_id the first is copy 1. What
# is too big is left in the file: its length alone comes out.
ROWS = f"""
select
  audit_id, action_id, timestamp, event, actor,
  case when length(details) <= {MAX_DETAILS} then details end,
  coalesce(length(details), 0),
  row_number() over (
    partition by cast(audit_id as text)
    order by occurred is null, occurred, event, action_id, actor, details
  ),
  cast(audit_id as text)
from (select *, occurred(timestamp) as occurred from {TABLE})
order by occurred, audit_id, event, action_id, actor, details
"""

Value = str | int | float | bytes | None


class SourceError(Exception):
    """The file cannot be imported at all: not SQLite, table or columns missing, damaged."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row as SQLite holds it. Text that is no UTF-8 is bytes."""

    audit_id: Value
    action_id: Value
    timestamp: Value
    event: Value
    actor: Value
    details: Value
    details_length: int
    copy: int
    """1 for the first row with this audit_id, 2 for the second, …"""
    key: str | bytes | None
    """The audit_id as text, the way SQLite compares it."""


class AuditSource:
    """A SQLite file with a table action_audit_events, opened read-only.

    Raises SourceError when the file is not there, not SQLite, or lacks the table or a column.
    """

    def __init__(self, path: Path, default_timezone: tzinfo = UTC) -> None:
        self.path = path
        if not path.is_file():
            raise SourceError(f"{path}: no such file")
        try:
            self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            self._check_columns()
        except sqlite3.Error as error:
            raise SourceError(f"{path}: cannot be read as a SQLite database ({error})") from error
        self._connection.text_factory = _text
        self._connection.create_function(
            "occurred", 1, _occurred(default_timezone), deterministic=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def __len__(self) -> int:
        with _errors(self.path):
            (count,) = self._connection.execute(f"select count(*) from {TABLE}").fetchone()
        return int(count)

    def __iter__(self) -> Iterator[SourceRow]:
        with _errors(self.path):
            for row in self._connection.execute(ROWS):
                yield SourceRow(*row)

    def _check_columns(self) -> None:
        found = {row[1] for row in self._connection.execute(f"pragma table_info({TABLE})")}
        if not found:
            raise SourceError(f"{self.path}: there is no table {TABLE}")
        missing = [column for column in COLUMNS if column not in found]
        if missing:
            raise SourceError(f"{self.path}: {TABLE} has no column {', '.join(missing)}")


@contextmanager
def _errors(path: Path) -> Iterator[None]:
    """Turn a SQLite error while reading (a damaged page, say) into SourceError."""
    try:
        yield
    except sqlite3.Error as error:
        raise SourceError(f"{path}: {error}") from error


def _text(value: bytes) -> str | bytes:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _occurred(default_timezone: tzinfo) -> Callable[[object], int | None]:
    def occurred(timestamp: object) -> int | None:
        try:
            return microseconds(parse_timestamp(timestamp, default_timezone))
        except BadTimestamp:
            return None

    return occurred
