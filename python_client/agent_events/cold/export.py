"""Write an archived partition to a file, with the manifest that says what is in it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import adbc_driver_manager.dbapi as adbc
import adbc_driver_postgresql.dbapi
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

import agent_events
from agent_events.cold.columns import COLUMNS, JSON, conform
from agent_events.cold.errors import ColdError, UnreadableFile
from agent_events.cold.files import digest_of, new_file, write_bytes
from agent_events.cold.manifest import Manifest, data_path, manifest_path, read_manifest
from agent_events.cold.partitions import (
    Partition,
    Stretch,
    find_partition,
    first_blocks,
    ledger_identity,
    read_stretches,
    require_access,
)
from agent_events.cold.tally import OutOfOrder, Tallies, runs
from agent_events.cold.writer import write_rows
from agent_events.verifying.session import Session, open_session

Progress = Callable[[int], object]

_BATCH_BYTES = 16 << 20
_SETTINGS = (
    "set local search_path = pg_catalog, pg_temp",
    "set local client_encoding = 'UTF8'",
    # Every entry finds its event by the primary key, so that nothing is sorted or kept.
    "set local enable_hashjoin = off",
    "set local enable_mergejoin = off",
    "set local enable_bitmapscan = off",
    "set local max_parallel_workers_per_gather = 0",
    "set local jit = off",
)
_NO_TIMEOUTS = """
select pg_catalog.set_config(s.name, '0', true)
from pg_catalog.pg_settings as s
where s.name in (
  'statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout'
)
"""
_NOTHING = "(select null::text, null::bigint, null::bigint where false)"

_RECORD = """
select ledger.record_cold_file(
  partition_name => %(partition_name)s,
  file_name => %(file_name)s,
  file_sha256 => pg_catalog.decode(%(file_sha256)s, 'hex'),
  file_bytes => %(file_bytes)s,
  row_count => %(row_count)s,
  tenants => %(tenants)s
)
"""


@dataclass(frozen=True)
class Exported:
    """What became of an export.

    Attributes:
        manifest: as it stands beside the file.
        path: the file.
        is_new: False where the file was there already and is whole.
    """

    manifest: Manifest
    path: Path
    is_new: bool


def export_partition(
    dsn: str, name: str, folder: Path, progress: Progress = lambda _rows: None
) -> Exported:
    """Write a partition to a file, read it again, and record it in the ledger.

    The partition stays as it is. On any error, and after a crash, there is no file that could be
    taken for one; where the crash came after the file was whole, the next export records it.

    Args:
        dsn: connection string of a role that reads and operates every tenant.
        name: of the partition.
        folder: where the file and its manifest go.
        progress: called with how many rows more were written.

    Raises:
        ColdError: the partition is not in the archive, is not as the log has it, or the file
            cannot be written.
        psycopg.Error: the database refuses, or the connection is gone.
    """
    with open_session(dsn) as session:
        require_access(session, "read", "operate")
        partition = find_partition(session, name)
        if partition.tier != "archive":
            raise ColdError(
                f"{name} is {partition.tier}; only archived partitions are exported",
                f"call ledger.archive_partition('{name}');" if partition.tier == "hot" else None,
            )
        stretches = read_stretches(session, partition)
        manifest = _whole(session, partition, stretches, folder)
        is_new = manifest is None
        if manifest is None:
            with new_file(data_path(folder, name)) as partial:
                manifest = _write(dsn, session, partition, stretches, partial, progress)
            _write_manifest(manifest, folder)
    record(dsn, manifest)
    return Exported(manifest, data_path(folder, name), is_new)


def record(dsn: str, manifest: Manifest) -> None:
    """Tell the ledger of a file; it may know it already."""
    parameters = {**vars(manifest), "tenants": Jsonb(manifest.digest())}
    with psycopg.connect(dsn, application_name="agent-events cold") as connection:
        connection.execute(_RECORD, parameters)


def query(partition: Partition, stretches: list[Stretch]) -> str:
    """Return the query for a partition's events in the order of tenant and position."""
    from_time, to_time = (sql.Literal(time.isoformat()).as_string() for time in _bounds(partition))
    columns = ", ".join(_column(name) for name, _ in COLUMNS)
    rows = ", ".join(
        f"({sql.Literal(each.tenant_id).as_string()}, {each.first}::bigint, {each.last}::bigint)"
        for each in stretches
    )
    return f"""
select {columns}
from {f"(values {rows})" if rows else _NOTHING} as t (tenant_id, first_position, last_position)
cross join lateral (
  select l.*
  from ledger.log_entries as l
  where l.tenant_id = t.tenant_id
    and l.position between t.first_position and t.last_position
    and l.created_at >= {from_time}
    and l.created_at < {to_time}
  order by l.position
) as l
cross join lateral (
  select e.*
  from ledger.agent_events_archive as e
  where e.tenant_id = l.tenant_id
    and e.created_at = l.created_at
    and e.id = l.event_id
    and e.created_at >= {from_time}
    and e.created_at < {to_time}
  limit 1
) as e
"""


def _bounds(partition: Partition) -> tuple[datetime, datetime]:
    return partition.from_time.astimezone(UTC), partition.to_time.astimezone(UTC)


def _column(name: str) -> str:
    if name == "position":
        return "l.position"
    return f"e.{name}::text as {name}" if name in JSON else f"e.{name}"


