"""Read a cold file, and tell where it cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from agent_events.cold.columns import READ
from agent_events.cold.errors import UnreadableFile

BATCH_ROWS = 16_384

# Damaged bytes may make pyarrow say anything: that it lacks memory, too.
_UNREADABLE = (OSError, pa.ArrowException, ValueError, MemoryError)


class ColdFile:
    """An open Parquet file with the columns of a cold file.

    Attributes:
        metadata: what the file says of itself, as `Manifest.identity` has it.
        row_count: rows.
    """

    def __init__(self, file: pq.ParquetFile) -> None:
        self._file = file
        found = file.metadata.metadata or {}
        self.metadata = {
            key.decode(errors="replace"): value.decode(errors="replace")
            for key, value in found.items()
            if key.startswith(b"agent_events.")
        }
        self.row_count: int = file.metadata.num_rows

    @property
    def row_groups(self) -> range:
        """The parts that are read on their own."""
        return range(self._file.num_row_groups)

    def rows_of(self, group: int) -> int:
        """Return how many rows a part has."""
        return int(self._file.metadata.row_group(group).num_rows)

    def batches(self, group: int) -> Iterator[pa.RecordBatch]:
        """Read a part, in the types of `columns.READ`.

        Raises:
            UnreadableFile: a page does not have its checksum, or cannot be read.
        """
        try:
            for batch in self._file.iter_batches(BATCH_ROWS, row_groups=[group]):
                columns = [
                    column.cast(field.type)
                    for field, column in zip(READ, batch.columns, strict=True)
                ]
                yield _complete(pa.RecordBatch.from_arrays(columns, schema=READ))
        except _UNREADABLE as error:
            raise UnreadableFile(str(error)) from error


@contextmanager
def open_file(path: Path) -> Iterator[ColdFile]:
    """Open a file; its pages' checksums are verified as they are read.

    Raises:
        UnreadableFile: it is no Parquet file, or has other columns.
    """
    try:
        file = pq.ParquetFile(
            path, page_checksum_verification=True, arrow_extensions_enabled=False, pre_buffer=False
        )
    except _UNREADABLE as error:
        raise UnreadableFile(f"{path} is no Parquet file: {error}") from error
    with file:
        if file.schema_arrow.names != READ.names or file.schema_arrow.types != READ.types:
            raise UnreadableFile(f"{path} does not have the columns of a cold file")
        yield ColdFile(file)


def _complete(batch: pa.RecordBatch) -> pa.RecordBatch:
    batch.validate(full=True)  # texts are UTF-8
    for field, column in zip(READ, batch.columns, strict=True):
        if column.null_count and not field.nullable:
            raise UnreadableFile(f"{field.name} is missing in {column.null_count:,} rows")
    return batch
