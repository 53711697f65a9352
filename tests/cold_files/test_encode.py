"""Many events at once as bytes: what is hashed, and what COPY takes."""

from __future__ import annotations

from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import pyarrow as pa
import pytest
from cold.partitions import emit_at
from cold_files.ledgers import hard_batch
from hypothesis import given
from hypothesis import strategies as st

from agent_events.cold.columns import COLUMNS, JSON, READ, conform
from agent_events.cold.encode import COPY_COLUMNS, copy_rows, leaf_hashes
from agent_events.evidence.offline.entry import FIELDS, BundledEvent
from agent_events.verifying.rows import SIGNATURE, TRAILER

SELECT = ", ".join(
    f"l.{name}::text as {name}" if name in JSON else f"l.{name}" for name, _ in COLUMNS
)
POSTGRES_EPOCH = 946_684_800_000_000


@pytest.fixture
def preparation() -> tuple[Any, ...]:
    """Nothing is there yet."""
    return ()


@pytest.fixture
def batch(pg: psycopg.Connection[Any], dsn: str) -> pa.RecordBatch:
    """Events with something in every column, and one with as little as can be."""
    pg.execute("select ledger.set_tenant_policy('acme', 'open')")
    emit_at(pg, "2021-05-11Z", hard_batch(), "acme")
    pg.execute(
        """
        select ledger.emit_event(
          'run.paused', tenant_id => 'acme', private => '{"name": "Änn"}', subject_id => 'ann',
          aggregate_type => 'deal', aggregate_id => n::text
        )
        from generate_series(1, 3) as n
        """
    )
    pg.execute("select ledger.emit_event('run.paused', tenant_id => 'acme')")
    pg.execute("select ledger.seal('acme')")
    with adbc.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(f"select {SELECT} from ledger.log as l where tenant_id = 'acme'")
        table = pa.Table.from_batches(map(conform, cursor.fetch_record_batch()))
    return as_read(table.combine_chunks().to_batches()[0])


def as_read(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = [
        column.storage if isinstance(column.type, pa.UuidType) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=READ)


def test_hashes_are_those_of_the_database(batch: pa.RecordBatch) -> None:
    assert batch.num_rows == 11
    assert batch.column("private_hash").null_count == 8
    assert leaf_hashes(batch) == batch.column("hash").to_pylist()


def test_parts_of_a_batch(batch: pa.RecordBatch) -> None:
    for first in range(batch.num_rows):
        part = batch.slice(first, 2)
        assert leaf_hashes(part) == part.column("hash").to_pylist()
    assert leaf_hashes(batch.slice(0, 0)) == []
    assert bytes(copy_rows(batch.slice(0, 0))) == b""


def test_copied_rows_are_what_they_were(pg: psycopg.Connection[Any], batch: pa.RecordBatch) -> None:
    pg.execute("create temp table copied (like ledger.agent_events including defaults)")
    names = ", ".join(COPY_COLUMNS)
    statement = f"copy copied ({names}) from stdin (format binary)"
    with pg.cursor().copy(statement) as copy:
        copy.write(SIGNATURE + bytes(8))
        for first in range(0, batch.num_rows, 4):
            copy.write(copy_rows(batch.slice(first, 4)))
        copy.write(TRAILER)
    differing = pg.execute(
        f"(select {names} from copied except select {names} from ledger.agent_events)"
        f" union all (select {names} from ledger.agent_events where tenant_id = 'acme'"
        f" except select {names} from copied)"
    ).fetchall()
    assert differing == []
    assert pg.execute("select count(*) from copied").fetchone() == (11,)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "uuid": st.binary(min_size=16, max_size=16),
    "hash": st.binary(min_size=32, max_size=32),
    "int4": st.integers(-(2**31), 2**31 - 1),
    "int8": st.integers(-(2**63), 2**63 - 1),
    "time": st.integers(-(2**63) + POSTGRES_EPOCH, 2**63 - 1),
}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            field.name: st.none() | VALUES[kind] if field.nullable else VALUES[kind]
            for field, (_, kind) in zip(READ, COLUMNS, strict=True)
        }
    ),
    max_size=6,
)


@given(ROWS)
def test_hashes_are_those_of_the_evidence(rows: list[dict[str, Any]]) -> None:
    """Any values, against the encoder that auditors run."""
    columns = [
        pa.array([row[field.name] for row in rows], pa.int64()).cast(field.type)
        if pa.types.is_timestamp(field.type)
        else pa.array([row[field.name] for row in rows], field.type)
        for field in READ
    ]
    found = leaf_hashes(pa.RecordBatch.from_arrays(columns, schema=READ))
    assert found == [wanted(row) for row in rows]


def wanted(row: dict[str, Any]) -> bytes:
    fields: dict[str, Any] = {}
    for name, kind in FIELDS:
        value = row[name]
        if value is not None and kind in ("uuid", "hash"):
            value = value.hex()
        if value is not None and kind == "time":
            value -= POSTGRES_EPOCH
        fields[name] = value
    return BundledEvent(0, b"", fields).computed_hash()
