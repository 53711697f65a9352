"""Drop an archived partition whose events are in a file that was just read again, all of it."""

from __future__ import annotations

import random
import time
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb

from agent_events.cold.check import Checked, Progress, check_file
from agent_events.cold.covered import SignedWitness
from agent_events.cold.errors import ColdError
from agent_events.cold.log import LogWitness
from agent_events.cold.partitions import find_partition, require_access
from agent_events.verifying.checkpoints import Anchored
from agent_events.verifying.session import open_session

PATIENCE = 60.0
"""Seconds for which a lock that is not to be had is asked for again."""

_DROP = """
select ledger.drop_cold(
  partition_name => %s,
  file_sha256 => pg_catalog.decode(%s, 'hex'),
  tenants => %s,
  checkpoints => %s,
  max_wait => pg_catalog.make_interval(secs => %s)
)
"""


def drop_partition(
    dsn: str,
    name: str,
    folder: Path,
    anchored: Anchored,
    progress: Progress = lambda _rows: None,
    patience: float = PATIENCE,
) -> Checked:
    """Verify the file of a partition, and drop the partition if nothing at all is wrong.

    Args:
        dsn: connection string of a role that reads and operates every tenant.
        name: of the partition.
        folder: where the file and its manifest are.
        anchored: signed checkpoints, of every tenant in the file.
        progress: called with how many rows more were read.
        patience: seconds to go on for while readers keep the table's lock.

    Returns:
        what came out. With findings the partition is still there.

    Raises:
        ColdError: the partition is not in the archive.
        psycopg.Error: the database refuses (LG008 under a hold), or a lock was not to be had.
    """
    with open_session(dsn) as session:
        require_access(session, "read", "operate")
        partition = find_partition(session, name)
        if partition.tier != "archive":
            raise ColdError(f"{name} is {partition.tier}; only archived partitions are dropped")
        signed = SignedWitness(session, anchored)
        checked = check_file(folder, name, [LogWitness(session), signed], progress)
    if checked.findings or checked.manifest is None or checked.parts is None:
        return checked
    parameters = (
        name,
        checked.manifest.file_sha256,
        Jsonb({tenant_id: part.digest() for tenant_id, part in checked.parts.items()}),
        [checkpoint.text() for checkpoint in signed.used.values()],
    )
    _execute(dsn, parameters, patience)
    return checked


def _execute(dsn: str, parameters: tuple[object, ...], patience: float) -> None:
    """Drop; the database asks for the table's locks again, and this for those of the holds."""
    until = time.monotonic() + patience
    pause = 0.05
    with psycopg.connect(dsn, autocommit=True, application_name="agent-events cold") as connection:
        while True:
            left = max(until - time.monotonic(), 0)
            try:
                connection.execute(_DROP, (*parameters, left))
                return
            except psycopg.errors.LockNotAvailable:
                if time.monotonic() + pause > until:
                    raise
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - no secret
            pause = min(2 * pause, 2)
