"""From the event ledger.export_started to the event ledger.export_created, and a file between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Unpack
from uuid import UUID

import psycopg
from psycopg import sql

from agent_events import Ledger
from agent_events.cold.errors import ColdError
from agent_events.cold.files import new_file
from agent_events.exporting.output import Output
from agent_events.exporting.pages import Pages, begin, connect
from agent_events.exporting.text import CsvFile, JsonArray, JsonLines
from agent_events.models import EventFilter

FORMATS = ("jsonl", "json", "csv", "parquet")
PAGE = 20_000
"""Events that the server puts together at a time."""

_COLD = """
    select coalesce(sum(upper(r) - lower(r)), 0)::bigint
    from unnest(ledger.cold_positions(coalesce(%s, ledger.setting('tenant_id'), 'default'))) as r
"""
_TREE = """
    select (e.payload ->> 'tree_size')::bigint, decode(e.payload ->> 'root', 'hex')
    from ledger.get_event(id => %s, tenant_id => %s) as e
"""

Progress = Callable[[int], object]


class ExportRefused(ColdError):
    """Nothing was exported. `hint` says what to do."""


@dataclass(frozen=True)
class Exported:
    """What came of an export.

    Attributes:
        export_id: of the event ledger.export_started.
        event_count: how many events.
        file_sha256: digest of what was written, hex.
        file_bytes: its size.
        tree_size: events in the log when it began: the tree of the proofs.
        root: of that tree; None for an empty log.
        cold_count: how many events of the tenant are in cold files, and so not in this one.
    """

    export_id: UUID
    event_count: int
    file_sha256: str
    file_bytes: int
    tree_size: int
    root: bytes | None
    cold_count: int


def export_events(
    dsn: str,
    target: Path | BinaryIO,
    format: str,
    *,
    with_proof: bool = False,
    redacted: bool = True,
    purpose: str | None = None,
    tenant_id: str | None = None,
    bom: bool = False,
    page_size: int = PAGE,
    connections: int = 2,
    progress: Progress = lambda _events: None,
    **filters: Unpack[EventFilter],
) -> Exported:
    """Write the events that match, oldest first, as of one moment.

    The beginning is committed before anything is read, and the end after the file is complete: an
    export that was cut short has a beginning only. Memory does not grow with the number of events.

    Args:
        dsn: connection string of a role that reads the tenant.
        target: a file, which is there once it is complete, or what to write to.
        format: one of `FORMATS`.
        with_proof: hashes, positions and inclusion proofs too.
        redacted: without private data; False needs the privilege privacy and a purpose.
        purpose: what for; kept in the event.
        tenant_id: whose events.
        bom: begin a CSV file with a byte order mark, by which older spreadsheets know UTF-8.
        page_size: events that a connection reads at a time, 100,000 at most.
        connections: how many read at the same time; Parquet has one.
        progress: called with how many events more were written.
        filters: which events.

    Raises:
        ExportRefused: the database is a replica, which cannot record who exports.
        ColdError: the file cannot be written.
        errors.LedgerError, psycopg.Error: the ledger or the database refuses, or is gone.
        ModuleNotFoundError: Parquet needs the extra `cold`.
    """
    write = _writer(format, bom, page_size, connections)
    with connect(dsn) as connection:
        ledger = Ledger(connection)
        export_id = _begin(ledger, format, with_proof, redacted, purpose, tenant_id, filters)
        with _output(target) as output, _snapshot(connection):
            tree_size, root = _row(connection, _TREE, export_id, tenant_id)
            (cold_count,) = _row(connection, _COLD, tenant_id)
            pages = Pages(
                dsn, connection, export_id, tenant_id, with_proof, redacted, tree_size, root
            )
            event_count = write(pages, output, progress)
            output.finish()
        ledger.finish_export(
            export_id, event_count, file_sha256=output.digest(), tenant_id=tenant_id
        )
    return Exported(
        export_id, event_count, output.digest().hex(), output.size, tree_size, root, cold_count
    )


def _writer(
    format: str, bom: bool, page_size: int, connections: int
) -> Callable[[Pages, Output, Progress], int]:
    if format == "parquet":
        from agent_events.exporting.parquet import ParquetFile

        return ParquetFile(page_size).write
    if format == "csv":
        return CsvFile(page_size, connections, bom).write
    return {"jsonl": JsonLines, "json": JsonArray}[format](page_size, connections).write


def _begin(
    ledger: Ledger,
    format: str,
    with_proof: bool,
    redacted: bool,
    purpose: str | None,
    tenant_id: str | None,
    filters: EventFilter,
) -> UUID:
    try:
        return ledger.begin_export(
            format,
            with_proof=with_proof,
            redacted=redacted,
            purpose=purpose,
            tenant_id=tenant_id,
            **filters,
        )
    except psycopg.errors.ReadOnlySqlTransaction as error:
        raise ExportRefused(
            "this database is a replica or read-only: it cannot record who exports",
            "Export from the primary.",
        ) from error


@contextmanager
def _snapshot(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Read what follows as of one moment."""
    begin(connection)
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("rollback")


@contextmanager
def _output(target: Path | BinaryIO) -> Iterator[Output]:
    if not isinstance(target, Path):
        with Output(target, to_disk=False) as output:
            yield output
        return
    with (
        new_file(target) as partial,
        partial.open("wb") as file,
        Output(file, to_disk=True) as output,
    ):
        yield output


def _row(connection: psycopg.Connection[Any], query: str, *parameters: Any) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = connection.execute(sql.SQL(query), parameters).fetchone()
    return row or (None,) * 2
