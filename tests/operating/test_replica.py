"""A physical replica, and what happens to the log when it takes over without the last commits."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from operating.standby import copy_of
from psycopg.conninfo import make_conninfo

from agent_events import Ledger, embedded, migrate
from agent_events.cli import main

SETTINGS = {"wal_level": "replica", "max_wal_senders": 4, "hot_standby": "on"}


class Outside:
    """The key and the checkpoints, which no server has."""

    def __init__(self, folder: Path) -> None:
        self.key = folder / "ledger.key"
        self.anchor = f"file:{folder / 'checkpoints.jsonl'}"
        self.run("keygen", "example.com/app/default", "--out", str(self.key))

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, arguments, catch_exceptions=False)

    def sign(self, dsn: str, anchor: str | None = None) -> Result:
        where = ["--key", str(self.key), "--anchor", anchor or self.anchor]
        return self.run("checkpoint", *where, "--seal", "--dsn", dsn)

    def findings(self, dsn: str) -> set[str]:
        trusted = ["--anchor", self.anchor, "--vkey", f"{self.key}.vkey", "--no-record"]
        lines = self.run("verify", *trusted, "--workers", "1", "--json", "--dsn", dsn).stdout
        rows = map(json.loads, lines.splitlines())
        return {row["kind"] for row in rows if row["type"] == "finding"}


def emit(dsn: str, count: int) -> None:
    with psycopg.connect(dsn) as connection:
        Ledger(connection).emit_events([{"event_type": "run.paused"}] * count)


def start(data: Path, version: int) -> str:
    return make_conninfo(**embedded.ensure_server(data, version, settings=SETTINGS))


def test_failover(server_folder: Path, server_version: int, tmp_path: Path) -> None:
    outside = Outside(tmp_path)
    primary = start(server_folder / "primary", server_version)
    migrate.upgrade(primary)
    emit(primary, 10)
    assert outside.sign(primary).exit_code == 0

    standby = start(copy_of(server_folder / "primary", primary), server_version)
    with psycopg.connect(standby, autocommit=True) as connection:
        ledger = Ledger(connection)
        assert len(ledger.find_events()) == 10
        assert outside.findings(standby) == set()
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            ledger.seal()
        unrecorded = outside.run("verify", "--dsn", standby)
        assert (unrecorded.exit_code, "this is a replica" in unrecorded.stderr) == (0, True)
        export = outside.run("export", "--format", "jsonl", "--dsn", standby)
        assert (export.exit_code, "Export from the primary" in export.stderr) == (1, True)

        # It takes over; the old primary goes on for a while, and what it wrote is lost.
        connection.execute("select pg_promote()")
        emit(primary, 5)
        assert outside.sign(primary).exit_code == 0
        embedded.stop_server(server_folder / "primary", server_version)

        emit(standby, 1)
        assert ledger.seal().tree_size == 11
        assert [f for f in ledger.doctor() if f.severity != "info"] == []
    assert outside.findings(standby) == {"truncated"}
    refused = outside.sign(standby)
    assert (refused.exit_code, "nothing was signed" in refused.stderr) == (1, True)
    assert outside.sign(standby, f"file:{tmp_path / 'since_failover.jsonl'}").exit_code == 0