def _whole(
    session: Session, partition: Partition, stretches: list[Stretch], folder: Path
) -> Manifest | None:
    """Return the manifest of an export that is there already, to be recorded; None: write one.

    Raises:
        ColdError: something else is there, which is never written over.
    """
    path, beside = data_path(folder, partition.name), manifest_path(folder, partition.name)
    hint = "Move it away, or choose another folder."
    if not beside.exists():
        if path.exists() and not _is_leftover(path, partition, ledger_identity(session)[0]):
            raise ColdError(f"{path} exists, and is no unfinished export of this ledger", hint)
        return None
    manifest = read_manifest(beside)
    counts = {tenant_id: part.row_count for tenant_id, part in manifest.tenants.items()}
    blocks = {tenant_id: part.first_block for tenant_id, part in manifest.tenants.items()}
    if (
        (manifest.partition_name, manifest.ledger_name)
        != (partition.name, ledger_identity(session)[0])
        or counts != {each.tenant_id: each.count for each in stretches}
        or blocks != first_blocks(session, list(counts))
    ):
        raise ColdError(f"{beside} exists, and is of another ledger or partition", hint)
    try:
        found = digest_of(path)
    except OSError as error:
        raise ColdError(f"{path} cannot be read: {error.strerror}", hint) from error
    if found != (manifest.file_sha256, manifest.file_bytes):
        raise ColdError(f"{path} exists, and is not what its manifest says", hint)
    return manifest


def _is_leftover(path: Path, partition: Partition, ledger_name: str) -> bool:
    """Tell whether a file without a manifest is what a crash left of an export of this one."""
    try:
        found = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowException):
        return False
    return (found.get(b"agent_events.partition_name"), found.get(b"agent_events.ledger_name")) == (
        partition.name.encode(),
        ledger_name.encode(),
    )


def _write(
    dsn: str,
    session: Session,
    partition: Partition,
    stretches: list[Stretch],
    path: Path,
    progress: Progress,
) -> Manifest:
    """Write the rows to `path`, read it again, and say what is in it."""
    ledger_name, system_identifier = ledger_identity(session)
    tallies = Tallies()
    empty = Manifest(
        ledger_name=ledger_name,
        system_identifier=system_identifier,
        partition_name=partition.name,
        from_time=_bounds(partition)[0],
        to_time=_bounds(partition)[1],
        row_count=0,
        tenants={},
        file_name=data_path(Path(), partition.name).name,
        file_sha256="",
        file_bytes=0,
        exported_at=datetime.now(UTC).replace(microsecond=0),
        made_by=f"agent-events {agent_events.__version__}",
    )
    rows = _rows(dsn, session.export(), query(partition, stretches))
    with closing(rows):
        written = write_rows(path, _counted(rows, tallies, progress), empty.identity())
    expected = {stretch.tenant_id: stretch.count for stretch in stretches}
    if {tenant_id: each.row_count for tenant_id, each in tallies.by_tenant.items()} != expected:
        raise ColdError(f"of {partition.name} came {tallies.row_count:,} events, not {expected}")
    _read_again(path, written, tallies.row_count)
    blocks = first_blocks(session, list(expected))
    tenants = {name: each.part(blocks.get(name)) for name, each in tallies.by_tenant.items()}
    return replace(
        empty,
        row_count=tallies.row_count,
        tenants=tenants,
        file_sha256=written[0],
        file_bytes=written[1],
    )


def _rows(dsn: str, snapshot: str, statement: str) -> Generator[pa.RecordBatch]:
    """Stream the rows of a query, in the types of the file.

    Raises:
        ColdError: the database refuses, the connection is gone, or a hash has not 32 bytes.
    """
    size = {"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)}
    try:
        with (
            adbc_driver_postgresql.dbapi.connect(
                make_conninfo(dsn, application_name="agent-events cold")
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("set transaction isolation level repeatable read read only")
            cursor.execute(f"set transaction snapshot {sql.Literal(snapshot).as_string()}")
            for setting in _SETTINGS:
                cursor.execute(setting)
            cursor.execute(_NO_TIMEOUTS)
            cursor.fetchall()
            cursor.adbc_statement.set_options(**size)
            cursor.execute(statement)
            for batch in cursor.fetch_record_batch():
                yield conform(batch)
    except (adbc.Error, pa.ArrowException) as error:
        raise ColdError(f"the events cannot be read: {error}") from error
    except OSError as error:  # from the reader; those of the file come from elsewhere
        raise ColdError(f"the connection is lost: {error}") from error


def _counted(
    rows: Iterator[pa.RecordBatch], tallies: Tallies, progress: Progress
) -> Iterator[pa.RecordBatch]:
    """Count what goes by."""
    for batch in rows:
        try:
            for tenant_id, run in runs(batch):
                leaves = run.column("hash").to_pylist()
                tallies.of(tenant_id).add(run.column("position"), leaves)
        except OutOfOrder as error:
            raise ColdError(f"events came in the wrong order: {error}") from error
        yield batch
        progress(batch.num_rows)


def _read_again(path: Path, written: tuple[str, int], row_count: int) -> None:
    """Check that the disk gives back what was written.

    Raises:
        UnreadableFile: it does not.
    """
    found = digest_of(path)
    if found != written:
        raise UnreadableFile(
            f"{path} was written with SHA-256 {written[0]}, but reads back as {found[0]}"
        )
    rows = pq.read_metadata(path).num_rows
    if rows != row_count:
        raise UnreadableFile(f"{path} was written with {row_count:,} rows, but has {rows:,}")


def _write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write the manifest; where that fails, a file that nothing describes does not stay."""
    try:
        with new_file(manifest_path(folder, manifest.partition_name)) as partial:
            write_bytes(partial, manifest.to_json())
    except ColdError:
        data_path(folder, manifest.partition_name).unlink(missing_ok=True)
        raise
