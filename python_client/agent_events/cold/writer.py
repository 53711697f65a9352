"""Write the rows of a cold file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from agent_events.cold.columns import PARQUET, ROW_GROUP_BYTES, ROW_GROUP_ROWS, WRITTEN
from agent_events.cold.files import Written


def write_rows(
    path: Path, batches: Iterable[pa.RecordBatch], metadata: Mapping[str, str]
) -> tuple[str, int]:
    """Write batches of `WRITTEN` to a file and bring it to disk.

    Returns:
        SHA-256 (hex) of the file, and its size in bytes.

    Raises:
        OSError: it cannot be written.
    """
    target = Written(path)
    try:
        writer = pq.ParquetWriter(target, WRITTEN, **PARQUET)
        try:
            for group in _row_groups(batches):
                writer.write_table(group, row_group_size=len(group) or None)
                if target.error is not None:
                    raise target.error
            writer.add_key_value_metadata(dict(metadata))
        finally:
            writer.close()
        target.sync()
        return target.sha256, target.size
    finally:
        target.shut()


def _row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Put batches together until they make a row group."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        size += batch.nbytes
        if rows >= ROW_GROUP_ROWS or size >= ROW_GROUP_BYTES:
            yield pa.Table.from_batches(waiting, WRITTEN)
            waiting.clear()
            rows = size = 0
    if rows:
        yield pa.Table.from_batches(waiting, WRITTEN)
