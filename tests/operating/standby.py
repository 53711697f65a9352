"""A physical standby of a server that a test started."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from agent_events import embedded

PATIENCE = 60.0  # seconds


def copy_of(primary: Path, dsn: str) -> Path:
    """What pg_basebackup --write-recovery-conf makes, owned by the server's user."""
    target = primary.with_name("standby")
    program = embedded.client_program("pg_basebackup")
    arguments = ["--write-recovery-conf", "--checkpoint=fast", f"--pgdata={target}"]
    done = subprocess.run(
        [program, *arguments, f"--dbname={dsn}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # What pg_basebackup writes may have parameters that an older server's libpq does not know.
    with (target / "postgresql.auto.conf").open("a") as settings:
        settings.write("primary_conninfo = '{}'\n".format(dsn.replace("'", "''")))
    for left in target.glob(".s.PGSQL.*"):  # of the primary's socket, which stands in its folder
        left.unlink()
    owner = primary.stat()
    for path in (target, *target.rglob("*")):
        os.chown(path, owner.st_uid, owner.st_gid)
    return target


def wait_until(
    connection: psycopg.Connection[Any],
    query: Any,
    *parameters: Any,
    meanwhile: Callable[[], object] = lambda: None,
) -> None:
    """Until the query says true."""
    deadline = time.monotonic() + PATIENCE
    while connection.execute(query, parameters).fetchone() != (True,):
        assert time.monotonic() < deadline, query
        meanwhile()
