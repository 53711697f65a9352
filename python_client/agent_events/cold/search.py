"""Find events in cold files, by the conditions of `ledger.find_events`.

Statistics of the row groups rule out what cannot match; of what is found every hash is recomputed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from agent_events.cold.check import partitions_in
from agent_events.cold.columns import COLUMNS, JSON, READ
from agent_events.cold.encode import leaf_hashes
from agent_events.cold.errors import ColdError, UnreadableFile
from agent_events.cold.manifest import data_path
from agent_events.cold.reading import BATCH_ROWS
from agent_events.models import Event

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UUIDS = tuple(name for name, kind in COLUMNS if kind == "uuid")
_EQUAL = (
    "aggregate_type",
    "aggregate_id",
    "actor_type",
    "actor_id",
    "outcome",
    "correlation_id",
    "run_id",
    "trace_id",
    "deal_id",
)
_TIME = pa.timestamp("us", tz="UTC")
_FORMAT = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
)


def find_events(
    path: Path,
    *,
    tenant_id: str | None = None,
    after_id: UUID | None = None,
    page_size: int = 100,
    newest_first: bool = True,
    **filters: Any,
) -> Iterator[Event]:
    """Find events in a file, or in all files of a folder, in the order of `ledger.find_events`.

    Args:
        path: a cold file, or a folder of some.
        tenant_id: whose; None: default.
        after_id: id of the last event of the page before.
        page_size: how many at most.
        newest_first: the order.
        filters: as `agent_events.models.EventFilter`; None does not restrict.

    Raises:
        ColdError: a file cannot be read, or holds an event that is not what its hash says.
    """
    condition = _condition({"tenant_id": tenant_id or "default", **filters}, after_id, newest_first)
    files = [data_path(folder, name) for folder, name in partitions_in(path)]
    spans = sorted(((_span(file), file) for file in files if file.exists()), reverse=newest_first)
    if not spans:
        raise ColdError(f"there is no cold file in {path}")
    left = page_size
    for (first, end), file in spans:
        if left and _overlaps(first, end, filters):
            page = _page(file, condition, left, newest_first)
            yield from page
            left -= len(page)


def _condition(
    filters: Mapping[str, Any], after_id: UUID | None, newest_first: bool
) -> pc.Expression:
    field = pc.field
    condition = field("tenant_id") == filters["tenant_id"]
    for name in _EQUAL:
        if (value := filters.get(name)) is not None:
            condition &= field(name) == _scalar(name, value)
    if (types := filters.get("event_types")) is not None:
        condition &= field("event_type").isin(pa.array(types, pa.string()))
    if prefix := filters.get("action_prefix"):
        # "~" sorts after every character of an event type.
        condition &= (field("event_type") >= prefix) & (field("event_type") < f"{prefix}~")
    if (from_time := filters.get("from_time")) is not None:
        condition &= field("created_at") >= pa.scalar(from_time, _TIME)
    if (to_time := filters.get("to_time")) is not None:
        condition &= field("created_at") < pa.scalar(to_time, _TIME)
    if after_id is not None:
        # An id begins with its time, so the order of ids is that of events.
        id_ = _scalar("id", after_id)
        condition &= field("id") < id_ if newest_first else field("id") > id_
    return condition


def _scalar(name: str, value: Any) -> pa.Scalar:
    return pa.scalar(UUID(str(value)).bytes, pa.binary(16)) if name in _UUIDS else pa.scalar(value)


def _span(path: Path) -> tuple[str, str]:
    """Return the bounds of a file's partition, ISO 8601 in UTC, as the file has them."""
    try:
        found = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowException) as error:
        raise UnreadableFile(f"{path} is no Parquet file: {error}") from error
    try:
        first, end = (found[b"agent_events." + key] for key in (b"from_time", b"to_time"))
    except KeyError:
        raise UnreadableFile(f"{path} is no cold file") from None
    return first.decode(), end.decode()


def _overlaps(first: str, end: str, filters: Mapping[str, Any]) -> bool:
    from_time, to_time = filters.get("from_time"), filters.get("to_time")
    return (from_time is None or from_time < datetime.fromisoformat(end)) and (
        to_time is None or to_time > datetime.fromisoformat(first)
    )


def _page(path: Path, condition: pc.Expression, limit: int, newest_first: bool) -> list[Event]:
    """Return the first matching events of a file; whole rows are read of few more than those."""
    order = "descending" if newest_first else "ascending"
    keys = [("created_at", order), ("id", order)]
    try:
        found = _first(path, condition, limit, keys, ["created_at", "id"])
        if not found.num_rows:
            return []
        low, high = pc.min_max(found.column("created_at")).values()
        between = (pc.field("created_at") >= low) & (pc.field("created_at") <= high)
        rows = _first(path, condition & between, limit, keys, READ.names).combine_chunks()
    except (OSError, pa.ArrowException, ValueError) as error:
        raise UnreadableFile(f"{path} cannot be read: {error}") from error
    return [event for batch in rows.to_batches() for event in _events(path, batch)]


def _first(
    path: Path,
    condition: pc.Expression,
    limit: int,
    keys: list[tuple[str, str]],
    columns: list[str],
) -> pa.Table:
    """Return columns of the first rows that match."""
    kept = pa.schema([READ.field(name) for name in columns]).empty_table()
    scanner = ds.dataset(path, schema=READ, format=_FORMAT).scanner(
        columns=columns,
        filter=condition,
        batch_size=BATCH_ROWS,
        batch_readahead=2,
        fragment_readahead=1,
    )
    for batch in scanner.to_batches():
        if batch.num_rows:
            kept = pa.concat_tables([kept, pa.Table.from_batches([batch])])
        if kept.num_rows > 2 * limit + BATCH_ROWS:
            kept = kept.sort_by(keys).slice(0, limit)
    return kept.sort_by(keys).slice(0, limit)


def _events(path: Path, batch: pa.RecordBatch) -> Iterator[Event]:
    times = {name: batch.column(name) for name, kind in COLUMNS if kind == "time"}
    columns = {
        name: [_time(time) for time in times[name]] if name in times else column.to_pylist()
        for name, column in zip(READ.names, batch.columns, strict=True)
    }
    hashes = columns["hash"]
    for index, leaf in enumerate(leaf_hashes(batch)):
        if leaf != hashes[index]:
            raise UnreadableFile(
                f"{path}: the event at position {columns['position'][index]:,} is not what its "
                "hash says",
                "What else is wrong: agent-events cold verify",
            )
        fields = {name: values[index] for name, values in columns.items() if name != "position"}
        for name in _UUIDS:
            fields[name] = fields[name] and UUID(bytes=fields[name])
        for name in JSON:
            fields[name] = fields[name] and json.loads(fields[name])
        yield Event(**fields, tier="cold")


def _time(value: pa.TimestampScalar) -> Any:
    """Return a time; as text outside the years 1 to 9999, which Python does not know."""
    if not value.is_valid:
        return None
    try:
        return _EPOCH + timedelta(microseconds=value.value)
    except OverflowError:
        return value.cast(pa.string()).as_py()
