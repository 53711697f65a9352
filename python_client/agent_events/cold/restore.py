"""Bring a partition back from its file, in constant memory."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql

from agent_events.cold.check import Checked, Progress, check_file
from agent_events.cold.encode import COPY_COLUMNS, copy_rows
from agent_events.cold.errors import ColdError
from agent_events.cold.log import LogWitness
from agent_events.cold.manifest import data_path
from agent_events.cold.partitions import find_partition, require_access
from agent_events.cold.reading import open_file
from agent_events.verifying.rows import SIGNATURE, TRAILER
from agent_events.verifying.session import open_session

_COPY = "copy {} ({}) from stdin (format binary)"


def restore_partition(
    dsn: str, name: str, folder: Path, progress: Progress = lambda _rows: None
) -> Checked:
    """Verify the file of a partition, and give its events back to the archive.

    The database verifies every event against the log again before it takes the partition in. What
    an interrupted restore left behind is begun anew.

    Args:
        dsn: connection string of a role that reads and operates every tenant.
        name: of the partition.
        folder: where the file and its manifest are.
        progress: called with how many rows more were read; each row is read twice.

    Returns:
        what came out. With findings nothing was restored.

    Raises:
        ColdError: the partition is in the database.
        UnreadableFile: the file changed since it was verified.
        psycopg.Error: the database refuses (LG010 names the first bad event).
    """
    with open_session(dsn) as session:
        require_access(session, "read", "operate")
        partition = find_partition(session, name)
        if partition.tier not in ("cold", "dropped"):
            raise ColdError(f"{name} is {partition.tier}: its events are in the database")
        checked = check_file(folder, name, [LogWitness(session)], progress)
    if checked.findings or checked.manifest is None:
        return checked
    with psycopg.connect(dsn, autocommit=True, application_name="agent-events cold") as connection:
        connection.execute("select ledger.begin_restore(%s)", [name])
        _copy(connection, name, data_path(folder, name), progress)
        connection.execute("select ledger.finish_restore(%s)", [name])
    return checked


def _copy(connection: psycopg.Connection, name: str, path: Path, progress: Progress) -> None:
    """Send the rows as they are hashed: no value is written out as text and read again."""
    columns = sql.SQL(", ").join(map(sql.Identifier, COPY_COLUMNS))
    statement = sql.SQL(_COPY).format(sql.Identifier("ledger", name), columns)
    with open_file(path) as file, connection.cursor().copy(statement) as copy:
        copy.write(SIGNATURE + bytes(8))
        for group in file.row_groups:
            for batch in file.batches(group):
                copy.write(copy_rows(batch))
                progress(batch.num_rows)
        copy.write(TRAILER)
