"""A subscription on a replica follows what the primary seals, and changes nothing."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import psycopg
import pytest
from operating.test_replica import copy_of, emit, start

from agent_events import Ledger, embedded
from agent_events._resources import sql_dir


def test_it_follows_the_primary(server_folder: Path, server_version: int) -> None:
    primary = start(server_folder / "primary", server_version)
    install = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", sql_dir() / "install.sql", "-d", primary]
    subprocess.run([embedded.client_program("psql"), *install], check=True)
    emit(primary, 5)
    with psycopg.connect(primary, autocommit=True) as connection:
        connection.execute("alter database postgres set ledger.notify = 'on'")
        Ledger(connection).seal()
        standby = start(copy_of(server_folder / "primary", primary), server_version)
        with psycopg.connect(standby, autocommit=True) as replica, ThreadPoolExecutor(1) as thread:
            ledger = Ledger(replica)
            with ledger.subscribe(page_size=2) as subscription:
                assert [entry.position for entry in islice(subscription, 5)] == list(range(5))
                waiting = thread.submit(next, subscription)
                emit(primary, 1)
                Ledger(connection).seal()
                assert waiting.result(60).position == 5
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                next(ledger.subscribe("index"))
