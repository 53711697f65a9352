"""Give up cold files whose time has passed: first in the ledger, then on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg

from agent_events.anchors.layout import sync_folder
from agent_events.cold.errors import ColdError, MalformedManifest
from agent_events.cold.listing import list_partitions
from agent_events.cold.log import read_records
from agent_events.cold.manifest import data_path, manifest_path, read_manifest
from agent_events.cold.partitions import require_access
from agent_events.verifying.session import Session, open_session

_EXPIRE = "select * from ledger.expire_cold(%s, %s)"


@dataclass(frozen=True)
class Expired:
    """What became of a file.

    Attributes:
        partition_name: whose file.
        deleted: the files that were deleted.
        kept: why there are files that were not, or None.
    """

    partition_name: str
    deleted: tuple[Path, ...]
    kept: str | None = None


def expire(dsn: str, folder: Path, reason: str) -> list[Expired]:
    """Delete the files of partitions whose `cold_for` has passed, as the ledger decides.

    A crash between the two leaves files of partitions that are dropped: the next call deletes them.

    Args:
        dsn: connection string of a role that reads and operates every tenant.
        folder: where the files are.
        reason: kept in the event that records it.

    Raises:
        ColdError: a file cannot be deleted.
        psycopg.Error: the database refuses (LG008 under a hold).
    """
    expired = []
    with open_session(dsn) as session:
        require_access(session, "read", "operate")
        for listed in list_partitions(session):
            if listed.due == "expire":
                with psycopg.connect(dsn, application_name="agent-events cold") as connection:
                    connection.execute(_EXPIRE, [listed.partition_name, reason])
            elif listed.tier != "dropped":
                continue
            done = _delete(session, folder, listed.partition_name)
            if listed.due or done.deleted or done.kept:
                expired.append(done)
    return expired


def _delete(session: Session, folder: Path, name: str) -> Expired:
    """Delete the files of a partition, if they are those that the ledger recorded."""
    beside = manifest_path(folder, name)
    if not beside.exists():
        if not data_path(folder, name).exists():
            return Expired(name, ())
        return Expired(name, (), f"{data_path(folder, name)} has no manifest that says what it is")
    try:
        manifest = read_manifest(beside)
    except MalformedManifest as error:
        return Expired(name, (), error.message)
    if manifest.file_sha256 not in {r.file_sha256 for r in read_records(session, name)}:
        return Expired(name, (), f"{beside} is not of a file that this ledger recorded")
    paths = data_path(folder, name), beside  # the manifest last, so that a crash leaves it
    try:
        for path in paths:
            path.unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise ColdError(f"{error.filename} cannot be deleted: {error.strerror}") from error
    return Expired(name, paths)
