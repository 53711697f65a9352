"""The ledger from psql alone: emit, find, and changes refused (tests/psql_only.sql)."""

from __future__ import annotations

import subprocess
from pathlib import Path

from agent_events import embedded

SCRIPT = Path(__file__).with_name("psql_only.sql")


def test_psql_only(dsn: str) -> None:
    psql = embedded.client_program("psql")
    done = subprocess.run(
        [psql, "-X", "-q", "-A", "-t", "-d", dsn, "-f", SCRIPT],
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [
        *["1|32|f", "deal.created|1|ada|Acme", "renewal", "1"],
        *["LG001", "LG001", "LG001"],
    ]
    assert done.stderr.count("ERROR:") == 3
