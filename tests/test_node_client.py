"""The ledger from another language: the Node driver `pg` (tests/node/emit.test.mjs)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

FOLDER = Path(__file__).parent / "node"
VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
}


@pytest.mark.skipif(
    not (shutil.which("node") and (FOLDER / "node_modules").is_dir()),
    reason="needs Node and its driver: npm ci --prefix tests/node",
)
def test_node_client(dsn: str) -> None:
    connection = conninfo_to_dict(dsn)
    environment = {VARIABLES[key]: str(connection[key]) for key in VARIABLES if key in connection}
    done = subprocess.run(
        ["node", "--test", "emit.test.mjs"],
        check=False,
        cwd=FOLDER,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
