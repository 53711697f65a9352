"""Servers of the tests' own that are killed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from pathlib import Path

from psycopg.conninfo import make_conninfo

from agent_events import embedded

SETTINGS = {"fsync": "off", "synchronous_commit": "on"}


def start(data: Path, version: int) -> str:
    return make_conninfo(**embedded.ensure_server(data, version, settings=SETTINGS))


def kill_server(data: Path) -> None:
    """The postmaster, and all its processes, none of which gets to say goodbye."""
    postmaster = int((data / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    for pid in (postmaster, *map(int, children)):
        with contextlib.suppress(ProcessLookupError):
            process = os.pidfd_open(pid)
            signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], 60)  # until it is gone
            os.close(process)
