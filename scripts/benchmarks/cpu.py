"""CPU time of the server's processes: unlike the clock, it does not see who else uses the machine.

Linux only, and only for a server whose pid is known; elsewhere there is no such figure.
"""

from __future__ import annotations

import os
from pathlib import Path
from time import sleep

TICK = os.sysconf("SC_CLK_TCK")


def fields(pid: int | str) -> list[str]:
    """Fields 3 (state) and following of /proc/<pid>/stat."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def ended_backends(postmaster: int | None, role: str) -> float | None:
    """CPU seconds of all backends that have ended; waits until none of the role's runs."""
    if postmaster is None:
        return None
    while any(is_backend(path, postmaster, role) for path in Path("/proc").glob("[0-9]*")):
        sleep(0.005)
    user, system = fields(postmaster)[13:15]
    return (int(user) + int(system)) / TICK


def is_backend(process: Path, postmaster: int, role: str) -> bool:
    """Whether a process is a backend of the role, or one that is ending (it has no title then)."""
    try:
        if int(fields(process.name)[1]) != postmaster:
            return False
        title = (process / "cmdline").read_text(errors="replace")
        return not title or role in title
    except (FileNotFoundError, ProcessLookupError):
        return False


def running_backend(postmaster: int | None, backend: int) -> float | None:
    """CPU seconds that a backend has used so far."""
    if postmaster is None:
        return None
    return int(Path(f"/proc/{backend}/schedstat").read_text().split()[0]) / 1e9
